//! What one process holds of a budget for one tenant.

use std::collections::{BTreeMap, VecDeque};

use super::learnt::Learnt;
use super::slots::{Grant, Wait};

/// Most slots of one lease.
const MOST: usize = 100;

/// Slots of the first lease.
const FIRST: usize = 8;

/// Slots to give back, by lease: place in it, and the instant from which each is free.
pub(super) type Returned = BTreeMap<String, Vec<(u8, i64)>>;

/// The slot of one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) lease: String,
    pub(super) slot: u8,
    /// The call is not made before this instant, nor after that.
    pub(super) free: i64,
    pub(super) use_by: i64,
}

/// How much a caller leases ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appetite {
    /// What it asks for.
    Exact,
    /// More than it asks for, as long as all of it is used: it calls again soon.
    Growing,
}

/// What is known of the row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) paused: Option<i64>,
    pub(super) learnt: Option<Learnt>,
}

/// Slots of one process.
#[derive(Debug)]
pub(super) struct Pool {
    grant: Option<Grant>,
    usable: VecDeque<(u8, i64)>,
    used: usize,
    ahead: usize,
    waiting: usize,
    returned: Returned,
    quiet: Option<Wait>,
    pub(super) heard: Heard,
}

/// What a caller does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Use these.
    Take(Vec<Ticket>),
    /// Wait, and ask again.
    Wait(Wait),
    /// Lease slots.
    Lease,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            grant: None,
            usable: VecDeque::new(),
            used: 0,
            ahead: FIRST,
            waiting: 0,
            returned: BTreeMap::new(),
            quiet: None,
            heard: Heard::default(),
        }
    }

    /// Takes up to so many slots that are free by an instant, if there are any.
    pub(super) fn step(&mut self, now: i64, want: usize, by: i64) -> Step {
        if let Some(until) = self.paused(now) {
            return Step::Wait(Wait { until, spread: 0, free: until });
        }
        if let Some(grant) = self.grant.as_ref().filter(|grant| now <= grant.use_by) {
            let ready = self.usable.iter().take(want).take_while(|(_, free)| *free <= by).count();
            let (lease, use_by) = (grant.id.clone(), grant.use_by);
            let ticket = |(slot, free)| Ticket { lease: lease.clone(), slot, free, use_by };
            let tickets: Vec<Ticket> = self.usable.drain(..ready).map(ticket).collect();
            if !tickets.is_empty() {
                self.used += tickets.len();
                return Step::Take(tickets);
            }
            if let Some((_, free)) = self.usable.front() {
                return Step::Wait(Wait { until: *free, spread: 0, free: *free });
            }
        }
        self.quiet(now).map_or(Step::Lease, Step::Wait)
    }

    /// Whether a caller that found nothing to use finds something now: another has leased.
    pub(super) fn has_slots(&self, now: i64) -> bool {
        let alive = self.grant.as_ref().is_some_and(|grant| now <= grant.use_by);
        alive && !self.usable.is_empty()
    }

    /// Somebody waits for so many slots, or no longer does.
    pub(super) fn wanted(&mut self, more: usize, fewer: usize) {
        self.waiting = (self.waiting + more).saturating_sub(fewer);
    }

    /// Gives a used slot back.
    pub(super) fn give_back(&mut self, ticket: &Ticket, free: i64) {
        self.returned.entry(ticket.lease.clone()).or_default().push((ticket.slot, free));
    }

    /// Gives a slot back that was not used: the next caller has it.
    pub(super) fn unuse(&mut self, ticket: &Ticket) {
        if self.grant.as_ref().is_some_and(|grant| grant.id == ticket.lease) {
            let at = self.usable.partition_point(|(_, free)| *free <= ticket.free);
            self.usable.insert(at, (ticket.slot, ticket.free));
            self.used = self.used.saturating_sub(1);
        } else {
            self.give_back(ticket, ticket.free);
        }
    }

    /// Ends the present lease; gives what to settle.
    pub(super) fn close(&mut self) -> Returned {
        if let Some(grant) = self.grant.take() {
            let unused = self.usable.drain(..);
            self.returned.entry(grant.id).or_default().extend(unused);
            self.returned.retain(|_, slots| !slots.is_empty());
        }
        self.take_returned()
    }

    /// What to settle before another lease. The present one stays until then, because slots of it
    /// may yet come back unused; unless it has lapsed.
    pub(super) fn wane(&mut self, now: i64) -> Returned {
        if self.used > 0 {
            let all = self.usable.is_empty();
            self.ahead = if all { self.ahead * 2 } else { self.used * 2 }.clamp(1, MOST);
            self.used = 0;
        }
        let lapsed = self.grant.as_ref().is_some_and(|grant| now > grant.use_by);
        if lapsed { self.close() } else { self.take_returned() }
    }

    /// How many slots to ask for.
    pub(super) fn appetite(&self, appetite: Appetite) -> usize {
        match appetite {
            Appetite::Exact => self.waiting.max(1),
            Appetite::Growing => self.waiting.max(self.ahead),
        }
    }

    /// Whether what was used has to be told to others now.
    pub(super) fn is_due(&self, now: i64, per: i64) -> bool {
        is_due(&self.returned, now, per)
    }

    /// What was used, while the present lease goes on.
    pub(super) fn take_returned(&mut self) -> Returned {
        std::mem::take(&mut self.returned)
    }

    pub(super) fn open(&mut self, grant: Grant) {
        let returned = self.close();
        self.keep(returned);
        self.quiet = None;
        self.usable = (0u8..).zip(grant.slots.iter().copied()).collect();
        self.grant = Some(grant);
    }

    /// What could not be settled yet.
    pub(super) fn keep(&mut self, returned: Returned) {
        for (lease, slots) in returned {
            self.returned.entry(lease).or_default().extend(slots);
        }
    }

    /// Until when the provider wants no calls, if so.
    pub(super) fn paused(&self, now: i64) -> Option<i64> {
        self.heard.paused.filter(|until| *until > now)
    }

    /// Until when there is nothing to be had, if so.
    pub(super) fn quiet(&self, now: i64) -> Option<Wait> {
        self.quiet.filter(|wait| wait.until > now)
    }

    /// Nothing is to be had until then.
    pub(super) fn wait(&mut self, wait: Wait) {
        self.quiet = Some(wait);
    }
}

/// Whether what was used has to be told to others now: soon they could use it.
pub(super) fn is_due(returned: &Returned, now: i64, per: i64) -> bool {
    returned.values().flatten().any(|(_, free)| free - now < (per / 2).min(5_000))
}
