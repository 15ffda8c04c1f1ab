//! Why a repository gave no answer.

use model::{Classify, Retry, Timestamp};
use ports::TableError;

use crate::StreamKey;

/// Why a repository operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The lease of the stream has passed to somebody else: whatever this holder still does no
    /// longer counts, and its write was refused.
    #[error("the lease of {stream} has passed to another worker")]
    Lost {
        /// Stream.
        stream: Box<StreamKey>,
    },
    /// The stream, plan or slice that the caller names is not there.
    #[error("{what} of {stream} does not exist")]
    Missing {
        /// Stream.
        stream: Box<StreamKey>,
        /// What was looked for.
        what: String,
    },
    /// A row does not have the format that this program knows.
    #[error("row `{key}` cannot be read: {reason}")]
    Format {
        /// Row.
        key: String,
        /// Why.
        reason: String,
    },
    /// A state document does not have the format that it claims.
    #[error("state cannot be imported: {reason}")]
    State {
        /// What is wrong, and what is accepted.
        reason: String,
    },
    /// The table did not take part.
    #[error("state is out of reach")]
    Table(#[from] TableError),
}

impl Classify for StoreError {
    fn retry(&self) -> Retry {
        match self {
            Self::Lost { .. } => Retry::Backoff,
            Self::Missing { .. } | Self::Format { .. } | Self::State { .. } => Retry::Never,
            Self::Table(error) => error.retry(),
        }
    }
}

/// What became of an attempt to take a lease.
#[derive(Debug)]
pub enum Refusal {
    /// Another worker holds it until then.
    Held {
        /// When it ends, unless it is renewed.
        until: Timestamp,
    },
    /// The caller expects a state of the stream that has passed: its work was taken up already.
    Superseded,
    /// Nobody has enrolled the stream.
    Unknown,
}
