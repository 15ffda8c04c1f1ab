//! Reads rows as the providers page through them.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

use super::{World, WorldError, seeding};
use crate::account::{Account, Stream};
use crate::tick::Tick;

/// A row that a provider may give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) facility: String,
    pub(crate) created: Tick,
    pub(crate) updated: Tick,
    pub(crate) body: String,
}

/// Which rows: both ends of both spans are inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter<'a> {
    pub(crate) account: &'static Account,
    pub(crate) stream: Stream,
    /// One facility only.
    pub(crate) facility: Option<&'a str>,
    /// One list only.
    pub(crate) list: Option<&'a str>,
    pub(crate) updated: (Tick, Tick),
    pub(crate) created: (Tick, Tick),
}

impl Filter<'_> {
    pub(crate) fn all(account: &'static Account, stream: Stream) -> Self {
        let always = (Tick::MIN, Tick::MAX);
        Self { account, stream, facility: None, list: None, updated: always, created: always }
    }

    /// What [`LIVE`] takes.
    fn values(&self) -> Vec<Value> {
        vec![
            self.account.name.to_owned().into(),
            self.stream.name().to_owned().into(),
            self.updated.0.raw().into(),
            self.updated.1.raw().into(),
            self.created.0.raw().into(),
            self.created.1.raw().into(),
        ]
    }
}

/// By last change, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    NewestFirst,
    OldestFirst,
}

const COLUMNS: &str = "SELECT id, facility, created, updated, body FROM row";
const LIVE: &str = "account = ?1 AND stream = ?2 AND deleted = 0
    AND updated BETWEEN ?3 AND ?4 AND created BETWEEN ?5 AND ?6";

fn row(row: &rusqlite::Row<'_>) -> Result<Row, rusqlite::Error> {
    Ok(Row {
        id: row.get(0)?,
        facility: row.get(1)?,
        created: Tick::from_raw(row.get(2)?),
        updated: Tick::from_raw(row.get(3)?),
        body: row.get(4)?,
    })
}

impl World {
    /// At most `limit` rows in order, beginning with the place (`updated`, `id`).
    pub(crate) fn by_change(
        &self,
        filter: &Filter<'_>,
        sort: Sort,
        from: Option<(Tick, &str)>,
        limit: i64,
    ) -> Result<Vec<Row>, WorldError> {
        self.look();
        if self.is_computed(filter.account, filter.stream) {
            return Ok(self.computed_by_change(filter, sort, from, limit));
        }
        let (comparison, direction) = match sort {
            Sort::NewestFirst => ("<=", "DESC"),
            Sort::OldestFirst => (">=", "ASC"),
        };
        let mut values = filter.values();
        let mut place = String::new();
        if let Some((updated, id)) = from {
            values.extend([updated.raw().into(), id.to_owned().into()]);
            place = format!("AND (updated, id) {comparison} (?7, ?8)");
        }
        let order = format!("ORDER BY updated {direction}, id {direction} LIMIT {limit}");
        let sql = format!("{COLUMNS} WHERE {LIVE} {place} {order}");
        self.select(&sql, values)
    }

    /// One numbered page, highest id first, and how many rows there are on all.
    pub(crate) fn by_number(
        &self,
        filter: &Filter<'_>,
        offset: i64,
        limit: i64,
    ) -> Result<(Vec<Row>, i64), WorldError> {
        self.look();
        let mut values = filter.values();
        let mut wanted = LIVE.to_owned();
        for (column, value) in [("facility", filter.facility), ("list", filter.list)] {
            if let Some(value) = value {
                values.push(value.to_owned().into());
                wanted = format!("{wanted} AND {column} = ?{}", values.len());
            }
        }
        let count = format!("SELECT count(*) FROM row WHERE {wanted}");
        let total = self
            .lock()
            .prepare_cached(&count)?
            .query_row(params_from_iter(values.iter()), |row| row.get(0))?;
        let order = "ORDER BY facility, number DESC";
        let sql = format!("{COLUMNS} WHERE {wanted} {order} LIMIT {limit} OFFSET {offset}");
        Ok((self.select(&sql, values)?, total))
    }

    /// The row of that id, if it is there now.
    pub(crate) fn one(
        &self,
        account: &'static Account,
        stream: Stream,
        id: &str,
    ) -> Result<Option<Row>, WorldError> {
        self.look();
        let sql =
            format!("{COLUMNS} WHERE account = ?1 AND stream = ?2 AND id = ?3 AND deleted = 0");
        let found = self
            .lock()
            .prepare_cached(&sql)?
            .query_row(params![account.name, stream.name(), id], row)
            .optional()?;
        Ok(found)
    }

    /// The transactions that name this order.
    pub(crate) fn transactions_of(
        &self,
        account: &Account,
        order: &str,
    ) -> Result<Vec<String>, WorldError> {
        let sql = "SELECT body FROM row WHERE account = ?1 AND stream = 'transactions'
                   AND deleted = 0 AND instr(body, ?2) > 0 ORDER BY ordinal";
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql)?;
        let named = format!(r#""order_id":"{order}""#);
        let rows = statement.query_map([account.name, &named], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many rows there are now.
    pub(crate) fn count(&self, account: &Account, stream: Stream) -> Result<i64, WorldError> {
        if self.is_computed(account, stream) {
            return Ok(self.computed_orders);
        }
        let sql = "SELECT count(*) FROM row WHERE account = ?1 AND stream = ?2 AND deleted = 0";
        let count = self
            .lock()
            .prepare_cached(sql)?
            .query_row([account.name, stream.name()], |row| row.get(0))?;
        Ok(count)
    }

    /// The oldest and the newest change.
    pub(crate) fn span(
        &self,
        account: &Account,
        stream: Stream,
    ) -> Result<(Tick, Tick), WorldError> {
        if self.is_computed(account, stream) {
            return Ok((seeding::since(self.born), self.born));
        }
        let sql = "SELECT coalesce(min(updated), 0), coalesce(max(updated), 0) FROM row
                   WHERE account = ?1 AND stream = ?2 AND deleted = 0";
        let span = self
            .lock()
            .prepare_cached(sql)?
            .query_row([account.name, stream.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((Tick::from_raw(span.0), Tick::from_raw(span.1)))
    }

    fn select(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, WorldError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params_from_iter(values), row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
