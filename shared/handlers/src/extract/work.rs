//! One run's work: its plan, and the slices of it side by side.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lake::Shown;
use model::config::{Compression, Every};
use model::{PlanId, Timestamp};
use ports::Deadline;
use store::{Counts, Head, Hold, OpenSlice, Plan, PossibleGap, Purpose, Sign, StreamKey};

use super::signs::{Signs, Trail};
use super::watch::Fact;
use super::{Deps, Error};
use crate::pull::{Described, Pull};

/// A run stops reading when less than this is left of its time, to store what it has.
const RESERVE: Duration = Duration::from_secs(20);

/// Bytes of parts in the making, over all slices side by side.
const BUFFERS: u64 = 24 * 1024 * 1024;

/// One run.
pub(super) struct Work<'a> {
    pub(super) deps: &'a Deps,
    pub(super) hold: &'a Hold,
    pub(super) described: &'a Described,
    pub(super) pull: &'a dyn Pull,
    pub(super) plan: Plan,
    pub(super) deadline: Deadline,
    /// For a reconcile: what the view shows at its start.
    pub(super) shown: OnceLock<Shown>,
    counts: Mutex<Counts>,
    signs: Mutex<Signs>,
    stopping: AtomicBool,
}

/// What a run left.
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// A reconcile has read everything: what changed meanwhile is read next.
    CatchUp,
    /// Open work.
    Open,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        deps: &'a Deps,
        hold: &'a Hold,
        stream: (&'a Described, &'a dyn Pull),
        plan: Plan,
        deadline: Deadline,
    ) -> Self {
        let (described, pull) = stream;
        let (counts, signs) = (Mutex::default(), Mutex::default());
        let (shown, stopping) = (OnceLock::new(), AtomicBool::new(false));
        Self { deps, hold, described, pull, plan, deadline, shown, counts, signs, stopping }
    }

    pub(super) fn key(&self) -> &StreamKey {
        self.hold.key()
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes a sign that rows may be missing.
    pub(super) fn suspect(&self, sign: Sign, example: impl FnOnce() -> String) {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner).add(sign, example);
    }

    /// Takes what a walk over a slice showed.
    pub(super) fn walked(&self, trail: &Trail, open: &OpenSlice) {
        let slice = format!("{}.{}", open.id.partition, open.id.start);
        self.signs.lock().unwrap_or_else(PoisonError::into_inner).ended(trail, &slice);
    }

    /// What all walks of the run show.
    pub(super) fn gaps(&self) -> Vec<PossibleGap> {
        std::mem::take(&mut *self.signs.lock().unwrap_or_else(PoisonError::into_inner)).conclude()
    }

    pub(super) fn tell(&self, fact: Fact) {
        self.deps.watch.tell(self.key(), fact);
    }

    /// Whether to stop at the next page: the time is up, or another slice failed.
    pub(super) fn should_stop(&self) -> bool {
        let left = self.deadline.remaining(self.deps.store.clock().as_ref());
        left < RESERVE || self.stopping.load(Ordering::Relaxed)
    }

    /// Stored bytes at which a part is closed.
    pub(super) fn part_bytes(&self) -> usize {
        let share = BUFFERS / self.described.parallel.max(1) as u64;
        usize::try_from(self.described.settings.part_bytes.min(share)).unwrap_or(usize::MAX)
    }

    pub(super) fn codec(&self) -> lake::Codec {
        match self.described.settings.compression {
            Compression::None => lake::Codec::Plain,
            Compression::Zstd => lake::Codec::Zstd,
            Compression::Gzip => lake::Codec::Gzip,
        }
    }

    /// Reads slices until none is open or the time is up. The first failure stops the others at
    /// their next page; what they have by then is saved.
    pub(super) async fn slices(&self) -> Result<(), Error> {
        if self.plan.purpose == Purpose::Reconcile {
            self.learn_what_shows().await?;
        }
        let mut ends = self
            .feed()
            .map(|slice| async {
                match slice {
                    Ok(slice) => self.slice(slice).await,
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(self.described.parallel.max(1));
        let mut first = None;
        while let Some(end) = ends.next().await {
            if let Err(error) = end {
                self.stopping.store(true, Ordering::Relaxed);
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Closes the plan when nothing of it is open.
    pub(super) async fn close(&self) -> Result<Left, Error> {
        let plan = self.deps.store.plan(self.key(), &self.plan.id).await?;
        let plan = plan.as_ref().unwrap_or(&self.plan);
        if !self.hold.is_finished(plan).await? {
            return Ok(Left::Open);
        }
        if !self.confirm().await? {
            return Ok(Left::Open);
        }
        let walk = self.hold.head().await.reconciling;
        let walk = walk.filter(|_| plan.purpose == Purpose::Incremental);
        if let Some(walk) = &walk {
            self.tombstones(walk).await?;
        }
        let smallest = self.described.settings.smallest_generation;
        if let Some(refreshed) = self.hold.finish(plan, smallest).await? {
            self.refreshed(refreshed).await?;
        }
        if walk.is_some() {
            self.forget_met().await;
        }
        let catch_up = plan.purpose == Purpose::Reconcile;
        Ok(if catch_up { Left::CatchUp } else { Left::Nothing })
    }
}

/// What a new plan of a stream reads.
pub(super) fn purpose(described: &Described, head: &Head, now: Timestamp) -> Purpose {
    if described.mode == lake::Mode::FullRefresh {
        return Purpose::Refresh;
    }
    let due = match described.reconcile {
        None => false,
        Some(Every::Runs(runs)) => head.since_reconcile.saturating_add(1) >= runs.get(),
        Some(Every::Time(every)) => {
            head.reconciled.is_none_or(|last| now.duration_since(last).unsigned_abs() >= every)
        }
    };
    let keyed = described.mode == lake::Mode::Incremental && !described.primary_key.is_empty();
    let read_before = head.last_complete.is_some() && head.reconciling.is_none();
    if due && keyed && read_before { Purpose::Reconcile } else { Purpose::Incremental }
}

/// An id for a plan: sorts by time, names its run.
pub(super) fn plan_id(now: Timestamp, fresh: &str) -> Result<PlanId, Error> {
    let tail: String = fresh.chars().take(8).collect();
    let text = format!("{}-{tail}", now.strftime("%Y%m%dt%H%M%S"));
    text.parse().map_err(|_| Error::Encode { reason: format!("`{text}` is no plan id") })
}
