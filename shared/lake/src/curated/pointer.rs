//! Pointers: which snapshot of a tenant's rows of a model counts.

use bytes::Bytes;
use model::{ConnectionId, ModelName, ObjectKey, SourceName, StreamName, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::visible::StreamId;
use crate::commit::{CommitError, fixed, from_line, to_line};

/// Version of the stored form; readers refuse others.
const FORMAT: u32 = 1;

/// The last whole generation of a stream whose receipts went into a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeptGeneration {
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
    /// Connection.
    pub connection: ConnectionId,
    /// Its number.
    pub number: u64,
    /// When it started.
    #[serde(with = "fixed")]
    pub started: Timestamp,
}

/// Which snapshot counts, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Model.
    pub model: ModelName,
    /// Tenant.
    pub tenant: TenantId,
    /// The snapshot: `<number>-<id>`.
    pub snapshot: String,
    /// Its files.
    pub files: Vec<ObjectKey>,
    /// The generations that its receipts made whole.
    pub generations: Vec<KeptGeneration>,
    /// Rows of its files, tombstones and records without rows among them.
    pub rows: u64,
    /// When it was made.
    #[serde(with = "fixed")]
    pub at: Timestamp,
}

impl Pointer {
    /// The stored form: one line of JSON.
    pub fn to_json(&self) -> Result<Bytes, CommitError> {
        to_line(FORMAT, self)
    }

    /// Reads the stored form.
    pub fn from_json(text: &[u8]) -> Result<Self, CommitError> {
        from_line(FORMAT, text)
    }

    /// The snapshot's number.
    pub fn number(&self) -> Option<u64> {
        self.snapshot.split_once('-')?.0.parse().ok()
    }

    /// A generation's stream.
    pub fn stream(&self, kept: &KeptGeneration) -> StreamId {
        StreamId {
            tenant: self.tenant.clone(),
            connection: kept.connection.clone(),
            source: kept.source.clone(),
            stream: kept.stream.clone(),
        }
    }
}
