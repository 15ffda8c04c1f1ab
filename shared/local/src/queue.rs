//! Messages in SQLite.

mod deliver;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{
    Clock, LONGEST_DELAY, Message, Queue, QueueError, REASON, Received, carried_reason,
    check_message,
};
use rusqlite::{Connection, Transaction, params};

use crate::database::{Database, DatabaseError, nanoseconds};
use deliver::{Delivery, deliver};

/// How long a waiting receive sleeps between looks, in which other processes may have sent.
const LOOK: Duration = Duration::from_millis(50);

/// A [`Queue`] in a [`Database`].
///
/// Its dead letters go to the queue of the same name with `-dead` behind it, which buries
/// nothing itself. Groups are served fairly: the next message is the oldest of the group that
/// has the fewest in work.
#[derive(Debug)]
pub struct SqliteQueue {
    database: Database,
    clock: Arc<dyn Clock>,
    name: String,
    dead: Option<String>,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// To be had now.
    pub ready: u32,
    /// Hidden while someone works on them.
    pub in_work: u32,
    /// Not before later.
    pub delayed: u32,
}

impl SqliteQueue {
    /// The queue of this name.
    pub fn new(database: &Database, clock: Arc<dyn Clock>, name: &str) -> Self {
        let dead = Some(format!("{name}-dead"));
        Self { database: database.clone(), clock, name: name.to_owned(), dead }
    }

    /// Its dead letters, as a queue.
    #[must_use]
    pub fn dead_letters(&self) -> Self {
        let name = self.dead.clone().unwrap_or_else(|| self.name.clone());
        let (database, clock) = (self.database.clone(), Arc::clone(&self.clock));
        Self { database, clock, name, dead: None }
    }

    /// How many messages it holds.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        let (name, now) = (self.name.clone(), nanoseconds(self.clock.now()));
        let read = move |connection: &Connection| {
            let sql = "SELECT count(*) FILTER (WHERE visible <= ?2), \
                       count(*) FILTER (WHERE visible > ?2 AND receives > 0), \
                       count(*) FILTER (WHERE visible > ?2 AND receives = 0) \
                       FROM message WHERE queue = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let depth = statement.query_row(params![name, now], |row| {
                let (ready, in_work, delayed) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Depth { ready, in_work, delayed })
            });
            depth.map_err(DatabaseError::from)
        };
        self.database.read(read).await.map_err(unavailable)
    }

    async fn take(&self, delivery: Delivery) -> Result<Vec<Received>, QueueError> {
        // Only who finds something asks to be the writer: an idle receiver disturbs nobody.
        let (name, now) = (delivery.queue.clone(), delivery.now);
        let look = move |connection: &Connection| {
            let sql = "SELECT 1 FROM message WHERE queue = ?1 AND visible <= ?2 LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            statement.exists(params![name, now]).map_err(DatabaseError::from)
        };
        if !self.database.read(look).await.map_err(unavailable)? {
            return Ok(Vec::new());
        }
        let deliver = move |transaction: &Transaction<'_>| deliver(transaction, &delivery);
        self.database.write(deliver).await.map_err(unavailable)
    }

    /// Puts a copy of a message somewhere and takes the message away, in one transaction.
    async fn replace(
        &self,
        message: &Received,
        queue: &str,
        copy: Message,
    ) -> Result<(), QueueError> {
        let (gone, from, queue) = (message.clone(), self.name.clone(), queue.to_owned());
        let now = self.clock.now();
        let replace = move |transaction: &Transaction<'_>| {
            insert(transaction, &queue, &copy, now)?;
            remove(transaction, &from, &gone)
        };
        self.database.write(replace).await.map_err(unavailable)
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, messages: &[Message]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let results: Vec<Result<(), QueueError>> = messages.iter().map(check_message).collect();
        let sound = messages.iter().zip(&results).filter(|(_, result)| result.is_ok());
        let sound: Vec<Message> = sound.map(|(message, _)| message.clone()).collect();
        if sound.is_empty() {
            return Ok(results);
        }
        let (name, now) = (self.name.clone(), self.clock.now());
        let send = move |transaction: &Transaction<'_>| {
            sound.iter().try_for_each(|message| insert(transaction, &name, message, now))
        };
        self.database.write(send).await.map_err(unavailable)?;
        Ok(results)
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let mut left = wait;
        loop {
            let now = self.clock.now();
            let received = self
                .take(Delivery {
                    queue: self.name.clone(),
                    dead: self.dead.clone(),
                    max: max.clamp(1, 10),
                    now: nanoseconds(now),
                    hidden: nanoseconds(now + visibility),
                })
                .await?;
            if !received.is_empty() || left.is_zero() {
                return Ok(received);
            }
            let nap = left.min(LOOK);
            self.clock.sleep(nap).await;
            left = left.saturating_sub(nap);
        }
    }

    async fn ack(&self, message: &Received) -> Result<(), QueueError> {
        let (name, message) = (self.name.clone(), message.clone());
        let ack = move |transaction: &Transaction<'_>| remove(transaction, &name, &message);
        self.database.write(ack).await.map_err(unavailable)
    }

    async fn defer(&self, message: &Received, until: Timestamp) -> Result<(), QueueError> {
        self.replace(message, &self.name, copy(message, Some(until))).await
    }

    async fn dead_letter(&self, message: &Received, reason: &str) -> Result<(), QueueError> {
        let Some(dead) = &self.dead else {
            let reason = "a dead letter has nowhere else to go".to_owned();
            return Err(QueueError::Refused { reason });
        };
        let mut letter = copy(message, None);
        letter.attributes.insert(REASON.to_owned(), carried_reason(reason));
        self.replace(message, dead, letter).await
    }
}

fn unavailable(error: DatabaseError) -> QueueError {
    QueueError::Unavailable { source: Box::new(error) }
}

fn copy(received: &Received, not_before: Option<Timestamp>) -> Message {
    let Received { body, group, attributes, .. } = received.clone();
    Message { body, group, attributes, not_before }
}

/// Puts a message on a queue.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    queue: &str,
    message: &Message,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let visible = message.not_before.unwrap_or(now).clamp(now, now + LONGEST_DELAY);
    let attributes = encode(&message.attributes)?;
    let sql = "INSERT INTO message \
               (queue, fair_group, body, attributes, visible, not_before, receives) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)";
    let values = params![
        queue,
        message.group,
        message.body,
        attributes,
        nanoseconds(visible),
        message.not_before.map(nanoseconds),
    ];
    transaction.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn encode(attributes: &BTreeMap<String, String>) -> Result<String, DatabaseError> {
    serde_json::to_string(attributes)
        .map_err(|_| DatabaseError::Corrupt { what: "message attribute" })
}

/// Takes a message away, if this delivery of it is the latest.
fn remove(
    transaction: &Transaction<'_>,
    queue: &str,
    message: &Received,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM message WHERE queue = ?1 AND id || '.' || receives = ?2 AND id = ?3";
    let id: i64 = message.id.parse().unwrap_or(-1);
    transaction.prepare_cached(sql)?.execute(params![queue, message.receipt, id])?;
    Ok(())
}

#[cfg(test)]
mod tests;
