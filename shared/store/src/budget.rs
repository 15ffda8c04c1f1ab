//! Call budgets: at most N calls in any window of W, counted over all workers that share one.
//!
//! **Slots.** A budget is N slots, each with the instant from which it is free. A worker leases
//! some in one conditional write, uses each for one call, and gives it back free at the call's
//! *completion* plus W. Whenever the server counts a call, it does so between sending and
//! completion, so two calls of one slot are counted at least W apart, and no window holds more
//! than N. Workers' clocks differ by a bounded skew, which is added to W.
//!
//! **Leases.** A lease takes the slots that come free within 1.7 seconds of the first one,
//! ends soon after the last, and whoever asks settles in the same write what it used before. A
//! worker that dies therefore costs its own slots a window, and leaves everyone else's calls a gap
//! of no more than two seconds.
//!
//! **Turns.** Tenants that want more than they get take turns ([`Turns`]): who is behind comes
//! before the first slot is free, who is ahead only when it is free and nobody has come. No slot
//! is kept for anyone, so what an idle tenant does not use, others use at once.
//!
//! **Learning.** What answers say of the limit lies in the row, so all workers hear it:
//! a pause, and the part of the limit that is in force.
//!
//! Two ways to call: [`BudgetedHttp`] decorates a client, call by call; [`Share::acquire`] gives
//! permits first, for workers that take up only the work that they may do.

mod http;
mod learnt;
mod permit;
mod pool;
mod shard;
mod share;
mod slots;
mod turns;
mod word;

pub use http::BudgetedHttp;
pub use permit::{Permit, Permits};
pub use share::{BudgetError, Budgets, Patience, Share, Waits};
pub use slots::{Ask, Grant, Granted, SlotLease, Slots, Wait, most_in_any_window};
pub use turns::{Turn, Turns};

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

/// A limit, and who shares it: equal names are the same slots, for whatever tenant or operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLimit {
    /// Name.
    pub name: String,
    /// Limit.
    pub limit: CallLimit,
}

#[cfg(test)]
mod tests;
