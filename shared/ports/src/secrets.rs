//! Secrets, by reference.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use model::{Classify, Retry, Secret, SecretRef, TenantId};

/// Where a secret lies, resolved: `tenant/name`. Only [`SecretPath::resolve`] makes one, so a
/// tenant reaches another's secret by an explicit grant alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretPath {
    tenant: TenantId,
    name: String,
}

impl SecretPath {
    /// Resolves a reference made by `tenant`: its own secrets, and those in `grants`
    /// (`tenant/name` references that the owner's file allows).
    pub fn resolve(
        tenant: &TenantId,
        reference: &SecretRef,
        grants: &[SecretRef],
    ) -> Result<Self, SecretError> {
        match reference.tenant() {
            Some(owner) if owner != tenant && !grants.contains(reference) => {
                Err(SecretError::Foreign { tenant: tenant.clone(), reference: reference.clone() })
            }
            owner => Ok(Self {
                tenant: owner.unwrap_or(tenant).clone(),
                name: reference.name().to_owned(),
            }),
        }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is none.
    #[error("there is no secret `{path}`")]
    Missing {
        /// Where it should be.
        path: SecretPath,
    },
    /// It belongs to another tenant, who has not granted it.
    #[error("secret `{reference}` belongs to another tenant and is not granted to `{tenant}`")]
    Foreign {
        /// Who asked.
        tenant: TenantId,
        /// For what.
        reference: SecretRef,
    },
    /// No answer.
    #[error("the secret store is unavailable")]
    Unavailable {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for SecretError {
    fn retry(&self) -> Retry {
        match self {
            Self::Missing { .. } | Self::Foreign { .. } => Retry::Never,
            Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// Gives secrets.
#[async_trait]
pub trait Secrets: Debug + Send + Sync + 'static {
    /// The present value.
    async fn get(&self, path: &SecretPath) -> Result<Secret<String>, SecretError>;
}
