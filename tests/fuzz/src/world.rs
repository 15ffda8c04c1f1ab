//! What sources need to be built and read here: an API that answers at once, a clock that does
//! not wait.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use connector::{Limits, Runtime};
use model::Timestamp;
use ports::{Clock, Http, HttpError, Ids, Request, Response};

/// Answers every call with the same body.
#[derive(Debug, Clone)]
pub(crate) struct World(pub(crate) String);

#[async_trait]
impl Http for World {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        Ok(Response { status: 200, headers: Vec::new(), body: self.0.clone().into() })
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep(&self, _: Duration) {}
}

impl Ids for World {
    fn fresh(&self) -> String {
        "0".repeat(32)
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// The present of every run.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_704_499_200).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What a source runs on. Its guards are close, so that an endless walk is not a hang.
pub(crate) fn runtime(world: &World) -> Runtime {
    let world = Arc::new(world.clone());
    Runtime {
        http: Arc::clone(&world) as Arc<dyn Http>,
        clock: Arc::clone(&world) as Arc<dyn Clock>,
        ids: world,
        now: now(),
        max_backoff: Some(Duration::ZERO),
        max_wait: Some(Duration::ZERO),
        limits: Limits { max_pages: 5, max_slices: 50, ..Limits::default() },
    }
}

/// Polls a future that waits for nothing until it is ready; none when it waits after all.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    /// Turns that a future may take which yields to others.
    const TURNS: usize = 100_000;
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..TURNS {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
    }
    None
}
