//! Tokens of grants that change with use: one row a grant, refreshed under a claim.

use std::fmt;
use std::time::Duration;

use model::{ConnectionId, TenantId, Timestamp};
use ports::{Expect, Key, TableError, Write};
use serde::{Deserialize, Serialize};

use crate::repository::later;
use crate::row::encode;
use crate::{Store, StoreError};

/// Which grant of which connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: ConnectionId,
    /// Tells its grants apart.
    pub name: String,
    /// A digest of what the configuration holds; tokens kept under another do not count.
    pub origin: String,
}

/// The present tokens of a grant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantTokens {
    /// Goes with requests.
    pub access: String,
    /// Fetches the next tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// From when on the access token is no longer good.
    pub expires: Timestamp,
}

impl fmt::Debug for GrantTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantTokens").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The right to refresh a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantClaim {
    /// Names the claim.
    pub id: String,
    /// What was kept as of then.
    pub tokens: Option<GrantTokens>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Row {
    origin: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<GrantTokens>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<Holder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    id: String,
    until: Timestamp,
}

impl GrantKey {
    fn row(&self) -> Key {
        Key {
            partition: format!("grants#{}#{}", self.tenant, self.connection),
            sort: self.name.clone(),
        }
    }
}

impl Store {
    /// What is kept of a grant.
    pub async fn grant(&self, key: &GrantKey) -> Result<Option<GrantTokens>, StoreError> {
        Ok(self.grant_row(key).await?.0.tokens)
    }

    /// The row of a grant, empty when it is kept for what the configuration no longer holds.
    async fn grant_row(&self, key: &GrantKey) -> Result<(Row, Expect), StoreError> {
        let empty = || Row { origin: key.origin.clone(), ..Row::default() };
        Ok(match self.row::<Row>(&key.row()).await? {
            None => (empty(), Expect::Absent),
            Some((row, version)) if row.origin == key.origin => (row, Expect::Version(version)),
            Some((_, version)) => (empty(), Expect::Version(version)),
        })
    }

    /// Takes the sole right to refresh a grant, for so long at most; none while somebody else
    /// has it.
    pub async fn claim_grant(
        &self,
        key: &GrantKey,
        most: Duration,
    ) -> Result<Option<GrantClaim>, StoreError> {
        let id = self.write_id();
        loop {
            let (mut row, expect) = self.grant_row(key).await?;
            let now = self.now();
            let alive = |claim: &Holder| later(claim.until, self.timing().skew) > now;
            if row.claim.as_ref().is_some_and(|claim| claim.id != id.0 && alive(claim)) {
                return Ok(None);
            }
            let tokens = row.tokens.clone();
            row.claim = Some(Holder { id: id.0.clone(), until: later(now, most) });
            if self.put_grant(key, &row, expect, &id).await? {
                return Ok(Some(GrantClaim { id: id.0, tokens }));
            }
        }
    }

    /// Keeps new tokens in place of those of the claim. A claim that ran out while its refresh
    /// went on still counts, unless others have refreshed since: then theirs are the present ones.
    pub async fn keep_grant(
        &self,
        key: &GrantKey,
        claim: &GrantClaim,
        tokens: &GrantTokens,
    ) -> Result<(), StoreError> {
        loop {
            let (mut row, expect) = self.grant_row(key).await?;
            if row.tokens.as_ref() == Some(tokens) {
                return Ok(());
            }
            if row.tokens != claim.tokens {
                tracing::warn!(
                    tenant = %key.tenant, connection = %key.connection,
                    "a refresh outlasted its claim, and another has kept newer tokens"
                );
                return Ok(());
            }
            row.tokens = Some(tokens.clone());
            row.claim = row.claim.filter(|holder| holder.id != claim.id);
            if self.put_grant(key, &row, expect, &self.write_id()).await? {
                return Ok(());
            }
        }
    }

    /// Ends a claim without new tokens.
    pub async fn release_grant(
        &self,
        key: &GrantKey,
        claim: &GrantClaim,
    ) -> Result<(), StoreError> {
        loop {
            let (mut row, expect) = self.grant_row(key).await?;
            if row.claim.take_if(|holder| holder.id == claim.id).is_none()
                || self.put_grant(key, &row, expect, &self.write_id()).await?
            {
                return Ok(());
            }
        }
    }

    /// Whether the row could be put; not when somebody else was faster.
    async fn put_grant(
        &self,
        key: &GrantKey,
        row: &Row,
        expect: Expect,
        id: &ports::WriteId,
    ) -> Result<bool, StoreError> {
        let body = encode(&key.row(), row)?;
        let write = Write::Put { key: key.row(), expect, body, expires: None };
        match self.write(&[write], id).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
