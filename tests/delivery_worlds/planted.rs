//! Bugs, planted on purpose: decorators that break the protocol behind the handlers' backs. A
//! simulation that does not find them proves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use model::ObjectKey;
use ports::{
    Attributes, ETag, Expect, Http, HttpError, Item, Key, Listing, Message, Meta, Object,
    ObjectError, ObjectStore, Page, PartTag, Query, Queue, QueueError, Received, Request, Response,
    Table, TableError, UploadId, Uploads, Version, Write, WriteId,
};
use serde_json::Value;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A batch may be ended by whoever had it once.
    LostFence,
    /// A call whose answer is not known goes again under another key.
    KeyOfItsOwn,
    /// What becomes of a batch is told and not stored.
    ForgottenOutcome,
    /// Batches do not say which entities they are about.
    NoEntities,
    /// A content may be taken any number of times.
    EveryContent,
    /// What was refused does not say why.
    SilentRefusal,
    /// What needs to be looked at is not put anywhere.
    NothingFailed,
    /// What nobody understands is acknowledged instead of put aside.
    AckPoison,
    /// Twice as many calls are made as are allowed.
    TwiceTheCalls,
}

impl Bug {
    pub const ALL: [Self; 9] = [
        Self::LostFence,
        Self::KeyOfItsOwn,
        Self::ForgottenOutcome,
        Self::NoEntities,
        Self::EveryContent,
        Self::SilentRefusal,
        Self::NothingFailed,
        Self::AckPoison,
        Self::TwiceTheCalls,
    ];
}

pub fn table(bug: Option<Bug>, inner: Arc<dyn Table>) -> Arc<dyn Table> {
    match bug {
        Some(bug) => Arc::new(BadTable { bug, inner }),
        None => inner,
    }
}

pub fn objects(bug: Option<Bug>, inner: Arc<dyn Uploads>) -> Arc<dyn Uploads> {
    match bug {
        Some(bug) => Arc::new(BadObjects { bug, inner }),
        None => inner,
    }
}

pub fn queue(bug: Option<Bug>, inner: Arc<dyn Queue>) -> Arc<dyn Queue> {
    match bug {
        Some(Bug::AckPoison) => Arc::new(BadQueue(inner)),
        _ => inner,
    }
}

pub fn http(bug: Option<Bug>, inner: Arc<dyn Http>) -> Arc<dyn Http> {
    match bug {
        Some(Bug::KeyOfItsOwn) => Arc::new(BadHttp { inner, calls: AtomicU64::new(0) }),
        _ => inner,
    }
}

#[derive(Debug)]
struct BadTable {
    bug: Bug,
    inner: Arc<dyn Table>,
}

impl BadTable {
    fn spoil(&self, write: Write) -> Write {
        match (self.bug, write) {
            (Bug::LostFence, Write::Put { key, body, expires, .. }) if is_batch(&key) => {
                Write::Put { key, expect: Expect::Any, body, expires }
            }
            (Bug::LostFence, Write::Delete { key, .. }) if is_batch(&key) => {
                Write::Delete { key, expect: Expect::Any }
            }
            (Bug::NoEntities, Write::Put { key, expect, body, expires }) if is_batch(&key) => {
                let mut row: Value = serde_json::from_str(&body).unwrap();
                row.as_object_mut().unwrap().remove("entities");
                Write::Put { key, expect, body: row.to_string(), expires }
            }
            (Bug::EveryContent, Write::Put { key, body, expires, .. }) if is_content(&key) => {
                let row: Value = serde_json::from_str(&body).unwrap();
                let sort = format!("{}#{}", key.sort, row["path"]);
                let key = Key { sort, ..key };
                Write::Put { key, expect: Expect::Any, body, expires }
            }
            (_, write) => write,
        }
    }
}

fn is_batch(key: &Key) -> bool {
    key.partition.starts_with("push")
        && !key.sort.starts_with("group#")
        && !key.sort.starts_with("head")
        && !key.sort.starts_with("closed#")
}

fn is_content(key: &Key) -> bool {
    key.sort.starts_with("content#")
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
        let writes: Vec<_> = writes.iter().cloned().map(|w| self.spoil(w)).collect();
        self.inner.transact(&writes, write).await
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        self.inner.add(key, amount).await
    }
}

#[derive(Debug)]
struct BadObjects {
    bug: Bug,
    inner: Arc<dyn Uploads>,
}

#[async_trait]
impl ObjectStore for BadObjects {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        let is_outcome = key.as_str().starts_with("outcomes/batches/");
        if is_outcome && self.bug == Bug::ForgottenOutcome {
            return Ok(ETag("promised".to_owned()));
        }
        if is_outcome && self.bug == Bug::SilentRefusal {
            let mut outcome: Value = serde_json::from_slice(&body).unwrap();
            for item in outcome["items"].as_array_mut().unwrap() {
                item.as_object_mut().unwrap().remove("code");
            }
            let body = Bytes::from(format!("{outcome}\n"));
            return self.inner.put_new(key, body, attributes).await;
        }
        self.inner.put_new(key, body, attributes).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        if key.as_str().starts_with("failed/") && self.bug == Bug::NothingFailed {
            return Ok(ETag("promised".to_owned()));
        }
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

    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        self.inner.range(key, from, len).await
    }
}

#[async_trait]
impl Uploads for BadObjects {
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError> {
        self.inner.begin(key, beside).await
    }

    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError> {
        self.inner.upload(key, upload, number, body).await
    }

    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError> {
        self.inner.complete(key, upload, parts).await
    }

    async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError> {
        self.inner.abort(key, upload).await
    }
}

#[derive(Debug)]
struct BadQueue(Arc<dyn Queue>);

#[async_trait]
impl Queue for BadQueue {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.0.send(messages).await
    }

    async fn receive(
        &self,
        max: usize,
        wait: std::time::Duration,
        visibility: std::time::Duration,
    ) -> Result<Vec<Received>, QueueError> {
        self.0.receive(max, wait, visibility).await
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        self.0.ack(message).await
    }

    async fn defer(&self, message: &Received, until: model::Timestamp) -> Result<(), QueueError> {
        self.0.defer(message, until).await
    }

    async fn dead_letter(&self, message: &Received, _: &str) -> Result<(), QueueError> {
        self.0.ack(message).await
    }
}

#[derive(Debug)]
struct BadHttp {
    inner: Arc<dyn Http>,
    calls: AtomicU64,
}

#[async_trait]
impl Http for BadHttp {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        for (name, value) in &mut request.headers {
            if name.eq_ignore_ascii_case("idempotency-key") {
                value.push_str(&call.to_string());
            }
        }
        self.inner.send(request).await
    }
}
