//! Events as the services deliver them.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
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

/// What S3 tells of objects, as a queue carries it; a topic in between wraps it once more.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Objects {
        #[serde(rename = "Records")]
        records: Vec<S3Record>,
    },
    Topic {
        #[serde(rename = "TopicArn")]
        _topic: String,
        #[serde(rename = "Message")]
        message: String,
    },
    Enabled {
        #[serde(rename = "Event")]
        event: String,
    },
}

#[derive(Deserialize)]
struct S3Record {
    #[serde(rename = "eventName")]
    event: String,
    s3: S3Entity,
}

#[derive(Deserialize)]
struct S3Entity {
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Object {
    key: String,
}

/// The keys of the objects that a message of S3 says were created, as stores have them; none when
/// the message is not S3's. S3's test event tells of no object.
pub fn created_keys(body: &str) -> Option<Vec<String>> {
    match serde_json::from_str(body).ok()? {
        Told::Objects { records } => {
            let created = records.into_iter().filter(|r| r.event.starts_with("ObjectCreated:"));
            Some(created.map(|record| form_decoded(&record.s3.object.key)).collect())
        }
        Told::Topic { message, .. } => created_keys(&message),
        Told::Enabled { event } => (event == "s3:TestEvent").then(Vec::new),
    }
}

/// A key as events spell it: `+` is a space, the rest is percent-encoded.
fn form_decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_tells_of_created_objects_by_their_decoded_keys() {
        let object = r#"{"Records":[
            {"eventSource":"aws:s3","eventName":"ObjectCreated:Put",
             "s3":{"bucket":{"name":"lake"},"object":{"key":"commits/a+b/c%2520d/tenant%3Dx/e.json","size":1}}},
            {"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete",
             "s3":{"object":{"key":"commits/gone.json"}}}]}"#;
        let expected = Some(vec!["commits/a b/c%20d/tenant=x/e.json".to_owned()]);
        assert_eq!(created_keys(object), expected);
        let wrapped = serde_json::json!({"TopicArn": "arn:aws:sns:x:0:t", "Message": object});
        assert_eq!(created_keys(&wrapped.to_string()), expected);
        let enabled = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"lake"}"#;
        assert_eq!(created_keys(enabled), Some(Vec::new()));
        for other in ["{}", "nonsense", r#"{"commit":"commits/x.json"}"#, r#"{"Event":"other"}"#] {
            assert_eq!(created_keys(other), None, "{other}");
        }
    }

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
