//! Where rows of a scope lie, and what they hold.
//!
//! All of a scope lies in sixteen partitions, so that it can be listed and removed as a whole.

use std::collections::{BTreeMap, BTreeSet};

use ports::{Expect, Key, MAX_ITEM_BYTES, Version, Write};
use serde::{Deserialize, Serialize};

use super::Scope;
use super::find::Live;
use crate::StoreError;
use crate::key::SHARDS;
pub(super) use crate::key::digest;
use crate::row::{encode, put};

/// Most bytes of the body of a row, so that it fits into an item with its key.
pub(super) const MAX_BODY_BYTES: usize = MAX_ITEM_BYTES - 4096;

/// Which cluster a key belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mapping {
    pub(super) cluster: String,
}

/// What a cluster has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The cluster that took over; then nothing else counts here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) into: Option<String>,
    /// Number of the last write; rises.
    #[serde(default)]
    pub(super) number: u64,
    /// Digest of the functions by which its records have their keys and entities; empty when
    /// they are not of one kind.
    #[serde(default)]
    pub(super) rules: String,
    /// Whether entities are still to be written.
    #[serde(default)]
    pub(super) behind: bool,
    /// Its records, by the cluster under which their rows lie.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, BTreeSet<String>>,
    /// Digests of its entities as their rows are.
    #[serde(default)]
    pub(super) entities: BTreeMap<String, String>,
    /// Entities that are no more, and which took over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) gone: BTreeMap<String, String>,
}

/// A record of a cluster.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordRow<R> {
    pub(super) record: R,
}

/// An entity, or where it went.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntityRow<E> {
    pub(super) number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) into: Option<String>,
    #[serde(default = "nothing", skip_serializing_if = "Option::is_none")]
    pub(super) entity: Option<E>,
}

fn nothing<E>() -> Option<E> {
    None
}

impl Head {
    /// How many records it has.
    pub(super) fn count(&self) -> usize {
        self.parts.values().map(BTreeSet::len).sum()
    }

    /// The cluster under which a record's row lies.
    pub(super) fn part_of(&self, record: &str) -> Option<&str> {
        let part = self.parts.iter().find(|(_, records)| records.contains(record));
        part.map(|(part, _)| part.as_str())
    }

    /// Whether its records have keys and entities by other rules than these.
    pub(super) fn is_outdated(&self, rules: &str) -> bool {
        self.rules != rules && self.count() > 0
    }
}

/// Where the rows of a scope lie.
#[derive(Debug)]
pub(super) struct Place {
    base: String,
}

impl Place {
    pub(super) fn new(scope: &Scope) -> Self {
        Self { base: format!("identity#{}#{}", scope.tenant, scope.model) }
    }

    pub(super) fn partition(&self, shard: u8) -> String {
        format!("{}#{shard:02}", self.base)
    }

    /// The partition of what a digest names.
    fn of(&self, digest: &str) -> String {
        let first = digest.bytes().fold(0u8, |all, byte| all.wrapping_mul(31).wrapping_add(byte));
        self.partition(first % SHARDS)
    }

    fn row(&self, kind: &str, id: &str, rest: &str) -> Key {
        Key { partition: self.of(id), sort: format!("{kind}#{id}{rest}") }
    }

    /// The row that maps a key to its cluster.
    pub(super) fn key(&self, text: &str) -> Key {
        self.row("key", &digest(&format!("key {text}")), "")
    }

    /// The row that maps a record itself to its cluster.
    pub(super) fn own(&self, name: &str) -> Key {
        self.row("key", &digest(&format!("record {name}")), "")
    }

    pub(super) fn head(&self, cluster: &str) -> Key {
        self.row("cluster", cluster, "#head")
    }

    pub(super) fn record(&self, part: &str, record: &str) -> Key {
        self.row("cluster", part, &format!("#record#{record}"))
    }

    pub(super) fn entity(&self, id: &str) -> Key {
        self.row("entity", id, "")
    }

    /// Puts a record, whatever stands there: the head that goes with it says whether it may.
    pub(super) fn put_record<R: Serialize>(
        &self,
        part: &str,
        digest: &str,
        record: &R,
    ) -> Result<Write, StoreError> {
        put(self.record(part, digest), &RecordRow { record })
    }

    /// Notes that a cluster's entities changed.
    pub(super) fn changed(&self, cluster: &str) -> Result<Write, StoreError> {
        put(self.row("changed", cluster, ""), &Mapping { cluster: cluster.to_owned() })
    }

    /// Puts a head in place of the write that holds its place in `writes`.
    pub(super) fn put_head(
        &self,
        cluster: &str,
        head: &Head,
        writes: &mut [Write],
    ) -> Result<(), StoreError> {
        let key = self.head(cluster);
        let text = encode(&key, head)?;
        for write in writes {
            if let Write::Put { key: at, body, .. } = write
                && *at == key
            {
                body.clone_from(&text);
            }
        }
        Ok(())
    }

    /// The smallest of some clusters with all that they have, and the writes that make them one:
    /// its head first.
    pub(super) fn united(
        &self,
        clusters: BTreeMap<String, Live>,
    ) -> Result<Option<(String, Head, Vec<Write>)>, StoreError> {
        let mut clusters = clusters.into_iter();
        let Some((id, live)) = clusters.next() else { return Ok(None) };
        let mut head = live.head;
        let mut writes = vec![self.put_if(&id, &head, live.version)?];
        for (other, live) in clusters {
            let redirect = Head { into: Some(id.clone()), ..Head::default() };
            writes.push(self.put_if(&other, &redirect, live.version)?);
            let theirs = live.head;
            head.number = head.number.max(theirs.number);
            head.behind |= theirs.behind;
            match (head.count(), theirs.count()) {
                (_, 0) => {}
                (0, _) => head.rules = theirs.rules,
                _ if head.rules == theirs.rules => {}
                _ => head.rules = String::new(),
            }
            head.parts.extend(theirs.parts);
            head.entities.extend(theirs.entities);
            head.gone.extend(theirs.gone);
        }
        Ok(Some((id, head, writes)))
    }

    fn put_if(
        &self,
        cluster: &str,
        head: &Head,
        version: Option<Version>,
    ) -> Result<Write, StoreError> {
        let key = self.head(cluster);
        let body = encode(&key, head)?;
        let expect = version.map_or(Expect::Absent, Expect::Version);
        Ok(Write::Put { key, expect, body, expires: None })
    }
}
