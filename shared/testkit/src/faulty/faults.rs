//! A gate that fails the n-th call.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::{Call, Faulty, Gate, Passage};
use crate::clock::locked;

/// On which side of the call the failure lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The call does not happen.
    Before,
    /// The call happens and its answer is lost.
    After,
}

/// Which call fails, counted from one over all ports that share a [`Faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This call alone.
    Once(u64, Side),
    /// This call and all later ones, which do not happen: the process has died.
    Crash(u64, Side),
}

/// Counts the calls of all ports that share it, and fails the one it is told to.
///
/// A crash sweep runs the work once to learn [`calls`](Self::calls), then once for every n and
/// side, each time over fresh ports: the run with the fault, a run without it, and a comparison
/// with the end state of the first.
///
/// ```
/// # use std::sync::Arc;
/// # use ports::{Key, Table};
/// # use testkit::{Fault, Faults, MemoryTable, Side};
/// # futures_util::FutureExt::now_or_never(async {
/// let faults = Arc::new(Faults::of(Fault::Once(2, Side::After)));
/// let table: Arc<dyn Table> = Arc::new(MemoryTable::default());
/// let table = faults.around(table);
/// let key = Key { partition: "p".to_owned(), sort: "s".to_owned() };
/// assert!(table.get(&key).await.is_ok());
/// assert!(table.get(&key).await.is_err());
/// assert_eq!(faults.calls(), 2);
/// # }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct Faults {
    fault: Option<Fault>,
    log: Mutex<Vec<Call>>,
}

impl Faults {
    /// Fails nothing, and counts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Fails one call, or that and all after it.
    pub fn of(fault: Fault) -> Self {
        Self { fault: Some(fault), log: Mutex::default() }
    }

    /// Puts a port behind these faults.
    pub fn around<P: ?Sized + Send + Sync>(self: &Arc<Self>, port: Arc<P>) -> Faulty<P> {
        Faulty::new(port, Arc::<Self>::clone(self))
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        locked(&self.log).len() as u64
    }

    /// The calls, in order: what a failing sweep shows.
    pub fn log(&self) -> Vec<Call> {
        locked(&self.log).clone()
    }
}

#[async_trait]
impl Gate for Faults {
    async fn enter(&self, call: &Call) -> Passage {
        let mut log = locked(&self.log);
        log.push(call.clone());
        let number = log.len() as u64;
        match self.fault {
            Some(Fault::Once(n, side) | Fault::Crash(n, side)) if n == number => match side {
                Side::Before => Passage::Before,
                Side::After => Passage::After,
            },
            Some(Fault::Crash(n, _)) if number > n => Passage::Before,
            _ => Passage::Through,
        }
    }

    /// Never happens: this gate lets no write be late.
    fn postpone(&self, _: BoxFuture<'static, ()>) {}
}
