//! Grants whose tokens change with use, and what keeps them.

use std::error::Error as Cause;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use model::{Classify, Retry, Secret};

/// Which grant of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Tells grants of one connection apart: a digest of endpoint, client and scopes.
    pub name: String,
    /// A digest of the refresh token that the configuration holds: once that is replaced by
    /// hand, what was kept for the old one no longer counts.
    pub origin: String,
}

/// The present tokens of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Goes with requests.
    pub access: Secret<String>,
    /// Fetches the next tokens; may serve once only.
    pub refresh: Option<Secret<String>>,
    /// From when on the access token is no longer good.
    pub expires: Timestamp,
}

/// New tokens of a grant, and where in the configuration they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Whose.
    pub grant: Grant,
    /// The tokens.
    pub tokens: Tokens,
    /// Places in the configuration and their new values.
    pub changes: Vec<(Vec<String>, Secret<String>)>,
}

/// The right to refresh a grant, until it is given back or runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Names the claim.
    pub id: String,
    /// What is kept as of then.
    pub tokens: Option<Tokens>,
}

/// Why tokens were not kept.
#[derive(Debug, thiserror::Error)]
#[error("the tokens of this connection cannot be kept")]
pub struct GrantError {
    /// Whether another try may help.
    pub retry: Retry,
    /// Why.
    #[source]
    pub source: Box<dyn Cause + Send + Sync>,
}

impl Classify for GrantError {
    fn retry(&self) -> Retry {
        self.retry
    }
}

/// Keeps the tokens of a connection's grants for everyone who reads it.
///
/// A refresh token may serve once only: two that use it at the same time would lose the grant.
/// So who refreshes holds a claim, and new tokens are kept before they are used.
#[async_trait]
pub trait Grants: Debug + Send + Sync + 'static {
    /// What is kept of a grant.
    async fn kept(&self, grant: &Grant) -> Result<Option<Tokens>, GrantError>;

    /// The sole right to refresh, for so long at most; none while somebody else has it.
    async fn claim(&self, grant: &Grant, most: Duration) -> Result<Option<Claim>, GrantError>;

    /// Keeps new tokens in place of those of the claim, and ends the claim.
    async fn keep(&self, claim: &Claim, rotation: &Rotation) -> Result<(), GrantError>;

    /// Ends a claim without new tokens.
    async fn release(&self, claim: &Claim, grant: &Grant) -> Result<(), GrantError>;
}
