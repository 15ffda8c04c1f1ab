//! Bugs, planted on purpose: a simulation that does not find them proves nothing.

use std::sync::Arc;

use bytes::Bytes;
use model::ObjectKey;
use ports::{Expect, Message, ObjectStore, Queue, Table, Write};
use serde_json::{Value, json};
use testkit::Spoil;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// State is written before the data that it tells of.
    CheckpointFirst,
    /// Writes of a lease that has passed are not refused.
    LostFence,
    /// The resume point passes slices that are still open.
    ResumeAhead,
    /// The resume point goes back.
    ResumeBack,
    /// The saved place lies behind rows that are in no durable part.
    PlaceAhead,
    /// Windows end a unit early.
    ShortSlice,
    /// Slots of the call budget are free after half the window.
    ShortWindow,
    /// Commit objects are noted and not put.
    NoCommitObject,
    /// Tombstones are found and not landed.
    NoTombstones,
    /// What a reconcile met and did not land is not named.
    ForgottenMet,
    /// Rows are labelled with another tenant.
    WrongTenant,
    /// What can never pass is acknowledged instead of put aside.
    AckPoison,
    /// Jobs do not say which state they expect.
    NoExpectation,
    /// The due index forgets what is claimed.
    ForgottenDue,
}

impl Bug {
    pub const ALL: [Self; 14] = [
        Self::CheckpointFirst,
        Self::LostFence,
        Self::ResumeAhead,
        Self::ResumeBack,
        Self::PlaceAhead,
        Self::ShortSlice,
        Self::ShortWindow,
        Self::NoCommitObject,
        Self::NoTombstones,
        Self::ForgottenMet,
        Self::WrongTenant,
        Self::AckPoison,
        Self::NoExpectation,
        Self::ForgottenDue,
    ];
}

testkit::planted!(Bug: table Table, objects ObjectStore, queue Queue);

impl Spoil for Bug {
    fn write(&self, write: Write) -> Option<Write> {
        let Write::Put { key, expect, body, expires } = write else { return Some(write) };
        let (row, mut value) = (key.sort.clone(), serde_json::from_str::<Value>(&body).unwrap());
        let mut spoilt = expect;
        match self {
            Bug::LostFence if row == "head" => spoilt = Expect::Any,
            Bug::ResumeAhead if row.starts_with("partition#") => {
                if let Some(cursor) = value.get("cursor").and_then(Value::as_str) {
                    value["resume"] = json!(cursor.trim_start_matches('t'));
                }
            }
            Bug::ResumeBack if row.starts_with("partition#") => {
                value.as_object_mut().unwrap().remove("resume");
            }
            Bug::PlaceAhead if row.starts_with("open#") => {
                if let Some(parts) = value["sofar"].get_mut("parts").and_then(Value::as_array_mut) {
                    parts.pop();
                }
            }
            Bug::NoTombstones if row.contains("#gone#") && row.starts_with("done#") => {
                value["parts"] = json!([]);
            }
            Bug::ForgottenMet if row.starts_with("done#") => value["met"] = json!([]),
            Bug::ForgottenDue if key.partition.starts_with("due#") => return None,
            _ => {}
        }
        Some(Write::Put { key, expect: spoilt, body: value.to_string(), expires })
    }

    fn put(&self, key: &ObjectKey, body: Bytes, is_new: bool) -> Option<Bytes> {
        let folder = match self {
            Self::CheckpointFirst => "landing/",
            Self::NoCommitObject => "commits/",
            _ => "none",
        };
        if is_new && key.as_str().starts_with(folder) {
            return None;
        }
        if is_new && *self == Self::WrongTenant {
            let text = String::from_utf8(body.to_vec()).unwrap();
            return Some(text.replace("\"_tenant\":\"acme\"", "\"_tenant\":\"birch\"").into());
        }
        Some(body)
    }

    fn message(&self, mut message: Message) -> Message {
        if *self == Self::NoExpectation {
            let mut job: Value = serde_json::from_str(&message.body).unwrap();
            job.as_object_mut().unwrap().retain(|name, _| name != "expects" && name != "plan");
            message.body = job.to_string();
        }
        message
    }

    fn puts_aside(&self) -> bool {
        *self != Self::AckPoison
    }
}
