//! Virtual time, chance, and what the executor has to do next.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::chaos::Chaos;
use crate::clock::locked;

/// What all parts of a world share.
#[derive(Debug)]
pub(super) struct Kernel {
    state: Mutex<State>,
}

struct State {
    now: Timestamp,
    rng: Xoshiro256PlusPlus,
    chaos: Chaos,
    timers: BTreeMap<(Timestamp, u64), Waker>,
    numbered: u64,
    killed: Vec<u64>,
    orphans: Vec<BoxFuture<'static, ()>>,
    crashes: u64,
    calm: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Kernel {
    pub(super) fn new(seed: u64, chaos: Chaos, now: Timestamp) -> Self {
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self {
            state: Mutex::new(State {
                now,
                rng,
                chaos,
                timers: BTreeMap::new(),
                numbered: 0,
                calm: false,
                killed: Vec::new(),
                orphans: Vec::new(),
                crashes: 0,
            }),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        locked(&self.state).now
    }

    pub(super) fn chaos(&self) -> Chaos {
        locked(&self.state).chaos.clone()
    }

    pub(super) fn calm(&self) {
        let state = &mut *locked(&self.state);
        state.chaos = Chaos { skew: state.chaos.skew, ..Chaos::none() };
        state.calm = true;
    }

    pub(super) fn is_calm(&self) -> bool {
        locked(&self.state).calm
    }

    /// A number that no task has yet.
    pub(super) fn task_id(&self) -> u64 {
        let state = &mut *locked(&self.state);
        state.numbered += 1;
        state.numbered
    }

    /// Whether something of this probability happens now.
    pub(super) fn odds(&self, probability: f64) -> bool {
        probability > 0.0 && locked(&self.state).rng.random_bool(probability.min(1.0))
    }

    pub(super) fn chance(&self) -> f64 {
        locked(&self.state).rng.random()
    }

    pub(super) fn number(&self) -> u128 {
        locked(&self.state).rng.random()
    }

    /// A number below `bound`, or zero.
    pub(super) fn below(&self, bound: usize) -> usize {
        if bound < 2 { 0 } else { locked(&self.state).rng.random_range(0..bound) }
    }

    /// A span up to this long.
    pub(super) fn span(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.chance())
    }

    /// Wakes the waker at an instant. Gives the timer's name.
    pub(super) fn wake_at(&self, at: Timestamp, waker: Waker) -> (Timestamp, u64) {
        let state = &mut *locked(&self.state);
        state.numbered += 1;
        let timer = (at, state.numbered);
        state.timers.insert(timer, waker);
        timer
    }

    pub(super) fn forget(&self, timer: (Timestamp, u64)) {
        locked(&self.state).timers.remove(&timer);
    }

    /// Moves time to the next timer that is not after `until`, and wakes it. False when there is
    /// none.
    pub(super) fn advance(&self, until: Timestamp) -> bool {
        let state = &mut *locked(&self.state);
        let Some(first) = state.timers.first_entry() else { return false };
        let (at, _) = *first.key();
        if at > until {
            return false;
        }
        first.remove().wake();
        state.now = state.now.max(at);
        true
    }

    /// Moves time on when nothing happens until then.
    pub(super) fn pass(&self, until: Timestamp) {
        let state = &mut *locked(&self.state);
        state.now = state.now.max(until);
    }

    /// Marks the task for dropping.
    pub(super) fn kill(&self, task: u64) {
        let state = &mut *locked(&self.state);
        state.crashes += 1;
        state.killed.push(task);
    }

    pub(super) fn killed(&self) -> Vec<u64> {
        std::mem::take(&mut locked(&self.state).killed)
    }

    pub(super) fn crashes(&self) -> u64 {
        locked(&self.state).crashes
    }

    /// Leaves a future to the executor, under nobody's name.
    pub(super) fn adopt(&self, orphan: BoxFuture<'static, ()>) {
        locked(&self.state).orphans.push(orphan);
    }

    pub(super) fn orphans(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut locked(&self.state).orphans)
    }
}
