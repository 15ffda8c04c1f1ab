//! Ports that break the protocol behind the handlers' backs: for bugs that are planted on
//! purpose. A simulation that does not find them proves nothing.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use model::ObjectKey;
use ports::{
    Attributes, ETag, Http, HttpError, Item, Key, Listing, Message, Meta, Object, ObjectError,
    ObjectStore, Page, PartTag, Query, Queue, QueueError, Received, Request, Response, Table,
    TableError, UploadId, Uploads, Version, Write, WriteId,
};

/// A bug: what it makes of that which passes a port. All passes as it is unless it says
/// otherwise.
pub trait Spoil: Debug + Clone + Send + Sync + 'static {
    /// A write to the table; none is left out.
    fn write(&self, write: Write) -> Option<Write> {
        Some(write)
    }

    /// A body that is put, under a key that has to be free or not; none is promised, and not put.
    fn put(&self, _key: &ObjectKey, body: Bytes, _is_new: bool) -> Option<Bytes> {
        Some(body)
    }

    /// A message.
    fn message(&self, message: Message) -> Message {
        message
    }

    /// Whether what can never pass is put aside, and not acknowledged.
    fn puts_aside(&self) -> bool {
        true
    }

    /// A request.
    fn request(&self, request: Request) -> Request {
        request
    }
}

/// A port with a bug.
#[derive(Debug)]
pub struct Spoilt<P: ?Sized, S> {
    inner: Arc<P>,
    spoil: S,
}

impl<P: ?Sized, S: Spoil> Spoilt<P, S> {
    /// Puts a bug before a port.
    pub fn new(inner: Arc<P>, spoil: S) -> Self {
        Self { inner, spoil }
    }
}

/// Functions that put a bug, where there is one, before a port: `planted!(Bug: table Table)`.
#[macro_export]
macro_rules! planted {
    ($bug:ty: $($name:ident $port:ident),+) => {$(
        pub fn $name(bug: Option<$bug>, inner: Arc<dyn $port>) -> Arc<dyn $port> {
            match bug {
                Some(bug) => Arc::new($crate::Spoilt::new(inner, bug)),
                None => inner,
            }
        }
    )+};
}

fn promised() -> ETag {
    ETag("promised".to_owned())
}

#[async_trait]
impl<P: Table + ?Sized, S: Spoil> Table for Spoilt<P, S> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.inner.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.inner.query(query).await
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        let writes: Vec<_> =
            writes.iter().cloned().filter_map(|write| self.spoil.write(write)).collect();
        self.inner.transact(&writes, write).await
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        self.inner.add(key, amount).await
    }
}

#[async_trait]
impl<P: ObjectStore + ?Sized, S: Spoil> ObjectStore for Spoilt<P, S> {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        match self.spoil.put(key, body, true) {
            Some(body) => self.inner.put_new(key, body, attributes).await,
            None => Ok(promised()),
        }
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        match self.spoil.put(key, body, false) {
            Some(body) => self.inner.put(key, body, attributes).await,
            None => Ok(promised()),
        }
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        self.inner.get(key).await
    }

    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        self.inner.range(key, from, len).await
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

#[async_trait]
impl<P: Uploads + ?Sized, S: Spoil> Uploads for Spoilt<P, S> {
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

#[async_trait]
impl<P: Queue + ?Sized, S: Spoil> Queue for Spoilt<P, S> {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let messages: Vec<_> =
            messages.iter().cloned().map(|message| self.spoil.message(message)).collect();
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
        if self.spoil.puts_aside() {
            self.inner.dead_letter(message, reason).await
        } else {
            self.inner.ack(message).await
        }
    }
}

#[async_trait]
impl<P: Http + ?Sized, S: Spoil> Http for Spoilt<P, S> {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.inner.send(self.spoil.request(request)).await
    }
}
