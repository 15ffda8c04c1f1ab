//! Batches of messages: each is settled by itself, none holds up another.

use async_trait::async_trait;
use model::{Classify, Retry, Timestamp};
use ports::{Clock, Queue, QueueError, Received};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::{BatchItemFailure, BatchResponse, SqsEvent, created_keys};

/// Why a function that works off a queue runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event<W> {
    /// A batch of messages.
    Batch(SqsEvent),
    /// One piece of work, asked for by name.
    Work(W),
}

/// What such a function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer<O> {
    /// To a batch: which messages come again.
    Batch(BatchResponse),
    /// To one piece of work: what became of it.
    Work(O),
}

impl<O> Answer<O> {
    /// What a batch is answered.
    pub fn batch(self) -> Option<BatchResponse> {
        match self {
            Self::Batch(response) => Some(response),
            Self::Work(_) => None,
        }
    }

    /// What became of one piece of work.
    pub fn work(self) -> Option<O> {
        match self {
            Self::Batch(_) => None,
            Self::Work(outcome) => Some(outcome),
        }
    }
}

/// What a message asks for.
pub(crate) enum Asked<W> {
    /// S3 tells that these objects were created.
    Created(Vec<String>),
    /// One piece of work.
    Work(W),
}

/// Reads what a message asks for.
pub(crate) fn asked<W: DeserializeOwned>(message: &Received) -> serde_json::Result<Asked<W>> {
    match created_keys(&message.body) {
        Some(keys) => Ok(Asked::Created(keys)),
        None => serde_json::from_str(&message.body).map(Asked::Work),
    }
}

/// What becomes of a message that was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It does not come again.
    Done,
    /// It comes again, as a fresh message, at that instant. Waiting is not failing.
    Later(Timestamp),
}

/// Handles one message.
#[async_trait]
pub trait Handle<E>: Send + Sync {
    /// Handles it.
    async fn handle(&self, message: &Received) -> Result<Settled, E>;
}

/// Handles the messages of a batch one after the other. A batch never fails as a whole: what is
/// transient comes again, what waits is deferred, what can never pass is put aside with its
/// reason.
pub async fn settle<E: Classify + std::error::Error + Send>(
    event: SqsEvent,
    queue: &dyn Queue,
    clock: &dyn Clock,
    handle: impl Handle<E>,
) -> BatchResponse {
    let mut response = BatchResponse::default();
    for record in event.records {
        let message = Received::from(record);
        let early = message.not_before.filter(|at| *at > clock.now());
        let settled = match early {
            Some(at) => queue.defer(&message, at).await,
            None => one(&message, queue, clock, &handle).await,
        };
        if let Err(error) = settled {
            tracing::warn!(message = %message.id, %error, "message comes again");
            response.batch_item_failures.push(BatchItemFailure { item_identifier: message.id });
        }
    }
    response
}

async fn one<E: Classify + std::error::Error + Send>(
    message: &Received,
    queue: &dyn Queue,
    clock: &dyn Clock,
    handle: &impl Handle<E>,
) -> Result<(), QueueError> {
    let error = match handle.handle(message).await {
        Ok(Settled::Done) => return Ok(()),
        Ok(Settled::Later(at)) => return queue.defer(message, at).await,
        Err(error) => error,
    };
    match error.retry() {
        Retry::Never | Retry::BadData => {
            tracing::error!(message = %message.id, %error, "message put aside");
            queue.dead_letter(message, &error.to_string()).await
        }
        Retry::After(wait) => {
            let at = clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
            queue.defer(message, at).await
        }
        Retry::Backoff => Err(QueueError::Unavailable { source: error.to_string().into() }),
    }
}
