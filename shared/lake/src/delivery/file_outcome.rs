//! What became of a file.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use model::{ObjectKey, PushId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::key::DoneKey;
use super::name::{FileDigest, GroupDigest, Moment};
use super::outcome::Verdict;
use crate::commit::fixed;

/// What became of the records of a file, or of a part of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Rows of the file, those that are no records among them.
    #[serde(rename = "in")]
    pub rows: u64,
    /// The API took them.
    pub ok: u64,
    /// Refused, by the API or before.
    pub failed: u64,
    /// The API had them already.
    pub duplicate: u64,
    /// A newer one of the same entity was sent.
    pub superseded: u64,
    /// Nobody knows whether the API took them.
    #[serde(default)]
    pub unknown: u64,
    /// Not decided yet.
    pub pending: u64,
}

impl FileCounts {
    /// Whether nothing was lost: each row ended as one thing, or is yet to.
    pub fn add_up(&self) -> bool {
        let Self { rows, ok, failed, duplicate, superseded, unknown, pending } = *self;
        rows == ok + failed + duplicate + superseded + unknown + pending
    }

    /// Counts a final verdict of a row that was pending.
    pub fn settle(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Ok => &mut self.ok,
            Verdict::Failed => &mut self.failed,
            Verdict::Duplicate => &mut self.duplicate,
            Verdict::Superseded => &mut self.superseded,
            Verdict::Unknown => &mut self.unknown,
            Verdict::Again => return,
        };
        *count += 1;
        self.pending = self.pending.saturating_sub(1);
    }

    /// How the file ended.
    pub fn end(&self) -> FileEnd {
        let bad = self.failed + self.unknown;
        if self.pending > 0 {
            FileEnd::Pending
        } else if bad == 0 {
            FileEnd::Success
        } else if bad == self.rows {
            FileEnd::Failed
        } else {
            FileEnd::Partial
        }
    }
}

impl AddAssign for FileCounts {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.ok += other.ok;
        self.failed += other.failed;
        self.duplicate += other.duplicate;
        self.superseded += other.superseded;
        self.unknown += other.unknown;
        self.pending += other.pending;
    }
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileEnd {
    /// All of its rows are at the API.
    Success,
    /// Some are not.
    Partial,
    /// None is.
    Failed,
    /// Not all are decided.
    Pending,
}

/// What became of a whole file at one push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOutcome {
    /// The file.
    pub file: FileDigest,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: String,
    /// Tenant.
    pub tenant: TenantId,
    /// Push.
    pub push: PushId,
    /// Files that were planned together.
    pub group: GroupDigest,
    /// When it was accepted.
    pub accepted: Moment,
    /// How it ended.
    pub outcome: FileEnd,
    /// What became of its rows.
    #[serde(flatten)]
    pub counts: FileCounts,
    /// Final codes, and how many items ended with each.
    pub codes: BTreeMap<String, u64>,
    /// What needs to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ObjectKey>,
    /// When the last of its items was decided.
    #[serde(with = "fixed")]
    pub finished: Timestamp,
}

stored!(FileOutcome);

impl FileOutcome {
    /// Where it stands.
    pub fn place(&self) -> DoneKey {
        DoneKey {
            tenant: self.tenant.clone(),
            day: self.accepted.day(),
            push: self.push.clone(),
            file: self.file.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_while_items_are_decided() {
        let mut counts = FileCounts { rows: 3, failed: 1, pending: 2, ..FileCounts::default() };
        assert!(counts.add_up() && counts.end() == FileEnd::Pending);
        counts.settle(Verdict::Again);
        counts.settle(Verdict::Ok);
        counts.settle(Verdict::Duplicate);
        assert!(counts.add_up());
        assert_eq!(counts.end(), FileEnd::Partial);
        let none = FileCounts { rows: 1, failed: 1, ..FileCounts::default() };
        assert_eq!((none.end(), FileCounts::default().end()), (FileEnd::Failed, FileEnd::Success));
    }
}
