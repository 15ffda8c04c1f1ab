//! The slots of a budget, as a value: who may call when.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::CallLimit;
use super::learnt::{self, Learnt};
use super::turns::{self, Turns};

/// A lease takes slots that come free within this time of the first: so a worker that dies keeps
/// no other waiting for longer.
pub(super) const AHEAD: i64 = 1_700;

/// The last slot of a lease may be used this long after it is free.
const GRACE: i64 = 2_000;

/// Who may go first comes this long before the first slot is free, and by the skew of clocks.
const EARLY: i64 = 400;

/// No more of the skew is allowed for than this when it is about turns.
const FAIR_SKEW: i64 = 1_000;

/// Slots of one lease.
const MOST: usize = 200;

/// Tenants that have not been seen for so many windows are forgotten.
const ABSENCE: i64 = 8;

/// The slots of one budget. Instants are milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// When each slot that nobody leases is free, in order. Stored as the first and the steps.
    #[serde(with = "steps")]
    pub free: Vec<i64>,
    /// Leases that are not settled.
    #[serde(default)]
    pub leases: Vec<SlotLease>,
    /// Nobody calls before this instant: the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<i64>,
    /// What the provider allows, when that is less than is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt: Option<Learnt>,
    /// Tenants by what they took.
    #[serde(default)]
    pub turns: Turns,
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
    /// For whom.
    pub tenant: String,
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
    /// None is free within the time that can be leased ahead, or others go first.
    Wait(Wait),
}

/// Nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Ask again then, or up to `spread` later.
    pub until: i64,
    /// Askers come back that far apart, so that few of them meet.
    pub spread: i64,
    /// The earliest instant at which a call could be made.
    pub free: i64,
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
        let share = learnt::in_force(self.learnt, now, millis(limit.per));
        let calls = learnt::part(limit.calls.get(), share) as usize;
        let leased: usize = self.leases.iter().map(|lease| lease.out.len()).sum();
        let wanted = calls.saturating_sub(leased);
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
            return Granted::Wait(Wait { until, spread: EARLY, free: until });
        }
        self.paused = None;
        let lead = turns::lead(limit.calls.get() as usize);
        let yields = self.turns.yields(&ask.tenant, lead);
        let early = if yields { 0 } else { EARLY + ask.skew.min(FAIR_SKEW) };
        let Some(first) = self.free.first().copied().filter(|first| first - early <= ask.now)
        else {
            return Granted::Wait(self.wait(ask.now, early));
        };
        if yields {
            self.turns.pass_over(&ask.tenant, lead);
        }
        let last = first.max(ask.now) + AHEAD;
        let ready = self.free.partition_point(|free| *free <= last);
        let count = u8::try_from(ready.min(ask.want).clamp(1, MOST)).unwrap_or(u8::MAX);
        let slots: Vec<i64> = self.free.drain(..usize::from(count)).collect();
        let use_by = slots.last().copied().unwrap_or(first).max(ask.now) + GRACE;
        let dead = use_by + millis(limit.timeout) + millis(limit.per) + ask.skew;
        self.leases.push(SlotLease { id: ask.id.clone(), out: (0..count).collect(), dead });
        let turn = self.turns.take(&ask.tenant, usize::from(count), lead);
        turn.waits = usize::from(count) < ask.want;
        turn.seen = ask.now;
        self.turns.forget(ask.now - millis(limit.per).saturating_mul(ABSENCE));
        Granted::Slots(Grant { id: ask.id.clone(), slots, use_by })
    }

    /// When somebody who may come so early is to ask again.
    fn wait(&self, now: i64, early: i64) -> Wait {
        let dead = self.leases.iter().map(|lease| lease.dead).min();
        let free = self.free.first().copied().or(dead).unwrap_or(now + AHEAD);
        let until = (free - early).clamp(now + 1, now + AHEAD);
        Wait { until, spread: EARLY, free }
    }

    /// Lets others know that a tenant waits, if it is behind and they do not know; whether that
    /// was news.
    pub fn note_waiting(&mut self, ask: &Ask, limit: &CallLimit) -> bool {
        let lead = turns::lead(limit.calls.get() as usize);
        let news = self.turns.unheard(&ask.tenant, lead);
        if news {
            let turn = self.turns.take(&ask.tenant, 0, lead);
            (turn.waits, turn.seen) = (true, ask.now);
        }
        news
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

/// Instants in order as the first and the steps between them: half the size.
mod steps {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(instants: &[i64], to: S) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        let step = |at: &i64| at - std::mem::replace(&mut before, *at);
        instants.iter().map(step).collect::<Vec<i64>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
        let mut at = 0i64;
        let instant = |step: i64| {
            at = at.saturating_add(step);
            at
        };
        Ok(Vec::<i64>::deserialize(from)?.into_iter().map(instant).collect())
    }
}
