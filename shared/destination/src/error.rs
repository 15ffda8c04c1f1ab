//! Why a request cannot be made.

use model::{Classify, Retry};
use request::interpolation::EvalError;

/// Why a request cannot be made. Texts hold names and hosts, never values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A template gives no value, whatever the item.
    #[error(transparent)]
    Template(#[from] EvalError),
    /// The credentials, or the parts of the request, do not go together.
    #[error(transparent)]
    Request(#[from] request::Error),
    /// A template gives something that cannot stand where it is used.
    #[error("{what} must be {wanted}")]
    Kind {
        /// What.
        what: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A stored job belongs to an operation that has none.
    #[error("operation `{operation}` is not asynchronous")]
    NoJob {
        /// The operation.
        operation: String,
    },
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Template(source) => source.retry(),
            Self::Request(source) => source.retry(),
            Self::Kind { .. } | Self::NoJob { .. } => Retry::Never,
        }
    }
}
