//! Commits: what turns an attempt into data.

use bytes::Bytes;
use model::{Classify, ObjectKey, Retry, RunId, Timestamp, Window};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Hex;
use crate::key::Attempt;
use crate::part::Part;

/// Version of the stored form; readers refuse others.
const FORMAT: u32 = 1;

/// How a stream's rows become its view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The latest version of each key, of all committed attempts.
    Incremental,
    /// What the last whole generation holds.
    FullRefresh,
    /// All distinct rows of all committed attempts: the stream has no key.
    Append,
}

/// A full refresh that a commit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number; later ones are higher.
    pub number: u64,
    /// How many slices it has. Given by the commit that closes it, absent in the others: a
    /// generation is whole once that many of its slices have a commit object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<u64>,
}

/// A landing object that a commit makes visible. It may be an earlier attempt's, when this one
/// saw the same rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRef {
    /// Key.
    pub key: ObjectKey,
    /// Lines in it.
    pub rows: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Digest of what is stored.
    pub sha256: Sha256Hex,
}

impl PartRef {
    /// What a commit says of a part that was stored under this key.
    pub fn new(key: ObjectKey, part: &Part) -> Self {
        Self { key, rows: part.rows, bytes: part.body.len() as u64, sha256: part.sha256.clone() }
    }
}

/// The record of one committed attempt, stored under its [`crate::CommitKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The slice's bounds, when it is a window of time.
    pub window: Option<Window>,
    /// How the stream's rows become its view.
    pub mode: Mode,
    /// The full refresh that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// When the attempt's first request started. Rows of parts that it takes over from an
    /// earlier attempt count as seen again at this instant.
    #[serde(with = "fixed")]
    pub started: Timestamp,
    /// Landing objects, in order.
    pub parts: Vec<PartRef>,
    /// Lines in all parts.
    pub rows: u64,
    /// Run that committed.
    pub run: RunId,
    /// When it was committed.
    #[serde(with = "fixed")]
    pub at: Timestamp,
}

/// A commit object that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Not JSON of the known shape.
    #[error("not an object of the shape that is known")]
    Malformed(#[from] serde_json::Error),
    /// Written by another version.
    #[error("an object of format {found}; this version reads format {known}")]
    Format {
        /// Its format.
        found: u32,
        /// The format that is read.
        known: u32,
    },
}

impl Classify for CommitError {
    fn retry(&self) -> Retry {
        match self {
            Self::Malformed(_) | Self::Format { .. } => Retry::Never,
        }
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    format: u32,
    #[serde(flatten)]
    value: &'a T,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A value's stored form, which names its format: one line of JSON.
pub(crate) fn to_line<T: Serialize>(format: u32, value: &T) -> Result<Bytes, CommitError> {
    let mut text = serde_json::to_vec(&Written { format, value })?;
    text.push(b'\n');
    Ok(Bytes::from(text))
}

/// Reads a stored form of this format.
pub(crate) fn from_line<T: DeserializeOwned>(known: u32, text: &[u8]) -> Result<T, CommitError> {
    let Format { format: found } = serde_json::from_slice(text)?;
    if found != known {
        return Err(CommitError::Format { found, known });
    }
    Ok(serde_json::from_slice(text)?)
}

impl Commit {
    /// The stored form: one line of JSON.
    pub fn to_json(&self) -> Result<Bytes, CommitError> {
        to_line(FORMAT, self)
    }

    /// Reads the stored form.
    pub fn from_json(text: &[u8]) -> Result<Self, CommitError> {
        from_line(FORMAT, text)
    }
}

/// Instants in text of fixed width, which SQL compares as text.
pub(crate) mod fixed {
    use model::{Timestamp, fixed_text};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&fixed_text(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(from)
    }
}

#[cfg(test)]
mod tests;
