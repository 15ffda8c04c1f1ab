//! Why configuration cannot be used.

use std::fmt;

use model::document::Fault;
use model::{Classify, Retry};
use ports::{ObjectError, SecretError};

use super::meant;

/// Why configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files have faults; each names its place.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
    /// A file that does not exist is asked for.
    #[error("there is no {thing} `{name}`{}; there are: {}", meant(.name, .known), known.join(", "))]
    Unknown {
        /// Kind of thing.
        thing: Thing,
        /// Its name.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Secrets that the configuration refers to are missing, or belong to others.
    #[error("{}", secrets(.0))]
    Secrets(Vec<(String, SecretError)>),
    /// The store does not give the files.
    #[error(transparent)]
    Store(#[from] ObjectError),
}

/// A kind of thing that configuration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A tenant.
    Tenant,
    /// A connection of a tenant.
    Connection,
    /// A source.
    Source,
    /// A stream of a source.
    Stream,
    /// A standard model.
    Model,
    /// A destination.
    Destination,
    /// A push of a tenant.
    Push,
    /// A feed.
    Feed,
    /// A customer.
    Customer,
    /// Any file.
    File,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tenant => "tenant",
            Self::Connection => "connection",
            Self::Source => "source",
            Self::Stream => "stream",
            Self::Model => "model",
            Self::Destination => "destination",
            Self::Push => "push",
            Self::Feed => "feed",
            Self::Customer => "customer",
            Self::File => "file",
        })
    }
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Faults(_) | Self::Unknown { .. } => Retry::Never,
            Self::Secrets(missing) => {
                let lasting = |(_, error): &&(String, SecretError)| error.retry() == Retry::Never;
                if missing.iter().any(|m| lasting(&m)) { Retry::Never } else { Retry::Backoff }
            }
            Self::Store(error) => error.retry(),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }
}

impl From<Vec<Fault>> for Error {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn secrets(missing: &[(String, SecretError)]) -> String {
    let line = |(field, error): &(String, SecretError)| format!("config.{field}: {error}");
    missing.iter().map(line).collect::<Vec<_>>().join("\n")
}
