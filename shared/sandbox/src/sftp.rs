//! Servers that partners put files on: one within the process, and the machine's OpenSSH where
//! it is installed.

mod folder;
mod openssh;
mod session;

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use russh::server::{Config, Server as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use openssh::Sshd;
use session::Door;

/// Who may enter, and with what.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The only user.
    pub user: String,
    /// Opens without a key; nobody has a password when absent.
    pub password: Option<String>,
    /// Public keys, each as a line of `authorized_keys`.
    pub keys: Vec<String>,
    /// Whether files can be neither written, moved nor removed.
    pub read_only: bool,
}

/// An SFTP server over a folder, on a thread of its own. Dropping it stops it.
///
/// Its paths begin at the folder: `/upload/a.csv` is `upload/a.csv` in there, and nothing outside
/// can be named.
#[derive(Debug)]
pub struct SftpServer {
    address: SocketAddr,
    host_key: PublicKey,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl SftpServer {
    /// Serves `root` at `address`; port 0 takes a free one. Its host key is new every time.
    pub fn start(root: &Path, access: &Access, address: &str) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let key = new_key()?;
        let host_key = key.public_key().clone();
        let door = Door::new(root, access).map_err(io::Error::other)?;
        let config = Config {
            auth_rejection_time: Duration::ZERO,
            keys: vec![key],
            nodelay: true,
            ..Config::default()
        };
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("sftp".to_owned())
            .spawn(move || runtime.block_on(serve(listener, door, config, stopped)))?;
        Ok(Self { address, host_key, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its host key's fingerprint as OpenSSH prints it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.host_key)
    }

    /// Its host key as a line of `known_hosts` has it: `ssh-ed25519 AAAA…`.
    pub fn host_key(&self) -> String {
        self.host_key.to_openssh().unwrap_or_default()
    }
}

impl Drop for SftpServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whatever the thread ended with, it has ended.
            _ = thread.join();
        }
    }
}

async fn serve(
    listener: StdListener,
    mut door: Door,
    config: Config,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    tokio::select! {
        done = door.run_on_socket(Arc::new(config), &listener) => done,
        _ = stopped => Ok(()),
    }
}

/// A key pair with which a client logs in.
#[derive(Debug, Clone)]
pub struct LoginKey {
    /// The private key, as OpenSSH writes it.
    pub private: String,
    /// The public key, as a line of `authorized_keys`.
    pub public: String,
}

impl LoginKey {
    /// A new one.
    pub fn fresh() -> io::Result<Self> {
        let key = new_key()?;
        let private = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?.to_string();
        let public = key.public_key().to_openssh().map_err(io::Error::other)?;
        Ok(Self { private, public })
    }
}

fn new_key() -> io::Result<PrivateKey> {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(io::Error::other)
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}
