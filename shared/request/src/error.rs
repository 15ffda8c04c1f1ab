//! Why a request cannot be made.

use std::time::Duration;

use model::{Classify, Retry};
use ports::HttpError;

use crate::authenticator::GrantError;
use crate::interpolation::EvalError;

/// Why a request cannot be made. Texts hold hosts, paths and names: never queries, headers,
/// bodies or values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A template gives no value.
    #[error(transparent)]
    Template(#[from] EvalError),
    /// Two parts of a manifest set the same thing.
    #[error("{what} `{name}` is set twice; each name may be set in one place only")]
    Collision {
        /// `request parameter`, `header`, `form field` or `body field`.
        what: &'static str,
        /// Its name, dotted where it is nested.
        name: String,
    },
    /// Something is not of the kind that a request can hold.
    #[error("{what} must be {wanted}")]
    Kind {
        /// What.
        what: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// What the parts make is not a URL.
    #[error("`{url}` is not an absolute http or https URL")]
    Url {
        /// Without its query.
        url: String,
    },
    /// A next-page URL leads to a host that the manifest does not name.
    #[error(
        "the next page lies on `{found}`, but requests with these credentials go to `{allowed}` only"
    )]
    ForeignHost {
        /// Scheme and host of the URL.
        found: String,
        /// Scheme and host that the manifest names.
        allowed: String,
    },
    /// The configuration does not say which credentials to use.
    #[error("config field `{field}` selects no authenticator; {accepted}")]
    Selection {
        /// The field, dotted.
        field: String,
        /// What would.
        accepted: String,
    },
    /// The token endpoint refuses the credentials.
    #[error("{endpoint} gave no token: {reason}")]
    TokenRefused {
        /// Host and path.
        endpoint: String,
        /// Status, and the standard error code if the answer has one.
        reason: String,
    },
    /// The token endpoint cannot answer now.
    #[error("{endpoint} cannot give a token now: {reason}")]
    TokenUnavailable {
        /// Host and path.
        endpoint: String,
        /// Status.
        reason: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// The token endpoint was not reached.
    #[error("no token")]
    TokenCall(#[source] HttpError),
    /// Every token has made all the calls that it may make.
    #[error("no token has calls left for the next {wait:?}")]
    TokensSpent {
        /// Until the first of them has some again.
        wait: Duration,
    },
    /// New tokens cannot be kept, so they are not used.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A token cannot be signed.
    #[error("no token is signed: {reason}")]
    Signing {
        /// What is wrong, free of secrets.
        reason: String,
    },
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Template(source) => source.retry(),
            Self::Collision { .. }
            | Self::Kind { .. }
            | Self::Url { .. }
            | Self::ForeignHost { .. }
            | Self::Selection { .. }
            | Self::Signing { .. }
            | Self::TokenRefused { .. } => Retry::Never,
            Self::TokenUnavailable { wait: Some(wait), .. } | Self::TokensSpent { wait } => {
                Retry::After(*wait)
            }
            Self::TokenUnavailable { wait: None, .. } => Retry::Backoff,
            Self::TokenCall(source) => source.retry(),
            Self::Grant(source) => source.retry(),
        }
    }
}
