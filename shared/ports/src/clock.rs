//! Time and chance, as arguments.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// The time. Virtual in the simulation.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present instant, by this worker's own clock; workers' clocks differ by a bounded skew.
    fn now(&self) -> Timestamp;

    /// Returns after at least this long.
    async fn sleep(&self, wait: Duration);
}

/// Identity and chance. Seeded in the simulation.
pub trait Ids: Debug + Send + Sync + 'static {
    /// A fresh identifier: 32 lower-case hexadecimal digits that never come again.
    fn fresh(&self) -> String;

    /// A number in `[0, 1)`, for jitter.
    fn chance(&self) -> f64;
}

/// The instant by which an invocation must have stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// Stops at this instant.
    pub fn at(instant: Timestamp) -> Self {
        Self(instant)
    }

    /// The instant.
    pub fn instant(self) -> Timestamp {
        self.0
    }

    /// Time left; zero when it has passed.
    pub fn remaining(self, clock: &dyn Clock) -> Duration {
        Duration::try_from(self.0.duration_since(clock.now())).unwrap_or(Duration::ZERO)
    }
}
