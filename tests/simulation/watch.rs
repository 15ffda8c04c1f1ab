//! Whoever watches a world: every successful write is held against the invariants as it happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lake::{Codec, LandingKey, Limits, Line, LineReader};
use model::{CursorValue, ObjectKey, Timestamp};
use ports::{
    Item, Key, Message, ObjectStore, Page, Query, Queue, QueueError, Received, Table, TableError,
    Version, Write, WriteId,
};
use store::invariant::{self, Violation};
use store::{DoneSlice, Head, Partition};
use testkit::sim::{Provider, Row, World};
use testkit::{MemoryStore, MemoryTable};

/// Sees all that is written, without faults.
#[derive(Debug, Clone)]
pub struct Watched {
    table: Arc<MemoryTable>,
    objects: Arc<MemoryStore>,
    provider: Arc<Provider>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Cursors of committed items, per stream partition and id.
    committed: BTreeMap<String, BTreeMap<u64, Timestamp>>,
    violations: Vec<Violation>,
    /// Bodies of all messages.
    sent: Vec<String>,
}

impl Watched {
    pub fn new(world: &World) -> Self {
        Self {
            table: world.table(),
            objects: world.objects(),
            provider: world.provider(),
            seen: Arc::default(),
        }
    }

    pub fn table(&self) -> WatchedTable {
        WatchedTable { watched: self.clone() }
    }

    pub fn objects(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.objects)
    }

    pub fn queue(&self, queue: Arc<dyn Queue>) -> Arc<dyn Queue> {
        Arc::new(WatchedQueue { watched: self.clone(), queue })
    }

    /// Bodies of all messages that were ever sent.
    pub fn sent(&self) -> Vec<String> {
        self.seen.lock().unwrap().sent.clone()
    }

    pub fn violations(&self) -> Vec<Violation> {
        self.seen.lock().unwrap().violations.clone()
    }

    pub fn accuse(&self, violation: Violation) {
        self.seen.lock().unwrap().violations.push(violation);
    }

    async fn saw(&self, write: &Write, before: Option<Item>) {
        let Write::Put { key, body, .. } = write else { return };
        let Some((_, row)) = key.partition.strip_prefix("stream#").map(|p| (p, key.sort.as_str()))
        else {
            return;
        };
        if row == "head" {
            self.head(before, body);
        } else if row.starts_with("done#") {
            self.done(&key.partition, body).await;
        } else if row.starts_with("partition#") {
            self.partition(key, before, body);
        }
    }

    fn head(&self, before: Option<Item>, after: &str) {
        let Some(before) = before else { return };
        let before: Head = serde_json::from_str(&before.body).unwrap();
        let after: Head = serde_json::from_str(after).unwrap();
        for violation in invariant::heads(&before, &after) {
            self.accuse(violation);
        }
    }

    /// I-1: what a commit names is there, before the commit is.
    async fn done(&self, stream: &str, body: &str) {
        let done: DoneSlice = serde_json::from_str(body).unwrap();
        for part in &done.parts {
            match self.lines(&part.key).await {
                Some(rows) if rows.len() as u64 == part.rows => {
                    let mut seen = self.seen.lock().unwrap();
                    let committed = seen.committed.entry(stream.to_owned()).or_default();
                    for (id, at) in rows.into_iter().flatten() {
                        let known = committed.entry(id).or_insert(at);
                        *known = at.max(*known);
                    }
                }
                _ => self.accuse(Violation::new(
                    "I-1",
                    format!("{} is committed without its data", part.key),
                )),
            }
        }
    }

    /// Id and cursor of each line; none for lines that are no items.
    async fn lines(&self, key: &ObjectKey) -> Option<Vec<Option<(u64, Timestamp)>>> {
        let object = self.objects.get(key).await.ok()?;
        let codec = LandingKey::parse(key).map_or(Codec::Plain, |key| key.codec);
        let mut reader = LineReader::new(object.body, codec, Limits::default()).unwrap();
        let mut rows = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            let line = Line::parse(line).unwrap();
            let value: serde_json::Value = serde_json::from_str(line.record.get()).unwrap();
            let id = value.get("id").and_then(serde_json::Value::as_u64);
            let cursor = line.cursor.and_then(|text| match text.parse().ok()? {
                CursorValue::Instant(at) => Some(at),
                _ => None,
            });
            rows.push(id.zip(cursor));
        }
        Some(rows)
    }

    /// I-2, and I-1 against the source itself: whatever it holds from before the resume point is
    /// committed.
    fn partition(&self, key: &Key, before: Option<Item>, after: &str) {
        let parse = |text: &str| serde_json::from_str::<Partition>(text).unwrap();
        let before = before.map(|item| parse(&item.body)).unwrap_or_default();
        let after = parse(after);
        if let Some(violation) = invariant::partitions(&before, &after) {
            self.accuse(violation);
        }
        let Some(resume) = after.resume.filter(|_| after.resume != before.resume) else { return };
        let seen = self.seen.lock().unwrap();
        let none = BTreeMap::new();
        let committed = seen.committed.get(&key.partition).unwrap_or(&none);
        let missing = current(&self.provider).into_iter().find(|row| {
            row.updated_at < resume && committed.get(&row.id).is_none_or(|at| *at < row.updated_at)
        });
        drop(seen);
        if let Some(row) = missing {
            let what = format!(
                "item {} of {} lies before {resume} and is not committed",
                row.id, row.updated_at
            );
            self.accuse(Violation::new("I-1", what));
        }
    }
}

/// The newest version of each item that there is.
pub fn current(provider: &Provider) -> Vec<Row> {
    let newest = provider.versions().into_iter().map(|row| (row.id, row));
    let newest: BTreeMap<u64, Row> = newest.collect();
    newest.into_values().filter(|row| !row.is_deleted()).collect()
}

/// A queue that remembers what was sent.
#[derive(Debug)]
pub struct WatchedQueue {
    watched: Watched,
    queue: Arc<dyn Queue>,
}

#[async_trait]
impl Queue for WatchedQueue {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let bodies = messages.iter().map(|message| message.body.clone());
        self.watched.seen.lock().unwrap().sent.extend(bodies);
        self.queue.send(messages).await
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        self.queue.receive(max, wait, visibility).await
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        self.queue.ack(message).await
    }

    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError> {
        self.queue.defer(message, until).await
    }

    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        self.queue.dead_letter(message, reason).await
    }
}

/// The world's table under watch.
#[derive(Debug)]
pub struct WatchedTable {
    watched: Watched,
}

#[async_trait]
impl Table for WatchedTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.watched.table.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.watched.table.query(query).await
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        let mut before = Vec::new();
        for write in writes {
            before.push(self.watched.table.get(write.key()).await?);
        }
        let version = self.watched.table.transact(writes, write).await?;
        let commits_first = |write: &&Write| !write.key().sort.starts_with("done#");
        let mut all: Vec<_> = writes.iter().zip(before).collect();
        all.sort_by_key(|(write, _)| commits_first(write));
        for (write, before) in all {
            self.watched.saw(write, before).await;
        }
        Ok(version)
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        self.watched.table.add(key, amount).await
    }
}
