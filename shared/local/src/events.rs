//! S3's notifications: objects that tell queues about themselves.

mod json;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::ObjectKey;
use ports::{
    Attributes, Clock, ETag, Listing, Message, Meta, Object, ObjectError, ObjectStore, PartTag,
    UploadId, Uploads,
};
use rusqlite::{Connection, Transaction, params};

use crate::database::{Database, DatabaseError, nanoseconds};
use crate::queue::insert;

/// The fair-queue group of notifications, which S3 sends without one.
const GROUP: &str = "s3";

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// `s3:ObjectCreated:*`.
    Created,
    /// `s3:ObjectRemoved:*`.
    Removed,
}

/// One notification configuration, as a bucket has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id, which events carry as `configurationId`.
    pub id: String,
    /// Name of the queue that is told.
    pub queue: String,
    /// What about.
    pub happening: Happening,
    /// Only keys that start so.
    pub prefix: String,
    /// Only keys that end so.
    pub suffix: String,
}

impl Notification {
    fn is_about(&self, happening: Happening, key: &ObjectKey) -> bool {
        let key = key.as_str();
        self.happening == happening && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// An object store that sends S3's own event JSON to queues of the same database.
///
/// At least once, in no promised order, as S3 does: what is about to happen is noted before, and
/// the note becomes messages after, so a process that is killed in between leaves a note that
/// [`recover`](Self::recover), or the next opening, settles by looking at the object. Files put
/// into the folder by hand are not noticed.
#[derive(Debug, Clone)]
pub struct EventStore {
    objects: Arc<dyn Uploads>,
    database: Database,
    clock: Arc<dyn Clock>,
    bucket: Arc<str>,
    notifications: Arc<[Notification]>,
}

/// A note about what is about to happen.
#[derive(Debug, Clone)]
struct Note {
    sequence: i64,
    key: ObjectKey,
    happening: Happening,
}

impl EventStore {
    /// Enables notifications on a store that is a bucket of this name. Those that are new get S3's
    /// test event; what a killed process left unsettled is settled.
    pub async fn open(
        objects: Arc<dyn Uploads>,
        database: &Database,
        clock: Arc<dyn Clock>,
        bucket: &str,
        notifications: Vec<Notification>,
    ) -> Result<Self, ObjectError> {
        let notifications: Arc<[Notification]> = notifications.into();
        let (database, bucket) = (database.clone(), Arc::from(bucket));
        let store = Self { objects, database, clock, bucket, notifications };
        store.enable().await?;
        store.recover().await?;
        Ok(store)
    }

    /// Settles the notes of processes that were killed, or that write at this moment, which then
    /// tell twice.
    pub async fn recover(&self) -> Result<(), ObjectError> {
        for note in self.notes().await? {
            let found = match self.objects.head(&note.key).await {
                Ok(meta) => Some(meta),
                Err(ObjectError::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
            let happened = found.is_some() == (note.happening == Happening::Created);
            self.settle(note, happened, found).await?;
        }
        Ok(())
    }

    /// Sends the test event to the queues of notifications that were not there before.
    async fn enable(&self) -> Result<(), ObjectError> {
        let (store, now) = (self.clone(), self.clock.now());
        let enable = move |transaction: &Transaction<'_>| {
            for each in &*store.notifications {
                let sql = "INSERT OR IGNORE INTO notification (queue, definition) VALUES (?1, ?2)";
                let definition = format!("{} {each:?}", store.bucket);
                if transaction.execute(sql, params![each.queue, definition])? > 0 {
                    let message = message(json::test_event(&store.bucket, now));
                    insert(transaction, &each.queue, &message, now)?;
                }
            }
            Ok(())
        };
        self.database.write(enable).await.map_err(|error| failure("", error))
    }

    async fn notes(&self) -> Result<Vec<Note>, ObjectError> {
        let bucket = Arc::clone(&self.bucket);
        let read = move |connection: &Connection| {
            let sql = "SELECT sequence, object_key, name FROM pending_event \
                       WHERE bucket = ?1 ORDER BY sequence";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([&*bucket], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })?;
            let note = |row: rusqlite::Result<(i64, String, String)>| {
                let (sequence, key, name) = row?;
                let key = key.parse().map_err(|_| DatabaseError::Corrupt { what: "note" })?;
                let created = name == "created";
                let happening = if created { Happening::Created } else { Happening::Removed };
                Ok(Note { sequence, key, happening })
            };
            rows.map(note).collect::<Result<Vec<Note>, DatabaseError>>()
        };
        self.database.read(read).await.map_err(|error| failure("", error))
    }

    /// Notes what is about to happen, when someone wants to know.
    async fn note(
        &self,
        happening: Happening,
        key: &ObjectKey,
    ) -> Result<Option<Note>, ObjectError> {
        if !self.notifications.iter().any(|each| each.is_about(happening, key)) {
            return Ok(None);
        }
        let (at, now) = (key.clone(), nanoseconds(self.clock.now()));
        let bucket = Arc::clone(&self.bucket);
        let name = if happening == Happening::Created { "created" } else { "removed" };
        let note = move |transaction: &Transaction<'_>| {
            let sql = "INSERT INTO pending_event (bucket, object_key, name, started) \
                       VALUES (?1, ?2, ?3, ?4)";
            transaction.prepare_cached(sql)?.execute(params![&*bucket, at.as_str(), name, now])?;
            Ok(Some(Note { sequence: transaction.last_insert_rowid(), key: at, happening }))
        };
        self.database.write(note).await.map_err(|error| failure(key.as_str(), error))
    }

    /// Turns a note into messages, or drops it, in one transaction.
    async fn settle(
        &self,
        note: Note,
        happened: bool,
        found: Option<Meta>,
    ) -> Result<(), ObjectError> {
        let (store, now) = (self.clone(), self.clock.now());
        let key = note.key.clone();
        let settle = move |transaction: &Transaction<'_>| {
            let sql = "DELETE FROM pending_event WHERE sequence = ?1";
            transaction.prepare_cached(sql)?.execute([note.sequence])?;
            let told = |each: &&Notification| each.is_about(note.happening, &note.key);
            for each in store.notifications.iter().filter(told).filter(|_| happened) {
                let event = json::Event {
                    bucket: &store.bucket,
                    notification: each,
                    key: &note.key,
                    object: found.as_ref().map(|meta| (meta.size, &meta.etag)),
                    sequence: note.sequence,
                    at: now,
                };
                insert(transaction, &each.queue, &message(event.to_json()), now)?;
            }
            Ok(())
        };
        self.database.write(settle).await.map_err(|error| failure(key.as_str(), error))
    }

    /// Settles the note of a write by the write's own result.
    async fn told(
        &self,
        note: Option<Note>,
        size: u64,
        written: Result<ETag, ObjectError>,
    ) -> Result<ETag, ObjectError> {
        match (note, written) {
            (Some(note), Ok(etag)) => {
                let key = note.key.clone();
                let modified = self.clock.now();
                let attributes = Attributes::default();
                let meta = Meta { key, size, etag: etag.clone(), modified, attributes };
                self.settle(note, true, Some(meta)).await?;
                Ok(etag)
            }
            (
                Some(note),
                Err(
                    error @ (ObjectError::Exists { .. }
                    | ObjectError::NotFound { .. }
                    | ObjectError::Refused { .. }),
                ),
            ) => {
                self.settle(note, false, None).await?;
                Err(error)
            }
            (_, written) => written,
        }
    }
}

fn message(body: String) -> Message {
    let attributes = std::collections::BTreeMap::new();
    Message { body, group: GROUP.to_owned(), attributes, not_before: None }
}

fn failure(key: &str, error: DatabaseError) -> ObjectError {
    ObjectError::Unavailable { key: key.to_owned(), source: Box::new(error) }
}

#[async_trait]
impl ObjectStore for EventStore {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        let note = self.note(Happening::Created, key).await?;
        let size = body.len() as u64;
        let written = self.objects.put_new(key, body, attributes).await;
        self.told(note, size, written).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        let note = self.note(Happening::Created, key).await?;
        let size = body.len() as u64;
        let written = self.objects.put(key, body, attributes).await;
        self.told(note, size, written).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        self.objects.get(key).await
    }

    async fn tail(&self, key: &ObjectKey, bytes: usize) -> Result<Object, ObjectError> {
        self.objects.tail(key, bytes).await
    }

    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        self.objects.range(key, from, len).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        self.objects.head(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        self.objects.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let note = self.note(Happening::Removed, key).await?;
        self.objects.delete(key).await?;
        match note {
            Some(note) => self.settle(note, true, None).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Uploads for EventStore {
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError> {
        self.objects.begin(key, beside).await
    }

    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError> {
        self.objects.upload(key, upload, number, body).await
    }

    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError> {
        let note = self.note(Happening::Created, key).await?;
        let size = parts.iter().map(|part| part.size).sum();
        let written = self.objects.complete(key, upload, parts).await;
        self.told(note, size, written).await
    }

    async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError> {
        self.objects.abort(key, upload).await
    }
}

#[cfg(test)]
mod tests;
