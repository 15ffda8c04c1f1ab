//! Things: what records that are one say together.

use std::collections::{BTreeMap, BTreeSet};

use model::{SourceName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::link::{Doubt, Group, groups};
use super::merge;
use super::observation::{Raw, Record, Seen, record_name};
use super::rules::{Confidence, Rules, Take};
use super::value::short_digest;

/// One thing, made of all records that speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Its id: it follows from the record of it that was seen first, so it stays when more become
    /// known.
    pub id: String,
    /// What it is, in the fields of the model.
    pub fields: BTreeMap<String, Value>,
    /// Which record said each field that has one value.
    pub origins: BTreeMap<String, Origin>,
    /// For each field that holds all items of all records: which records (places in `sources`)
    /// have the first item, the second, and so on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub items: BTreeMap<String, Vec<Vec<usize>>>,
    /// Its records, by source and id.
    pub sources: Vec<Member>,
    /// The weakest link among them.
    #[serde(default)]
    pub confidence: Confidence,
    /// Things that it is not, although something says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
}

/// A record of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The source.
    pub source: SourceName,
    /// The source's own id of it.
    pub id: String,
    /// The earliest instant at which it was seen.
    pub first: Timestamp,
    /// Its newest observation, with the pointer to the source's own words.
    #[serde(flatten)]
    pub seen: Seen,
}

impl Member {
    /// What tells it from other records of all sources.
    pub fn name(&self) -> String {
        record_name(&self.source, &self.id)
    }
}

/// Which record said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source.
    pub source: SourceName,
    /// The record's place in the thing's `sources`.
    pub record: usize,
    /// When the source saw it.
    pub as_of: Timestamp,
    /// The source's words, when they are not those of the record's newest observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Raw>,
}

/// Two things that share a key and are not one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conflict {
    /// The other thing.
    pub with: String,
    /// The tier of the key.
    pub tier: String,
    /// The key.
    pub key: String,
    /// Why it does not make them one.
    pub kind: ConflictKind,
}

/// Why a shared key does not make two things one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// A stronger tier says that they differ.
    Vetoed,
    /// The tier is of low confidence.
    Unsure,
}

/// The things that records speak of, by id. It depends on the set of records alone, not on their
/// order; `scope` keeps the ids of different tenants and models apart.
pub fn entities(rules: &Rules, scope: &str, records: &[Record]) -> Vec<Entity> {
    let mut sorted: Vec<&Record> = records.iter().collect();
    sorted.sort_by_key(|record| (&record.source, &record.id));
    let (groups, doubts) = groups(rules, &sorted);
    let mut made: Vec<Entity> =
        groups.iter().map(|group| entity(rules, scope, &sorted, group)).collect();
    for doubt in &doubts {
        report(doubt, &groups, &mut made);
    }
    made.sort_by(|a, b| a.id.cmp(&b.id));
    made
}

/// Ids that a thing may have had before all of its records were known to be one: each of its
/// records alone would have given it one of these.
pub fn former_ids(scope: &str, entity: &Entity) -> Vec<String> {
    entity.sources.iter().map(|record| id(scope, &record.source, &record.id)).collect()
}

fn id(scope: &str, source: &SourceName, record: &str) -> String {
    short_digest(Value::from(vec![scope, source.as_str(), record]).to_string().as_bytes())
}

fn entity(rules: &Rules, scope: &str, records: &[&Record], group: &Group) -> Entity {
    let members: Vec<&Record> =
        group.members.iter().filter_map(|place| records.get(*place).copied()).collect();
    let oldest = members.iter().min_by_key(|record| (record.first, &record.source, &record.id));
    let mut made = Entity {
        id: oldest.map(|record| id(scope, &record.source, &record.id)).unwrap_or_default(),
        fields: BTreeMap::new(),
        origins: BTreeMap::new(),
        items: BTreeMap::new(),
        sources: members.iter().map(|record| member(record)).collect(),
        confidence: group.confidence,
        conflicts: Vec::new(),
    };
    let names: BTreeSet<&String> = members.iter().flat_map(|record| record.fields.keys()).collect();
    for name in names {
        if rules.of(name).take == Take::Union {
            let (items, by) = merge::all(name, &members).into_iter().unzip();
            made.fields.insert(name.clone(), Value::Array(items));
            made.items.insert(name.clone(), by);
        } else if let Some((place, value)) = merge::one(rules, name, &members)
            && let Some(record) = members.get(place)
        {
            made.fields.insert(name.clone(), value.clone());
            made.origins.insert(name.clone(), origin(place, record, name));
        }
    }
    made
}

fn member(record: &Record) -> Member {
    Member {
        source: record.source.clone(),
        id: record.id.clone(),
        first: record.first,
        seen: record.seen.clone(),
    }
}

fn origin(place: usize, record: &Record, field: &str) -> Origin {
    Origin {
        source: record.source.clone(),
        record: place,
        as_of: record.said(field).at,
        raw: record.older.get(field).map(|seen| seen.raw.clone()),
    }
}

/// Tells both things of a link that was not followed.
fn report(doubt: &Doubt, groups: &[Group], made: &mut [Entity]) {
    let holds = |record: usize| groups.iter().position(|group| group.members.contains(&record));
    let [Some(a), Some(b)] = doubt.between.map(holds) else { return };
    if a == b {
        return;
    }
    for (one, other) in [(a, b), (b, a)] {
        let Some(with) = made.get(other).map(|entity| entity.id.clone()) else { continue };
        let (tier, key) = (doubt.tier.clone(), doubt.key.clone());
        let conflict = Conflict { with, tier, key, kind: doubt.kind };
        let Some(entity) = made.get_mut(one) else { continue };
        // One conflict a tier will do: its first key.
        let same = |known: &&mut Conflict| {
            (&known.with, &known.tier, known.kind)
                == (&conflict.with, &conflict.tier, conflict.kind)
        };
        match entity.conflicts.iter_mut().find(same) {
            Some(known) => known.key = conflict.key.min(std::mem::take(&mut known.key)),
            None => entity.conflicts.push(conflict),
        }
        entity.conflicts.sort();
    }
}
