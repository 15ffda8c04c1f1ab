//! The head of a stream: who works on it, when it is due, how far it is.

use model::{CursorValue, PlanId, SourceName, Timestamp};
use ports::{Expect, Version, Write};
use serde::{Deserialize, Serialize};

use crate::row::{encode, put, remove};
use crate::{Listed, StoreError, StreamKey};

/// Who works on a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker's invocation.
    pub owner: String,
    /// Nobody else takes the stream before this instant.
    pub until: Timestamp,
}

/// A complete refresh of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number, counted from 1.
    pub number: u64,
    /// The plan that read it.
    pub plan: PlanId,
    /// Its rows.
    pub rows: u64,
    /// When it was complete.
    pub at: Timestamp,
    /// Fence of the holder that completed it.
    pub fence: u64,
    /// Whether two walks of it agreed wherever its pages could shift.
    pub settled: bool,
}

/// The refreshes of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// Number of the newest one that was begun.
    pub begun: u64,
    /// The one that views show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Generation>,
    /// Complete, but so much smaller than the last one that a person has to accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Generation>,
}

/// A walk over everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// The plan that read it.
    pub plan: PlanId,
    /// Its present instant.
    pub started: Timestamp,
}

/// The head row of a stream. Every write of the stream's holder is conditional on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its source.
    pub source: SourceName,
    /// Leases given so far; the number of the newest one.
    pub fence: u64,
    /// The newest lease, unless it was given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Name of the holder's last write, by which it recognises its own success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// When somebody has to look at the stream: its place in the due index. None when paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Claims since the last lease: work that was enqueued and not taken up.
    #[serde(default)]
    pub claims: u32,
    /// The open plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// Continuations of the open plan so far.
    #[serde(default)]
    pub hop: u32,
    /// Greatest cursor of a committed record that was not dated ahead of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorValue>,
    /// Nothing before this instant is missing; for a stream with partitions, in any that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Timestamp>,
    /// Refreshes.
    #[serde(default)]
    pub generations: Generations,
    /// Start of the last run that looked at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checked: Option<Timestamp>,
    /// End of the last run that left nothing open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_complete: Option<Timestamp>,
    /// Runs that failed since the last one that did not.
    #[serde(default)]
    pub failures: u32,
    /// Complete runs since the last reconcile.
    #[serde(default)]
    pub since_reconcile: u32,
    /// A reconcile that has read everything, while what it did not meet is not yet told
    /// apart from what changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciling: Option<Walk>,
    /// Start of the last complete reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<Timestamp>,
}

impl Head {
    /// A stream that nobody has read yet.
    pub fn new(source: SourceName, due: Option<Timestamp>) -> Self {
        Self {
            source,
            due,
            fence: 0,
            lease: None,
            mark: None,
            claims: 0,
            plan: None,
            hop: 0,
            cursor: None,
            resume: None,
            generations: Generations::default(),
            last_checked: None,
            last_complete: None,
            failures: 0,
            since_reconcile: 0,
            reconciling: None,
            reconciled: None,
        }
    }

    /// The lease, when it has not ended by that instant.
    pub fn live(&self, at: Timestamp) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.until > at)
    }
}

/// The writes that turn one head into another and keep the due index with it.
pub(crate) fn turn(
    key: &StreamKey,
    before: Option<(&Head, &Version)>,
    after: &Head,
) -> Result<Vec<Write>, StoreError> {
    let expect = before.map_or(Expect::Absent, |(_, version)| Expect::Version(version.clone()));
    let body = encode(&key.head(), after)?;
    let mut writes = vec![Write::Put { key: key.head(), expect, body, expires: None }];
    let was = before.and_then(|(head, _)| head.due);
    if was != after.due {
        writes.extend(was.map(|due| remove(key.due(due))));
        if let Some(due) = after.due {
            let listed = Listed { key: key.clone(), source: after.source.clone() };
            writes.push(put(key.due(due), &listed)?);
        }
    }
    Ok(writes)
}
