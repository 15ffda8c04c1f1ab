//! The ports themselves: each call owns what it needs, so that it can outlive its caller.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use model::{ObjectKey, Secret};
use ports::{
    Attributes, DropError, ETag, Entry, FileDrop, Http, HttpError, Item, Key, Known, Listing,
    Message, Meta, Object, ObjectError, ObjectStore, Page, PartTag, Query, Queue, QueueError,
    Received, Request, Response, Schedule, Scheduler, SchedulerError, SecretError, SecretPath,
    Secrets, Table, TableError, UploadId, Uploads, Version, Write, WriteId,
};

use super::{Call, Faulty, Passage, injected};

fn call(verb: &'static str, writes: bool, subject: &(impl ToString + ?Sized)) -> Call {
    Call { verb, writes, subject: subject.to_string() }
}

const OBJECTS: [fn() -> ObjectError; 2] = [
    || ObjectError::Unavailable { key: String::new(), source: injected() },
    || ObjectError::Throttled { source: injected() },
];

#[async_trait]
impl<P: ObjectStore + ?Sized> ObjectStore for Faulty<P> {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        let call = call("ObjectStore::put_new", true, key);
        let (inner, key, beside) = (Arc::clone(&self.inner), key.clone(), attributes.clone());
        let put = Box::pin(async move { inner.put_new(&key, body, &beside).await });
        self.through(call, put, OBJECTS).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        let call = call("ObjectStore::put", true, key);
        let (inner, key, beside) = (Arc::clone(&self.inner), key.clone(), attributes.clone());
        let put = Box::pin(async move { inner.put(&key, body, &beside).await });
        self.through(call, put, OBJECTS).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        let call = call("ObjectStore::get", false, key);
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through(call, Box::pin(async move { inner.get(&key).await }), OBJECTS).await
    }

    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        let call = call("ObjectStore::range", false, key);
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        let range = Box::pin(async move { inner.range(&key, from, len).await });
        self.through(call, range, OBJECTS).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        let call = call("ObjectStore::head", false, key);
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through(call, Box::pin(async move { inner.head(&key).await }), OBJECTS).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        let call = call("ObjectStore::list", false, prefix);
        let limit = self.gate.page(limit);
        let (inner, prefix, after) = (Arc::clone(&self.inner), prefix.to_owned(), after.cloned());
        let list = Box::pin(async move { inner.list(&prefix, after.as_ref(), limit).await });
        self.through(call, list, OBJECTS).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let call = call("ObjectStore::delete", true, key);
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through(call, Box::pin(async move { inner.delete(&key).await }), OBJECTS).await
    }
}

#[async_trait]
impl<P: Uploads + ?Sized> Uploads for Faulty<P> {
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError> {
        let call = call("Uploads::begin", true, key);
        let (inner, key, beside) = (Arc::clone(&self.inner), key.clone(), beside.clone());
        let begin = Box::pin(async move { inner.begin(&key, &beside).await });
        self.through(call, begin, OBJECTS).await
    }

    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError> {
        let call = call("Uploads::upload", true, key);
        let (inner, key, upload) = (Arc::clone(&self.inner), key.clone(), upload.clone());
        let part = Box::pin(async move { inner.upload(&key, &upload, number, body).await });
        self.through(call, part, OBJECTS).await
    }

    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError> {
        let call = call("Uploads::complete", true, key);
        let (inner, key, upload) = (Arc::clone(&self.inner), key.clone(), upload.clone());
        let parts = parts.to_vec();
        let complete = Box::pin(async move { inner.complete(&key, &upload, &parts).await });
        self.through(call, complete, OBJECTS).await
    }

    async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError> {
        let call = call("Uploads::abort", true, key);
        let (inner, key, upload) = (Arc::clone(&self.inner), key.clone(), upload.clone());
        let abort = Box::pin(async move { inner.abort(&key, &upload).await });
        self.through(call, abort, OBJECTS).await
    }
}

const TABLES: [fn() -> TableError; 2] =
    [|| TableError::Unavailable { source: injected() }, || TableError::Throttled];

#[async_trait]
impl Table for Faulty<dyn Table> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        let call = call("Table::get", false, key);
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through(call, Box::pin(async move { inner.get(&key).await }), TABLES).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        let call = call("Table::query", false, &query.partition);
        let query = Query { limit: self.gate.page(query.limit), ..query.clone() };
        let inner = Arc::clone(&self.inner);
        self.through(call, Box::pin(async move { inner.query(&query).await }), TABLES).await
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        let first = writes.first().map(|write| write.key().to_string()).unwrap_or_default();
        let call = call("Table::transact", true, &first);
        let (inner, writes, write) = (Arc::clone(&self.inner), writes.to_vec(), write.clone());
        let transact = Box::pin(async move { inner.transact(&writes, &write).await });
        self.through(call, transact, TABLES).await
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        let call = call("Table::add", true, key);
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through(call, Box::pin(async move { inner.add(&key, amount).await }), TABLES).await
    }
}

fn no_drop() -> DropError {
    DropError::Unavailable { reason: "injected".to_owned() }
}

const DROPS: [fn() -> DropError; 2] = [no_drop, no_drop];

#[async_trait]
impl FileDrop for Faulty<dyn FileDrop> {
    async fn list(&self, limit: usize) -> Result<Vec<Entry>, DropError> {
        let call = call("FileDrop::list", false, &limit);
        let inner = Arc::clone(&self.inner);
        self.through(call, Box::pin(async move { inner.list(limit).await }), DROPS).await
    }

    async fn stat(&self, path: &str) -> Result<Known, DropError> {
        let call = call("FileDrop::stat", false, path);
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        self.through(call, Box::pin(async move { inner.stat(&path).await }), DROPS).await
    }

    async fn read(&self, path: &str, offset: u64, len: usize) -> Result<Bytes, DropError> {
        let call = call("FileDrop::read", false, path);
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        let read = Box::pin(async move { inner.read(&path, offset, len).await });
        self.through(call, read, DROPS).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let call = call("FileDrop::rename", true, from);
        let (inner, from, to) = (Arc::clone(&self.inner), from.to_owned(), to.to_owned());
        let rename = Box::pin(async move { inner.rename(&from, &to).await });
        self.through(call, rename, DROPS).await
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        let call = call("FileDrop::remove", true, path);
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        self.through(call, Box::pin(async move { inner.remove(&path).await }), DROPS).await
    }

    async fn put(&self, path: &str, body: Bytes) -> Result<(), DropError> {
        let call = call("FileDrop::put", true, path);
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        self.through(call, Box::pin(async move { inner.put(&path, body).await }), DROPS).await
    }
}

fn no_queue() -> QueueError {
    QueueError::Unavailable { source: injected() }
}

const QUEUES: [fn() -> QueueError; 2] = [no_queue, no_queue];

#[async_trait]
impl Queue for Faulty<dyn Queue> {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let call = call("Queue::send", true, &messages.len());
        let (inner, messages) = (Arc::clone(&self.inner), messages.to_vec());
        match self.gate.enter(&call).await {
            Passage::Before | Passage::Throttled => Err(no_queue()),
            Passage::Late => {
                let send = async move { drop(inner.send(&messages).await) };
                self.gate.postpone(Box::pin(send));
                Err(no_queue())
            }
            passage => {
                let answer = inner.send(&messages).await;
                if passage == Passage::Twice {
                    drop(inner.send(&messages).await);
                }
                self.gate.leave(&call).await;
                if passage == Passage::After { Err(no_queue()) } else { answer }
            }
        }
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let call = call("Queue::receive", true, "");
        let inner = Arc::clone(&self.inner);
        let receive = Box::pin(async move { inner.receive(max, wait, visibility).await });
        self.through(call, receive, QUEUES).await
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        let call = call("Queue::ack", true, &message.id);
        let (inner, message) = (Arc::clone(&self.inner), message.clone());
        self.through(call, Box::pin(async move { inner.ack(&message).await }), QUEUES).await
    }

    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError> {
        let call = call("Queue::defer", true, &message.id);
        let (inner, message) = (Arc::clone(&self.inner), message.clone());
        let defer = Box::pin(async move { inner.defer(&message, until).await });
        self.through(call, defer, QUEUES).await
    }

    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        let call = call("Queue::dead_letter", true, &message.id);
        let (inner, message, reason) =
            (Arc::clone(&self.inner), message.clone(), reason.to_owned());
        let bury = Box::pin(async move { inner.dead_letter(&message, &reason).await });
        self.through(call, bury, QUEUES).await
    }
}

fn no_host() -> HttpError {
    HttpError::Unreachable { host: "injected".to_owned(), source: injected() }
}

fn no_answer() -> HttpError {
    HttpError::TimedOut { host: "injected".to_owned(), after: Duration::from_secs(30) }
}

#[async_trait]
impl Http for Faulty<dyn Http> {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let path = request.url.split(['?', '#']).next().unwrap_or_default();
        let call = call("Http::send", request.method != ports::Method::Get, path);
        let inner = Arc::clone(&self.inner);
        let send = Box::pin(async move { inner.send(request).await });
        self.through(call, send, [no_answer, no_host]).await
    }
}

fn no_scheduler() -> SchedulerError {
    SchedulerError::Unavailable { source: injected() }
}

#[async_trait]
impl Scheduler for Faulty<dyn Scheduler> {
    async fn put(&self, schedule: &Schedule) -> Result<(), SchedulerError> {
        let call = call("Scheduler::put", true, &schedule.name);
        let (inner, schedule) = (Arc::clone(&self.inner), schedule.clone());
        let put = Box::pin(async move { inner.put(&schedule).await });
        self.through(call, put, [no_scheduler, no_scheduler]).await
    }

    async fn delete(&self, name: &str) -> Result<(), SchedulerError> {
        let call = call("Scheduler::delete", true, name);
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        let delete = Box::pin(async move { inner.delete(&name).await });
        self.through(call, delete, [no_scheduler, no_scheduler]).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Schedule>, SchedulerError> {
        let call = call("Scheduler::list", false, prefix);
        let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
        let list = Box::pin(async move { inner.list(&prefix).await });
        self.through(call, list, [no_scheduler, no_scheduler]).await
    }
}

fn no_secrets() -> SecretError {
    SecretError::Unavailable { source: injected() }
}

#[async_trait]
impl Secrets for Faulty<dyn Secrets> {
    async fn get(&self, path: &SecretPath) -> Result<Secret<String>, SecretError> {
        let call = call("Secrets::get", false, path);
        let (inner, path) = (Arc::clone(&self.inner), path.clone());
        let get = Box::pin(async move { inner.get(&path).await });
        self.through(call, get, [no_secrets, no_secrets]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Faults, MemoryQueue, MemoryStore, Side};

    #[tokio::test]
    async fn one_counter_runs_over_all_ports() {
        let faults = Arc::new(Faults::of(Fault::Crash(3, Side::After)));
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::default());
        let objects = faults.around(Arc::clone(&store));
        let messages = faults.around(queue);
        let (a, b): (ObjectKey, ObjectKey) = ("a".parse().unwrap(), "b".parse().unwrap());
        let none = Attributes::default();
        objects.put(&a, Bytes::new(), &none).await.unwrap();
        messages.send(&[]).await.unwrap();
        objects.put(&b, Bytes::new(), &none).await.unwrap_err();
        assert!(store.head(&b).await.is_ok(), "the third call happened, its answer was lost");
        objects.delete(&a).await.unwrap_err();
        assert!(store.head(&a).await.is_ok(), "nothing happens after the crash");
        assert_eq!(faults.calls(), 4);
        assert_eq!(faults.log()[1].verb, "Queue::send");
    }

    mod contract {
        use super::*;

        crate::object_store_contract!({
            let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
            Box::new(Arc::new(Faults::none()).around(store))
        });
        crate::uploads_contract!({
            let store: Arc<dyn Uploads> = Arc::new(MemoryStore::default());
            Box::new(Arc::new(Faults::none()).around(store))
        });
    }
}
