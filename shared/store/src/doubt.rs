//! Doubts: rows of a stream that its provider calls gone, until it was asked for them.

use std::time::Duration;

use ports::{Direction, Expect, SortRange, TableError, Version, Write};
use serde::{Deserialize, Serialize};

use crate::key::digest;
use crate::repository::{Paging, later};
use crate::row::{decode, put_until};
use crate::{Store, StoreError, StreamKey};

/// A row that could not be asked for in this time is left to the next reconcile.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Doubts of one look.
const AT_ONCE: usize = 25;

/// A row that may be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The value of its primary key.
    pub id: String,
    /// Where the source gives it, if it does.
    pub path: String,
}

/// A doubt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubted {
    /// What is doubted.
    pub doubt: Doubt,
    version: Version,
}

impl Store {
    /// Notes that a row may be gone. Noting it again renews it.
    pub async fn doubt(&self, key: &StreamKey, doubt: &Doubt) -> Result<(), StoreError> {
        let expires = Some(later(self.now(), KEPT));
        let write = put_until(key.doubt(&digest(&doubt.id)), doubt, expires)?;
        self.write(&[write], &self.write_id()).await?;
        Ok(())
    }

    /// Some doubts of a stream, and what to go on behind, if there are more.
    pub async fn doubts(
        &self,
        key: &StreamKey,
        after: Option<&str>,
    ) -> Result<(Vec<Doubted>, Option<String>), StoreError> {
        let first = key.doubt("");
        let (range, paging) = (SortRange::Prefix(first.sort), Paging { after, limit: AT_ONCE });
        let page = self.rows(first.partition, range, Direction::Forward, paging).await?;
        let doubted = |item: &ports::Item| {
            Ok(Doubted { doubt: decode(item)?, version: item.version.clone() })
        };
        Ok((page.items.iter().map(doubted).collect::<Result<_, StoreError>>()?, page.next))
    }

    /// Forgets doubts that were answered, but those that were noted again since.
    pub async fn answered(&self, key: &StreamKey, doubts: &[Doubted]) -> Result<(), StoreError> {
        for Doubted { doubt, version } in doubts {
            let expect = Expect::Version(version.clone());
            let write = Write::Delete { key: key.doubt(&digest(&doubt.id)), expect };
            match self.write(&[write], &self.write_id()).await {
                Ok(_) | Err(TableError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
