//! Which rows of models were pushed last, so that only changes are.
//!
//! Receipts of a model are taken one after the other: whoever begins one that another left
//! half-done ends that one first. So of two versions of an entity the later one is accepted later.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use model::{ModelName, ObjectKey, Timestamp};
use ports::{Expect, Key, TableError, Version, Write};
use serde::{Deserialize, Serialize};

use super::{HeldLease, PushKey};
use crate::repository::later;
use crate::row::put;
use crate::{Store, StoreError};

/// Rows that are read side by side.
const SIDE_BY_SIDE: usize = 32;

/// Entities in one transaction, beside the check of who takes.
const CHUNK: usize = 90;

/// What was pushed of an entity last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Digest of the item.
    pub digest: String,
    /// Its place among the versions of the entity, in text order.
    pub version: String,
    /// The receipt by which it changed.
    pub receipt: ObjectKey,
}

/// An entity as it is to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    /// The entity's key, as text.
    pub name: String,
    /// What is remembered.
    pub entity: Entity,
}

/// The receipt that is being taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Taking {
    receipt: ObjectKey,
    accepted: Timestamp,
    lease: HeldLease,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    #[serde(default)]
    taking: Option<Taking>,
    #[serde(default)]
    last: Option<Timestamp>,
}

/// A receipt in the hands of one worker.
#[derive(Debug, Clone)]
pub struct Took {
    /// When its changes count as accepted: later than those of any receipt before it, and the
    /// same whoever goes on with it.
    pub accepted: Timestamp,
    /// Whether another worker began it and left it half-done.
    pub resumed: bool,
    key: Key,
    version: Version,
}

/// What became of an attempt to take a receipt.
#[derive(Debug, Clone)]
pub enum Intake {
    /// It is the caller's.
    Took(Took),
    /// Another worker takes one.
    Busy {
        /// Until when, at the latest.
        until: Timestamp,
    },
    /// Another receipt was left half-done, and comes first.
    Unfinished {
        /// Which.
        receipt: ObjectKey,
    },
}

impl Store {
    /// Begins to take a receipt of a model, or goes on with it.
    pub async fn take_receipt(
        &self,
        (key, model): (&PushKey, &ModelName),
        receipt: &ObjectKey,
        lease: HeldLease,
    ) -> Result<Intake, StoreError> {
        let at = key.intake(model);
        loop {
            let (row, expect) = match self.row::<Row>(&at).await? {
                Some((row, version)) => (row, Expect::Version(version)),
                None => (Row::default(), Expect::Absent),
            };
            let now = self.now();
            let resumed = row.taking.is_some();
            let accepted = match &row.taking {
                Some(taking) if later(taking.lease.until, self.timing().skew) > now => {
                    return Ok(Intake::Busy { until: taking.lease.until });
                }
                Some(taking) if taking.receipt != *receipt => {
                    return Ok(Intake::Unfinished { receipt: taking.receipt.clone() });
                }
                Some(taking) => taking.accepted,
                None => after(row.last, now),
            };
            let taking = Taking { receipt: receipt.clone(), accepted, lease: lease.clone() };
            let row = Row { taking: Some(taking), last: row.last };
            if let Some(version) = self.put_row(at.clone(), &row, expect).await? {
                return Ok(Intake::Took(Took { accepted, resumed, key: at, version }));
            }
        }
    }

    /// Ends a receipt; false when it has passed to somebody else.
    pub async fn end_receipt(&self, took: &Took) -> Result<bool, StoreError> {
        let row = Row { taking: None, last: Some(took.accepted) };
        let expect = Expect::Version(took.version.clone());
        Ok(self.put_row(took.key.clone(), &row, expect).await?.is_some())
    }

    /// What was pushed of entities last, one for each name.
    pub async fn entities(
        &self,
        (key, model): (&PushKey, &ModelName),
        names: &[String],
    ) -> Result<Vec<Option<Entity>>, StoreError> {
        let one = |name: String| async move {
            let found = self.row::<Entity>(&key.entity(model, &name)).await?;
            Ok::<_, StoreError>(found.map(|(entity, _)| entity))
        };
        stream::iter(names.to_vec()).map(one).buffered(SIDE_BY_SIDE).try_collect().await
    }

    /// Remembers entities; false when the receipt has passed to somebody else.
    pub async fn put_entities(
        &self,
        (key, model): (&PushKey, &ModelName),
        took: &Took,
        rows: &[EntityRow],
    ) -> Result<bool, StoreError> {
        for chunk in rows.chunks(CHUNK) {
            let expect = Expect::Version(took.version.clone());
            let mut writes = vec![Write::Check { key: took.key.clone(), expect }];
            for row in chunk {
                writes.push(put(key.entity(model, &row.name), &row.entity)?);
            }
            match self.write(&writes, &self.write_id()).await {
                Ok(_) => {}
                Err(TableError::Contended { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

/// The present, but later than the instant before it, in whole milliseconds.
fn after(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let next = last.map_or(i64::MIN, |last| last.as_millisecond().saturating_add(1));
    Timestamp::from_millisecond(now.as_millisecond().max(next)).unwrap_or(now)
}
