//! What one process holds of a budget.

use std::collections::{BTreeMap, VecDeque};

use super::slots::Grant;

/// Most slots of one lease.
const MOST: usize = 100;

/// Slots of the first lease.
const FIRST: usize = 8;

/// Slots to give back, by lease: place in it, and the instant from which each is free.
pub(super) type Returned = BTreeMap<String, Vec<(u8, i64)>>;

/// The slot of one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    lease: String,
    slot: u8,
}

/// Slots of one process.
#[derive(Debug)]
pub(super) struct Pool {
    grant: Option<Grant>,
    usable: VecDeque<(u8, i64)>,
    used: usize,
    want: usize,
    returned: Returned,
    quiet: Option<i64>,
}

/// What a caller does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send now.
    Send(Ticket),
    /// Wait until then and ask again.
    Wait { until: i64 },
    /// Lease slots.
    Lease,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            grant: None,
            usable: VecDeque::new(),
            used: 0,
            want: FIRST,
            returned: BTreeMap::new(),
            quiet: None,
        }
    }

    /// Takes a slot, if there is one that may be used at this instant.
    pub(super) fn step(&mut self, now: i64) -> Step {
        if let Some(until) = self.quiet(now) {
            return Step::Wait { until };
        }
        let Some(grant) = &self.grant else { return Step::Lease };
        if now > grant.use_by {
            return Step::Lease;
        }
        match self.usable.front() {
            None => Step::Lease,
            Some((_, free)) if *free > now => Step::Wait { until: *free },
            Some((slot, _)) => {
                let ticket = Ticket { lease: grant.id.clone(), slot: *slot };
                self.usable.pop_front();
                self.used += 1;
                Step::Send(ticket)
            }
        }
    }

    /// Whether a caller that found nothing to use finds something now: another has leased.
    pub(super) fn has_slots(&self, now: i64) -> bool {
        let alive = self.grant.as_ref().is_some_and(|grant| now <= grant.use_by);
        alive && !self.usable.is_empty()
    }

    /// Gives a used slot back.
    pub(super) fn give_back(&mut self, ticket: Ticket, free: i64) {
        self.returned.entry(ticket.lease).or_default().push((ticket.slot, free));
    }

    /// Ends the present lease: what to settle, and how many slots to ask for next.
    pub(super) fn close(&mut self) -> (Returned, usize) {
        if let Some(grant) = self.grant.take() {
            let all = self.usable.is_empty();
            self.want = if all { self.want * 2 } else { self.used * 2 }.clamp(1, MOST);
            let unused = self.usable.drain(..);
            self.returned.entry(grant.id).or_default().extend(unused);
        }
        self.used = 0;
        (std::mem::take(&mut self.returned), self.want)
    }

    pub(super) fn open(&mut self, grant: Grant) {
        self.usable = (0u8..).zip(grant.slots.iter().copied()).collect();
        self.grant = Some(grant);
    }

    /// What could not be settled yet.
    pub(super) fn keep(&mut self, returned: Returned) {
        for (lease, slots) in returned {
            self.returned.entry(lease).or_default().extend(slots);
        }
    }

    /// Until when there is nothing to be had, if so.
    pub(super) fn quiet(&self, now: i64) -> Option<i64> {
        self.quiet.filter(|until| *until > now)
    }

    /// Nothing is to be had, or the provider asked for a pause, until then.
    pub(super) fn wait(&mut self, until: i64) {
        self.quiet = self.quiet.max(Some(until));
    }
}
