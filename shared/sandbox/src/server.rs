//! The process: what all providers share, and how they are reached.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{RwLock, oneshot};

use crate::account::Stream;
use crate::apis::{self, Apis};
use crate::crm::{self, Crm};
use crate::fault::Faults;
use crate::hosts::Manners;
use crate::journal::{Journal, observe};
use crate::limiter::Limiter;
use crate::metrc::Personality;
use crate::tick::Tick;
use crate::world::{Change, World, WorldError};
use crate::{admin, hosts, metrc, rutter, stashstock};

/// A world with its providers.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) world: World,
    pub(crate) journal: Journal,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    /// Milliseconds that every call to a provider takes at least.
    pub(crate) latency: AtomicU64,
    pub(crate) personality: std::sync::RwLock<Personality>,
    pub(crate) manners: std::sync::RwLock<Manners>,
    pub(crate) crm: Crm,
    pub(crate) apis: Apis,
    /// Held shared by reads of rows, alone by changes.
    pub(crate) gate: RwLock<()>,
}

pub(crate) type Shared = Arc<Sandbox>;

impl Sandbox {
    pub(crate) fn now(&self) -> Tick {
        Tick::of(self.world.now())
    }

    /// Lets the world take a step, waiting until the clock has room for it.
    pub(crate) async fn mutate(
        &self,
        account: Option<&str>,
        stream: Option<Stream>,
    ) -> Result<Vec<Change>, WorldError> {
        self.change(|world| world.mutate(account, stream)).await
    }

    /// Makes one change, with no read in between, waiting until the clock has room for it.
    pub(crate) async fn change<T>(
        &self,
        act: impl Fn(&World) -> Result<T, WorldError>,
    ) -> Result<T, WorldError> {
        let _alone = self.gate.write().await;
        loop {
            match act(&self.world) {
                Err(WorldError::TooSoon { wait }) => self.world.clock().sleep(wait).await,
                done => return done,
            }
        }
    }
}

fn router(world: World) -> io::Result<Router> {
    let crm = Crm::open(world.folder()).map_err(io::Error::other)?;
    let shared: Shared = Arc::new(Sandbox {
        world,
        journal: Journal::default(),
        limiter: Limiter::default(),
        faults: Faults::default(),
        latency: AtomicU64::new(0),
        personality: std::sync::RwLock::default(),
        manners: std::sync::RwLock::default(),
        crm,
        apis: Apis::default(),
        gate: RwLock::new(()),
    });
    let router = Router::new()
        .nest("/rutter", rutter::router())
        .nest("/metrc", metrc::router())
        .nest("/stashstock", stashstock::router())
        .nest("/hosts", hosts::router())
        .nest("/crm", crm::router())
        .merge(apis::router())
        .nest("/__admin", admin::router())
        .layer(from_fn_with_state(Arc::clone(&shared), observe))
        .with_state(shared);
    Ok(router)
}

/// Serves a world until the future is dropped.
pub async fn serve(listener: TcpListener, world: World) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // A socket that cannot be set stays usable.
        _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router(world)?).await
}

/// A sandbox on a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Serves the world at `address`; port 0 takes a free one.
    pub fn start(world: World, address: &str) -> io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                tokio::select! {
                    done = serve(listener, world) => done,
                    _ = stopped => Ok(()),
                }
            })
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://<address>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whatever the thread ended with, it has ended.
            _ = thread.join();
        }
    }
}
