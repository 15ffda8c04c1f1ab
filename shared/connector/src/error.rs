//! What can go wrong with a source, and whether to try again.

use std::time::Duration;

use model::document::Fault;
use model::{Classify, Retry};
use ports::HttpError;

use crate::part::BuildError;

/// Where in a source something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct At {
    /// Stream.
    pub stream: String,
    /// Slice: its partition and window, as short as they can be said.
    pub slice: String,
    /// Page within the slice, from 0.
    pub page: u64,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream `{}`", self.stream)?;
        if !self.slice.is_empty() {
            write!(f, ", slice {}", self.slice)?;
        }
        write!(f, ", page {}", self.page)
    }
}

/// Why a source could not be built or read. No message holds a secret or a query string.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest, or what the configuration makes of it, has faults.
    #[error("{}", faults(.0))]
    Manifest(Vec<Fault>),
    /// A pattern of the overlay that is none.
    #[error("overlay: {source}")]
    Overlay {
        /// What is wrong with it.
        source: regex::Error,
    },
    /// A stream that the source does not have.
    #[error("no stream `{name}`; there are: {}", known.join(", "))]
    NoStream {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The configuration is not one that the manifest accepts, or what stands above its streams
    /// cannot be made with it.
    #[error("{source}")]
    Config {
        /// What does not fit.
        #[source]
        source: BuildError,
    },
    /// The configuration is not as the manifest's `connection_specification` describes it.
    #[error("Config validation error: {message}")]
    Described {
        /// What it lacks.
        message: String,
    },
    /// A component cannot be made with this configuration.
    #[error("stream `{stream}`: {source}")]
    Stream {
        /// Stream.
        stream: String,
        /// What does not fit.
        #[source]
        source: BuildError,
    },
    /// Two streams that must not be read side by side, though one reads the other.
    #[error("stream `{stream}` and its parent `{parent}` are both in the group `{group}`")]
    Group {
        /// Stream.
        stream: String,
        /// The stream that it reads.
        parent: String,
        /// The group.
        group: String,
    },
    /// A template or a request cannot be made for this page.
    #[error("{at}: {source}")]
    Request {
        /// Where.
        at: At,
        /// What does not fit.
        #[source]
        source: request::Error,
    },
    /// The call did not reach an answer.
    #[error("{at}: {source}")]
    Http {
        /// Where.
        at: At,
        /// Why not.
        #[source]
        source: HttpError,
    },
    /// The source refused: its answer, or a rule of the manifest, says so.
    #[error("{at}: {message}")]
    Refused {
        /// Where.
        at: At,
        /// What the rule says, or status and reason.
        message: String,
        /// Whether the configuration, credentials above all, must change first.
        configuration: bool,
    },
    /// The source asked to wait longer than this caller waits, or kept failing.
    #[error("{at}: {message}; try again in {wait:?}")]
    Wait {
        /// Where.
        at: At,
        /// What it answered.
        message: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The source kept failing in a way that may pass.
    #[error("{at}: {message} after {attempts} attempts")]
    Exhausted {
        /// Where.
        at: At,
        /// What it answered last.
        message: String,
        /// How often it was asked.
        attempts: u32,
    },
    /// The source says that its data is not there yet: nothing failed, nothing moves.
    #[error("{at}: not ready: {message}")]
    NotReady {
        /// Where.
        at: At,
        /// What it answered.
        message: String,
    },
    /// The source says that this account has no such endpoint: the stream is to be skipped.
    #[error("{at}: not offered to this account: {message}")]
    Unsupported {
        /// Where.
        at: At,
        /// What it answered.
        message: String,
    },
    /// The answer is not what the manifest describes.
    #[error("{at}: {message}")]
    Shape {
        /// Where.
        at: At,
        /// What was expected and what came.
        message: String,
    },
    /// The answer is larger than this caller takes, unpacked or as records.
    #[error("{at}: the answer holds more than the {limit} bytes allowed")]
    TooLarge {
        /// Where.
        at: At,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The walk goes in circles or never ends.
    #[error("{at}: {message}")]
    Endless {
        /// Where.
        at: At,
        /// Which guard stopped it.
        message: String,
    },
    /// A state that does not belong to the stream.
    #[error("stream `{stream}`: {message}")]
    State {
        /// Stream.
        stream: String,
        /// What does not fit.
        message: String,
    },
    /// The file of a record cannot be kept.
    #[error("{at}: a file cannot be kept: {source}")]
    File {
        /// Where.
        at: At,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What was read cannot be written.
    #[error("output failed")]
    Output(#[from] std::io::Error),
}

fn faults(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// What went wrong, without its place.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Request { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }

    /// Whether a walk that was to go on from a place in its slice may fail for that place alone:
    /// tokens of pages grow old.
    pub fn may_be_the_place(&self) -> bool {
        matches!(self, Self::Refused { configuration: false, .. } | Self::Endless { .. })
    }

    /// The protocol's word for who has to act.
    pub fn failure_type(&self) -> &'static str {
        match self {
            Self::Manifest(_)
            | Self::Config { .. }
            | Self::Described { .. }
            | Self::Overlay { .. }
            | Self::NoStream { .. }
            | Self::Stream { .. }
            | Self::Group { .. }
            | Self::State { .. }
            | Self::Unsupported { .. }
            | Self::Request {
                source: request::Error::TokenRefused { .. } | request::Error::Selection { .. },
                ..
            }
            | Self::Refused { configuration: true, .. } => "config_error",
            Self::Http { .. }
            | Self::Wait { .. }
            | Self::Exhausted { .. }
            | Self::NotReady { .. } => "transient_error",
            Self::Request { .. }
            | Self::Refused { .. }
            | Self::Shape { .. }
            | Self::TooLarge { .. }
            | Self::Endless { .. }
            | Self::File { .. }
            | Self::Output(_) => "system_error",
        }
    }
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Manifest(_)
            | Self::Config { .. }
            | Self::Described { .. }
            | Self::Overlay { .. }
            | Self::NoStream { .. }
            | Self::Stream { .. }
            | Self::Group { .. }
            | Self::Unsupported { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Endless { .. }
            | Self::State { .. } => Retry::Never,
            Self::Request { source, .. } => source.retry(),
            Self::Http { source, .. } => source.retry(),
            Self::Wait { wait, .. } => Retry::After(*wait),
            Self::Shape { .. }
            | Self::Exhausted { .. }
            | Self::NotReady { .. }
            | Self::File { .. }
            | Self::Output(_) => Retry::Backoff,
        }
    }
}
