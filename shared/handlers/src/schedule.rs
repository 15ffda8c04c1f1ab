//! Finds the work that is due, claims it and enqueues it; each piece once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::{Classify, Metric, Retry};
use ports::{Deadline, Metrics, ObjectStore, Queue};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError, StreamKey};

use crate::job::{Job, SendError, Target, enqueue};
use crate::pull::{PullError, Sources};

/// A schedule may fire this much before the instant that it was planned for.
const EARLY: Duration = Duration::from_secs(90);

/// A run stops when less than this is left of its time.
const RESERVE: Duration = Duration::from_secs(5);

/// Overdue streams taken from one shard of the due index at a time.
const PAGE: usize = 200;

/// Claims under way at once.
const SIDE_BY_SIDE: usize = 16;

/// Why the function runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A schedule fired.
    Fired(Target),
    /// Look for whatever is overdue: `{"sweep": true}`.
    Sweep {
        /// Always true.
        sweep: bool,
    },
}

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// What is configured.
    pub sources: Arc<dyn Sources>,
    /// State.
    pub store: Store,
    /// Where jobs go.
    pub jobs: Arc<dyn Queue>,
    /// Where commit objects go.
    pub lake: Arc<dyn ObjectStore>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Jobs enqueued.
    pub enqueued: u64,
    /// Streams that were looked at and are not due, or that another producer took.
    pub skipped: u64,
    /// Commit objects put again because nobody had noted them.
    pub published: u64,
    /// Whether the time ran out before everything was looked at.
    pub more: bool,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the configuration of {target} cannot be used")]
    Configuration {
        /// What for.
        target: String,
        /// Cause.
        #[source]
        source: PullError,
    },
    /// State is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A job was not enqueued; its claim comes back.
    #[error(transparent)]
    Job(#[from] SendError),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Configuration { source, .. } => source.retry(),
            Self::Store(error) => error.retry(),
            Self::Job(error) => error.retry(),
        }
    }
}

/// Claims due work and enqueues it.
#[tracing::instrument(skip_all)]
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Outcome, Error> {
    let outcome = match event {
        Event::Fired(target) => fired(deps, &target).await?,
        Event::Sweep { .. } => sweep(deps, deadline).await?,
    };
    deps.metrics.count(Metric::JobsEnqueued, outcome.enqueued);
    tracing::info!(enqueued = outcome.enqueued, skipped = outcome.skipped, "scheduled");
    Ok(outcome)
}

/// A schedule fired: its streams are made known, and those that are due are enqueued.
async fn fired(deps: &Deps, target: &Target) -> Result<Outcome, Error> {
    let fault = |source| Error::Configuration {
        target: format!("{}/{}", target.tenant, target.connection),
        source,
    };
    let streams = deps.sources.streams(target).await.map_err(fault)?;
    let mut outcome = Outcome::default();
    for stream in &streams {
        let described = deps.sources.describe(stream).await.map_err(fault)?;
        deps.store.enroll(stream, &described.source, deps.store.now()).await?;
        if described.paused {
            outcome.skipped += 1;
            continue;
        }
        outcome.count(start(deps, stream, EARLY).await?);
    }
    Ok(outcome)
}

impl Outcome {
    fn count(&mut self, started: Started) {
        match started {
            Started::Enqueued => self.enqueued += 1,
            Started::NotDue => self.skipped += 1,
        }
    }
}

#[derive(Clone, Copy)]
enum Started {
    Enqueued,
    NotDue,
}

/// Claims the work of one stream and enqueues it. A producer that dies in between loses nothing:
/// the claim comes back.
async fn start(deps: &Deps, stream: &StreamKey, slack: Duration) -> Result<Started, Error> {
    let Some(claim) = deps.store.claim(stream, slack).await? else { return Ok(Started::NotDue) };
    enqueue(deps.jobs.as_ref(), &Job::claimed(claim)).await?;
    Ok(Started::Enqueued)
}

/// Takes whatever is overdue: streams whose schedule was missed, claims whose producer died, open
/// work without a live lease, commits whose object nobody noted.
async fn sweep(deps: &Deps, deadline: Deadline) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for shard in 0..Store::shards() {
        if deadline.remaining(deps.store.clock().as_ref()) < RESERVE {
            outcome.more = true;
            break;
        }
        outcome.published += crate::extract::publish_shard(&deps.store, &deps.lake, shard).await?;
        let due = deps.store.due(shard, deps.store.now(), PAGE).await?;
        let mut started = stream::iter(due)
            .map(|listed| async move { overdue(deps, &listed.key).await })
            .buffer_unordered(SIDE_BY_SIDE);
        while let Some(result) = started.next().await {
            outcome.count(result?);
        }
    }
    Ok(outcome)
}

/// Starts an overdue stream, unless no configuration names it any more.
async fn overdue(deps: &Deps, stream: &StreamKey) -> Result<Started, Error> {
    match deps.sources.describe(stream).await {
        Ok(described) if !described.paused => start(deps, stream, Duration::ZERO).await,
        Ok(_) | Err(PullError::Unconfigured { .. }) => {
            deps.store.set_due(stream, None).await?;
            Ok(Started::NotDue)
        }
        Err(error) => {
            tracing::error!(stream = %stream, %error, "an overdue stream cannot be started");
            Ok(Started::NotDue)
        }
    }
}
