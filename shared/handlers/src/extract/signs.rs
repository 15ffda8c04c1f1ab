//! Signs that rows may be missing although every request succeeded.
//!
//! A [`Trail`] watches one walk over the pages of a slice; what it saw is held against what the
//! source says, what earlier runs know and what the other walks of the run saw. A sign is a
//! suspicion: rows are landed and committed as they came, and people are told.

mod chance;
mod trail;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use store::{PossibleGap, Sign};

use chance::at_least;
pub(super) use trail::Trail;
use windows::Windows;

/// What is less likely than this is no accident.
const RARE: f64 = 1e-3;

/// Limits smaller than this are met by accident too often to say anything.
const SMALLEST_LIMIT: u64 = 5;

/// Chance that a walk of some hundred rows or more ends at a round number of them.
const ROUND: f64 = 4e-4;

/// Walks, and lengths of their last pages, that are told apart.
const LENGTHS: usize = 4096;

/// What the walks of a run have shown.
#[derive(Debug, Default)]
pub(super) struct Signs {
    found: BTreeMap<Sign, PossibleGap>,
    ends: Ends,
    totals: Totals,
    windows: Windows,
    /// Whether a walk gave rows again at which an earlier one had ended.
    gives_edges: bool,
}

/// How walks ended.
#[derive(Debug, Default)]
struct Ends {
    /// Walks that were taken, by digest.
    seen: BTreeSet<u64>,
    /// Walks by the number of records of their last page.
    lengths: BTreeMap<u64, u64>,
    /// What a page can hold, where the manifest says so.
    limit: Option<u64>,
    largest: u64,
    /// Walks that ended at a round number of rows, by that number.
    round: BTreeMap<u64, u64>,
    walks: u64,
}

/// How what walks found compares with what the source counts.
#[derive(Debug, Default)]
struct Totals {
    agree: u64,
    short: u64,
    example: Option<String>,
    /// Whether one of the walks was of a part of the stream, whose rows the source may not count
    /// apart.
    parted: bool,
}

impl Signs {
    /// Takes a sign that one walk is enough for.
    pub(super) fn add(&mut self, sign: Sign, example: impl FnOnce() -> String) {
        let known = self.found.entry(sign);
        known.or_insert_with(|| PossibleGap { sign, times: 0, example: example() }).times += 1;
    }

    /// Takes a walk that came to its end.
    pub(super) fn ended(&mut self, trail: &Trail, slice: &str) {
        let edge = trail.leaves_out_the_edge().then_some(Sign::Boundary);
        for sign in trail.signs().into_iter().chain(edge) {
            self.add(sign, || trail.said(sign, slice));
        }
        self.gives_edges |= trail.gives_the_edge();
        if !self.totals.take(trail, slice) {
            self.ends.take(trail);
        }
        if let Some(window) = trail.window() {
            self.windows.take(window, trail);
        }
    }

    /// What all walks together show.
    pub(super) fn conclude(mut self) -> Vec<PossibleGap> {
        if let Some((times, example)) = self.ends.clipped() {
            self.found.insert(Sign::Clipped, PossibleGap { sign: Sign::Clipped, times, example });
        }
        if let Some((times, example)) = self.ends.ceiling() {
            self.found.insert(Sign::Ceiling, PossibleGap { sign: Sign::Ceiling, times, example });
        }
        if self.gives_edges {
            // It leaves out no start: rows that did not come again are gone.
            self.found.remove(&Sign::Boundary);
        }
        let proven = self.totals.agree > 0 || !self.totals.parted;
        if let Some(example) = self.totals.example.filter(|_| proven) {
            let times = self.totals.short;
            self.found.insert(Sign::Total, PossibleGap { sign: Sign::Total, times, example });
        }
        for (sign, times, example) in self.windows.conclude() {
            self.found.insert(sign, PossibleGap { sign, times, example });
        }
        self.found.into_values().collect()
    }
}

impl Ends {
    fn take(&mut self, trail: &Trail) {
        // The same rows again, as of a source that does not look at windows, prove nothing.
        if self.seen.contains(&trail.digest()) {
            return;
        }
        if self.seen.len() < LENGTHS {
            self.seen.insert(trail.digest());
        }
        self.walks += 1;
        self.limit = self.limit.or(trail.limit());
        self.largest = self.largest.max(trail.largest());
        let last = trail.last_page();
        if last > 0 && (self.lengths.len() < LENGTHS || self.lengths.contains_key(&last)) {
            *self.lengths.entry(last).or_default() += 1;
        }
        if let Some(rows) = trail.rows_if_whole()
            && is_round(rows)
            && trail.may_be_cut()
        {
            *self.round.entry(rows).or_default() += 1;
        }
    }

    /// How many walks ended at a full page, when those are more than chance allows.
    fn clipped(&self) -> Option<(u64, String)> {
        let walks: u64 = self.lengths.values().sum();
        let full = |limit: u64| self.lengths.range(limit..).map(|(_, walks)| walks).sum::<u64>();
        let limit = self.limit.unwrap_or(self.largest);
        let ended_full = full(limit);
        // That one page is the largest says nothing.
        let given = u64::from(self.limit.is_none());
        let usual = self.limit.is_some() || is_usual(limit);
        if limit < SMALLEST_LIMIT || !usual || ended_full < 2 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a chance")]
        let chance = at_least(ended_full - given, walks - given, 1.0 / limit as f64);
        let example = || format!("{ended_full} of {walks} walks end at a page of {limit} records");
        (chance < RARE).then(|| (ended_full, example()))
    }

    /// How many walks ended at the same round number of rows, when that is no accident.
    fn ceiling(&self) -> Option<(u64, String)> {
        let (rows, walks) = self.round.iter().max_by_key(|(_, walks)| **walks)?;
        let chance = at_least(*walks, self.walks, ROUND);
        let example = || format!("{walks} of {} walks end at {rows} rows", self.walks);
        (chance < RARE).then(|| (*walks, example()))
    }
}

impl Totals {
    /// Takes a walk; gives whether the source says that it is whole.
    fn take(&mut self, trail: &Trail, slice: &str) -> bool {
        let Some((found, total)) = trail.counted() else { return false };
        self.parted |= trail.is_part();
        if found < total {
            self.short += 1;
            let example = || format!("slice {slice}: {found} rows, the source counts {total}");
            self.example.get_or_insert_with(example);
        }
        let agrees = found == total && found > 0;
        self.agree += u64::from(agrees);
        agrees
    }
}

/// Whether a number is one that a source gives no more than, rather than one that rows have.
fn is_round(rows: u64) -> bool {
    let mut unit = rows;
    while unit >= 500 && unit.is_multiple_of(10) {
        unit /= 10;
    }
    rows >= 500 && matches!(unit, 50 | 100 | 200 | 250)
}

/// Whether a number is a usual page size.
fn is_usual(limit: u64) -> bool {
    matches!(limit, 10 | 20) || limit.is_multiple_of(25) || limit >= 16 && limit.is_power_of_two()
}

#[cfg(test)]
mod tests;
