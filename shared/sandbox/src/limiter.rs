//! Call limits as providers count them: sliding windows, and calls at once.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::tick::Tick;

/// So many calls in any such span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) calls: usize,
    pub(crate) per: Duration,
}

/// All limits of all providers.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    accepted: Mutex<HashMap<String, VecDeque<Tick>>>,
    under_way: Arc<Mutex<HashMap<String, usize>>>,
    off: AtomicBool,
}

/// A call that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    scope: String,
    all: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = all.get_mut(&self.scope) {
            *calls = calls.saturating_sub(1);
        }
    }
}

impl Limiter {
    /// Stops or starts refusing.
    pub(crate) fn enforce(&self, yes: bool) {
        self.off.store(!yes, Ordering::SeqCst);
    }

    /// Whether one more call keeps to the rate; only calls that do are counted.
    pub(crate) fn admits(&self, scope: &str, rate: Rate, now: Tick) -> bool {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = accepted.entry(scope.to_owned()).or_default();
        while calls.front().is_some_and(|call| now.since(*call) >= rate.per) {
            calls.pop_front();
        }
        if calls.len() >= rate.calls && !self.off.load(Ordering::SeqCst) {
            return false;
        }
        calls.push_back(now);
        true
    }

    /// Begins a call unless that many are under way already.
    pub(crate) fn begin(&self, scope: &str, most: usize) -> Option<UnderWay> {
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.entry(scope.to_owned()).or_default();
        if *calls >= most && !self.off.load(Ordering::SeqCst) {
            return None;
        }
        *calls += 1;
        Some(UnderWay { scope: scope.to_owned(), all: Arc::clone(&self.under_way) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let (limiter, rate) =
            (Limiter::default(), Rate { calls: 2, per: Duration::from_millis(100) });
        let admits = |at| limiter.admits("a", rate, Tick::from_millis(at));
        assert!(admits(0) && admits(50) && !admits(99));
        assert!(admits(100) && !admits(149) && admits(150));
    }

    #[test]
    fn a_finished_call_makes_room() {
        let limiter = Limiter::default();
        let first = limiter.begin("a", 1);
        assert!(first.is_some() && limiter.begin("a", 1).is_none());
        drop(first);
        assert!(limiter.begin("a", 1).is_some());
    }
}
