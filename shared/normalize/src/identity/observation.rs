//! What was observed of one record of one source.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{ObjectKey, SourceName, Timestamp, encode_segment};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keys::MAX_KEYS;
use super::merge;
use super::rules::Rules;
use super::value::{digest, is_empty};

/// Longest id of a record, in bytes.
const MAX_ID_BYTES: usize = 512;

/// A source may be ahead of us by so much; what it dates further ahead counts as of the request.
const AHEAD: Duration = Duration::from_hours(1);

/// Where the source's own words stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Raw {
    /// The landing object.
    pub key: ObjectKey,
    /// Line in it, from zero.
    pub line: u64,
    /// SHA-256 of the record as it stands there, in hexadecimal.
    pub sha256: String,
}

/// One record as a source gave it once, in the fields of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The source.
    pub source: SourceName,
    /// The source's own id of the record.
    pub id: String,
    /// When the record was asked for.
    pub fetched: Timestamp,
    /// Fields of the model.
    pub fields: Map<String, Value>,
    /// Where it came from.
    pub raw: Raw,
}

/// Why an observation cannot take part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It has no id, so that the next observation of the same record could not be told.
    #[error("the record has no id")]
    Nameless,
    /// Its id is no id.
    #[error("the record's id has {bytes} bytes, at most {MAX_ID_BYTES} are allowed")]
    Long {
        /// Its length.
        bytes: usize,
    },
    /// Its facts make more keys than one thing can have.
    #[error("the record's facts make more than {MAX_KEYS} keys, most of them of tier `{tier}`")]
    Keys {
        /// The tier with the most keys.
        tier: String,
    },
}

/// Which observation said something: the later one is greater, and of two at one instant the one
/// with the greater digest, so that no order of arrival matters. Of the same words in several
/// places the first place counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When the source saw it.
    pub at: Timestamp,
    /// Digest of the fields.
    pub digest: String,
    /// The source's own words.
    pub raw: Raw,
}

impl PartialOrd for Seen {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Seen {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let words = |seen: &Self| (seen.at, seen.digest.clone());
        words(self).cmp(&words(other)).then_with(|| other.raw.cmp(&self.raw))
    }
}

impl Seen {
    /// Whether both said the same at the same instant.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.at == other.at && self.digest == other.digest
    }
}

/// What is known of one record of one source: its newest observation, and what older ones said
/// where it is silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The source.
    pub source: SourceName,
    /// The source's own id of it.
    pub id: String,
    /// The earliest instant at which it was seen.
    pub first: Timestamp,
    /// The newest observation.
    pub seen: Seen,
    /// What it says; nothing in here is empty.
    pub fields: BTreeMap<String, Value>,
    /// Fields that an older observation said, and which.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub older: BTreeMap<String, Seen>,
}

/// What an observation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A thing that nobody had seen.
    Inserted,
    /// New information on a thing that was known.
    Updated,
    /// What was known already; nothing was written.
    Unchanged,
    /// Older than what was known, and nothing new.
    Stale,
    /// It could not take part.
    Rejected,
}

impl Observation {
    /// The observation as a record of which nothing else is known.
    pub fn into_record(self, rules: &Rules) -> Result<Record, Rejection> {
        if self.id.is_empty() {
            return Err(Rejection::Nameless);
        }
        if self.id.len() > MAX_ID_BYTES {
            return Err(Rejection::Long { bytes: self.id.len() });
        }
        let at = self.seen_at(rules);
        let fields: Map<String, Value> =
            self.fields.into_iter().filter(|(_, value)| !is_empty(value)).collect();
        let fields = Value::Object(fields);
        let digest = digest(&fields);
        let Value::Object(fields) = fields else { return Err(Rejection::Nameless) };
        let record = Record {
            source: self.source,
            id: self.id,
            first: at,
            seen: Seen { at, digest, raw: self.raw },
            fields: fields.into_iter().collect(),
            older: BTreeMap::new(),
        };
        record.check(rules)?;
        Ok(record)
    }

    fn seen_at(&self, rules: &Rules) -> Timestamp {
        let field = rules.observed_at.as_ref().and_then(|name| self.fields.get(name));
        let said = field.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        let latest = self.fetched.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        said.filter(|said| *said <= latest).unwrap_or(self.fetched)
    }
}

impl Record {
    /// What tells it from other records of all sources.
    pub fn name(&self) -> String {
        record_name(&self.source, &self.id)
    }

    /// Texts that records which may be the same thing have in common, strongest tier first.
    pub fn keys(&self, rules: &Rules) -> Vec<String> {
        super::keys::keys(rules, self).into_iter().flatten().collect()
    }

    /// What both say together of the same record: commutative, associative, idempotent.
    #[must_use]
    pub fn join(&self, other: &Self, rules: &Rules) -> Self {
        merge::join(rules, self, other)
    }

    /// Whether it can take part: what older observations said may add keys to those of the
    /// newest.
    pub fn check(&self, rules: &Rules) -> Result<(), Rejection> {
        let tiers = super::keys::keys(rules, self);
        if tiers.iter().map(BTreeSet::len).sum::<usize>() <= MAX_KEYS {
            return Ok(());
        }
        let sizes = rules.tiers.iter().zip(&tiers);
        let widest = sizes.max_by_key(|(_, keys)| keys.len());
        let tier = widest.map(|(tier, _)| tier.name.clone()).unwrap_or_default();
        Err(Rejection::Keys { tier })
    }

    /// What an observation changed: `standing` is what was known of its record before, `self`
    /// what is known now, and `alone` says whether nothing else belongs to its thing.
    pub fn outcome(&self, new: &Self, standing: Option<&Self>, alone: bool) -> Outcome {
        let Some(standing) = standing else {
            return if alone { Outcome::Inserted } else { Outcome::Updated };
        };
        if standing == self && standing.seen.same(&new.seen) {
            Outcome::Unchanged
        } else if standing.fields == self.fields && standing.seen.same(&self.seen) {
            Outcome::Stale
        } else {
            Outcome::Updated
        }
    }
}

/// What tells a record from other records of all sources.
pub(super) fn record_name(source: &SourceName, id: &str) -> String {
    format!("{}/{}", encode_segment(source.as_str()), encode_segment(id))
}
