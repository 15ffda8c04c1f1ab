//! Files that are planned together, and how far planning has come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::ObjectKey;
use ports::{Direction, Expect, Key, SortRange, TableError, Version, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{OpenBatch, PushKey};
use crate::repository::{Paging, later};
use crate::row::{decode, encode, put, put_until, remove};
use crate::{Store, StoreError};

/// Finished groups and what became of their batches are kept this long.
pub(super) const KEPT: Duration = Duration::from_hours(90 * 24);

/// What planning of a push knows. Each step of planning changes it, so that steps follow one
/// another whoever takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushHead {
    /// Steps of planning so far.
    pub steps: u64,
    /// By origin, the first date on which files may lie that are not planned.
    #[serde(default)]
    pub since: BTreeMap<String, String>,
    /// The order of the last of all groups.
    #[serde(default)]
    pub last: String,
}

/// A file of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFile {
    /// Digest of the file.
    pub file: String,
    /// The object that says it was accepted.
    pub accepted: ObjectKey,
}

/// Where planning goes on in a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which file, from 0.
    pub file: u32,
    /// Which part of it, from 0.
    pub part: u32,
    /// How many records of the part are planned.
    pub records: u32,
    /// Which batch comes next, from 0.
    pub batch: u32,
}

/// Consecutive files of one operation that are planned and finished together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id: part of keys.
    pub id: String,
    /// Its place among the groups of the push, in text order.
    pub order: String,
    /// What its items are sent by.
    pub operation: String,
    /// Its files, in order.
    pub files: Vec<GroupFile>,
    /// Whether files that were accepted later were planned before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Where planning goes on; none when all of it is planned.
    pub next: Option<Place>,
}

/// A group that is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Its id.
    pub id: String,
    /// Digests of its files.
    pub files: Vec<String>,
}

/// One step of planning: written as a whole, or not at all because somebody else was faster.
#[derive(Debug, Clone)]
pub struct PlanStep {
    /// The head as it was read, with its version where there is one.
    pub head: (PushHead, Option<Version>),
    /// The group as it is after the step.
    pub group: Option<Group>,
    /// Batches that the step opens.
    pub batches: Vec<OpenBatch>,
}

impl Store {
    /// What planning of a push knows.
    pub async fn push_head(
        &self,
        key: &PushKey,
    ) -> Result<(PushHead, Option<Version>), StoreError> {
        let found = self.row::<PushHead>(&key.head()).await?;
        Ok(found.map_or_else(Default::default, |(head, version)| (head, Some(version))))
    }

    /// Takes a step of planning; false when somebody else has taken one meanwhile.
    pub async fn plan_step(&self, key: &PushKey, step: PlanStep) -> Result<bool, StoreError> {
        let (head, version) = step.head;
        let head = PushHead { steps: head.steps + 1, ..head };
        let (at, expect) = (key.head(), version.map_or(Expect::Absent, Expect::Version));
        let body = encode(&at, &head)?;
        let mut writes = vec![Write::Put { key: at, expect, body, expires: None }];
        if let Some(group) = &step.group {
            writes.push(put(key.group(&group.order), group)?);
        }
        for batch in &step.batches {
            writes.push(put(key.open(&batch.order), batch)?);
        }
        match self.write(&writes, &self.write_id()).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Groups that are not finished, in order, with their versions.
    pub async fn groups(&self, key: &PushKey) -> Result<Vec<(Group, Version)>, StoreError> {
        let range = SortRange::Prefix("group#".to_owned());
        self.all_rows(key.partition(), range).await
    }

    /// Digests of the files of all groups that are finished and do not come before an order.
    pub async fn closed_files(
        &self,
        key: &PushKey,
        from: &str,
    ) -> Result<BTreeSet<String>, StoreError> {
        let range = SortRange::Between(format!("closed#{from}"), "closed#~".to_owned());
        let closed = self.all_rows::<Closed>(key.partition(), range).await?;
        Ok(closed.into_iter().flat_map(|(closed, _)| closed.files).collect())
    }

    /// The ids of all groups behind an order, those that are finished among them.
    pub async fn groups_after(
        &self,
        key: &PushKey,
        order: &str,
    ) -> Result<Vec<String>, StoreError> {
        let behind =
            |kind: &str| SortRange::Between(format!("{kind}#{order}~"), format!("{kind}#~"));
        let live = self.all_rows::<Group>(key.partition(), behind("group")).await?;
        let closed = self.all_rows::<Closed>(key.partition(), behind("closed")).await?;
        let live = live.into_iter().map(|(group, _)| group.id);
        Ok(live.chain(closed.into_iter().map(|(closed, _)| closed.id)).collect())
    }

    /// A group that is finished, with its order, by its id; `accepted` is when one of its files
    /// was, as keys have it.
    pub async fn closed_group(
        &self,
        key: &PushKey,
        accepted: &str,
        id: &str,
    ) -> Result<Option<(String, Closed)>, StoreError> {
        // A file may be in a group with earlier ones, which names it.
        let until = format!("closed#{accepted}~");
        let mut after: Option<String> = None;
        loop {
            let paging = Paging { after: after.as_deref(), limit: 1000 };
            let range = SortRange::Between("closed#".to_owned(), until.clone());
            let page = self.rows(key.partition(), range, Direction::Backward, paging).await?;
            for item in &page.items {
                let closed: Closed = decode(item)?;
                if closed.id == id {
                    let order = item.key.sort.trim_start_matches("closed#").to_owned();
                    return Ok(Some((order, closed)));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether a batch of a group is open.
    pub async fn has_open(&self, key: &PushKey, group: &Group) -> Result<bool, StoreError> {
        let range = SortRange::Prefix(format!("open#{}.", group.order));
        let mut after: Option<String> = None;
        loop {
            let paging = Paging { after: after.as_deref(), limit: 1 };
            let page =
                self.rows(key.partition(), range.clone(), Direction::Forward, paging).await?;
            if !page.items.is_empty() {
                return Ok(true);
            }
            after = page.next;
            if after.is_none() {
                return Ok(false);
            }
        }
    }

    /// Closes a group of which nothing is open any more. Closing it again changes nothing.
    pub async fn close_group(&self, key: &PushKey, group: &Group) -> Result<(), StoreError> {
        let files = group.files.iter().map(|file| file.file.clone()).collect();
        let closed = Closed { id: group.id.clone(), files };
        let expires = Some(later(self.now(), KEPT));
        let writes = [
            remove(key.group(&group.order)),
            put_until(key.closed(&group.order), &closed, expires)?,
        ];
        self.write(&writes, &self.write_id()).await?;
        Ok(())
    }

    pub(super) async fn all_rows<T: DeserializeOwned>(
        &self,
        partition: String,
        range: SortRange,
    ) -> Result<Vec<(T, Version)>, StoreError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let paging = Paging { after: after.as_deref(), limit: 1000 };
            let page =
                self.rows(partition.clone(), range.clone(), Direction::Forward, paging).await?;
            for item in &page.items {
                all.push((decode(item)?, item.version.clone()));
            }
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn put_row<T: Serialize + Sync>(
        &self,
        key: Key,
        row: &T,
        expect: Expect,
    ) -> Result<Option<Version>, StoreError> {
        let body = encode(&key, row)?;
        let write = Write::Put { key, expect, body, expires: None };
        match self.write(&[write], &self.write_id()).await {
            Ok(version) => Ok(Some(version)),
            Err(TableError::Contended { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
