//! The slices of a plan, one after the other: those that are stored first, then those of
//! partitions that the plan has not come to yet. Never all of them at once.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use model::{CursorValue, Timestamp, Window};
use store::{Known, OpenSlice, Plan, Purpose, SliceId, Sofar, partition_digest};

use super::Error;
use super::work::Work;
use crate::pull::{PullError, PullPartition};

/// Stored slices read at a time.
const PAGE: usize = 100;

enum Stage<'w> {
    Stored { after: Option<String> },
    Partitions(BoxStream<'w, Result<PullPartition, PullError>>),
    Over,
}

struct Feed<'w> {
    work: &'w Work<'w>,
    ready: VecDeque<OpenSlice>,
    stage: Stage<'w>,
}

impl Work<'_> {
    /// Open slices, until there are no more or the run stops.
    pub(super) fn feed(&self) -> BoxStream<'_, Result<OpenSlice, Error>> {
        let stage = Stage::Stored { after: None };
        let feed = Feed { work: self, ready: VecDeque::new(), stage };
        stream::try_unfold(feed, |mut feed| async {
            Ok(feed.next().await?.map(|slice| (slice, feed)))
        })
        .boxed()
    }

    /// Gives a partition its slices; none when the plan has given it some before.
    async fn expand(&self, partition: &PullPartition) -> Result<Vec<OpenSlice>, Error> {
        let digest = partition_digest(&partition.key);
        let known = self.deps.store.partition(self.key(), &digest).await?;
        if known.as_ref().is_some_and(|known| known.plan.as_ref() == Some(&self.plan.id)) {
            return Ok(Vec::new());
        }
        let reached = known.as_ref().and_then(store::Partition::reached);
        let first = Known { nothing: known.is_none(), ..Known::default() };
        let edge = known.and_then(|known| known.edge);
        let (from, known) = match self.plan.purpose {
            Purpose::Incremental => (reached, Known { edge, ..first }),
            Purpose::Refresh => (None, first),
            Purpose::Reconcile => {
                let before = self.known_before(partition, reached.as_ref()).await?;
                (None, Known { before, ..first })
            }
        };
        let open = |slice: crate::pull::PullSlice| OpenSlice {
            id: SliceId::new(&digest, slice.window.map(Window::from)),
            slice: slice.detail,
            window: slice.window,
            known: known.clone(),
            sofar: Sofar::default(),
        };
        let slices = self.pull.slices(partition, from.as_ref()).await?;
        let slices: Vec<_> = slices.into_iter().map(open).collect();
        self.hold.expand(&self.plan, &partition.key, &slices).await?;
        Ok(slices)
    }

    /// Where the next incremental plan would begin: rows dated earlier have all been read.
    async fn known_before(
        &self,
        partition: &PullPartition,
        reached: Option<&CursorValue>,
    ) -> Result<Option<Timestamp>, Error> {
        if reached.is_none() {
            return Ok(None);
        }
        let next = self.pull.slices(partition, reached).await?;
        Ok(next.first().and_then(|slice| slice.window).map(Window::from))
    }

    async fn stored(&self) -> Result<Plan, Error> {
        let stored = self.deps.store.plan(self.key(), &self.plan.id).await?;
        Ok(stored.unwrap_or_else(|| self.plan.clone()))
    }
}

impl Feed<'_> {
    async fn next(&mut self) -> Result<Option<OpenSlice>, Error> {
        while !self.work.should_stop() {
            if let Some(slice) = self.ready.pop_front() {
                return Ok(Some(slice));
            }
            if matches!(self.stage, Stage::Over) {
                return Ok(None);
            }
            self.advance().await?;
        }
        Ok(None)
    }

    async fn advance(&mut self) -> Result<(), Error> {
        let work = self.work;
        match &mut self.stage {
            Stage::Stored { after } => {
                let (key, plan) = (work.key(), &work.plan.id);
                let store = &work.deps.store;
                let (open, next) = store.open_slices(key, plan, after.as_deref(), PAGE).await?;
                self.ready.extend(open);
                *after = next;
                if after.is_none() {
                    let expanded = work.stored().await?.expanded;
                    let partitions = || Stage::Partitions(work.pull.partitions());
                    self.stage = if expanded { Stage::Over } else { partitions() };
                }
            }
            Stage::Partitions(partitions) => {
                if let Some(partition) = partitions.next().await.transpose()? {
                    self.ready.extend(work.expand(&partition).await?);
                } else {
                    work.hold.expanded(&mut work.plan.clone()).await?;
                    self.stage = Stage::Over;
                }
            }
            Stage::Over => {}
        }
        Ok(())
    }
}
