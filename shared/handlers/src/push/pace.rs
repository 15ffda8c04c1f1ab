//! What a process keeps between invocations: how many calls a destination bears at once, and the
//! tokens that were fetched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use request::authenticator::Caller;
use store::push::PushKey;

/// Calls that went well before one more is made at once.
const STEADY: usize = 8;

/// How many calls are made at once: half as many after one that got no answer or an answer that
/// the destination is in trouble, one more after some that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    now: usize,
    most: usize,
    well: usize,
}

impl Pace {
    fn new(most: usize) -> Self {
        Self { now: most.max(1), most: most.max(1), well: 0 }
    }

    pub(super) fn calls(&self) -> usize {
        self.now
    }

    /// Takes over how a call went.
    pub(super) fn heed(&mut self, well: bool) {
        if !well {
            self.now = (self.now / 2).max(1);
            self.well = 0;
            return;
        }
        self.well += 1;
        if self.well >= STEADY && self.now < self.most {
            self.now += 1;
            self.well = 0;
        }
    }
}

#[derive(Debug)]
struct Kept {
    pace: Pace,
    /// Digest of the configuration that the caller's tokens were fetched with.
    config: [u8; 32],
    caller: Arc<Caller>,
}

/// What one process keeps of its pushes.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<PushKey, Kept>>);

impl Memory {
    /// The caller of a push: the same as before, while its configuration is.
    pub(super) fn caller(
        &self,
        key: &PushKey,
        (config, most): ([u8; 32], usize),
        fresh: impl FnOnce() -> Caller,
    ) -> Arc<Caller> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get_mut(key)
            && kept.config == config
        {
            kept.pace.most = most.max(1);
            kept.pace.now = kept.pace.now.min(kept.pace.most);
            return Arc::clone(&kept.caller);
        }
        let caller = Arc::new(fresh());
        let kept = Kept { pace: Pace::new(most), config, caller: Arc::clone(&caller) };
        all.insert(key.clone(), kept);
        caller
    }

    /// How many calls are made at once.
    pub(super) fn calls(&self, key: &PushKey) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).map_or(1, |kept| kept.pace.calls())
    }

    /// Takes over how a call went.
    pub(super) fn heed(&self, key: &PushKey, well: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get_mut(key) {
            kept.pace.heed(well);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_at_once_fall_by_half_and_rise_one_by_one() {
        let mut pace = Pace::new(16);
        pace.heed(false);
        pace.heed(false);
        assert_eq!(pace.calls(), 4);
        (0..STEADY).for_each(|_| pace.heed(true));
        assert_eq!(pace.calls(), 5);
        (0..STEADY * 40).for_each(|_| pace.heed(true));
        assert_eq!(pace.calls(), 16);
        (0..9).for_each(|_| pace.heed(false));
        assert_eq!(pace.calls(), 1);
    }
}
