//! The events' JSON, field by field as S3 writes it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).

use jiff::Timestamp;
use model::ObjectKey;
use ports::ETag;
use serde_json::{Value, json};

use super::{Happening, Notification};

/// One event.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) bucket: &'a str,
    pub(super) notification: &'a Notification,
    pub(super) key: &'a ObjectKey,
    /// Size and mark; none for one that is gone.
    pub(super) object: Option<(u64, &'a ETag)>,
    pub(super) sequence: i64,
    pub(super) at: Timestamp,
}

impl Event<'_> {
    /// The body of the message.
    pub(super) fn to_json(&self) -> String {
        let name = match self.notification.happening {
            Happening::Created => "ObjectCreated:Put",
            Happening::Removed => "ObjectRemoved:Delete",
        };
        let mut object = json!({ "key": url_encoded(self.key.as_str()) });
        if let (Value::Object(fields), Some((size, etag))) = (&mut object, self.object) {
            fields.insert("size".to_owned(), size.into());
            fields.insert("eTag".to_owned(), etag.0.clone().into());
        }
        if let Value::Object(fields) = &mut object {
            // Compared as text of equal length: later events of a key are larger.
            fields.insert("sequencer".to_owned(), format!("{:018X}", self.sequence).into());
        }
        let record = json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "local",
            "eventTime": format!("{:.3}", self.at),
            "eventName": name,
            "userIdentity": { "principalId": "LOCAL" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": {
                "x-amz-request-id": format!("{:016X}", self.sequence),
                "x-amz-id-2": "local"
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": self.notification.id,
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": { "principalId": "LOCAL" },
                    "arn": format!("arn:aws:s3:::{}", self.bucket)
                },
                "object": object
            }
        });
        json!({ "Records": [record] }).to_string()
    }
}

/// What S3 sends when notifications are enabled.
pub(super) fn test_event(bucket: &str, at: Timestamp) -> String {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": format!("{at:.3}"),
        "Bucket": bucket,
        "RequestId": "LOCAL",
        "HostId": "local"
    })
    .to_string()
}

/// A key as events spell it: form encoding, with `/` left alone and a space as `+`.
fn url_encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'*' | b'/' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded = format!("{encoded}%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spelt_as_forms_are() {
        for (key, spelt) in [
            ("landing/a b/c+d.ndjson", "landing/a+b/c%2Bd.ndjson"),
            ("tenant=acme/%20x", "tenant%3Dacme/%2520x"),
            ("ü(1)", "%C3%BC%281%29"),
        ] {
            assert_eq!(url_encoded(key), spelt);
        }
    }
}
