//! Drift: how records differ from what a model says, each difference once, from when it was first
//! seen on.

use model::{ConnectionId, ModelName, ObjectKey, SourceName, StreamName, TenantId, Timestamp};
use ports::{Direction, Expect, Key, SortRange, TableError, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::receipt::path;
use crate::repository::Paging;
use crate::row::{decode, encode, put};
use crate::{Store, StoreError};

/// Bytes of a path that stand in a key as they are.
const LONGEST_PATH: usize = 800;

/// A stream of a source, as a model reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriftScope {
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
    /// Model.
    pub model: ModelName,
}

impl DriftScope {
    fn partition(&self) -> String {
        format!("drift#{}#{}", path(&self.source, &self.stream), self.model)
    }

    fn key(&self, drifted: &Drifted) -> Key {
        let mut sort = format!("{}#{}", drifted.kind, drifted.path);
        if sort.len() > LONGEST_PATH {
            let digest = Sha256::digest(sort.as_bytes());
            let mark = digest.iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
            let end = (0..=LONGEST_PATH).rev().find(|end| sort.is_char_boundary(*end));
            sort.truncate(end.unwrap_or_default());
            sort = format!("{sort}#{mark:016x}");
        }
        Key { partition: self.partition(), sort }
    }
}

/// One difference: a path and JSON types, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drifted {
    /// `unknown`, `vanished` or `retyped`.
    pub kind: String,
    /// The place.
    pub path: String,
    /// The types that were found first.
    pub found: Vec<String>,
    /// The types that the model says.
    pub expected: Vec<String>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Whose record had it.
    pub tenant: TenantId,
    /// Of which connection.
    pub connection: ConnectionId,
    /// The landing object.
    pub object: ObjectKey,
    /// A line of it, from 1, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Whether somebody was told.
    pub told: bool,
}

impl Store {
    /// One page of what is known.
    pub async fn drift(
        &self,
        scope: &DriftScope,
        after: Option<&str>,
    ) -> Result<(Vec<Drifted>, Option<String>), StoreError> {
        let paging = Paging { after, limit: 1000 };
        let range = SortRange::All;
        let page = self.rows(scope.partition(), range, Direction::Forward, paging).await?;
        Ok((page.items.iter().map(decode).collect::<Result<_, _>>()?, page.next))
    }

    /// Notes a difference, unless it is known; gives whether somebody has to be told.
    pub async fn put_drift(
        &self,
        scope: &DriftScope,
        drifted: &Drifted,
    ) -> Result<bool, StoreError> {
        let key = scope.key(drifted);
        let body = encode(&key, drifted)?;
        let write = Write::Put { key: key.clone(), expect: Expect::Absent, body, expires: None };
        match self.write(&[write], &self.write_id()).await {
            Ok(_) => Ok(true),
            Err(TableError::Contended { .. }) => {
                let known = self.row::<Drifted>(&key).await?;
                Ok(known.is_none_or(|(known, _)| !known.told))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that somebody was told.
    pub async fn drift_told(
        &self,
        scope: &DriftScope,
        drifted: &Drifted,
    ) -> Result<(), StoreError> {
        let told = Drifted { told: true, ..drifted.clone() };
        self.write(&[put(scope.key(drifted), &told)?], &self.write_id()).await?;
        Ok(())
    }
}
