//! Pulls one stream of one tenant and lands it as NDJSON: lease, plan, pages, parts, commit, state,
//! in that order, so that a run may stop or die anywhere and the next one goes on.

mod confirm;
mod end;
mod feed;
mod gone;
mod land;
mod publish;
mod signs;
mod slice;
mod watch;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use model::{Classify, Retry, RunId, Timestamp};
use ports::{Deadline, ObjectError, ObjectStore, Queue, Received};
use serde::Serialize;
use store::{Counts, Generation, Leave, Refusal, Store, StoreError, StreamKey};

use crate::batch::{self, Handle, Settled, settle};
use crate::job::Job;
use crate::pull::{PullError, Sources};

pub use publish::publish_shard;
pub use watch::{Fact, Progress, Silent, Watch};

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// What is configured, and how it is read.
    pub sources: Arc<dyn Sources>,
    /// Where rows land.
    pub lake: Arc<dyn ObjectStore>,
    /// State.
    pub store: Store,
    /// Where continuations go.
    pub jobs: Arc<dyn Queue>,
    /// Who hears of what happens.
    pub watch: Watch,
}

/// Why the function runs: jobs from the queue, or one by hand.
pub type Event = batch::Event<Job>;

/// What the function answers.
pub type Answer = batch::Answer<Outcome>;

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is left open.
    Complete {
        /// What the run counted.
        counts: Counts,
    },
    /// It stopped in time; a continuation is enqueued, or the sweep finds the rest.
    Continued {
        /// What the run counted.
        counts: Counts,
        /// Not before this instant, when the source or a budget asked for a pause.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The source said "not now" or "not for this account".
    Skipped {
        /// What it said.
        reason: String,
    },
    /// It failed; state is as before, the schedule tries again.
    Failed {
        /// Retry class.
        class: String,
        /// What happened.
        message: String,
    },
    /// Another worker holds the stream until then.
    Held {
        /// Until when.
        until: Timestamp,
    },
    /// The work was taken up by another worker: there is nothing to do.
    Dropped,
}

/// Why a job could not even be accounted for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The message is not a job.
    #[error("not a job: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The stream is not configured, or cannot be opened.
    #[error(transparent)]
    Source(#[from] PullError),
    /// A run holds the stream.
    #[error("{stream} is being pulled until {until}, at the latest")]
    Busy {
        /// Stream.
        stream: Box<StreamKey>,
        /// Until when.
        until: Timestamp,
    },
    /// State is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lake is out of reach.
    #[error("rows cannot be landed")]
    Lake(#[from] ObjectError),
    /// A part could not be encoded, or a key not be made.
    #[error("rows cannot be encoded: {reason}")]
    Encode {
        /// Why.
        reason: String,
    },
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Malformed(_) | Self::Encode { .. } => Retry::Never,
            Self::Source(error) => error.retry(),
            Self::Busy { .. } => Retry::Backoff,
            Self::Store(error) => error.retry(),
            Self::Lake(error) => error.retry(),
        }
    }
}

/// Handles a batch of jobs, or one.
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Answer, Error> {
    match event {
        Event::Work(job) => Ok(Answer::Work(pull(deps, job, deadline).await?)),
        Event::Batch(batch) => {
            let clock = deps.store.clock();
            let one = Messages { deps, deadline };
            let response = settle(batch, deps.jobs.as_ref(), clock.as_ref(), one).await;
            Ok(Answer::Batch(response))
        }
    }
}

struct Messages<'a> {
    deps: &'a Deps,
    deadline: Deadline,
}

#[async_trait]
impl Handle<Error> for Messages<'_> {
    async fn handle(&self, message: &Received) -> Result<Settled, Error> {
        let job: Job = serde_json::from_str(&message.body)?;
        Ok(match pull(self.deps, job, self.deadline).await? {
            Outcome::Held { until } => Settled::Later(until),
            _ => Settled::Done,
        })
    }
}

/// Pulls one stream, as far as the time goes.
#[tracing::instrument(skip_all, fields(
    tenant = %job.stream.tenant, connection = %job.stream.connection, stream = %job.stream.stream,
))]
pub async fn pull(deps: &Deps, job: Job, deadline: Deadline) -> Result<Outcome, Error> {
    let run: RunId = deps
        .store
        .ids()
        .fresh()
        .parse()
        .map_err(|_| Error::Encode { reason: "the run has no usable id".to_owned() })?;
    let hold = match deps.store.acquire(&job.stream, &run, job.expects).await? {
        Ok(hold) => hold,
        Err(Refusal::Held { until }) => return Ok(Outcome::Held { until }),
        Err(Refusal::Superseded) => return Ok(Outcome::Dropped),
        Err(Refusal::Unknown) => {
            let described = deps.sources.describe(&job.stream).await?;
            deps.store.enroll(&job.stream, &described.source, deps.store.now()).await?;
            match deps.store.acquire(&job.stream, &run, None).await? {
                Ok(hold) => hold,
                Err(_) => return Ok(Outcome::Dropped),
            }
        }
    };
    end::run(deps, hold, &job, deadline).await
}

/// Accepts the refresh of a stream that was held aside because it had shrunk, as a person asked:
/// views show it from then on. None when nothing is held aside.
pub async fn accept(deps: &Deps, stream: &StreamKey) -> Result<Option<Generation>, Error> {
    let run: RunId = deps.store.ids().fresh().parse().map_err(land::encode)?;
    let hold = match deps.store.acquire(stream, &run, None).await? {
        Ok(hold) => hold,
        Err(Refusal::Held { until }) => {
            let held = Box::new(stream.clone());
            return Err(Error::Busy { stream: held, until });
        }
        Err(Refusal::Superseded | Refusal::Unknown) => return Ok(None),
    };
    let accepted = hold.accept().await?;
    let (head, now) = (hold.head().await, deps.store.now());
    let described = deps.sources.describe(stream).await?;
    let regular = described.schedule.after(head.last_checked.unwrap_or(now));
    let due = if head.plan.is_some() { now } else { regular };
    hold.leave(Leave::Waiting { due }).await?;
    let (waiting, _) = deps.store.unpublished_of(stream, None).await?;
    for commit in &waiting {
        publish::publish(&deps.store, &deps.lake, commit).await?;
    }
    Ok(accepted)
}
