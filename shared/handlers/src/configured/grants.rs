//! The tokens of a connection's grants, kept in the state table.

use std::time::Duration;

use async_trait::async_trait;
use model::{Classify, ConnectionId, Secret, TenantId};
use request::authenticator::{Claim, Grant, GrantError, Grants, Rotation, Tokens};
use store::{GrantClaim, GrantKey, GrantTokens, Store, StoreError};

/// [`Grants`] of one connection, shared by all its workers.
#[derive(Debug)]
pub(super) struct Kept {
    store: Store,
    tenant: TenantId,
    connection: ConnectionId,
}

impl Kept {
    pub(super) fn new(store: Store, (tenant, connection): (&TenantId, &ConnectionId)) -> Self {
        Self { store, tenant: tenant.clone(), connection: connection.clone() }
    }

    fn key(&self, grant: &Grant) -> GrantKey {
        GrantKey {
            tenant: self.tenant.clone(),
            connection: self.connection.clone(),
            name: grant.name.clone(),
            origin: grant.origin.clone(),
        }
    }
}

#[async_trait]
impl Grants for Kept {
    async fn kept(&self, grant: &Grant) -> Result<Option<Tokens>, GrantError> {
        let kept = self.store.grant(&self.key(grant)).await.map_err(failed)?;
        Ok(kept.map(tokens))
    }

    async fn claim(&self, grant: &Grant, most: Duration) -> Result<Option<Claim>, GrantError> {
        let claim = self.store.claim_grant(&self.key(grant), most).await.map_err(failed)?;
        Ok(claim.map(|claim| Claim { id: claim.id, tokens: claim.tokens.map(tokens) }))
    }

    async fn keep(&self, claim: &Claim, rotation: &Rotation) -> Result<(), GrantError> {
        let key = self.key(&rotation.grant);
        let kept = self.store.keep_grant(&key, &stored(claim), &row(&rotation.tokens)).await;
        kept.map_err(failed)
    }

    async fn release(&self, claim: &Claim, grant: &Grant) -> Result<(), GrantError> {
        self.store.release_grant(&self.key(grant), &stored(claim)).await.map_err(failed)
    }
}

fn stored(claim: &Claim) -> GrantClaim {
    GrantClaim { id: claim.id.clone(), tokens: claim.tokens.as_ref().map(row) }
}

fn row(tokens: &Tokens) -> GrantTokens {
    GrantTokens {
        access: tokens.access.expose().clone(),
        refresh: tokens.refresh.as_ref().map(|refresh| refresh.expose().clone()),
        expires: tokens.expires,
    }
}

fn tokens(row: GrantTokens) -> Tokens {
    Tokens {
        access: Secret::new(row.access),
        refresh: row.refresh.map(Secret::new),
        expires: row.expires,
    }
}

fn failed(error: StoreError) -> GrantError {
    GrantError { retry: error.retry(), source: Box::new(error) }
}

#[cfg(test)]
mod tests;
