//! Items in a map.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ports::{
    Clock, Direction, Item, Key, Page, Query, SortRange, Table, TableError, Version, Write,
    WriteId, check_key, check_query, check_writes,
};

use crate::clock::{ManualClock, locked};

/// A [`Table`] in memory.
#[derive(Debug)]
pub struct MemoryTable {
    clock: Arc<dyn Clock>,
    rows: Arc<Mutex<Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    items: BTreeMap<Key, Item>,
    counters: BTreeMap<Key, i64>,
}

impl MemoryTable {
    /// An empty table that judges expiry by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, rows: Arc::default() }
    }

    /// The same rows, with expiry judged by another clock.
    #[must_use]
    pub fn seen_by(&self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, rows: Arc::clone(&self.rows) }
    }

    /// All live items, in order of their keys.
    pub fn items(&self) -> Vec<Item> {
        let now = self.clock.now();
        locked(&self.rows).items.values().filter(|item| live(item, now)).cloned().collect()
    }
}

impl Default for MemoryTable {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::default()))
    }
}

fn live(item: &Item, now: jiff::Timestamp) -> bool {
    item.expires.is_none_or(|until| now < until)
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        check_key(key)?;
        let now = self.clock.now();
        Ok(locked(&self.rows).items.get(key).filter(|item| live(item, now)).cloned())
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        check_query(query)?;
        let now = self.clock.now();
        let rows = locked(&self.rows);
        let start = Key { partition: query.partition.clone(), sort: String::new() };
        let rest = rows.items.range(start..).map(|(_, item)| item);
        let partition = rest.take_while(|item| item.key.partition == query.partition);
        let mut items: Vec<Item> =
            partition.filter(|item| live(item, now) && wanted(query, item)).cloned().collect();
        if query.direction == Direction::Backward {
            items.reverse();
        }
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items.last().filter(|_| more).map(|item| item.key.sort.clone());
        Ok(Page { items, next })
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        check_writes(writes, write)?;
        let version = Version(write.0.clone());
        let now = self.clock.now();
        let mut rows = locked(&self.rows);
        let find = |key: &Key| rows.items.get(key).filter(|item| live(item, now)).cloned();
        for each in writes {
            let current = find(each.key());
            if !each.is_met_by(current.as_ref()) {
                let stands = |key: &Key| Ok::<_, TableError>(find(key).map(|item| item.version));
                if Write::have_happened(writes, write, stands)? {
                    return Ok(version);
                }
                let current = current.map(Box::new);
                return Err(TableError::Contended { key: each.key().clone(), current });
            }
        }
        for each in writes {
            match each {
                Write::Put { key, body, expires, .. } => {
                    let (body, expires) = (body.clone(), *expires);
                    let item = Item { key: key.clone(), version: version.clone(), body, expires };
                    rows.items.insert(key.clone(), item);
                }
                Write::Delete { key, .. } => {
                    rows.items.remove(key);
                }
                Write::Check { .. } => {}
            }
        }
        Ok(version)
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        check_key(key)?;
        let mut rows = locked(&self.rows);
        let counter = rows.counters.entry(key.clone()).or_default();
        *counter = counter.saturating_add(amount);
        Ok(*counter)
    }
}

fn wanted(query: &Query, item: &Item) -> bool {
    let sort = &item.key.sort;
    let in_range = match &query.range {
        SortRange::All => true,
        SortRange::Prefix(prefix) => sort.starts_with(prefix),
        SortRange::Between(from, until) => from <= sort && sort <= until,
    };
    in_range
        && query.after.as_ref().is_none_or(|after| match query.direction {
            Direction::Forward => sort > after,
            Direction::Backward => sort < after,
        })
}

#[cfg(test)]
mod tests {
    crate::table_contract!(clock => Box::new(super::MemoryTable::new(clock)));
}
