//! The latest rows, told plainly: what the views are held against.

use std::collections::{BTreeMap, BTreeSet};

use model::{ConnectionId, ObjectKey, TenantId, Timestamp, fixed_text};

use crate::commit::{Commit, Mode};
use crate::digest::Sha256Hex;
use crate::key::{PartitionDigest, SliceStart};
use crate::line::{Line, LineError, RowKey};

/// A row of a latest-row view.
///
/// Fields stand in the order of versions: of two rows of one key, the greater one is later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The record's place in its stream's order.
    pub cursor: Option<String>,
    /// When it was seen: its request's start, or its last attempt's when that took it over.
    pub seen: String,
    /// Landing object.
    pub object: ObjectKey,
    /// Page.
    pub page: u64,
    /// Place within the page.
    pub ordinal: u64,
    /// Digest of the record.
    pub digest: Sha256Hex,
    /// The record, verbatim.
    pub record: String,
}

type Account = (TenantId, ConnectionId);

/// The rows that the latest-row view of a stream shows, per tenant and connection, from all its
/// commit objects and the lines of all its landing objects, in any order.
pub fn latest_rows(
    primary_key: &[Vec<String>],
    commits: &[Commit],
    objects: &BTreeMap<ObjectKey, Vec<String>>,
) -> Result<BTreeMap<Account, Vec<Row>>, LineError> {
    let mut accounts: BTreeMap<Account, Vec<&Commit>> = BTreeMap::new();
    for commit in commits {
        let Commit { attempt, .. } = commit;
        let account = (attempt.tenant.clone(), attempt.connection.clone());
        accounts.entry(account).or_default().push(commit);
    }
    let mut all = BTreeMap::new();
    for (account, commits) in accounts {
        let rows = account_rows(primary_key, &visible_parts(&commits), objects, &account)?;
        all.insert(account, rows);
    }
    Ok(all)
}

/// The landing objects of one tenant's connection that its views read, from all its commit
/// objects, with the start of the last attempt that names each.
pub fn visible_parts(commits: &[&Commit]) -> BTreeMap<ObjectKey, Timestamp> {
    let whole = last_whole_generation(commits);
    let mut parts = BTreeMap::new();
    for commit in commits {
        let counts = match (commit.mode, &whole) {
            (Mode::FullRefresh, None) => false,
            (Mode::FullRefresh, Some((number, _))) => {
                generation(commit) == Some(*number) && is_last_attempt(commit, commits)
            }
            (_, None) => true,
            (_, Some((_, started))) => commit.started >= *started,
        };
        for part in commit.parts.iter().filter(|_| counts) {
            let seen = parts.entry(part.key.clone()).or_insert(commit.started);
            *seen = commit.started.max(*seen);
        }
    }
    parts
}

fn generation(commit: &Commit) -> Option<u64> {
    commit.generation.map(|generation| generation.number)
}

fn slice(commit: &Commit) -> (&PartitionDigest, SliceStart) {
    (&commit.attempt.partition, commit.attempt.slice)
}

fn is_last_attempt(commit: &Commit, commits: &[&Commit]) -> bool {
    let rivals = commits
        .iter()
        .filter(|other| generation(other) == generation(commit) && slice(other) == slice(commit));
    rivals.map(|other| other.attempt.fence).max() == Some(commit.attempt.fence)
}

/// Number and start of the last generation all of whose slices are committed.
fn last_whole_generation(commits: &[&Commit]) -> Option<(u64, Timestamp)> {
    let numbers: BTreeSet<u64> = commits.iter().filter_map(|commit| generation(commit)).collect();
    numbers.into_iter().rev().find_map(|number| {
        let members: Vec<&&Commit> = commits
            .iter()
            .filter(|c| c.mode == Mode::FullRefresh && generation(c) == Some(number))
            .collect();
        let slices: BTreeSet<_> = members.iter().map(|commit| slice(commit)).collect();
        let expected = members.iter().filter_map(|c| c.generation?.slices).max()?;
        let started = members.iter().map(|commit| commit.started).min()?;
        (slices.len() as u64 >= expected).then_some((number, started))
    })
}

fn account_rows(
    primary_key: &[Vec<String>],
    parts: &BTreeMap<ObjectKey, Timestamp>,
    objects: &BTreeMap<ObjectKey, Vec<String>>,
    account: &Account,
) -> Result<Vec<Row>, LineError> {
    let mut gone: BTreeMap<String, String> = BTreeMap::new();
    let mut rows: Vec<(String, Row)> = Vec::new();
    for (object, started) in parts {
        for text in objects.get(object).into_iter().flatten() {
            let line = Line::parse(text.as_bytes())?;
            if line.tenant != account.0.as_str() || line.connection != account.1.as_str() {
                continue;
            }
            let seen = fixed_text(*started).max(line.request_start.clone().into_owned());
            if line.deleted {
                let key = line.key.map(|key| key.get().to_owned()).unwrap_or_default();
                let last = gone.entry(key).or_default();
                *last = seen.max(std::mem::take(last));
            } else if let Some(key) = row_key(primary_key, line.record.get()) {
                rows.push((key, row(&line, seen, object)));
            }
        }
    }
    let mut latest: BTreeMap<String, Row> = BTreeMap::new();
    for (key, row) in rows {
        let is_hidden = gone.get(&key).is_some_and(|gone| row.seen < *gone);
        if !is_hidden && latest.get(&key).is_none_or(|other| *other < row) {
            latest.insert(key, row);
        }
    }
    Ok(latest.into_values().collect())
}

/// What tells rows apart: the primary key, or the whole record.
fn row_key(primary_key: &[Vec<String>], record: &str) -> Option<String> {
    if primary_key.is_empty() {
        return Some(record.to_owned());
    }
    RowKey::of(record, primary_key).map(|key| key.as_str().to_owned())
}

fn row(line: &Line<'_>, seen: String, object: &ObjectKey) -> Row {
    Row {
        cursor: line.cursor.clone().map(std::borrow::Cow::into_owned),
        seen,
        object: object.clone(),
        page: line.page,
        ordinal: line.ordinal,
        digest: Sha256Hex::of(line.record.get().as_bytes()),
        record: line.record.get().to_owned(),
    }
}

#[cfg(test)]
mod tests;
