//! Sends records to APIs: accepted files and changed rows of models in, batches through the
//! destination's rules, one final outcome for each item out.
//!
//! What is to be done stands in the table; messages only wake it. A request is stored before it
//! is sent, what came of it before the batch is ended, and a batch is ended in the transaction
//! that opens those that go on with its items. So it may be left at any point, and done by any
//! number of workers at once.

mod again;
mod book;
mod finish;
mod intake;
pub mod invariant;
mod opened;
mod pace;
mod pack;
mod parts;
mod plan;
mod round;
mod run;
mod send;
mod verdict;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use destination::Error as DestinationError;
use lake::curated::{CuratedError, CuratedKey, Layer};
use lake::delivery::FileKey;
use lake::part::ReadError;
use lake::{CommitError, KeyFault};
use model::{Classify, ObjectKey, Retry};
use ports::{
    Deadline, Http, Metrics, ObjectError, ObjectStore, Queue, QueueError, Received, Secrets,
};
use serde::{Deserialize, Serialize};
use store::budget::{BudgetError, Budgets};
use store::push::PushKey;
use store::{Store, StoreError};

use crate::batch::{self, Asked, Handle, Settled, settle};
use crate::configuration::{self, Configuration};
use again::Which;
pub use opened::pushes_of;
pub use pace::Memory;

/// Nothing new is begun when less than this is left of the time.
const RESERVE: Duration = Duration::from_secs(15);

/// The world outside, as pushes see it.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The way to destinations.
    pub http: Arc<dyn Http>,
    /// What tenants' files refer to.
    pub secrets: Arc<dyn Secrets>,
    /// How many calls may be made.
    pub budgets: Budgets,
    /// What this process keeps between invocations.
    pub memory: Arc<Memory>,
}

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// Tenants and destinations.
    pub configuration: Arc<Configuration>,
    /// Destinations.
    pub outside: Outside,
    /// Accepted files, intents, outcomes.
    pub lake: Arc<dyn ObjectStore>,
    /// Batches, groups, entities.
    pub store: Store,
    /// What wakes pushes.
    pub queue: Arc<dyn Queue>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// Why the function runs: a batch of works and of S3's notifications, or one work.
pub type Event = batch::Event<Work>;

/// Work that is asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Work {
    /// Do what is due at a push: `{"push": {"tenant": …, "push": …}}`.
    Push {
        /// Which.
        push: PushKey,
    },
    /// Take a receipt of a model: `{"receipt": …}`.
    Take {
        /// The receipt's object.
        receipt: ObjectKey,
    },
    /// Try what failed of a file once more: `{"again": "outcomes/done/…"}`.
    Again {
        /// The object that says how the file ended.
        again: ObjectKey,
        /// Also what nobody knows of: the destination may have it already.
        #[serde(default)]
        unknown: bool,
    },
    /// Wake all pushes: `{"sweep": true}`.
    Sweep {
        /// Always true.
        sweep: bool,
    },
}

/// What the function answers.
pub type Answer = batch::Answer<Outcome>;

/// What became of a piece of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Calls that were made.
    pub calls: u64,
    /// Items that ended.
    pub items: u64,
    /// Files that ended.
    pub files: u64,
    /// Changed rows of models that were taken.
    pub changed: u64,
    /// Records that are tried once more.
    pub again: u64,
    /// Pushes that were woken.
    pub woken: u64,
    /// Whether something is left to do, now or later; somebody is woken for it.
    pub more: bool,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.items += other.items;
        self.files += other.files;
        self.changed += other.changed;
        self.again += other.again;
        self.woken += other.woken;
        self.more |= other.more;
    }
}

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The message is neither S3's nor ours.
    #[error("not a push to do: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A key that is none of the lake's, or cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] configuration::Error),
    /// The destination's file and the push do not go together.
    #[error("push `{push}` cannot be sent: {source}")]
    Destination {
        /// Which.
        push: PushKey,
        /// Why.
        #[source]
        source: DestinationError,
    },
    /// The destination's file has no such operation.
    #[error("push `{push}`: the destination has no operation `{operation}`")]
    Operation {
        /// Which.
        push: PushKey,
        /// The operation.
        operation: String,
    },
    /// An object of a push cannot be read, or not be written down.
    #[error("`{key}` cannot be read: {source}")]
    Stored {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// A part of a file cannot be read.
    #[error("part `{key}` cannot be read: {source}")]
    Part {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A line of a part is no record.
    #[error("part `{key}` holds a line that is no record: {source}")]
    Line {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file of errors cannot be written down.
    #[error("`{key}` cannot be written")]
    Table {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: csv::Error,
    },
    /// Records cannot be packed.
    #[error("`{key}` cannot be packed")]
    Pack {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Rows of a model cannot be read.
    #[error("rows of `{key}` cannot be read: {source}")]
    Rows {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CuratedError,
    },
    /// A file that ended so long ago that its batches are forgotten, or only just now.
    #[error(
        "file `{file}` has ended more than 90 days ago, or this instant: it cannot be tried again"
    )]
    Forgotten {
        /// The file.
        file: String,
    },
    /// The call budget gives nothing now.
    #[error(transparent)]
    Budget(#[from] BudgetError),
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
            | Self::Operation { .. }
            | Self::Stored { .. }
            | Self::Part { .. }
            | Self::Line { .. }
            | Self::Table { .. }
            | Self::Pack { .. }
            | Self::Rows { .. }
            | Self::Forgotten { .. } => Retry::Never,
            Self::Destination { source, .. } => source.retry(),
            Self::Configuration(error) => error.retry(),
            Self::Budget(error) => error.retry(),
            Self::Lake(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Queue(error) => error.retry(),
        }
    }
}

/// Handles a batch of messages, or one piece of work.
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Answer, Error> {
    let messages = Messages { deps, deadline };
    let answer = match event {
        Event::Work(work) => messages.work(work).await.map(Answer::Work),
        Event::Batch(batch) => {
            let clock = deps.store.clock();
            let response = settle(batch, deps.queue.as_ref(), clock.as_ref(), messages).await;
            Ok(Answer::Batch(response))
        }
    };
    if let Err(error) = deps.outside.budgets.put_back().await {
        tracing::warn!(%error, "permits were not put back: they come free by themselves");
    }
    answer
}

struct Messages<'a> {
    deps: &'a Deps,
    deadline: Deadline,
}

impl Messages<'_> {
    async fn work(&self, work: Work) -> Result<Outcome, Error> {
        match work {
            Work::Push { push } => run::run(self.deps, &push, self.deadline).await,
            Work::Take { receipt } => intake::take(self.deps, &receipt, self.deadline).await,
            Work::Again { again, unknown } => {
                let which = if unknown { Which::Unknown } else { Which::Failed };
                again::again(self.deps, &again, which).await
            }
            Work::Sweep { .. } => wake::sweep(self.deps).await,
        }
    }

    /// Does what an object that was created asks for.
    async fn created(&self, key: ObjectKey) -> Result<Outcome, Error> {
        if let Ok(CuratedKey { layer: Layer::Receipts, .. }) = CuratedKey::parse(&key) {
            return intake::take(self.deps, &key, self.deadline).await;
        }
        let file = FileKey::parse(&key)?;
        let mut outcome = Outcome::default();
        for push in pushes_of(&self.deps.configuration, &file.tenant, &file.origin).await? {
            outcome += run::run(self.deps, &push, self.deadline).await?;
        }
        Ok(outcome)
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
                    self.created(ObjectKey::try_from(key).map_err(KeyFault::from)?).await?;
                }
            }
        }
        Ok(Settled::Done)
    }
}

#[cfg(test)]
mod tests;
