//! Open batches: claimed under a lease, finished once.

use model::{ObjectKey, Timestamp};
use ports::{Direction, Expect, SortRange, TableError, Version, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::group::KEPT;
use super::{Fingerprints, PushKey};
use crate::repository::{Paging, later};
use crate::row::{decode, encode, put_until};
use crate::{Store, StoreError};

/// Consecutive records of one part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Which file of the group, from 0.
    pub file: u32,
    /// Which part of it, from 0.
    pub part: u32,
    /// Line of the first record.
    pub first: u64,
    /// Line of the last record.
    pub last: u64,
    /// How many records.
    pub records: u32,
}

/// Who works on a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLease {
    /// Name of the lease.
    pub id: String,
    /// Until when.
    pub until: Timestamp,
}

/// A batch that is not done: items of one operation that go in one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenBatch {
    /// Its id: follows from what it holds, or from the batch that it goes on with.
    pub id: String,
    /// Its place among the batches of the push, in text order.
    pub order: String,
    /// The group that its files are of.
    pub group: String,
    /// What sends it.
    pub operation: String,
    /// Its items.
    pub spans: Vec<Span>,
    /// The entities that they are about.
    #[serde(default)]
    pub entities: Fingerprints,
    /// When its files were accepted.
    pub accepted: Timestamp,
    /// Not sent before this instant.
    pub not_before: Timestamp,
    /// Which round of calls: a known answer ends a round.
    #[serde(default)]
    pub round: u32,
    /// Tries that failed, of it and of the batches that it goes on with.
    #[serde(default)]
    pub tries: u32,
    /// How often its items went on with another operation.
    #[serde(default)]
    pub reroutes: u32,
    /// How often its items were put off.
    #[serde(default)]
    pub defers: u32,
    /// Whether the credential was refreshed for it and it was not answered otherwise since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refreshed: bool,
    /// The request of this round, once it is stored: from then on it may have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ObjectKey>,
    /// Whether a call of this round may have been carried out without anybody knowing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    /// The job that the destination made of it, and that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Value>,
    /// How often it was taken.
    #[serde(default)]
    pub fence: u64,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<HeldLease>,
}

impl OpenBatch {
    /// How many items.
    pub fn items(&self) -> usize {
        self.spans.iter().map(|span| usize::try_from(span.records).unwrap_or(usize::MAX)).sum()
    }

    /// Whether somebody works on it.
    pub fn is_leased(&self, now: Timestamp, skew: std::time::Duration) -> bool {
        self.lease.as_ref().is_some_and(|lease| later(lease.until, skew) > now)
    }
}

/// A batch in the hands of one worker.
#[derive(Debug, Clone)]
pub struct Held {
    /// The batch.
    pub batch: OpenBatch,
    version: Version,
}

/// How many items of one file ended in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Which file of the group, from 0.
    pub file: u32,
    /// How they ended.
    pub verdict: String,
    /// With which code, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many.
    pub items: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its id.
    pub id: String,
    /// The object that says what became of each item.
    pub outcome: ObjectKey,
    /// When it was decided.
    pub at: Timestamp,
    /// Items that are final.
    pub counts: Vec<Counted>,
    /// Entities of those that are at the destination now.
    #[serde(default)]
    pub entities: Fingerprints,
    /// Batches that go on with the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
}

impl Store {
    /// The first open batches in order, with their versions.
    pub async fn open_batches(
        &self,
        key: &PushKey,
        limit: usize,
    ) -> Result<Vec<(OpenBatch, Version)>, StoreError> {
        let range = SortRange::Prefix("open#".to_owned());
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        while found.len() < limit {
            let paging = Paging { after: after.as_deref(), limit: limit - found.len() };
            let page =
                self.rows(key.partition(), range.clone(), Direction::Forward, paging).await?;
            for item in &page.items {
                found.push((decode(item)?, item.version.clone()));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Takes a batch as it was read; none when somebody else was faster. Who had it before may
    /// have sent its request.
    pub async fn claim_batch(
        &self,
        key: &PushKey,
        (batch, version): (OpenBatch, Version),
        lease: HeldLease,
    ) -> Result<Option<Held>, StoreError> {
        let doubt = batch.doubt || batch.intent.is_some();
        let batch = OpenBatch { lease: Some(lease), fence: batch.fence + 1, doubt, ..batch };
        let at = key.open(&batch.order);
        let written = self.put_row(at, &batch, Expect::Version(version)).await?;
        Ok(written.map(|version| Held { batch, version }))
    }

    /// Changes a batch that is held; none when it has passed to somebody else.
    pub async fn change_batch(
        &self,
        key: &PushKey,
        held: Held,
        change: impl FnOnce(&mut OpenBatch) + Send,
    ) -> Result<Option<Held>, StoreError> {
        let Held { mut batch, version } = held;
        change(&mut batch);
        let at = key.open(&batch.order);
        let written = self.put_row(at, &batch, Expect::Version(version)).await?;
        Ok(written.map(|version| Held { batch, version }))
    }

    /// Ends a batch and opens those that go on with its items, all at once; false when somebody
    /// else has it, or has ended it.
    pub async fn finish_batch(
        &self,
        key: &PushKey,
        held: &Held,
        done: &Done,
        children: &[OpenBatch],
    ) -> Result<bool, StoreError> {
        let own = key.open(&held.batch.order);
        let expires = Some(later(self.now(), KEPT));
        let mut ended = put_until(key.done(&held.batch.group, &done.id), done, expires)?;
        if let Write::Put { expect, .. } = &mut ended {
            *expect = Expect::Absent;
        }
        let mut writes = vec![ended];
        let mut replaced = false;
        for child in children {
            let at = key.open(&child.order);
            let expect = if at == own {
                replaced = true;
                Expect::Version(held.version.clone())
            } else {
                Expect::Absent
            };
            let body = encode(&at, child)?;
            writes.push(Write::Put { key: at, expect, body, expires: None });
        }
        if !replaced {
            writes.push(Write::Delete { key: own, expect: Expect::Version(held.version.clone()) });
        }
        match self.write(&writes, &self.write_id()).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One page of what became of the batches of a group.
    pub async fn done_batches(
        &self,
        key: &PushKey,
        group: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Done>, Option<String>), StoreError> {
        let paging = Paging { after, limit: 1000 };
        let partition = key.done_partition(group);
        let page = self.rows(partition, SortRange::All, Direction::Forward, paging).await?;
        let done = page.items.iter().map(decode).collect::<Result<_, _>>()?;
        Ok((done, page.next))
    }
}
