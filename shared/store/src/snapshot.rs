//! Which snapshot of a tenant's rows of a model counts.

use model::{ModelName, TenantId};
use ports::{Expect, Key, TableError, Version, Write};
use serde::{Deserialize, Serialize};

use crate::row::encode;
use crate::{Store, StoreError};

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    pointer: String,
}

fn key(model: &ModelName, tenant: &TenantId) -> Key {
    Key { partition: format!("snapshots#{model}#{tenant}"), sort: "head".to_owned() }
}

impl Store {
    /// The pointer to the snapshot that counts, as text, and its version.
    pub async fn snapshot(
        &self,
        model: &ModelName,
        tenant: &TenantId,
    ) -> Result<Option<(String, Version)>, StoreError> {
        let found = self.row::<Row>(&key(model, tenant)).await?;
        Ok(found.map(|(row, version)| (row.pointer, version)))
    }

    /// Makes another snapshot count in place of the former one; false when somebody else was
    /// faster.
    pub async fn advance_snapshot(
        &self,
        (model, tenant): (&ModelName, &TenantId),
        pointer: &str,
        former: Option<Version>,
    ) -> Result<bool, StoreError> {
        let key = key(model, tenant);
        let body = encode(&key, &Row { pointer: pointer.to_owned() })?;
        let expect = former.map_or(Expect::Absent, Expect::Version);
        let write = Write::Put { key, expect, body, expires: None };
        match self.write(&[write], &self.write_id()).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
