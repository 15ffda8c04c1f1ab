//! Bugs, planted on purpose: decorators that break the protocol behind the handlers' backs. A
//! simulation that does not find them proves nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{ObjectKey, Timestamp};
use ports::{
    Attributes, ETag, Expect, Item, Key, Listing, Message, Meta, Object, ObjectError, ObjectStore,
    Page, Query, Queue, QueueError, Received, Table, TableError, Version, Write, WriteId,
};
use serde_json::{Value, json};

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

pub fn table(bug: Option<Bug>, inner: Arc<dyn Table>) -> Arc<dyn Table> {
    match bug {
        Some(bug) => Arc::new(BadTable { bug, inner }),
        None => inner,
    }
}

pub fn objects(bug: Option<Bug>, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    match bug {
        Some(bug) => Arc::new(BadObjects { bug, inner }),
        None => inner,
    }
}

pub fn queue(bug: Option<Bug>, inner: Arc<dyn Queue>) -> Arc<dyn Queue> {
    match bug {
        Some(bug) => Arc::new(BadQueue { bug, inner }),
        None => inner,
    }
}

#[derive(Debug)]
struct BadTable {
    bug: Bug,
    inner: Arc<dyn Table>,
}

impl BadTable {
    fn spoil(&self, write: Write) -> Option<Write> {
        let Write::Put { key, expect, body, expires } = write else { return Some(write) };
        let (row, mut value) = (key.sort.clone(), serde_json::from_str::<Value>(&body).unwrap());
        let mut spoilt = expect;
        match self.bug {
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
}

#[async_trait]
impl Table for BadTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.inner.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.inner.query(query).await
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        let writes: Vec<_> = writes.iter().cloned().filter_map(|w| self.spoil(w)).collect();
        self.inner.transact(&writes, write).await
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        self.inner.add(key, amount).await
    }
}

#[derive(Debug)]
struct BadObjects {
    bug: Bug,
    inner: Arc<dyn ObjectStore>,
}

#[async_trait]
impl ObjectStore for BadObjects {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        let folder = match self.bug {
            Bug::CheckpointFirst => "landing/",
            Bug::NoCommitObject => "commits/",
            _ => "none",
        };
        if key.as_str().starts_with(folder) {
            return Ok(ETag("promised".to_owned()));
        }
        if self.bug == Bug::WrongTenant {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let swapped = text.replace("\"_tenant\":\"acme\"", "\"_tenant\":\"birch\"");
            return self.inner.put_new(key, swapped.into(), attributes).await;
        }
        self.inner.put_new(key, body, attributes).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        self.inner.put(key, body, attributes).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        self.inner.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        self.inner.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        self.inner.delete(key).await
    }
}

#[derive(Debug)]
struct BadQueue {
    bug: Bug,
    inner: Arc<dyn Queue>,
}

impl BadQueue {
    fn spoil(&self, message: &Message) -> Message {
        let mut message = message.clone();
        if self.bug == Bug::NoExpectation {
            let mut job: Value = serde_json::from_str(&message.body).unwrap();
            job.as_object_mut().unwrap().retain(|name, _| name != "expects" && name != "plan");
            message.body = job.to_string();
        }
        message
    }
}

#[async_trait]
impl Queue for BadQueue {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let messages: Vec<_> = messages.iter().map(|message| self.spoil(message)).collect();
        self.inner.send(&messages).await
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        self.inner.receive(max, wait, visibility).await
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        self.inner.ack(message).await
    }

    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError> {
        self.inner.defer(message, until).await
    }

    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        match self.bug {
            Bug::AckPoison => self.inner.ack(message).await,
            _ => self.inner.dead_letter(message, reason).await,
        }
    }
}
