//! What receipts make visible: the law of the views, told plainly.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::{ConnectionId, ObjectKey, SourceName, StreamName, TenantId, Timestamp};

use super::{Receipt, Revision};
use crate::commit::Mode;

/// One stream of one tenant's connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: ConnectionId,
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
}

impl StreamId {
    /// The stream that a receipt speaks of.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            tenant: receipt.attempt.tenant.clone(),
            connection: receipt.attempt.connection.clone(),
            source: receipt.attempt.source.clone(),
            stream: receipt.attempt.stream.clone(),
        }
    }
}

/// A landing object that receipts make visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisiblePart {
    /// The start of the last attempt that names it.
    pub started: Timestamp,
    /// The newest version of the model that read it.
    pub version: u32,
    /// What that version made of it; none when it gave no rows.
    pub file: Option<ObjectKey>,
    /// The generation whose rows they are; none for rows that stay while their attempt started no
    /// earlier than the last whole generation.
    pub generation: Option<u64>,
}

/// What is visible of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visible {
    /// Landing objects.
    pub parts: BTreeMap<ObjectKey, VisiblePart>,
    /// Number and start of the last whole generation.
    pub whole: Option<(u64, Timestamp)>,
}

impl Visible {
    /// Whether an attempt counts beside the last whole generation.
    pub fn counts(&self, generation: Option<u64>, started: Timestamp) -> bool {
        match (generation, self.whole) {
            (Some(number), whole) => whole.is_some_and(|(whole, _)| whole == number),
            (None, whole) => whole.is_none_or(|(_, whole)| started >= whole),
        }
    }
}

/// What is visible of each stream, from all receipts of a model in any order, and from the last
/// whole generations that are known without theirs.
pub fn visible(
    receipts: &[Receipt],
    kept: &BTreeMap<StreamId, (u64, Timestamp)>,
) -> BTreeMap<StreamId, Visible> {
    let mut streams: BTreeMap<StreamId, Vec<&Receipt>> = BTreeMap::new();
    for receipt in counting(receipts) {
        streams.entry(StreamId::of(receipt)).or_default().push(receipt);
    }
    for stream in kept.keys() {
        streams.entry(stream.clone()).or_default();
    }
    let visible = |(stream, receipts): (StreamId, Vec<&Receipt>)| {
        let visible = of_stream(&receipts, kept.get(&stream).copied());
        (stream, visible)
    };
    streams.into_iter().map(visible).collect()
}

/// What of two readings of one thing is newer.
fn age(receipt: &Receipt) -> (u32, Timestamp, &Revision) {
    (receipt.version, receipt.at, &receipt.revision)
}

/// Of several receipts of one commit, the newest.
fn counting(receipts: &[Receipt]) -> impl Iterator<Item = &Receipt> {
    let mut newest: BTreeMap<&ObjectKey, &Receipt> = BTreeMap::new();
    for receipt in receipts {
        let known = newest.entry(&receipt.commit).or_insert(receipt);
        if age(receipt) > age(known) {
            *known = receipt;
        }
    }
    newest.into_values()
}

fn of_stream(receipts: &[&Receipt], kept: Option<(u64, Timestamp)>) -> Visible {
    let later = |one: (u64, Timestamp), other: (u64, Timestamp)| {
        let (one, other) = ((one.0, Reverse(one.1)), (other.0, Reverse(other.1)));
        let (number, Reverse(started)) = one.max(other);
        (number, started)
    };
    let whole = last_whole_generation(receipts).into_iter().chain(kept).reduce(later);
    let mut visible = Visible { parts: BTreeMap::new(), whole };
    let mut shown: Vec<&&Receipt> =
        receipts.iter().filter(|receipt| counts(receipt, receipts, &visible)).collect();
    shown.sort_by_key(|receipt| age(receipt));
    for receipt in shown {
        let generation = number(receipt);
        for part in &receipt.parts {
            let known = visible.parts.get(&part.object);
            let started = known.map_or(receipt.started, |known| known.started.max(receipt.started));
            let generation = known.map_or(generation, |known| known.generation.and(generation));
            let (version, file) = (receipt.version, part.file.clone());
            let part = (part.object.clone(), VisiblePart { started, version, file, generation });
            visible.parts.insert(part.0, part.1);
        }
    }
    visible
}

/// The generation that a receipt's rows belong to.
fn number(receipt: &Receipt) -> Option<u64> {
    let is_refresh = receipt.mode == Mode::FullRefresh;
    receipt.generation.filter(|_| is_refresh).map(|generation| generation.number)
}

fn counts(receipt: &Receipt, receipts: &[&Receipt], visible: &Visible) -> bool {
    let attempt = |receipt: &Receipt| {
        let attempt = &receipt.attempt;
        (receipt.generation.map(|g| g.number), attempt.partition.clone(), attempt.slice)
    };
    let is_beaten = || {
        receipts.iter().any(|other| {
            attempt(other) == attempt(receipt) && other.attempt.fence > receipt.attempt.fence
        })
    };
    match receipt.mode {
        Mode::FullRefresh => {
            visible.counts(number(receipt), receipt.started)
                && number(receipt).is_some()
                && !is_beaten()
        }
        Mode::Incremental | Mode::Append => visible.counts(None, receipt.started),
    }
}

/// Number and start of the last generation all of whose slices have a receipt.
fn last_whole_generation(receipts: &[&Receipt]) -> Option<(u64, Timestamp)> {
    let numbers: BTreeSet<u64> = receipts.iter().filter_map(|receipt| number(receipt)).collect();
    numbers.into_iter().rev().find_map(|wanted| {
        let members: Vec<&&Receipt> =
            receipts.iter().filter(|receipt| number(receipt) == Some(wanted)).collect();
        let slices: BTreeSet<_> =
            members.iter().map(|r| (&r.attempt.partition, r.attempt.slice)).collect();
        let expected = members.iter().filter_map(|r| r.generation?.slices).max()?;
        let started = members.iter().map(|receipt| receipt.started).min()?;
        (slices.len() as u64 >= expected).then_some((wanted, started))
    })
}
