//! Every call, in few bytes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::operation::Operation;
use crate::tick::Tick;

const KEPT: usize = 4_000_000;

/// One call of an operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// When it was counted.
    pub(super) at: Tick,
    pub(super) tenant: &'static str,
    pub(super) operation: Operation,
    pub(super) status: u16,
    /// Whether it counts against the limit: refused calls do not.
    pub(super) is_counted: bool,
    /// Whether it was answered from an idempotency key.
    pub(super) is_replay: bool,
    /// Items of a batch that was carried out.
    pub(super) items: u32,
}

/// The calls since the process began, or since they were cleared.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: VecDeque<Call>,
    made: i64,
}

/// The calls of one credential in numbers.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    calls: usize,
    counted: usize,
    replays: usize,
    items: u64,
    operations: BTreeMap<&'static str, usize>,
    statuses: BTreeMap<u16, usize>,
    /// The most calls that counted within any window of the limit's length.
    most_in_any_window: usize,
    /// Calls that counted, by the minute in which they did.
    by_minute: BTreeMap<String, usize>,
}

impl CallLog {
    /// The number of the next call.
    pub(super) fn number(&mut self) -> i64 {
        self.made += 1;
        self.made
    }

    pub(super) fn note(&mut self, call: Call) {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
    }

    /// By credential.
    pub(super) fn summary(&self, window: Duration) -> BTreeMap<&'static str, Summary> {
        let mut all: BTreeMap<&'static str, (Summary, Vec<Tick>)> = BTreeMap::new();
        for call in &self.calls {
            let (summary, counted) = all.entry(call.tenant).or_default();
            summary.add(call);
            if call.is_counted {
                counted.push(call.at);
            }
        }
        let close = |(tenant, (mut summary, counted)): (_, (Summary, _))| {
            summary.most_in_any_window = most(counted, window);
            (tenant, summary)
        };
        all.into_iter().map(close).collect()
    }
}

impl Summary {
    fn add(&mut self, call: &Call) {
        self.calls += 1;
        self.counted += usize::from(call.is_counted);
        self.replays += usize::from(call.is_replay);
        self.items += u64::from(call.items);
        *self.operations.entry(call.operation.name()).or_default() += 1;
        *self.statuses.entry(call.status).or_default() += 1;
        if call.is_counted {
            let minute = call.at.millis().div_euclid(60_000) * 60_000;
            let text = Tick::from_millis(minute).timestamp().to_string();
            *self.by_minute.entry(text).or_default() += 1;
        }
    }
}

fn most(mut calls: Vec<Tick>, window: Duration) -> usize {
    calls.sort_unstable();
    let (mut held, mut most) = (VecDeque::new(), 0);
    for call in calls {
        held.push_back(call);
        while held.front().is_some_and(|first| call.since(*first) >= window) {
            held.pop_front();
        }
        most = most.max(held.len());
    }
    most
}
