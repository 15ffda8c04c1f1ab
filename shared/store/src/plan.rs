//! Plans and their slices.

use model::{CursorValue, ObjectKey, PlanId, RunId, Timestamp, Window};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::SliceId;

/// What a plan reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// What is new since the resume point.
    Incremental,
    /// Everything, as one generation.
    Refresh,
    /// Everything, to learn which rows are gone.
    Reconcile,
}

/// A plan: fixed before its first request, the same for every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// What it reads.
    pub purpose: Purpose,
    /// The present instant of all its slices: the start of its first run.
    pub now: Timestamp,
    /// The run that made it.
    pub run: RunId,
    /// How its rows become the view, in the lake's word.
    pub mode: String,
    /// Number of the generation that it reads, for a refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Whether all partitions have their slices.
    #[serde(default)]
    pub expanded: bool,
}

/// A landing object of an attempt. The names are short because a long slice has many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Key.
    #[serde(rename = "k")]
    pub key: ObjectKey,
    /// Rows.
    #[serde(rename = "r")]
    pub rows: u64,
    /// Bytes as stored.
    #[serde(rename = "b")]
    pub bytes: u64,
    /// SHA-256 of the bytes as stored, in hexadecimal.
    #[serde(rename = "s")]
    pub sha256: String,
}

/// A saved place inside a slice: the request of the first page that is in no durable part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The connector's position.
    pub position: Value,
    /// When it was saved: positions by count grow old within minutes.
    pub at: Timestamp,
}

/// A second walk over a slice whose pages can shift, to see whether it says the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Digest over the records that it met so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where it goes on; at the first page when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
}

/// What an unfinished slice has so far in durable parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sofar {
    /// When its first request started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Objects that name rows which were met and not landed, because views show them as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub met: Vec<ObjectKey>,
    /// Rows in the parts.
    #[serde(default)]
    pub rows: u64,
    /// Pages in them and in what was met.
    #[serde(default)]
    pub pages: u64,
    /// Greatest cursor in them that was not ahead of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorValue>,
    /// Rows at that cursor.
    #[serde(default)]
    pub at_cursor: u64,
    /// Digest over the records of them, metadata aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
    /// Once all of it is read: the walk that checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Times that it was begun again, because walks differed or a place had grown old.
    #[serde(default)]
    pub again: u32,
}

/// A slice that is planned and not committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSlice {
    /// Which.
    pub id: SliceId,
    /// The connector's slice.
    pub slice: Value,
    /// Its window, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What earlier runs know of its rows.
    #[serde(default, skip_serializing_if = "Known::is_empty")]
    pub known: Known,
    /// What it has so far.
    #[serde(default)]
    pub sofar: Sofar,
}

/// What earlier runs know of a slice's rows, which a walk is held against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Nothing of the partition has been read before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing: bool,
    /// All rows dated before this have been read, as far as the source told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// The rows at which the last walk ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Edge>,
}

impl Known {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The rows at the greatest cursor of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// That cursor.
    pub cursor: CursorValue,
    /// How many there are.
    pub rows: u64,
    /// The present instant of the plan that counted them.
    pub at: Timestamp,
}

/// A slice whose attempt became data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneSlice {
    /// Which.
    pub id: SliceId,
    /// Its window, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Fence of the holder that committed it.
    pub fence: u64,
    /// The run that committed it.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// When the attempt's first request started.
    pub started: Timestamp,
    /// Its landing objects, in order; those of the attempt that it repeats, when it does.
    pub parts: Vec<Part>,
    /// Objects that name rows which were met and not landed, because views show them as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub met: Vec<ObjectKey>,
    /// Rows in the landing objects.
    pub rows: u64,
    /// Greatest cursor that was not ahead of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorValue>,
    /// Digest over the records, metadata aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Whether its rows are those of the attempt before it, so that it needs no object of its own.
    #[serde(default)]
    pub repeats: bool,
    /// Whether its pages could have shifted while it was read, and two walks did not agree.
    #[serde(default)]
    pub unsettled: bool,
}

/// A partition of a stream, with its own place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// The connector's key of it; empty for a stream without partitions.
    pub key: Map<String, Value>,
    /// Nothing before this instant is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Timestamp>,
    /// Greatest cursor of its committed records that was not ahead of their run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorValue>,
    /// The rows at that cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Edge>,
    /// The plan that last gave it slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// Its last committed attempt that could repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Attempt>,
}

impl Partition {
    /// Where its next slices start: the resume point, or the greatest count of a stream that
    /// keeps one. Such a stream has one slice a plan, so nothing open lies before it.
    pub fn reached(&self) -> Option<CursorValue> {
        match &self.cursor {
            Some(CursorValue::Integer(count)) => Some(CursorValue::Integer(*count)),
            _ => self.resume.map(CursorValue::Instant),
        }
    }
}

/// What a later attempt is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Start of its slice.
    pub start: String,
    /// Rows.
    pub rows: u64,
    /// Digest over its records, metadata aside.
    pub digest: String,
    /// Its landing objects.
    pub parts: Vec<Part>,
}

/// The digest that stands for a partition in row and object keys: 16 hexadecimal digits of the
/// SHA-256 of its key as JSON.
pub fn partition_digest(key: &Map<String, Value>) -> String {
    let text = Value::Object(key.clone()).to_string();
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    format!("{first:016x}")
}
