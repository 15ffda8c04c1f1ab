//! The slots of a budget, as a value: who may call when.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::CallLimit;

/// Slots that become free within this time may be leased ahead, and a lease is used within it: so
/// a worker that dies keeps no other waiting for longer.
const AHEAD: i64 = 2_000;

/// The slots of one budget. Instants are milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// When each slot that nobody leases is free, in order.
    pub free: Vec<i64>,
    /// Leases that are not settled.
    #[serde(default)]
    pub leases: Vec<SlotLease>,
    /// Nobody calls before this instant: the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<i64>,
}

/// Slots in the hands of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotLease {
    /// Its name.
    pub id: String,
    /// Which of its slots are not given back yet: so that giving one back twice changes nothing.
    pub out: Vec<u8>,
    /// If they are not given back they are free again from here on: the last instant at which
    /// they may be used, and the longest call, and the window.
    pub dead: i64,
}

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Name of the new lease.
    pub id: String,
    /// Slots wanted.
    pub want: usize,
    /// The present instant, by the worker's clock.
    pub now: i64,
    /// Clocks of two workers differ by no more than this.
    pub skew: i64,
}

/// What it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// Slots.
    Slots(Grant),
    /// None is free within the time that can be leased ahead.
    Wait {
        /// Ask again then.
        until: i64,
    },
}

/// Leased slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Name of the lease.
    pub id: String,
    /// When each is free, in order.
    pub slots: Vec<i64>,
    /// None is used after this instant.
    pub use_by: i64,
}

/// Milliseconds of a span, rounded up.
pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX / 8)
}

/// Milliseconds since the epoch, rounded down.
pub(super) fn instant(at: Timestamp) -> i64 {
    at.as_nanosecond().div_euclid(1_000_000).try_into().unwrap_or(i64::MAX / 8)
}

impl Slots {
    /// Fits the slots to the limit in force: new ones are free at once; of too many, those go that
    /// have been free the longest, because the others still stand for counted calls.
    pub fn fit(&mut self, limit: &CallLimit, now: i64) {
        let leased: usize = self.leases.iter().map(|lease| lease.out.len()).sum();
        let wanted = (limit.calls.get() as usize).saturating_sub(leased);
        let surplus = self.free.len().saturating_sub(wanted);
        self.free.drain(..surplus);
        self.free.resize(wanted.max(self.free.len()), now);
        self.free.sort_unstable();
    }

    /// Takes back the slots of leases that were not settled in time.
    pub fn revive(&mut self, now: i64) {
        for lease in self.leases.extract_if(.., |lease| lease.dead <= now) {
            self.free.extend(std::iter::repeat_n(lease.dead, lease.out.len()));
        }
        self.free.sort_unstable();
    }

    /// Leases up to `want` slots, those that are free first.
    pub fn lease(&mut self, ask: &Ask, limit: &CallLimit) -> Granted {
        self.revive(ask.now);
        self.fit(limit, ask.now);
        if let Some(until) = self.paused.filter(|until| *until > ask.now) {
            return Granted::Wait { until };
        }
        self.paused = None;
        let use_by = ask.now + AHEAD;
        let ready = self.free.partition_point(|free| *free <= use_by);
        if ready == 0 {
            let dead = self.leases.iter().map(|lease| lease.dead).min();
            let next = self.free.first().copied().into_iter().chain(dead).min();
            let until = next.unwrap_or(use_by).saturating_sub(AHEAD / 2).max(ask.now + 1);
            return Granted::Wait { until };
        }
        let count = u8::try_from(ready.min(ask.want).max(1)).unwrap_or(u8::MAX);
        let slots: Vec<i64> = self.free.drain(..usize::from(count)).collect();
        let dead = use_by + millis(limit.timeout) + millis(limit.per) + ask.skew;
        self.leases.push(SlotLease { id: ask.id.clone(), out: (0..count).collect(), dead });
        Granted::Slots(Grant { id: ask.id.clone(), slots, use_by })
    }

    /// Takes slots of a lease back, by their place in it, each free from the instant given. A
    /// lease that was taken for dead has nothing to give any more.
    pub fn settle(&mut self, id: &str, returned: &[(u8, i64)]) {
        let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id) else { return };
        for (slot, free) in returned {
            if let Some(at) = lease.out.iter().position(|out| out == slot) {
                lease.out.swap_remove(at);
                self.free.push(*free);
            }
        }
        self.leases.retain(|lease| !lease.out.is_empty());
        self.free.sort_unstable();
    }

    /// Nobody calls before this instant.
    pub fn pause(&mut self, until: i64) {
        self.paused = self.paused.max(Some(until));
    }
}

/// When a slot whose call ended at `completion` may carry the next one.
pub(super) fn free_after(completion: Timestamp, limit: &CallLimit, skew: Duration) -> i64 {
    instant(completion) + 1 + millis(limit.per) + millis(skew)
}

/// The most calls that any window of this length holds, given when each was counted
/// (I-5: never more calls than the budget in any window).
pub fn most_in_any_window(calls: &[Timestamp], per: Duration) -> usize {
    let mut sorted = calls.to_vec();
    sorted.sort_unstable();
    let mut first = 0;
    let mut most = 0;
    for (last, at) in sorted.iter().enumerate() {
        while sorted.get(first).is_some_and(|from| at.duration_since(*from).unsigned_abs() >= per) {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}
