//! What the ledger says.

use model::Timestamp;
use ports::{PartTag, UploadId, Version};
use serde::{Deserialize, Serialize};

/// What is known of a feed as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedHead {
    /// Who looks at the moment, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<(String, Timestamp)>,
    /// When somebody looked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_look: Option<Timestamp>,
    /// When somebody looked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_look: Option<Timestamp>,
    /// The instant that the last accepted file counts by: later ones count by later instants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_file: Option<Timestamp>,
    /// For which file the next one was told to be late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_told: Option<Timestamp>,
}

/// What is known of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightRow {
    /// The path.
    pub path: String,
    /// Size.
    pub size: u64,
    /// Time.
    pub modified: Timestamp,
    /// Since when both are so.
    pub since: Timestamp,
    /// Looks that have seen both so.
    pub looks: u32,
    /// The arrival that this is, once it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<String>,
    /// Whether all is done with it, and it stays where it is.
    #[serde(default)]
    pub settled: bool,
    /// Whether a file of this name was accepted before.
    #[serde(default)]
    pub accepted_before: bool,
    /// Whether it was told that its other half is missing.
    #[serde(default)]
    pub told: bool,
}

/// A file that arrived and is not done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalRow {
    /// Which one: digest of path, size, time and the instant it was taken up.
    pub arrival: String,
    /// Its path.
    pub path: String,
    /// Size.
    pub size: u64,
    /// Time.
    pub modified: Timestamp,
    /// When it was taken up; its folders are named by this day.
    pub since: Timestamp,
    /// The file that said that it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Whether a file of this name was accepted before.
    #[serde(default)]
    pub accepted_before: bool,
    /// How far it has come.
    pub stage: Stage,
    /// Looks at which it failed for reasons that may pass.
    #[serde(default)]
    pub failures: u32,
}

/// How far an arrival has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Its bytes are on their way into the archive.
    Fetching {
        /// The upload, once it has begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upload: Option<UploadId>,
        /// Parts that are there.
        #[serde(default)]
        parts: Vec<PartTag>,
        /// State of the digest of these parts.
        #[serde(default)]
        hash: String,
    },
    /// It is in the archive, and its content is claimed.
    Stored {
        /// Digest of its bytes.
        sha256: String,
    },
    /// It is decided what becomes of it.
    Decided {
        /// Digest of its bytes; none where it was refused before they were read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// What was decided.
        decision: Decision,
        /// When; each accepted file of a feed counts by an instant of its own.
        at: Timestamp,
    },
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Decision {
    /// Its records count.
    Accepted,
    /// Nothing of it counts.
    Rejected {
        /// Code.
        code: String,
        /// Sentence.
        message: String,
    },
    /// Its content was taken before, under this path.
    Duplicate {
        /// Path.
        of: String,
    },
}

/// Who has taken a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    /// The arrival.
    pub arrival: String,
    /// Its path.
    pub path: String,
    /// Whether it was refused: then the same content may come again.
    #[serde(default)]
    pub rejected: bool,
}

/// What became of a claim on a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is this arrival's.
    Ours,
    /// It is another one's, of which nothing is decided: wait for that.
    Undecided,
    /// It is another one's, which counts.
    Taken {
        /// The path under which it came first.
        by: String,
    },
}

/// A row, and the version that the next write of it is conditional on.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The row.
    pub row: T,
    pub(super) version: Version,
}
