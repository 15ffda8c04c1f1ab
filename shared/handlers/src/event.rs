//! Events as the services deliver them.

use std::collections::BTreeMap;

use ports::{GROUP, NOT_BEFORE, Received};
use serde::{Deserialize, Serialize};

/// Messages of a queue, as SQS hands them to a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqsEvent {
    /// Messages.
    #[serde(rename = "Records")]
    pub records: Vec<SqsRecord>,
}

/// One message of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// Id of the message.
    pub message_id: String,
    /// Handle of this delivery.
    #[serde(default)]
    pub receipt_handle: String,
    /// Body.
    pub body: String,
    /// What the service says of it.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What the sender said of it.
    #[serde(default)]
    pub message_attributes: BTreeMap<String, SqsAttribute>,
}

/// A message attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsAttribute {
    /// Its text, for attributes of that type.
    #[serde(default)]
    pub string_value: Option<String>,
    /// Its type.
    #[serde(default)]
    pub data_type: String,
}

impl From<SqsRecord> for Received {
    fn from(record: SqsRecord) -> Self {
        let texts = record.message_attributes.into_iter();
        let mut attributes: BTreeMap<String, String> =
            texts.filter_map(|(name, value)| Some((name, value.string_value?))).collect();
        let not_before = attributes.remove(NOT_BEFORE).and_then(|at| at.parse().ok());
        let own = attributes.remove(GROUP);
        let group = record.attributes.get("MessageGroupId").cloned().or(own).unwrap_or_default();
        let receives = record.attributes.get("ApproximateReceiveCount");
        Self {
            id: record.message_id,
            receipt: record.receipt_handle,
            body: record.body,
            group,
            attributes,
            receives: receives.and_then(|count| count.parse().ok()).unwrap_or(1),
            not_before,
        }
    }
}

impl From<Received> for SqsRecord {
    /// As SQS would hand over the message: what a host in one process gives to handlers.
    fn from(message: Received) -> Self {
        let text = |value: String| SqsAttribute {
            string_value: Some(value),
            data_type: "String".to_owned(),
        };
        let own = [
            (GROUP, Some(message.group.clone())),
            (NOT_BEFORE, message.not_before.map(|at| at.to_string())),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?))));
        let others = message.attributes.into_iter().map(|(name, value)| (name, text(value)));
        let receives = message.receives.to_string();
        Self {
            message_id: message.id,
            receipt_handle: message.receipt,
            body: message.body,
            attributes: BTreeMap::from([
                ("ApproximateReceiveCount".to_owned(), receives),
                ("MessageGroupId".to_owned(), message.group),
            ]),
            message_attributes: others.chain(own).collect(),
        }
    }
}

/// Which messages of a batch come again; the others are done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// Those that come again.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Id of the message.
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_group_deliveries_and_its_instant() {
        let event = r#"{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"{}",
            "attributes":{"ApproximateReceiveCount":"3","MessageGroupId":"acme"},
            "messageAttributes":{"not-before":{"stringValue":"2026-01-01T00:00:00Z","dataType":"String"},
            "group":{"stringValue":"acme","dataType":"String"},
            "traceparent":{"stringValue":"00-1","dataType":"String"}},
            "eventSource":"aws:sqs"}]}"#;
        let event: SqsEvent = serde_json::from_str(event).unwrap();
        let received = Received::from(event.records[0].clone());
        assert_eq!((received.group.as_str(), received.receives), ("acme", 3));
        assert_eq!(received.not_before, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(received.attributes.keys().collect::<Vec<_>>(), ["traceparent"]);
        assert_eq!(Received::from(SqsRecord::from(received.clone())), received);
    }
}
