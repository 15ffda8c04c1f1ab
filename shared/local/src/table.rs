//! Items in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{
    Clock, Direction, Item, Key, Page, Query, SortRange, Table, TableError, Version, Write,
    WriteId, check_key, check_query, check_writes,
};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

use crate::database::{Database, DatabaseError, instant, nanoseconds};

/// A [`Table`] in a [`Database`]. Expired items are hidden at once, and removed when a table is
/// opened.
#[derive(Debug)]
pub struct SqliteTable {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// What a transaction ends in, besides its version.
enum Stop {
    Table(TableError),
    Database(DatabaseError),
}

impl SqliteTable {
    /// The table of this database, its items expiring by this clock.
    pub async fn open(database: &Database, clock: Arc<dyn Clock>) -> Result<Self, TableError> {
        let now = nanoseconds(clock.now());
        let sweep = move |transaction: &Transaction<'_>| {
            transaction.execute("DELETE FROM item WHERE expires <= ?1", [now])?;
            Ok::<_, DatabaseError>(())
        };
        database.write(sweep).await.map_err(unavailable)?;
        Ok(Self { database: database.clone(), clock })
    }
}

impl From<DatabaseError> for Stop {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

fn unavailable(error: DatabaseError) -> TableError {
    TableError::Unavailable { source: Box::new(error) }
}

fn find(connection: &Connection, key: &Key, now: Timestamp) -> rusqlite::Result<Option<Item>> {
    let sql = "SELECT partition, sort, version, body, expires FROM item \
               WHERE partition = ?1 AND sort = ?2 AND (expires IS NULL OR expires > ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    let parameters = params![key.partition, key.sort, nanoseconds(now)];
    statement.query_row(parameters, read_item).optional()
}

fn read_item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        key: Key { partition: row.get(0)?, sort: row.get(1)? },
        version: Version(row.get(2)?),
        body: row.get(3)?,
        expires: row.get::<_, Option<i64>>(4)?.map(instant),
    })
}

#[async_trait]
impl Table for SqliteTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        check_key(key)?;
        let (key, now) = (key.clone(), self.clock.now());
        let read =
            move |connection: &Connection| find(connection, &key, now).map_err(DatabaseError::from);
        self.database.read(read).await.map_err(unavailable)
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        check_query(query)?;
        let (query, now) = (query.clone(), self.clock.now());
        let read = move |connection: &Connection| {
            page(connection, &query, now).map_err(DatabaseError::from)
        };
        self.database.read(read).await.map_err(unavailable)
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        check_writes(writes, write)?;
        let (writes, write, now) = (writes.to_vec(), write.clone(), self.clock.now());
        let transact = move |transaction: &Transaction<'_>| {
            apply(transaction, &writes, &write, now)?;
            Ok(Version(write.0))
        };
        self.database.write(transact).await.map_err(|stop| match stop {
            Stop::Table(error) => error,
            Stop::Database(error) => unavailable(error),
        })
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        check_key(key)?;
        let key = key.clone();
        let add = move |transaction: &Transaction<'_>| {
            let sql = "INSERT INTO counter (partition, sort, value) VALUES (?1, ?2, ?3) \
                       ON CONFLICT DO UPDATE SET value = value + ?3 RETURNING value";
            let mut statement = transaction.prepare_cached(sql)?;
            let sum =
                statement.query_row(params![key.partition, key.sort, amount], |r| r.get(0))?;
            Ok::<i64, DatabaseError>(sum)
        };
        self.database.write(add).await.map_err(unavailable)
    }
}

fn apply(
    transaction: &Transaction<'_>,
    writes: &[Write],
    write: &WriteId,
    now: Timestamp,
) -> Result<(), Stop> {
    for each in writes {
        let current = find(transaction, each.key(), now)?;
        if !each.is_met_by(current.as_ref()) {
            let stands = |key: &Key| Ok(find(transaction, key, now)?.map(|item| item.version));
            if Write::have_happened(writes, write, stands).map_err(|e: rusqlite::Error| e)? {
                return Ok(());
            }
            let (key, current) = (each.key().clone(), current.map(Box::new));
            return Err(Stop::Table(TableError::Contended { key, current }));
        }
    }
    let put = "INSERT OR REPLACE INTO item (partition, sort, version, body, expires) \
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let delete = "DELETE FROM item WHERE partition = ?1 AND sort = ?2";
    for each in writes {
        match each {
            Write::Put { key, body, expires, .. } => {
                let expires = expires.map(nanoseconds);
                let values = params![key.partition, key.sort, write.0, body, expires];
                transaction.prepare_cached(put)?.execute(values)?;
            }
            Write::Delete { key, .. } => {
                transaction.prepare_cached(delete)?.execute(params![key.partition, key.sort])?;
            }
            Write::Check { .. } => {}
        }
    }
    Ok(())
}

fn page(connection: &Connection, query: &Query, now: Timestamp) -> rusqlite::Result<Page> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let now = nanoseconds(now);
    let mut sql = "SELECT partition, sort, version, body, expires FROM item \
                   WHERE partition = ?1 AND (expires IS NULL OR expires > ?2)"
        .to_owned();
    let mut values: Vec<&dyn ToSql> = vec![&query.partition, &now, &limit];
    let bounds = bounds(query);
    for (comparison, text) in &bounds {
        values.push(text);
        sql = format!("{sql} AND sort {comparison} ?{}", values.len());
    }
    sql.push_str(match query.direction {
        Direction::Forward => " ORDER BY sort LIMIT ?3",
        Direction::Backward => " ORDER BY sort DESC LIMIT ?3",
    });
    let mut statement = connection.prepare_cached(&sql)?;
    let mut items =
        statement.query_map(values.as_slice(), read_item)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    let next = items.last().filter(|_| more).map(|item| item.key.sort.clone());
    Ok(Page { items, next })
}

/// The query's range and start as comparisons with the sort key; SQLite compares texts as bytes.
fn bounds(query: &Query) -> Vec<(&'static str, String)> {
    let mut bounds = match &query.range {
        SortRange::All => Vec::new(),
        SortRange::Prefix(prefix) => {
            let above = first_after(prefix).map(|text| ("<", text));
            std::iter::once((">=", prefix.clone())).chain(above).collect()
        }
        SortRange::Between(from, until) => vec![(">=", from.clone()), ("<=", until.clone())],
    };
    if let Some(after) = &query.after {
        let comparison = match query.direction {
            Direction::Forward => ">",
            Direction::Backward => "<",
        };
        bounds.push((comparison, after.clone()));
    }
    bounds
}

/// The smallest text above all texts with this prefix; none when there is none.
fn first_after(prefix: &str) -> Option<String> {
    let head = prefix.trim_end_matches(char::MAX);
    let mut characters: Vec<char> = head.chars().collect();
    let last = characters.pop()?;
    let next = (last..=char::MAX).nth(1)?;
    characters.push(next);
    Some(characters.into_iter().collect())
}

#[cfg(test)]
mod tests;
