//! What to do about a failure: two words that travel with every error.

use std::time::Duration;

/// When, if ever, the same work may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Permanent: a person, or a change of configuration, has to act first.
    Never,
    /// Bad data: this item can never pass, the ones beside it can. It goes to quarantine.
    BadData,
    /// Transient: try again soon, with backoff.
    Backoff,
    /// Throttled: try again after this long. Waiting is not failing.
    After(Duration),
}

impl Retry {
    /// Name of the class, as written to logs, run records and Lambda's `errorType`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Never => "Permanent",
            Self::BadData => "BadData",
            Self::Backoff => "Transient",
            Self::After(_) => "Throttled",
        }
    }
}

/// An error that knows its own class.
pub trait Classify {
    /// The decision, made once, where the error is born.
    fn retry(&self) -> Retry;
}
