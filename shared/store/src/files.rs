//! The ledger of partners' files: what was seen where, what is under way, which content is taken.

use std::time::Duration;

use model::{FeedId, TenantId, Timestamp, encode_segment};
use ports::{Direction, Expect, Key, PartTag, SortRange, TableError, UploadId, Version, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::repository::{Paging, later};
use crate::row::{decode, encode, put, remove};
use crate::{Store, StoreError};

/// How long a look holds its feed, unless it is renewed.
const LOOK: Duration = Duration::from_mins(2);

/// A tenant's feed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeedKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Feed.
    pub feed: FeedId,
}

impl std::fmt::Display for FeedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.feed)
    }
}

impl FeedKey {
    fn row(&self, sort: String) -> Key {
        Key { partition: format!("files#{}#{}", self.tenant, self.feed), sort }
    }

    fn head(&self) -> Key {
        self.row("head".to_owned())
    }

    fn sight(&self, path: &str) -> Key {
        let digest = Sha256::digest(path.as_bytes());
        let half = digest.iter().take(16).fold(0, |all, byte| all << 8 | u128::from(*byte));
        self.row(format!("path#{half:032x}"))
    }

    fn open(&self, arrival: &str) -> Key {
        self.row(format!("open#{}", encode_segment(arrival)))
    }

    fn content(&self, sha256: &str) -> Key {
        self.row(format!("content#{sha256}"))
    }
}

/// What is known of a feed as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedHead {
    /// Who looks at the moment, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<(String, Timestamp)>,
    /// When somebody looked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_look: Option<Timestamp>,
    /// When somebody looked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_look: Option<Timestamp>,
    /// When the last file was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_file: Option<Timestamp>,
    /// For which file the next one was told to be late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_told: Option<Timestamp>,
}

/// What is known of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightRow {
    /// The path.
    pub path: String,
    /// Size.
    pub size: u64,
    /// Time.
    pub modified: Timestamp,
    /// Since when both are so.
    pub since: Timestamp,
    /// Looks that have seen both so.
    pub looks: u32,
    /// The arrival that this is, once it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<String>,
    /// Whether all is done with it, and it stays where it is.
    #[serde(default)]
    pub settled: bool,
    /// Whether a file of this name was accepted before.
    #[serde(default)]
    pub accepted_before: bool,
    /// Whether it was told that its other half is missing.
    #[serde(default)]
    pub told: bool,
}

/// A file that arrived and is not done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalRow {
    /// Which one: digest of path, size, time and the instant it was taken up.
    pub arrival: String,
    /// Its path.
    pub path: String,
    /// Size.
    pub size: u64,
    /// Time.
    pub modified: Timestamp,
    /// When it was taken up; its folders are named by this day.
    pub since: Timestamp,
    /// The file that said that it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Whether a file of this name was accepted before.
    #[serde(default)]
    pub accepted_before: bool,
    /// How far it has come.
    pub stage: Stage,
    /// Looks at which it failed for reasons that may pass.
    #[serde(default)]
    pub failures: u32,
}

/// How far an arrival has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Its bytes are on their way into the archive.
    Fetching {
        /// The upload, once it has begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upload: Option<UploadId>,
        /// Parts that are there.
        #[serde(default)]
        parts: Vec<PartTag>,
        /// State of the digest of these parts.
        #[serde(default)]
        hash: String,
    },
    /// It is in the archive, and its content is claimed.
    Stored {
        /// Digest of its bytes.
        sha256: String,
    },
    /// It is decided what becomes of it.
    Decided {
        /// Digest of its bytes; none where it was refused before they were read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// What was decided.
        decision: Decision,
        /// When; accepted files of one look have the same instant.
        at: Timestamp,
    },
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Decision {
    /// Its records count.
    Accepted,
    /// Nothing of it counts.
    Rejected {
        /// Code.
        code: String,
        /// Sentence.
        message: String,
    },
    /// Its content was taken before, under this path.
    Duplicate {
        /// Path.
        of: String,
    },
}

/// Who has taken a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    /// The arrival.
    pub arrival: String,
    /// Its path.
    pub path: String,
    /// Whether it was refused: then the same content may come again.
    #[serde(default)]
    pub rejected: bool,
}

/// What became of a claim on a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is this arrival's.
    Ours,
    /// It is another one's.
    Taken {
        /// The path under which it came first.
        by: String,
    },
}

/// A row, and the version that the next write of it is conditional on.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The row.
    pub row: T,
    version: Version,
}

/// A feed that is held for one look.
#[derive(Debug)]
pub struct Look {
    store: Store,
    /// The feed.
    pub key: FeedKey,
    id: String,
    /// What is known of it.
    pub head: FeedHead,
    version: Option<Version>,
}

/// Whether a feed could be held.
#[derive(Debug)]
pub enum Held {
    /// It is.
    Ours(Box<Look>),
    /// Another worker looks until then.
    Other {
        /// Instant.
        until: Timestamp,
    },
}

impl Store {
    /// What is known of a feed.
    pub async fn feed_head(&self, key: &FeedKey) -> Result<FeedHead, StoreError> {
        Ok(self.row(&key.head()).await?.map(|(head, _)| head).unwrap_or_default())
    }

    /// Holds a feed for one look.
    pub async fn look(&self, key: &FeedKey) -> Result<Held, StoreError> {
        let found: Option<(FeedHead, Version)> = self.row(&key.head()).await?;
        let (head, version) = found.map_or((FeedHead::default(), None), |(h, v)| (h, Some(v)));
        let now = self.now();
        if let Some((_, until)) = head.look.as_ref().filter(|(_, until)| *until > now) {
            return Ok(Held::Other { until: *until });
        }
        let id = self.ids().fresh();
        let mut look = Look { store: self.clone(), key: key.clone(), id, head, version };
        look.head.first_look.get_or_insert(now);
        look.head.last_look = Some(now);
        match look.renew().await {
            Err(StoreError::Table(TableError::Contended { .. })) => {
                Ok(Held::Other { until: later(now, LOOK) })
            }
            other => other.map(|()| Held::Ours(Box::new(look))),
        }
    }

    /// What is known of a path.
    pub async fn sight(
        &self,
        key: &FeedKey,
        path: &str,
    ) -> Result<Option<Versioned<SightRow>>, StoreError> {
        let found = self.row(&key.sight(path)).await?;
        Ok(found.map(|(row, version)| Versioned { row, version }))
    }

    /// Arrivals that are not done with.
    pub async fn arrivals(&self, key: &FeedKey) -> Result<Vec<Versioned<ArrivalRow>>, StoreError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let paging = Paging { after: after.as_deref(), limit: 100 };
            let Key { partition, .. } = key.head();
            let range = SortRange::Prefix("open#".to_owned());
            let page = self.rows(partition, range, Direction::Forward, paging).await?;
            for item in &page.items {
                found.push(Versioned { row: decode(item)?, version: item.version.clone() });
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Look {
    /// Keeps the feed for longer; fails when another worker has taken it over.
    pub async fn renew(&mut self) -> Result<(), StoreError> {
        let until = later(self.store.now(), LOOK);
        self.head.look = Some((self.id.clone(), until));
        self.write_head().await
    }

    /// Renews what would end soon.
    pub async fn keep(&mut self) -> Result<(), StoreError> {
        let soon = later(self.store.now(), LOOK / 2);
        match &self.head.look {
            Some((_, until)) if *until > soon => Ok(()),
            _ => self.renew().await,
        }
    }

    /// Lets the feed go.
    pub async fn release(mut self) -> Result<(), StoreError> {
        self.head.look = None;
        self.write_head().await
    }

    async fn write_head(&mut self) -> Result<(), StoreError> {
        let key = self.key.head();
        let body = encode(&key, &self.head)?;
        let expect = self.version.clone().map_or(Expect::Absent, Expect::Version);
        let write = Write::Put { key, expect, body, expires: None };
        self.version = Some(self.store.write(&[write], &self.store.write_id()).await?);
        Ok(())
    }

    /// Notes what is seen at a path.
    pub async fn see(&self, row: &SightRow) -> Result<(), StoreError> {
        let write = put(self.key.sight(&row.path), row)?;
        self.store.write(&[write], &self.store.write_id()).await?;
        Ok(())
    }

    /// Takes an arrival up: it and the path's row, in one write.
    pub async fn take_up(
        &self,
        sight: &SightRow,
        arrival: ArrivalRow,
    ) -> Result<Versioned<ArrivalRow>, StoreError> {
        let key = self.key.open(&arrival.arrival);
        let body = encode(&key, &arrival)?;
        let open = Write::Put { key, expect: Expect::Absent, body, expires: None };
        let writes = [open, put(self.key.sight(&sight.path), sight)?];
        let version = self.store.write(&writes, &self.store.write_id()).await?;
        Ok(Versioned { row: arrival, version })
    }

    /// Notes how far an arrival has come.
    pub async fn advance(&self, arrival: &mut Versioned<ArrivalRow>) -> Result<(), StoreError> {
        let write = self.advanced(arrival)?;
        arrival.version = self.store.write(&[write], &self.store.write_id()).await?;
        Ok(())
    }

    fn advanced(&self, arrival: &Versioned<ArrivalRow>) -> Result<Write, StoreError> {
        let key = self.key.open(&arrival.row.arrival);
        let body = encode(&key, &arrival.row)?;
        Ok(Write::Put {
            key,
            expect: Expect::Version(arrival.version.clone()),
            body,
            expires: None,
        })
    }

    /// Claims a content. Of any number of claims at once, one wins.
    pub async fn claim(&self, sha256: &str, arrival: &ArrivalRow) -> Result<Claim, StoreError> {
        let key = self.key.content(sha256);
        let ours = ContentRow {
            arrival: arrival.arrival.clone(),
            path: arrival.path.clone(),
            rejected: false,
        };
        let body = encode(&key, &ours)?;
        loop {
            let found: Option<(ContentRow, Version)> = self.store.row(&key).await?;
            let expect = match found {
                Some((row, _)) if row.arrival == arrival.arrival => return Ok(Claim::Ours),
                Some((row, _)) if !row.rejected => return Ok(Claim::Taken { by: row.path }),
                Some((_, version)) => Expect::Version(version),
                None => Expect::Absent,
            };
            let (key, body) = (key.clone(), body.clone());
            let write = Write::Put { key, expect, body, expires: None };
            match self.store.write(&[write], &self.store.write_id()).await {
                Ok(_) => return Ok(Claim::Ours),
                Err(TableError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Decides what becomes of an arrival, and with it of its claim, in one write.
    pub async fn decide(
        &self,
        arrival: &mut Versioned<ArrivalRow>,
        sha256: Option<String>,
        decision: Decision,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writes = Vec::new();
        if let Some(sha256) = &sha256
            && !matches!(decision, Decision::Duplicate { .. })
        {
            let row = ContentRow {
                arrival: arrival.row.arrival.clone(),
                path: arrival.row.path.clone(),
                rejected: matches!(decision, Decision::Rejected { .. }),
            };
            writes.push(put(self.key.content(sha256), &row)?);
        }
        arrival.row.stage = Stage::Decided { sha256, decision, at };
        writes.push(self.advanced(arrival)?);
        arrival.version = self.store.write(&writes, &self.store.write_id()).await?;
        Ok(())
    }

    /// Ends an arrival. `sight` is what is left of its path: nothing where the file was moved or
    /// removed and no file of its name was ever accepted.
    pub async fn end(
        &self,
        arrival: &Versioned<ArrivalRow>,
        sight: Option<&SightRow>,
    ) -> Result<(), StoreError> {
        let left = match sight {
            Some(row) => put(self.key.sight(&row.path), row)?,
            None => remove(self.key.sight(&arrival.row.path)),
        };
        let open = Write::Delete {
            key: self.key.open(&arrival.row.arrival),
            expect: Expect::Version(arrival.version.clone()),
        };
        self.store.write(&[open, left], &self.store.write_id()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use testkit::{ManualClock, MemoryTable, SeededIds};

    use super::*;
    use crate::Timing;

    fn store() -> (Store, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        let table = Arc::new(MemoryTable::new(Arc::<ManualClock>::clone(&clock)));
        (
            Store::new(
                table,
                Arc::<ManualClock>::clone(&clock),
                Arc::new(SeededIds::new(7)),
                Timing::default(),
            ),
            clock,
        )
    }

    fn key() -> FeedKey {
        FeedKey { tenant: "heron".parse().unwrap(), feed: "loyalty".parse().unwrap() }
    }

    async fn held(store: &Store) -> Box<Look> {
        match store.look(&key()).await.unwrap() {
            Held::Ours(look) => look,
            Held::Other { .. } => panic!("held by another"),
        }
    }

    fn arrival(name: &str) -> ArrivalRow {
        ArrivalRow {
            arrival: format!("arrival-of-{name}"),
            path: name.to_owned(),
            size: 3,
            modified: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            marker: None,
            accepted_before: false,
            stage: Stage::Stored { sha256: "abc".to_owned() },
            failures: 0,
        }
    }

    #[tokio::test]
    async fn a_feed_is_held_by_one_worker_until_it_lets_go_or_dies() {
        let (store, clock) = store();
        let first = held(&store).await;
        assert!(matches!(store.look(&key()).await.unwrap(), Held::Other { .. }));
        first.release().await.unwrap();
        let mut dead = held(&store).await;
        clock.advance(LOOK + Duration::from_secs(1));
        let _next = held(&store).await;
        assert!(dead.renew().await.is_err(), "what was taken over cannot be renewed");
    }

    #[tokio::test]
    async fn of_two_claims_on_a_content_one_wins() {
        let (store, _) = store();
        let look = held(&store).await;
        let (a, b) = (arrival("a"), arrival("b"));
        let claims = futures_util::future::join(look.claim("abc", &a), look.claim("abc", &b)).await;
        let claims = [claims.0.unwrap(), claims.1.unwrap()];
        assert_eq!(claims.iter().filter(|claim| **claim == Claim::Ours).count(), 1);
        assert!(claims.iter().any(|claim| matches!(claim, Claim::Taken { .. })));
    }

    #[tokio::test]
    async fn a_content_that_was_refused_may_come_again() {
        let (store, _) = store();
        let look = held(&store).await;
        let sight = SightRow {
            path: "a".to_owned(),
            size: 3,
            modified: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            looks: 1,
            arrival: None,
            settled: false,
            accepted_before: false,
            told: false,
        };
        let mut first = look.take_up(&sight, arrival("a")).await.unwrap();
        assert_eq!(look.claim("abc", &first.row).await.unwrap(), Claim::Ours);
        let decision =
            Decision::Rejected { code: "DECRYPT".to_owned(), message: "no key".to_owned() };
        look.decide(&mut first, Some("abc".to_owned()), decision, store.now()).await.unwrap();
        look.end(&first, None).await.unwrap();
        assert_eq!(look.claim("abc", &arrival("b")).await.unwrap(), Claim::Ours);
        assert_eq!(store.arrivals(&key()).await.unwrap().len(), 0);
    }
}
