//! Time and chance that tests hold in their hands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Clock, Ids};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// 2050-01-01: later than the real present, so that a service that expires items by its own
/// clock leaves those of a test alone.
const BEGINNING: i64 = 2_524_608_000;

/// A clock that moves only when told to, or when someone sleeps on it. Clones share their time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// Starts at an instant.
    pub fn at(instant: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(instant)))
    }

    /// Moves on.
    pub fn advance(&self, span: Duration) {
        let mut now = locked(&self.0);
        *now += span;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::at(Timestamp::from_second(BEGINNING).unwrap_or_default())
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *locked(&self.0)
    }

    /// Moves the clock on and returns.
    async fn sleep(&self, wait: Duration) {
        self.advance(wait);
    }
}

/// Identifiers and chance from a seed: the same seed gives the same ones.
#[derive(Debug)]
pub struct SeededIds(Mutex<Xoshiro256PlusPlus>);

impl SeededIds {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
    }
}

impl Ids for SeededIds {
    fn fresh(&self) -> String {
        format!("{:032x}", locked(&self.0).random::<u128>())
    }

    fn chance(&self) -> f64 {
        locked(&self.0).random()
    }
}

/// The value behind a lock, also after a panic: a test that failed has said so already.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
