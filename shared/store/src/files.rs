//! The ledger of partners' files: what was seen where, what is under way, which content is taken.

use std::time::Duration;

use model::{FeedId, TenantId, Timestamp, encode_segment};
use ports::{Direction, Expect, Key, SortRange, TableError, Version, Write};
use serde::{Deserialize, Serialize};

use crate::key::digest;
use crate::repository::{Paging, later};
use crate::row::{decode, encode, put, remove};
use crate::{Store, StoreError};

mod rows;

pub use rows::{ArrivalRow, Claim, ContentRow, Decision, FeedHead, SightRow, Stage, Versioned};

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
        self.row(format!("path#{}", digest(path)))
    }

    fn open(&self, arrival: &str) -> Key {
        self.row(format!("open#{}", encode_segment(arrival)))
    }

    fn content(&self, sha256: &str) -> Key {
        self.row(format!("content#{sha256}"))
    }
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

    /// Paths that were seen, and of which nothing is taken up or settled.
    pub async fn waiting(&self, key: &FeedKey) -> Result<Vec<SightRow>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let paging = Paging { after: after.as_deref(), limit: 1000 };
            let Key { partition, .. } = key.head();
            let range = SortRange::Prefix("path#".to_owned());
            let page = self.rows(partition, range, Direction::Forward, paging).await?;
            for item in &page.items {
                let row: SightRow = decode(item)?;
                let waits = row.looks > 0 && !row.settled && row.arrival.is_none();
                found.extend(waits.then_some(row));
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
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

    /// Notes what is seen at a path of which that was known before. A write that comes late does
    /// not undo what others have noted since.
    pub async fn see(
        &self,
        before: Option<&Versioned<SightRow>>,
        row: &SightRow,
    ) -> Result<(), StoreError> {
        let write = self.seen(before, row)?;
        self.store.write(&[write], &self.store.write_id()).await?;
        Ok(())
    }

    fn seen(
        &self,
        before: Option<&Versioned<SightRow>>,
        row: &SightRow,
    ) -> Result<Write, StoreError> {
        let key = self.key.sight(&row.path);
        let body = encode(&key, row)?;
        let expect = before.map_or(Expect::Absent, |known| Expect::Version(known.version.clone()));
        Ok(Write::Put { key, expect, body, expires: None })
    }

    /// Takes an arrival up: it and the path's row, in one write. One that comes late does not
    /// bring back an arrival that has ended.
    pub async fn take_up(
        &self,
        before: Option<&Versioned<SightRow>>,
        sight: &SightRow,
        arrival: ArrivalRow,
    ) -> Result<Versioned<ArrivalRow>, StoreError> {
        let key = self.key.open(&arrival.arrival);
        let body = encode(&key, &arrival)?;
        let open = Write::Put { key, expect: Expect::Absent, body, expires: None };
        let writes = [open, self.seen(before, sight)?];
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
                Some((row, version)) if !row.rejected => {
                    match self.taken(&key, row, &version).await? {
                        Some(claim) => return Ok(claim),
                        None => continue,
                    }
                }
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

    /// What a claim of another arrival means; none when it has changed meanwhile.
    async fn taken(
        &self,
        key: &Key,
        ContentRow { arrival, path: by, .. }: ContentRow,
        version: &Version,
    ) -> Result<Option<Claim>, StoreError> {
        let open = self.store.row::<ArrivalRow>(&self.key.open(&arrival)).await?;
        if open.is_some_and(|(open, _)| !matches!(open.stage, Stage::Decided { .. })) {
            return Ok(Some(Claim::Undecided));
        }
        // Who refuses a content gives its claim up in the same write.
        let now = self.store.row::<ContentRow>(key).await?;
        Ok(now.is_some_and(|(_, now)| now == *version).then_some(Claim::Taken { by }))
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
mod tests;
