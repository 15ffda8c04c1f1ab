//! A standard queue and its dead-letter queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    Message as SqsMessage, MessageAttributeValue, MessageSystemAttributeName,
    SendMessageBatchRequestEntry,
};
use jiff::Timestamp;
use ports::{
    Clock, GROUP, LONGEST_DELAY, Message, NOT_BEFORE, Queue, QueueError, REASON, Received,
    carried_reason, check_message,
};

use crate::config::Aws;
use crate::error::{Failure, Meaning, failure};

/// Most messages of one batch.
const BATCH: usize = 10;

/// Most bytes of one batch: SQS counts its messages together.
const BATCH_BYTES: usize = 256 * 1024;

/// Longest that a message can be hidden
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>).
const LONGEST_VISIBILITY: Duration = Duration::from_hours(12);

/// Longest that a receive can wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Where a queue and its dead letters are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrls {
    /// The queue itself.
    pub queue: String,
    /// Where its dead letters go.
    pub dead_letters: String,
}

/// A standard queue. Its redrive policy, set where the queue is made, must send a message to the
/// dead-letter queue after [`ports::DELIVERY_LIMIT`] deliveries.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    aws: Arc<Aws>,
    urls: QueueUrls,
    clock: Arc<dyn Clock>,
}

impl SqsQueue {
    /// The queue at these URLs.
    pub fn new(aws: Arc<Aws>, urls: QueueUrls, clock: Arc<dyn Clock>) -> Self {
        Self { aws, urls, clock }
    }

    /// Sends one batch and puts each message's outcome at its place.
    async fn send_batch(
        &self,
        batch: &[(usize, &Message)],
        outcomes: &mut [Result<(), QueueError>],
    ) -> Result<(), QueueError> {
        let mut call = self.aws.sqs().send_message_batch().queue_url(&self.urls.queue);
        for (place, message) in batch {
            call = call.entries(self.entry(*place, message)?);
        }
        let answer = call.send().await.map_err(failed)?;
        for refusal in answer.failed {
            let reason = format!("{}: {}", refusal.code, refusal.message.unwrap_or_default());
            let error = if refusal.sender_fault {
                QueueError::Refused { reason }
            } else {
                QueueError::Unavailable { source: reason.into() }
            };
            let place = refusal.id.parse::<usize>().ok();
            if let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) {
                *outcome = Err(error);
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        place: usize,
        message: &Message,
    ) -> Result<SendMessageBatchRequestEntry, QueueError> {
        let mut entry = SendMessageBatchRequestEntry::builder()
            .id(place.to_string())
            .message_body(&message.body)
            .message_group_id(&message.group)
            .message_attributes(GROUP, text(&message.group)?);
        if let Some(not_before) = message.not_before {
            entry = entry
                .delay_seconds(self.delay(not_before))
                .message_attributes(NOT_BEFORE, text(&not_before.to_string())?);
        }
        for (name, value) in &message.attributes {
            entry = entry.message_attributes(name, text(value)?);
        }
        entry.build().map_err(|error| QueueError::Refused { reason: error.to_string() })
    }

    /// Whole seconds until then, rounded up, as far as SQS holds a message back.
    fn delay(&self, until: Timestamp) -> i32 {
        let wait = Duration::try_from(until.duration_since(self.clock.now()));
        seconds(wait.unwrap_or_default().min(LONGEST_DELAY))
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let mut outcomes: Vec<_> = messages.iter().map(check_message).collect();
        let mut batch = Vec::new();
        let mut bytes = 0;
        for (place, message) in messages.iter().enumerate() {
            if !matches!(outcomes.get(place), Some(Ok(()))) {
                continue;
            }
            let weight = weight(message);
            if batch.len() == BATCH || (!batch.is_empty() && bytes + weight > BATCH_BYTES) {
                self.send_batch(&batch, &mut outcomes).await?;
                batch.clear();
                bytes = 0;
            }
            batch.push((place, message));
            bytes += weight;
        }
        if !batch.is_empty() {
            self.send_batch(&batch, &mut outcomes).await?;
        }
        Ok(outcomes)
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let call = self
            .aws
            .sqs()
            .receive_message()
            .queue_url(&self.urls.queue)
            .max_number_of_messages(i32::try_from(max.clamp(1, BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(wait.min(LONGEST_WAIT)))
            .visibility_timeout(seconds(visibility.min(LONGEST_VISIBILITY)))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = call.send().await.map_err(failed)?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        let call = self.aws.sqs().delete_message().queue_url(&self.urls.queue);
        match call.receipt_handle(&message.receipt).send().await.map_err(failure) {
            Ok(_) => Ok(()),
            Err(failure) if is_spent(&failure) => Ok(()),
            Err(failure) => Err(meant(failure)),
        }
    }

    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError> {
        let copy = Message {
            body: message.body.clone(),
            group: message.group.clone(),
            attributes: message.attributes.clone(),
            not_before: Some(until),
        };
        for outcome in self.send(&[copy]).await? {
            outcome?;
        }
        self.ack(message).await
    }

    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        let mut call = self
            .aws
            .sqs()
            .send_message()
            .queue_url(&self.urls.dead_letters)
            .message_body(&message.body)
            .message_attributes(GROUP, text(&message.group)?)
            .message_attributes(REASON, text(&carried_reason(reason))?);
        for (name, value) in message.attributes.iter().filter(|(name, _)| *name != REASON) {
            call = call.message_attributes(name, text(value)?);
        }
        call.send().await.map_err(failed)?;
        self.ack(message).await
    }
}

/// What SQS counts of a message.
fn weight(message: &Message) -> usize {
    let attributes: usize = message.attributes.iter().map(|(n, v)| n.len() + v.len() + 8).sum();
    message.body.len() + attributes + 2 * message.group.len() + 128
}

fn text(value: &str) -> Result<MessageAttributeValue, QueueError> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .map_err(|error| QueueError::Refused { reason: error.to_string() })
}

fn received(message: SqsMessage) -> Received {
    let system = message.attributes.unwrap_or_default();
    let mut attributes: BTreeMap<String, String> = message
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.string_value?)))
        .collect();
    let receives = system.get(&MessageSystemAttributeName::ApproximateReceiveCount);
    let group = attributes.remove(GROUP);
    let native = system.get(&MessageSystemAttributeName::MessageGroupId).cloned();
    Received {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        group: group.or(native).unwrap_or_default(),
        not_before: attributes.remove(NOT_BEFORE).and_then(|at| at.parse().ok()),
        attributes,
        receives: receives.and_then(|count| count.parse().ok()).unwrap_or(1),
    }
}

/// Whole seconds, rounded up.
fn seconds(span: Duration) -> i32 {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

/// Whether a receipt has had its day: the message was acknowledged, or delivered again since.
fn is_spent(failure: &Failure) -> bool {
    failure.code.contains("ReceiptHandleIsInvalid")
        || (failure.code.contains("InvalidParameterValue")
            && failure.message.to_ascii_lowercase().contains("receipt"))
}

fn failed<E>(error: SdkError<E, HttpResponse>) -> QueueError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    meant(failure(error))
}

fn meant(failure: Failure) -> QueueError {
    match failure.meaning {
        Meaning::Throttled | Meaning::Unavailable => {
            QueueError::Unavailable { source: failure.source }
        }
        Meaning::Refused => QueueError::Refused { reason: failure.reason() },
    }
}
