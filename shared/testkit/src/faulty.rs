//! Ports that fail on command.

mod faults;
mod ports_on_gates;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

pub use faults::{Fault, Faults, Side};

/// One call of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Trait and method: `Table::transact`.
    pub verb: &'static str,
    /// Whether it changes anything.
    pub writes: bool,
    /// What it is about: a key, a URL without its query.
    pub subject: String,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It happens, and its answer arrives.
    Through,
    /// It does not happen: "unavailable".
    Before,
    /// It happens, and its answer is lost: "unavailable".
    After,
    /// It happens some time later, and the caller is told "unavailable" now.
    Late,
    /// It does not happen: "slow down", where the port has such an answer.
    Throttled,
    /// It happens twice: only for sends.
    Twice,
}

/// Decides the fate of each call.
#[async_trait]
pub trait Gate: Debug + Send + Sync + 'static {
    /// Called before each call.
    async fn enter(&self, call: &Call) -> Passage;

    /// Called after each call that happened, before its caller hears of it.
    async fn leave(&self, _call: &Call) {}

    /// Takes over a late write, to run it whenever it pleases.
    fn postpone(&self, write: BoxFuture<'static, ()>);

    /// The size of a query's page, given the size asked for: pages may be short.
    fn page(&self, limit: usize) -> usize {
        limit
    }
}

/// A port behind a [`Gate`].
#[derive(Debug)]
pub struct Faulty<P: ?Sized> {
    inner: Arc<P>,
    gate: Arc<dyn Gate>,
}

impl<P: ?Sized + Send + Sync> Faulty<P> {
    /// Puts a port behind a gate.
    pub fn new(inner: Arc<P>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }

    /// Leads one operation through the gate; `lost` and `throttled` are the port's words for no
    /// answer and for "slow down".
    async fn through<T: Send + 'static, E: Send + 'static>(
        &self,
        call: Call,
        operation: BoxFuture<'static, Result<T, E>>,
        refusals: [fn() -> E; 2],
    ) -> Result<T, E> {
        let [lost, throttled] = refusals;
        match self.gate.enter(&call).await {
            Passage::Through | Passage::Twice => {
                let answer = operation.await;
                self.gate.leave(&call).await;
                answer
            }
            Passage::After => {
                drop(operation.await);
                self.gate.leave(&call).await;
                Err(lost())
            }
            Passage::Late if call.writes => {
                self.gate.postpone(Box::pin(async move { drop(operation.await) }));
                Err(lost())
            }
            Passage::Before | Passage::Late => Err(lost()),
            Passage::Throttled => Err(throttled()),
        }
    }
}

/// The cause of an injected failure.
#[derive(Debug, thiserror::Error)]
#[error("injected fault")]
struct Injected;

fn injected() -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(Injected)
}
