//! Batches of messages: each is settled by itself, none holds up another.

use async_trait::async_trait;
use model::{Classify, Retry, Timestamp};
use ports::{Clock, Queue, QueueError, Received};

use crate::event::{BatchItemFailure, BatchResponse, SqsEvent};

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
