//! The part of a limit that is in force, because the provider said so.

use serde::{Deserialize, Serialize};

/// All of it.
const WHOLE: u32 = 1000;

/// The least that is kept.
const LEAST: u32 = 20;

/// What comes back in a window.
const RECOVERY: i64 = 100;

/// What is left of it when a provider says "too many" without a number.
const CUT: u32 = 900;

/// How much of the limit a provider was last seen to allow, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// Thousandths of what is configured.
    pub share: u32,
    /// When it said so.
    pub at: i64,
}

impl Learnt {
    /// It allows so many of the calls that are configured.
    pub(super) fn said(said: u32, configured: u32, at: i64) -> Option<Self> {
        let share = u64::from(said) * u64::from(WHOLE) / u64::from(configured.max(1));
        let share = u32::try_from(share).unwrap_or(WHOLE);
        (share < WHOLE).then_some(Self { share: share.max(LEAST), at })
    }

    /// Thousandths in force at an instant: it stays for a window, and then comes back by and by.
    pub(super) fn in_force(self, now: i64, per: i64) -> u32 {
        let since = (now - self.at - per).max(0);
        let back = since.saturating_mul(RECOVERY) / per.max(1);
        self.share.saturating_add(u32::try_from(back).unwrap_or(WHOLE)).min(WHOLE)
    }
}

/// The share in force, whether or not anything was learnt.
pub(super) fn in_force(learnt: Option<Learnt>, now: i64, per: i64) -> u32 {
    learnt.map_or(WHOLE, |learnt| learnt.in_force(now, per))
}

/// What is kept of a share that was too many.
pub(super) fn cut(share: u32, at: i64) -> Learnt {
    Learnt { share: (share * CUT / WHOLE).max(LEAST), at }
}

/// That share of so many calls, one at least.
pub(super) fn part(calls: u32, share: u32) -> u32 {
    let part = u64::from(calls) * u64::from(share) / u64::from(WHOLE);
    u32::try_from(part).unwrap_or(calls).clamp(1, calls)
}
