//! Call budgets: at most N calls in any window of W, counted over all workers that share one.
//!
//! A budget is N slots, each with the instant from which it is free. A worker leases some in one
//! conditional write, uses each for one call, and gives it back free at the call's *completion*
//! plus W. Whenever the server counts a call, it does so between sending and completion, so two
//! calls of one slot are counted at least W apart, and no window holds more than N.

mod http;
mod pool;
mod slots;

pub use http::{BudgetedHttp, Budgets, Patience, Waits};
pub use slots::{Ask, Grant, Granted, SlotLease, Slots, most_in_any_window};

use std::num::NonZeroU32;
use std::time::Duration;

/// What a provider allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimit {
    /// Calls.
    pub calls: NonZeroU32,
    /// Length of the window.
    pub per: Duration,
    /// Longest that one call takes, its answer included; calls are cut off then.
    pub timeout: Duration,
}

#[cfg(test)]
mod tests;
