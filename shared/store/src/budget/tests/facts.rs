//! What calls amount to, as the provider counts them.

use std::time::Duration;

use crate::budget::most_in_any_window;
use model::Timestamp;

/// One call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) tenant: usize,
    pub(super) sent: Timestamp,
    pub(super) counted: Timestamp,
    pub(super) took: Duration,
    /// How long its slot had been free, by the worker's clock.
    pub(super) idle: Duration,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) calls: Vec<Call>,
    pub(super) writes: u64,
    pub(super) reads: u64,
    pub(super) lost_races: u64,
    pub(super) deaths: u64,
    pub(super) begun: Timestamp,
    pub(super) span: Duration,
    pub(super) limit: (u32, Duration),
}

impl Facts {
    /// The most calls that any window held.
    pub(super) fn most(&self) -> usize {
        let counted: Vec<Timestamp> = self.calls.iter().map(|call| call.counted).collect();
        most_in_any_window(&counted, self.limit.1)
    }

    pub(super) fn mean_latency(&self) -> f64 {
        let sum: f64 = self.calls.iter().map(|call| call.took.as_secs_f64()).sum();
        sum / amount(self.calls.len())
    }

    /// The calls that N·W/(W + mean latency) a window would be.
    pub(super) fn ideal(&self) -> f64 {
        let (calls, per) = (f64::from(self.limit.0), self.limit.1.as_secs_f64());
        calls * self.span.as_secs_f64() / (per + self.mean_latency())
    }

    pub(super) fn share_of_ideal(&self) -> f64 {
        amount(self.calls.len()) / self.ideal()
    }

    pub(super) fn calls_a_write(&self) -> f64 {
        amount(self.calls.len()) / amount(usize::try_from(self.writes).unwrap())
    }

    pub(super) fn longest_idle(&self) -> Duration {
        self.calls.iter().map(|call| call.idle).max().unwrap_or_default()
    }

    /// Calls of each tenant between two instants.
    pub(super) fn by_tenant(&self, from: Duration, until: Duration) -> Vec<usize> {
        let tenants = self.calls.iter().map(|call| call.tenant + 1).max().unwrap_or(0);
        let mut counts = vec![0; tenants];
        let (from, until) = (self.begun + from, self.begun + until);
        for call in self.calls.iter().filter(|call| (from..until).contains(&call.sent)) {
            counts[call.tenant] += 1;
        }
        counts
    }
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (calls, per) = self.limit;
        write!(
            f,
            "{} calls in {:?}, mean latency {:.3} s; most in any {per:?}: {} of {calls}; {:.2} % of \
             the ideal; {:.1} calls a write ({} writes, {} lost races, {} reads); longest idle slot \
             {:?}; {} deaths",
            self.calls.len(),
            self.span,
            self.mean_latency(),
            self.most(),
            self.share_of_ideal() * 100.0,
            self.calls_a_write(),
            self.writes,
            self.lost_races,
            self.reads,
            self.longest_idle(),
            self.deaths,
        )
    }
}

fn amount(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
