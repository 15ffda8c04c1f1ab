//! Run records: what each invocation did, for people and for alarms.

use std::time::Duration;

use model::{ConnectionId, PlanId, RunId, SourceName, TenantId, Timestamp, fixed_text};
use ports::{Direction, Key, SortRange};
use serde::{Deserialize, Serialize};

use crate::key::runs_partition;
use crate::repository::{Paging, later};
use crate::row::{decode, put_until};
use crate::{PossibleGap, Purpose, Store, StoreError, StreamKey};

/// Run records are kept this long.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Nothing is left open.
    Complete,
    /// It stopped in time; its continuation goes on.
    Continued,
    /// The source said "not now" or "not for this account".
    Skipped,
    /// It failed.
    Failed,
}

/// What one run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Stream.
    #[serde(flatten)]
    pub key: StreamKey,
    /// Source.
    pub source: SourceName,
    /// Plan that it worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// What the plan reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Fence of its lease.
    pub fence: u64,
    /// Start.
    pub started: Timestamp,
    /// End.
    pub ended: Timestamp,
    /// How it ended.
    pub status: RunStatus,
    /// What it counted.
    pub counts: Counts,
    /// Signs that rows may be missing although nothing failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<PossibleGap>,
    /// Class and message of what went wrong, or the reason for skipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Resume point at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Timestamp>,
}

/// Why a run ended as it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Retry class (`Permanent`, `Transient`, …) or `Skipped`.
    pub class: String,
    /// What happened, for a person.
    pub message: String,
}

/// What a run counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Pages fetched.
    pub pages: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows in new landing objects that became data.
    pub committed: u64,
    /// Bytes of landing objects.
    pub bytes: u64,
    /// Slices committed.
    pub slices: u64,
    /// Rows found gone.
    pub gone: u64,
    /// Possible gaps; the run says which.
    pub gaps: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.pages += other.pages;
        self.rows += other.rows;
        self.committed += other.committed;
        self.bytes += other.bytes;
        self.slices += other.slices;
        self.gone += other.gone;
        self.gaps += other.gaps;
    }
}

impl Store {
    /// Records a run. Repeating it changes nothing.
    pub async fn record(&self, run: &Run) -> Result<(), StoreError> {
        let sort = format!("{}#{}", fixed_text(run.started), run.id);
        let key = Key { partition: run.key.runs(), sort };
        let write = put_until(key, run, Some(later(run.ended, KEPT)))?;
        self.write(&[write], &self.write_id()).await?;
        Ok(())
    }

    /// The newest runs of a connection, newest first.
    pub async fn runs(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        limit: usize,
    ) -> Result<Vec<Run>, StoreError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        while found.len() < limit {
            let paging = Paging { after: after.as_deref(), limit: limit - found.len() };
            let partition = runs_partition(tenant, connection);
            let page = self.rows(partition, SortRange::All, Direction::Backward, paging).await?;
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
}
