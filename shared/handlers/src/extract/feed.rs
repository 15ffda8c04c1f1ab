//! The slices of a plan, one after the other: those that are stored first, then those of
//! partitions that the plan has not come to yet. Never all of them at once.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use store::{OpenSlice, Plan, Purpose, SliceId, Sofar, partition_digest};

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
        let from = match self.plan.purpose {
            Purpose::Incremental => known.and_then(|known| known.reached()),
            Purpose::Refresh | Purpose::Reconcile => None,
        };
        let open = |slice: crate::pull::PullSlice| OpenSlice {
            id: SliceId::new(&digest, slice.window.map(model::Window::from)),
            slice: slice.detail,
            window: slice.window,
            sofar: Sofar::default(),
        };
        let slices = self.pull.slices(partition, from.as_ref()).await?;
        let slices: Vec<_> = slices.into_iter().map(open).collect();
        self.hold.expand(&self.plan, &partition.key, &slices).await?;
        Ok(slices)
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
