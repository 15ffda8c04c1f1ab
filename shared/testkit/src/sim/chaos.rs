//! How a world misbehaves.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Probabilities of a world's faults, each per port call unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Chaos {
    /// The worker dies at this call, before or after it.
    pub crash: f64,
    /// The call fails without having happened.
    pub before: f64,
    /// The call happens and its answer is lost.
    pub after: f64,
    /// The write happens later, up to `longest_late` after its caller was told that it failed.
    pub late: f64,
    /// Bound of late writes.
    pub longest_late: Duration,
    /// The store asks to slow down.
    pub throttle: f64,
    /// The call takes long, up to `longest_pause`: longer than leases last.
    pub pause: f64,
    /// Bound of pauses.
    pub longest_pause: Duration,
    /// A message is sent twice.
    pub twice: f64,
    /// A received message is visible again at once. Per receive.
    pub redeliver: f64,
    /// Queues hand out messages in any order, and up to this much later.
    pub delay: Duration,
    /// Most by which a worker's clock is wrong, in either direction.
    pub skew: Duration,
    /// A page of a query or listing is shorter than asked for.
    pub short_page: f64,
    /// The provider answers 429, 500 or a body that is cut off. Per request.
    pub provider: f64,
    /// The provider's rows change before it answers. Per request.
    pub change: f64,
}

impl Chaos {
    /// Nothing fails; calls still interleave.
    pub fn none() -> Self {
        Self {
            crash: 0.0,
            before: 0.0,
            after: 0.0,
            late: 0.0,
            longest_late: Duration::ZERO,
            throttle: 0.0,
            pause: 0.0,
            longest_pause: Duration::ZERO,
            twice: 0.0,
            redeliver: 0.0,
            delay: Duration::ZERO,
            skew: Duration::ZERO,
            short_page: 0.0,
            provider: 0.0,
            change: 0.0,
        }
    }

    /// A mixture drawn from the seed: each fault absent in about half of all worlds, so that some
    /// worlds are full of one kind and free of another.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x0c4a_0500);
        let mut odds =
            |most: f64| if rng.random_bool(0.5) { rng.random_range(0.0..most) } else { 0.0 };
        Self {
            crash: odds(0.02),
            before: odds(0.05),
            after: odds(0.05),
            late: odds(0.05),
            longest_late: Duration::from_mins(10),
            throttle: odds(0.05),
            pause: odds(0.02),
            longest_pause: Duration::from_mins(20),
            twice: odds(0.3),
            redeliver: odds(0.2),
            delay: Duration::from_secs_f64(odds(300.0)),
            skew: Duration::from_secs_f64(odds(5.0)),
            short_page: odds(0.5),
            provider: odds(0.1),
            change: odds(0.3),
        }
    }
}
