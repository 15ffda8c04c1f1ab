//! Work between functions: SQS, or a queue in the process.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use model::{Classify, Retry};

/// Deliveries before a message goes to the dead-letter queue; each one counts a crash or a
/// transient failure, never a wait.
pub const DELIVERY_LIMIT: u32 = 5;

/// Longest that a service holds a message back (SQS's `DelaySeconds`); a message whose
/// `not_before` lies further ahead is delivered early and says so.
pub const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// Attribute under which a message on the dead-letter queue carries the reason, when someone
/// gave one.
pub const REASON: &str = "reason";

/// Attribute that carries a message's group beside the body, for readers that are not shown the
/// service's own (`MessageGroupId`).
pub const GROUP: &str = "group";

/// Attribute that carries a message's `not_before`, RFC 3339.
pub const NOT_BEFORE: &str = "not-before";

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Body: JSON text, at most 1 MiB with attributes (SQS's limit since January 2026; adapters
    /// enforce 256 KiB, which every emulator takes too).
    pub body: String,
    /// Fair-queue group (`MessageGroupId` on a standard queue): the tenant.
    pub group: String,
    /// Attributes, such as the trace context. Names `[A-Za-z0-9_.-]`; at most seven, three are ours.
    pub attributes: BTreeMap<String, String>,
    /// Not delivered before this instant (kept beyond SQS's 15 minutes by chained copies).
    pub not_before: Option<Timestamp>,
}

/// A delivered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Id of the message.
    pub id: String,
    /// Handle of this delivery.
    pub receipt: String,
    /// Body.
    pub body: String,
    /// Group.
    pub group: String,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// How often it was delivered, this time included.
    pub receives: u32,
    /// The message asks not to be handled before this instant: `defer` it again when it is early.
    pub not_before: Option<Timestamp>,
}

/// Why a queue operation failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The message cannot be sent as it is.
    #[error("message refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// No answer; the operation may or may not have happened.
    #[error("the queue is unavailable")]
    Unavailable {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for QueueError {
    fn retry(&self) -> Retry {
        match self {
            Self::Refused { .. } => Retry::Never,
            Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// One queue: at least once, in no order, messages hidden while they are worked on.
#[async_trait]
pub trait Queue: Debug + Send + Sync + 'static {
    /// Sends messages, in batches of the size the service takes. One result a message, in order.
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError>;

    /// Sends messages, or fails; some of them may have been sent then.
    async fn send_all(&self, messages: &[Message]) -> Result<(), QueueError> {
        self.send(messages).await?.into_iter().collect()
    }

    /// Takes up to `max` (1..=10) messages and hides them for `visibility`; waits up to `wait`
    /// (≤ 20 s) for the first. A message whose deliveries exceed [`DELIVERY_LIMIT`] goes to the
    /// dead-letter queue instead.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError>;

    /// Done: the message does not come again. Repeating it, or doing it late, is harmless.
    async fn ack(&self, message: &Received) -> Result<(), QueueError>;

    /// Not yet: sends a fresh copy with its own delivery count that is not handled before
    /// `until`, then acks this one. A crash in between doubles the message, never loses it.
    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError>;

    /// Never: puts the message on the dead-letter queue with the reason, then acks it.
    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError>;
}
