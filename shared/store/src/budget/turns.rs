//! Whose turn it is, when several tenants want more of a budget than they get.
//!
//! Each tenant has a count of what it took. One that waits, and is behind another by more than a
//! lead, goes first. Only differences count, and no tenant is ever further behind than a few
//! leads: so nobody saves up turns while it is idle.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most calls by which tenants that take turns differ.
const LEAD: i64 = 32;

/// So many leads is a newcomer behind.
const CREDIT: i64 = 4;

/// Tenants by what they took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Turns(BTreeMap<String, Turn>);

/// One tenant's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What it took; only differences count.
    pub taken: i64,
    /// When it last wrote.
    pub seen: i64,
    /// It wants more than it got.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

/// The lead within which nobody goes first, for a budget of so many calls.
pub(super) fn lead(calls: usize) -> i64 {
    i64::try_from(calls / 8).unwrap_or(LEAD).clamp(1, LEAD)
}

impl Turns {
    /// What a tenant took, lifted to where a newcomer would be.
    fn taken(&self, tenant: &str, lead: i64) -> i64 {
        let others = self.0.iter().filter(|(name, _)| *name != tenant);
        let top = others.map(|(_, turn)| turn.taken).max();
        let own = self.0.get(tenant).map(|turn| turn.taken);
        let newcomer = top.map(|top| top - CREDIT * lead);
        own.max(newcomer).unwrap_or_default()
    }

    /// Whether another waits that is behind.
    pub(super) fn yields(&self, tenant: &str, lead: i64) -> bool {
        let taken = self.taken(tenant, lead);
        let first = |(name, turn): (&String, &Turn)| {
            name != tenant && turn.waits && turn.taken + lead < taken
        };
        self.0.iter().any(first)
    }

    /// Whether a tenant should let others know that it waits: it is behind, and they do not know.
    pub(super) fn unheard(&self, tenant: &str, lead: i64) -> bool {
        let taken = self.taken(tenant, lead);
        let waits = self.0.get(tenant).is_some_and(|turn| turn.waits);
        !waits && self.0.iter().any(|(name, turn)| name != tenant && taken + lead < turn.taken)
    }

    /// A tenant takes some, and wants more or not.
    pub(super) fn take(&mut self, tenant: &str, count: usize, lead: i64) -> &mut Turn {
        let taken = self.taken(tenant, lead) + i64::try_from(count).unwrap_or(0);
        let turn = Turn { taken, seen: i64::MIN, waits: false };
        let slot = self.0.entry(tenant.to_owned()).or_insert(turn);
        slot.taken = taken;
        slot
    }

    /// A tenant wants no more.
    pub(super) fn rest(&mut self, tenant: &str) {
        if let Some(turn) = self.0.get_mut(tenant) {
            turn.waits = false;
        }
    }

    /// A tenant goes although others had the right to: they have missed their turn.
    pub(super) fn pass_over(&mut self, tenant: &str, lead: i64) {
        let taken = self.taken(tenant, lead);
        for (name, turn) in &mut self.0 {
            turn.waits &= name == tenant || turn.taken + lead >= taken;
        }
    }

    /// Forgets tenants that have not written since.
    pub(super) fn forget(&mut self, before: i64) {
        self.0.retain(|_, turn| turn.seen >= before);
    }
}
