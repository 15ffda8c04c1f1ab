//! Blows: a worker that dies or fails at its n-th port call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::{self, BoxFuture};

use crate::{Call, Gate, Passage};

/// What happens at the n-th call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The worker dies before it.
    DiesBefore,
    /// The worker dies after it happened.
    DiesAfter,
    /// It fails without having happened.
    FailsBefore,
    /// It happens, and its answer is lost.
    FailsAfter,
}

impl Blow {
    /// All there are.
    pub const ALL: [Self; 4] =
        [Self::DiesBefore, Self::DiesAfter, Self::FailsBefore, Self::FailsAfter];

    /// The gate of a worker that is struck at its call of this number, from 1.
    pub fn at(self, at: usize) -> Arc<Struck> {
        Arc::new(Struck { blow: self, at, calls: AtomicUsize::new(0) })
    }
}

/// Passes calls until the blow, and those behind it where the worker survives it.
#[derive(Debug)]
pub struct Struck {
    blow: Blow,
    at: usize,
    calls: AtomicUsize,
}

impl Struck {
    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Gate for Struck {
    async fn enter(&self, _: &Call) -> Passage {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call > self.at && matches!(self.blow, Blow::DiesBefore | Blow::DiesAfter) {
            future::pending::<()>().await;
        }
        match self.blow {
            _ if call != self.at => Passage::Through,
            Blow::DiesBefore => future::pending().await,
            Blow::DiesAfter => Passage::Through,
            Blow::FailsBefore => Passage::Before,
            Blow::FailsAfter => Passage::After,
        }
    }

    async fn leave(&self, _: &Call) {
        if self.blow == Blow::DiesAfter && self.calls() >= self.at {
            future::pending::<()>().await;
        }
    }

    fn postpone(&self, write: BoxFuture<'static, ()>) {
        drop(write);
    }
}

/// Lives through every blow at every call; panics at the first after which something is wrong.
/// `live` gives how many calls there were, and what was wrong.
pub fn sweep<V: std::fmt::Debug>(live: impl Fn(Blow, usize) -> (usize, Vec<V>)) {
    let (calls, found) = live(Blow::FailsAfter, usize::MAX);
    assert!(calls > 50 && found.is_empty(), "{calls} calls, {found:#?}");
    for blow in Blow::ALL {
        for at in 1..=calls {
            let (_, found) = live(blow, at);
            assert!(found.is_empty(), "{blow:?} at call {at}: {found:#?}");
        }
    }
}
