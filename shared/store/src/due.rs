//! Due work: who enrols it, who finds it, who may start it.

use std::time::Duration;

use model::{ConnectionId, PlanId, SourceName, TenantId, Timestamp, fixed_text};
use ports::{Direction, SortRange, TableError, Version};

use crate::head::{Head, turn};
use crate::key::{SHARDS, due_partition};
use crate::repository::{Paging, later};
use crate::row::{decode, put, remove};
use crate::{Listed, Partition, Store, StoreError, StreamKey, partition_digest};

/// Most doublings of the time after which an unanswered claim comes back.
const DOUBLINGS: u32 = 6;

/// The right to enqueue the work of a stream once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Stream.
    pub key: StreamKey,
    /// Its source.
    pub source: SourceName,
    /// The fence that the job finds, unless somebody took the work up before it.
    pub expects: u64,
    /// The open plan that the work goes on with.
    pub plan: Option<PlanId>,
}

impl Store {
    /// The head of a stream, with its version.
    pub async fn head(&self, key: &StreamKey) -> Result<Option<(Head, Version)>, StoreError> {
        self.row(&key.head()).await
    }

    /// Makes a stream known, due at that instant. One that is known stays as it is, unless it
    /// rested: then it is due again.
    pub async fn enroll(
        &self,
        key: &StreamKey,
        source: &SourceName,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        match self.head(key).await? {
            Some((head, _)) if head.due.is_none() => self.set_due(key, Some(due)).await,
            Some(_) => Ok(()),
            None => self.create(key, &Head::new(source.clone(), Some(due))).await,
        }
    }

    /// Writes the first head of a stream; one that is there already wins.
    pub(crate) async fn create(&self, key: &StreamKey, head: &Head) -> Result<(), StoreError> {
        let mut writes = turn(key, None, head)?;
        let listed = Listed { key: key.clone(), source: head.source.clone() };
        writes.push(put(key.listed(), &listed)?);
        match self.write(&writes, &self.write_id()).await {
            Ok(_) | Err(TableError::Contended { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes over a stream that another system has pulled up to an instant: its first run goes on
    /// from there. Gives whether it did; a stream that is known stays as it is.
    pub async fn adopt(
        &self,
        key: &StreamKey,
        source: &SourceName,
        resume: Timestamp,
    ) -> Result<bool, StoreError> {
        let due = Some(self.now());
        let head = Head { resume: Some(resume), ..Head::new(source.clone(), due) };
        let partition = Partition { resume: Some(resume), ..Partition::default() };
        let mut writes = turn(key, None, &head)?;
        let listed = Listed { key: key.clone(), source: source.clone() };
        writes.push(put(key.listed(), &listed)?);
        writes.push(put(key.part(&partition_digest(&partition.key)), &partition)?);
        match self.write(&writes, &self.write_id()).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes what schedules say of a stream, whoever holds it: none takes it out of the due
    /// index (paused or removed), an instant puts it there.
    pub async fn set_due(&self, key: &StreamKey, due: Option<Timestamp>) -> Result<(), StoreError> {
        loop {
            let Some((before, version)) = self.head(key).await? else { return Ok(()) };
            if before.due == due {
                return Ok(());
            }
            let after = Head { due, ..before.clone() };
            let writes = turn(key, Some((&before, &version)), &after)?;
            match self.write(&writes, &self.write_id()).await {
                Err(TableError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Forgets a stream that no configuration names any more, its state included. Its data stays.
    pub async fn forget(&self, key: &StreamKey) -> Result<(), StoreError> {
        self.set_due(key, None).await?;
        let writes = [remove(key.head()), remove(key.listed())];
        self.write(&writes, &self.write_id()).await?;
        Ok(())
    }

    /// The known streams of a tenant, or of one of its connections.
    pub async fn streams(
        &self,
        tenant: &TenantId,
        connection: Option<&ConnectionId>,
    ) -> Result<Vec<Listed>, StoreError> {
        let range = connection.map_or(SortRange::All, |c| SortRange::Prefix(format!("{c}#")));
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let paging = Paging { after: after.as_deref(), limit: 500 };
            let partition = format!("streams#{tenant}");
            let page = self.rows(partition, range.clone(), Direction::Forward, paging).await?;
            for item in &page.items {
                all.push(decode(item)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Number of shards of the due index.
    pub fn shards() -> u8 {
        SHARDS
    }

    /// What one shard of the due index holds up to an instant, longest overdue first; at most
    /// `limit`.
    pub async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let range = SortRange::Between("0".to_owned(), format!("{}~", fixed_text(until)));
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        while found.len() < limit {
            let paging = Paging { after: after.as_deref(), limit: limit - found.len() };
            let partition = due_partition(shard);
            let page = self.rows(partition, range.clone(), Direction::Forward, paging).await?;
            for item in &page.items {
                found.push(decode(item)?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Claims the work of a stream that is due at `now + slack`, by one conditional write: of any
    /// number of producers one gets it. If its message is never taken up the work comes back.
    pub async fn claim(
        &self,
        key: &StreamKey,
        slack: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let Some((before, version)) = self.head(key).await? else { return Ok(None) };
        let now = self.now();
        let ready = before.due.is_some_and(|due| due <= later(now, slack));
        if !ready || before.live(now).is_some() {
            return Ok(None);
        }
        let patience = self.timing().claim * 2u32.pow(before.claims.min(DOUBLINGS));
        let due = Some(later(now, patience.max(slack * 2)));
        let after = Head { due, claims: before.claims.saturating_add(1), ..before.clone() };
        let writes = turn(key, Some((&before, &version)), &after)?;
        match self.write(&writes, &self.write_id()).await {
            Ok(_) => Ok(Some(Claim {
                key: key.clone(),
                source: after.source,
                expects: after.fence,
                plan: after.plan,
            })),
            Err(TableError::Contended { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
