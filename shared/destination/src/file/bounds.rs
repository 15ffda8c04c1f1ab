//! How often, how far apart and how large.

use std::num::NonZeroUsize;
use std::time::Duration;

use model::config::At;

use super::template::Reader;
use crate::destination::{Backoff, Bounds, Defer};
use crate::operation::BatchLimits;

const RETRY: Backoff =
    Backoff { most: 6, base: Duration::from_secs(1), cap: Duration::from_mins(1) };
const DEFER: Defer = Defer { most: 10, wait: Duration::from_secs(30) };
const PAUSE: Duration = Duration::from_secs(5);
const BATCH: BatchLimits = BatchLimits {
    max_items: NonZeroUsize::new(100).unwrap(),
    max_bytes: 1 << 20,
    linger: Duration::from_secs(2),
};
/// The longest wait that a file may state.
const LONGEST: Duration = Duration::from_hours(24);
/// The largest request that a function can hold with its answer.
const MAX_BYTES: u64 = 32 << 20;

/// The section `batch`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    pub(super) limits: BatchLimits,
    pub(super) max_item_bytes: Option<u64>,
}

impl Reader<'_, '_> {
    /// `retry`, `defer` and `yield` of the file.
    pub(super) fn bounds(&mut self, root: &At<'_>) -> Bounds {
        let retry = root.field("retry").map(|at| self.backoff(&at, RETRY));
        let defer = root.field("defer").map(|at| self.defer(&at, DEFER));
        let pause = root.field("yield").map(|at| self.pause(&at, PAUSE));
        Bounds {
            retry: retry.unwrap_or(RETRY),
            defer: defer.unwrap_or(DEFER),
            pause: pause.unwrap_or(PAUSE),
        }
    }

    /// `{most: 6, base: 1s, cap: 60s}`
    pub(super) fn backoff(&mut self, at: &At<'_>, usual: Backoff) -> Backoff {
        if !self.d.names(at, &["most", "base", "cap"]) {
            return usual;
        }
        let base = at.field("base").and_then(|at| self.wait(&at));
        let cap = at.field("cap").and_then(|at| self.wait(&at));
        let most = self.most(at);
        Backoff {
            most: most.unwrap_or(usual.most),
            base: base.unwrap_or(usual.base),
            cap: cap.unwrap_or(usual.cap),
        }
    }

    /// `{most: 10, wait: 30s}`
    pub(super) fn defer(&mut self, at: &At<'_>, usual: Defer) -> Defer {
        if !self.d.names(at, &["most", "wait"]) {
            return usual;
        }
        let wait = at.field("wait").and_then(|at| self.wait(&at));
        let most = self.most(at);
        Defer { most: most.unwrap_or(usual.most), wait: wait.unwrap_or(usual.wait) }
    }

    /// `{wait: 5s}`
    pub(super) fn pause(&mut self, at: &At<'_>, usual: Duration) -> Duration {
        if !self.d.names(at, &["wait"]) {
            return usual;
        }
        at.field("wait").and_then(|at| self.wait(&at)).unwrap_or(usual)
    }

    pub(super) fn wait(&mut self, at: &At<'_>) -> Option<Duration> {
        self.d.span(at, Duration::ZERO, LONGEST)
    }

    pub(super) fn most(&mut self, at: &At<'_>) -> Option<u32> {
        let most = at.field("most").and_then(|at| self.d.whole(&at, 0..=1000))?;
        u32::try_from(most).ok()
    }

    /// `{max_items: 100, max_bytes: 1048576, max_item_bytes: …, linger: 2s}`
    pub(super) fn batch(&mut self, at: Option<&At<'_>>, usual: Option<Batch>) -> Batch {
        let mut batch = usual.unwrap_or(Batch { limits: BATCH, max_item_bytes: None });
        let Some(at) = at else { return batch };
        if !self.d.names(at, &["max_items", "max_bytes", "max_item_bytes", "linger"]) {
            return batch;
        }
        let items = at.field("max_items").and_then(|at| self.d.whole(&at, 1..=10_000));
        let items = items.and_then(|items| NonZeroUsize::new(usize::try_from(items).ok()?));
        let bytes = at.field("max_bytes").and_then(|at| self.d.whole(&at, 1024..=MAX_BYTES));
        let linger = at
            .field("linger")
            .and_then(|at| self.d.span(&at, Duration::ZERO, Duration::from_mins(15)));
        let item = at.field("max_item_bytes").and_then(|at| self.d.whole(&at, 64..=MAX_BYTES));
        batch.max_item_bytes = item.or(batch.max_item_bytes);
        batch.limits = BatchLimits {
            max_items: items.unwrap_or(batch.limits.max_items),
            max_bytes: bytes.unwrap_or(batch.limits.max_bytes),
            linger: linger.unwrap_or(batch.limits.linger),
        };
        batch
    }
}
