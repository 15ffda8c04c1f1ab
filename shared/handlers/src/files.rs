//! Takes partners' files in: seen, archived, claimed, verified, accepted; or refused, with a reason.
//!
//! Every step may be repeated and left at any point. A file's bytes stand in the archive before
//! its content is claimed, the claim is one conditional write, its records stand in parts before
//! one object makes them count, and only then is the source moved.

mod accept;
mod again;
mod away;
mod feeds;
mod fetch;
mod read;
mod scan;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lake::{CommitError, KeyFault};
use model::{Classify, ObjectKey, Retry, Timestamp};
use ports::{
    Deadline, DropError, Message, Metrics, ObjectError, Queue, QueueError, Received, Uploads,
};
use serde::{Deserialize, Serialize};
use store::files::FeedKey;
use store::{Store, StoreError};

use crate::batch::{self, Asked, Handle, Settled, settle};
use crate::configuration;

pub(crate) use feeds::rules;
pub use feeds::{ConfiguredFeeds, FeedListed, Feeds, OpenFeed};
pub(crate) use fetch::hex;

/// Nothing new is begun when less than this is left of the time.
const RESERVE: Duration = Duration::from_secs(20);

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// Feeds as tenants have them.
    pub feeds: Arc<dyn Feeds>,
    /// Where files are archived and their records are put.
    pub lake: Arc<dyn Uploads>,
    /// The ledger.
    pub store: Store,
    /// Where looks wait to be taken.
    pub queue: Arc<dyn Queue>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// Why the function runs: a batch of looks and of S3's notifications of drops, or one work.
pub type Event = batch::Event<Work>;

/// Work that is asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Work {
    /// Look at all places whose time has come: `{"sweep": true}`.
    Sweep {
        /// Always true.
        sweep: bool,
    },
    /// Take a refused file in once more: `{"again": "outcomes/files/…"}`.
    Again {
        /// The object that says why it was refused.
        again: ObjectKey,
    },
    /// Look at one: `{"tenant": …, "feed": …}`.
    Look(FeedKey),
}

/// What the function answers.
pub type Answer = batch::Answer<Outcome>;

/// What became of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Looks were enqueued.
    Swept {
        /// How many.
        enqueued: u64,
    },
    /// A place was looked at.
    Looked(Looked),
    /// Another worker looks at it.
    Busy {
        /// Until then at most.
        until: Timestamp,
    },
    /// No tenant has such a feed, or it rests.
    Unknown,
}

/// What a look came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Files that lie there and are not done with.
    pub seen: u64,
    /// Files of these that have not arrived whole.
    pub waiting: u64,
    /// Files whose records count now.
    pub accepted: u64,
    /// Files that were refused.
    pub rejected: u64,
    /// Files whose content was taken before.
    pub duplicates: u64,
    /// Records that count now.
    pub records: u64,
    /// Files that failed for reasons that may pass.
    pub failed: u64,
    /// Whether the next file is late.
    pub late: bool,
    /// Whether the time ran out before all was done.
    pub more: bool,
    /// When a file that waits may be whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
}

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The message is neither S3's nor ours.
    #[error("not a look at a feed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] configuration::Error),
    /// A feed lacks what its place needs.
    #[error("feed `{feed}`: {reason}")]
    Feed {
        /// The feed.
        feed: FeedKey,
        /// What it lacks.
        reason: String,
    },
    /// The place does not let us in, or does not answer.
    #[error("feed `{feed}`: {source}")]
    Drop {
        /// The feed.
        feed: FeedKey,
        /// Why.
        #[source]
        source: DropError,
    },
    /// A file cannot be taken in once more.
    #[error("`{path}` cannot be taken in once more: {reason}")]
    Again {
        /// Its path.
        path: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// An object cannot be written in its stored form.
    #[error(transparent)]
    Encode(#[from] CommitError),
    /// A part cannot be packed, or no thread is to be had.
    #[error("a file cannot be read for now: {0}")]
    Machine(#[from] std::io::Error),
    /// The lake does not take part.
    #[error(transparent)]
    Lake(#[from] ObjectError),
    /// The ledger does not take part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue does not take part.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Malformed(_)
            | Self::Key(_)
            | Self::Encode(_)
            | Self::Feed { .. }
            | Self::Again { .. } => Retry::Never,
            // What is not found may have been moved by another look since: the next one sees.
            Self::Machine(_) | Self::Lake(ObjectError::NotFound { .. }) => Retry::Backoff,
            Self::Configuration(error) => error.retry(),
            Self::Drop { source, .. } => source.retry(),
            Self::Lake(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Queue(error) => error.retry(),
        }
    }
}

/// Handles a batch of messages, or one piece of work.
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Answer, Error> {
    let messages = Messages { deps, deadline };
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
    deadline: Deadline,
}

impl Messages<'_> {
    async fn work(&self, work: Work) -> Result<Outcome, Error> {
        match work {
            Work::Sweep { .. } => sweep::sweep(self.deps).await,
            Work::Look(key) => scan::scan(self.deps, &key, self.deadline).await,
            Work::Again { again } => again::again(self.deps, &again, self.deadline).await,
        }
    }

    /// Looks at a feed, and has it looked at again where something is left.
    async fn look(&self, key: FeedKey) -> Result<Settled, Error> {
        let now = self.deps.store.now();
        match scan::scan(self.deps, &key, self.deadline).await? {
            Outcome::Looked(looked) if looked.more => enqueue(self.deps, &key, None).await?,
            Outcome::Looked(Looked { next: Some(next), .. }) => {
                enqueue(self.deps, &key, Some(next)).await?;
            }
            Outcome::Busy { until } => {
                let soon = now.checked_add(Duration::from_secs(30)).unwrap_or(until);
                return Ok(Settled::Later(until.min(soon)));
            }
            Outcome::Looked(_) | Outcome::Swept { .. } | Outcome::Unknown => {}
        }
        Ok(Settled::Done)
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
            Asked::Work(Work::Look(key)) => return self.look(key).await,
            Asked::Work(work @ (Work::Sweep { .. } | Work::Again { .. })) => {
                self.work(work).await?;
            }
            Asked::Created(keys) => {
                for key in sweep::told(self.deps, &keys).await? {
                    self.look(key).await?;
                }
            }
        }
        Ok(Settled::Done)
    }
}

/// Has a feed looked at, now or at an instant.
async fn enqueue(deps: &Deps, key: &FeedKey, at: Option<Timestamp>) -> Result<(), Error> {
    let body = serde_json::to_string(&Work::Look(key.clone()))?;
    let group = key.tenant.to_string();
    let message = Message { body, group, attributes: BTreeMap::new(), not_before: at };
    Ok(deps.queue.send_all(&[message]).await?)
}
