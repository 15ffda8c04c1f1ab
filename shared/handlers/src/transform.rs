//! Makes rows of standard models from what landed: commits in, curated objects, quarantine and
//! receipts out.
//!
//! Everything it writes follows from the commit, the landing objects and the model's revision, so
//! a commit may be taken in any number of times, in any order, and be left half-done at any point:
//! only the receipt, which comes last, makes it visible.

mod drift;
mod keys;
mod models;
mod object;
mod refuse;
mod retire;
mod row;
mod sweep;
mod take;
mod things;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lake::curated::{CuratedError, ThingCounts};
use lake::{CommitError, KeyFault};
use model::{Classify, ModelName, ObjectKey, Retry};
use normalize::Refusal;
use ports::{Deadline, Message, Metrics, ObjectError, ObjectStore, Queue, QueueError, Received};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};

use crate::batch::{self, Asked, Handle, Settled, settle};
use crate::configuration::{self, Configuration};
use models::Models;
pub use sweep::Replay;

/// Nothing new is begun when less than this is left of the time.
const RESERVE: Duration = Duration::from_secs(20);

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// Models, and the keys of streams.
    pub configuration: Arc<Configuration>,
    /// Where landing objects are read and curated ones are written.
    pub lake: Arc<dyn ObjectStore>,
    /// Receipts, drift, things.
    pub store: Store,
    /// Where commits wait to be taken in.
    pub queue: Arc<dyn Queue>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// Why the function runs: a batch of works and of S3's notifications, or one work.
pub type Event = batch::Event<Work>;

/// Work that is asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Work {
    /// Take a commit in.
    Take(Take),
    /// Look for commits that were not taken in: `{"sweep": true}`.
    Sweep {
        /// Always true.
        sweep: bool,
    },
    /// Take all commits of a model's streams in again: `{"replay": {"model": …}}`.
    Replay {
        /// Which.
        replay: Replay,
    },
}

/// A commit to take in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The commit object.
    pub commit: ObjectKey,
    /// By these models; by all that read the stream when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelName>>,
    /// Whether it is taken in although its receipt is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Whether somebody ran out of time on it, and left what is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
}

impl Take {
    /// By all models that read the stream, unless they have.
    pub fn new(commit: ObjectKey) -> Self {
        Self { commit, models: None, again: false, resume: false }
    }
}

/// What the function answers.
pub type Answer = batch::Answer<Outcome>;

/// What became of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A commit was taken in by these models; by none when none reads its stream, when all had
    /// taken it in before, or when it is no more.
    Taken {
        /// What each made of it.
        models: Vec<Taken>,
    },
    /// Commits that had not been taken in are enqueued.
    Swept {
        /// How many.
        enqueued: u64,
        /// Things that were told of.
        told: u64,
        /// Whether the time ran out before all were looked at.
        more: bool,
    },
    /// All commits are enqueued.
    Replayed {
        /// How many.
        enqueued: u64,
        /// Things that were told of.
        told: u64,
    },
    /// The time is up; the rest is enqueued.
    Continued,
}

/// What a model made of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The model.
    pub model: ModelName,
    /// Lines that the commit names.
    pub lines: u64,
    /// Rows.
    pub rows: u64,
    /// What was refused.
    pub refused: u64,
    /// What became of the records, where the model has identity rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub things: Option<ThingCounts>,
}

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The message is neither S3's nor ours.
    #[error("not a commit to take in: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A key that is none of the lake's, or cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The commit object cannot be read.
    #[error("`{key}` cannot be taken in")]
    Commit {
        /// The commit object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// The commit object tells of another attempt than its key.
    #[error("`{key}` does not hold the commit that its key names")]
    Foreign {
        /// The commit object.
        key: ObjectKey,
    },
    /// A value breaks a rule of a field that lets nothing of its object pass.
    #[error("`{object}` line {line}: model `{model}`: {refusal}")]
    Violated {
        /// The landing object.
        object: ObjectKey,
        /// The line, from 1.
        line: u64,
        /// The model.
        model: ModelName,
        /// Which rules.
        refusal: Refusal,
    },
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] configuration::Error),
    /// Rows cannot be written down.
    #[error("rows of model `{model}` cannot be encoded")]
    Encode {
        /// The model.
        model: ModelName,
        /// Why.
        #[source]
        source: CuratedError,
    },
    /// A receipt cannot be written down.
    #[error("what became of a commit cannot be encoded")]
    Receipt(#[source] CommitError),
    /// The lake is out of reach.
    #[error("the lake is out of reach: {0}")]
    Lake(#[from] ObjectError),
    /// State is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Work cannot be enqueued.
    #[error("work cannot be enqueued")]
    Queue(#[from] QueueError),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Malformed(_)
            | Self::Key(_)
            | Self::Commit { .. }
            | Self::Foreign { .. }
            | Self::Violated { .. }
            | Self::Encode { .. }
            | Self::Receipt(_) => Retry::Never,
            Self::Configuration(error) => error.retry(),
            Self::Lake(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Queue(error) => error.retry(),
        }
    }
}

/// Handles a batch of messages, or one piece of work.
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Answer, Error> {
    let models = Models::load(&deps.configuration).await?;
    let messages = Messages { deps, models: &models, deadline };
    match event {
        Event::Work(work) => Ok(Answer::Work(messages.work(work).await?)),
        Event::Batch(batch) => {
            let clock = deps.store.clock();
            let response = settle(batch, deps.queue.as_ref(), clock.as_ref(), messages).await;
            Ok(Answer::Batch(response))
        }
    }
}

struct Messages<'a> {
    deps: &'a Deps,
    models: &'a Models,
    deadline: Deadline,
}

impl Messages<'_> {
    async fn work(&self, work: Work) -> Result<Outcome, Error> {
        match work {
            Work::Take(take) => self.take(take).await,
            Work::Sweep { .. } => sweep::sweep(self.deps, self.models, self.deadline).await,
            Work::Replay { replay } => {
                if self.models.named(&replay.model).is_none() {
                    // Says which models there are, or what is wrong with this one.
                    self.deps.configuration.revised(&replay.model).await?;
                }
                sweep::replay(self.deps, self.models, replay, self.deadline).await
            }
        }
    }

    /// Takes a commit in; what the time does not suffice for is enqueued.
    async fn take(&self, take: Take) -> Result<Outcome, Error> {
        let taken = take::take(self.deps, self.models, &take, self.deadline).await?;
        if let Some(models) = taken {
            return Ok(Outcome::Taken { models });
        }
        enqueue(self.deps, &Work::Take(Take { resume: true, ..take })).await?;
        Ok(Outcome::Continued)
    }
}

#[async_trait]
impl Handle<Error> for Messages<'_> {
    async fn handle(&self, message: &Received) -> Result<Settled, Error> {
        let clock = self.deps.store.clock();
        if self.deadline.remaining(clock.as_ref()) < RESERVE {
            return Ok(Settled::Later(clock.now()));
        }
        match batch::asked(message)? {
            Asked::Work(work) => {
                self.work(work).await?;
            }
            Asked::Created(keys) => {
                for key in keys {
                    let commit = ObjectKey::try_from(key).map_err(KeyFault::from)?;
                    self.take(Take::new(commit)).await?;
                }
            }
        }
        Ok(Settled::Done)
    }
}

/// Sends work to the function's own queue.
async fn enqueue(deps: &Deps, work: &Work) -> Result<(), Error> {
    ask(deps.queue.as_ref(), std::slice::from_ref(work)).await
}

/// Sends works to the queue of the function that does them.
pub async fn ask(queue: &dyn Queue, works: &[Work]) -> Result<(), Error> {
    let messages = works.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    Ok(queue.send_all(&messages).await?)
}

/// Work as a message, in the group of its tenant, so that none holds up another.
fn message(work: &Work) -> Result<Message, Error> {
    let tenant = match work {
        Work::Take(take) => lake::CommitKey::parse(&take.commit).ok().map(|key| key.0.tenant),
        Work::Replay { replay } => replay.tenant.clone(),
        Work::Sweep { .. } => None,
    };
    let group = tenant.map_or_else(|| "-".to_owned(), |tenant| tenant.to_string());
    let body = serde_json::to_string(work)?;
    Ok(Message { body, group, attributes: BTreeMap::new(), not_before: None })
}

#[cfg(test)]
mod tests;
