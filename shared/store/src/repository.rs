//! What all repositories share: the table, the clock, identity, and how to repeat a write.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use ports::{
    Clock, Direction, Ids, Item, Key, Query, SortRange, Table, TableError, Version, Write, WriteId,
};
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::row::decode;

/// Tries of one write whose outcome is unknown or that was throttled.
const TRIES: u32 = 5;

/// First pause between two tries; doubled each time.
const PAUSE: Duration = Duration::from_millis(40);

/// How long what is taken stays taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A lease that is not renewed ends after this long.
    pub lease: Duration,
    /// A claim whose work nobody takes up comes back after this long; longer with each time.
    pub claim: Duration,
    /// A run that failed is tried again after this long; longer with each failure.
    pub retry: Duration,
    /// Clocks of two workers differ by no more than this.
    pub skew: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            claim: Duration::from_mins(1),
            retry: Duration::from_mins(1),
            skew: Duration::from_millis(500),
        }
    }
}

/// All repositories over one table.
#[derive(Debug, Clone)]
pub struct Store {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    timing: Timing,
}

impl Store {
    /// Repositories over a table.
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        timing: Timing,
    ) -> Self {
        Self { table, clock, ids, timing }
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Identity and chance.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.ids
    }

    /// How long what is taken stays taken.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The present instant, by this worker's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let mut tries = 0;
        loop {
            match self.table.get(key).await {
                Err(error) if passing(&error) && tries < TRIES => self.pause(&mut tries).await,
                other => return Ok(other?),
            }
        }
    }

    /// The row under a key, with its version.
    pub(crate) async fn row<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<(T, Version)>, StoreError> {
        match self.item(key).await? {
            None => Ok(None),
            Some(item) => Ok(Some((decode(&item)?, item.version))),
        }
    }

    /// One page of rows whose sort key starts with a text, behind `after`.
    pub(crate) async fn rows(
        &self,
        partition: String,
        range: SortRange,
        direction: Direction,
        page: Paging<'_>,
    ) -> Result<ports::Page, StoreError> {
        let after = page.after.map(str::to_owned);
        let query = Query { partition, range, direction, limit: page.limit, after };
        let mut tries = 0;
        loop {
            match self.table.query(&query).await {
                Err(error) if passing(&error) && tries < TRIES => self.pause(&mut tries).await,
                other => return Ok(other?),
            }
        }
    }

    /// Writes, repeating under the same name while the outcome is unknown.
    pub(crate) async fn write(
        &self,
        writes: &[Write],
        id: &WriteId,
    ) -> Result<Version, TableError> {
        let mut tries = 0;
        loop {
            match self.table.transact(writes, id).await {
                Err(error) if passing(&error) && tries < TRIES => self.pause(&mut tries).await,
                other => return other,
            }
        }
    }

    /// A name for a decision to write.
    pub(crate) fn write_id(&self) -> WriteId {
        WriteId(self.ids.fresh())
    }

    async fn pause(&self, tries: &mut u32) {
        let wait = PAUSE * 2u32.saturating_pow(*tries);
        *tries += 1;
        self.clock.sleep(wait.mul_f64(0.5 + self.ids.chance())).await;
    }
}

/// Which page of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging<'a> {
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: usize,
}

fn passing(error: &TableError) -> bool {
    matches!(error, TableError::Unavailable { .. } | TableError::Throttled)
}

/// An instant that much later; the last one there is when it would lie beyond.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
