//! What the CRM has on record, in one file of its own.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;

use super::hold;
use super::operation::Operation;
use super::schema::{EMPTY, SCHEMA};
use crate::tick::Tick;

/// The records of all tenants.
#[derive(Debug)]
pub(super) struct Books(Mutex<Connection>);

/// The records of one tenant while a batch is applied: all of it or nothing.
#[derive(Debug)]
pub(super) struct Page<'a> {
    all: &'a Transaction<'a>,
    tenant: &'a str,
}

/// A customer on record.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) number: i64,
    pub(super) is_erased: bool,
    pub(super) body: String,
}

/// What a customer is found by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identifiers<'a> {
    pub(super) external_id: &'a str,
    pub(super) email: Option<&'a str>,
    pub(super) mobile: Option<&'a str>,
}

/// An answer that was given for an idempotency key.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) digest: String,
    pub(super) body: String,
}

/// How often an entity was carried by a batch that was carried out.
#[derive(Debug, Serialize)]
pub(super) struct Carried {
    pub(super) operation: String,
    pub(super) entity: String,
    pub(super) calls: i64,
    /// What was said of it last.
    pub(super) status: i64,
}

/// Which records an admin reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Customers,
    Transactions,
}

/// How much is on record.
#[derive(Debug, Serialize)]
pub(super) struct Totals {
    pub(super) customers: i64,
    pub(super) transactions: i64,
}

type Result<T> = std::result::Result<T, rusqlite::Error>;

impl Books {
    pub(super) fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A practice CRM need not survive the loss of power.
        connection.pragma_update(None, "synchronous", "OFF")?;
        // Kibibytes: a million records have large indices.
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Does all of it, or nothing when it fails.
    pub(super) fn transact<T>(
        &self,
        tenant: &str,
        act: impl FnOnce(&Page<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut connection = hold(&self.0);
        let all = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let done = act(&Page { all: &all, tenant })?;
        all.commit()?;
        Ok(done)
    }

    /// Forgets everything of one tenant, or of all.
    pub(super) fn empty(&self, tenant: Option<&str>) -> Result<()> {
        let mut connection = hold(&self.0);
        let all = connection.transaction()?;
        for statement in EMPTY {
            all.execute(statement, [tenant])?;
        }
        all.commit()
    }

    pub(super) fn totals(&self, tenant: &str) -> Result<Totals> {
        let connection = hold(&self.0);
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table} WHERE tenant = ?1");
            connection.prepare_cached(&sql)?.query_row([tenant], |row| row.get(0))
        };
        Ok(Totals { customers: count("customer")?, transactions: count("trx")? })
    }

    /// At most `limit` records after that number, in the order in which they were made.
    pub(super) fn read(
        &self,
        tenant: &str,
        kind: Kind,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String)>> {
        let table = match kind {
            Kind::Customers => "customer",
            Kind::Transactions => "trx",
        };
        let sql = format!(
            "SELECT number, body FROM {table} WHERE tenant = ?1 AND number > ?2
             ORDER BY number LIMIT {limit}"
        );
        let connection = hold(&self.0);
        let mut statement = connection.prepare_cached(&sql)?;
        let rows =
            statement.query_map(params![tenant, after], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    /// How often each entity was carried, from a place (operation, entity) on.
    pub(super) fn carried(
        &self,
        tenant: &str,
        (operation, entity): (&str, &str),
        limit: usize,
    ) -> Result<Vec<Carried>> {
        let sql = format!(
            "SELECT operation, entity, calls, status FROM carried
             WHERE tenant = ?1 AND (operation, entity) > (?2, ?3)
             ORDER BY operation, entity LIMIT {limit}"
        );
        self.carried_by(&sql, params![tenant, operation, entity])
    }

    /// How often that entity was carried, by operation.
    pub(super) fn carried_of(&self, tenant: &str, entity: &str) -> Result<Vec<Carried>> {
        let sql = "SELECT operation, entity, calls, status FROM carried
                   WHERE tenant = ?1 AND entity = ?2 ORDER BY operation";
        self.carried_by(sql, params![tenant, entity])
    }

    fn carried_by(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Carried>> {
        let connection = hold(&self.0);
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| {
            let (operation, entity) = (row.get(0)?, row.get(1)?);
            Ok(Carried { operation, entity, calls: row.get(2)?, status: row.get(3)? })
        })?;
        rows.collect()
    }
}

impl Page<'_> {
    pub(super) fn customer(&self, external_id: &str) -> Result<Option<Customer>> {
        let sql = "SELECT number, erased, body FROM customer
                   WHERE tenant = ?1 AND external_id = ?2";
        let found = |row: &rusqlite::Row<'_>| {
            Ok(Customer { number: row.get(0)?, is_erased: row.get(1)?, body: row.get(2)? })
        };
        self.all.prepare_cached(sql)?.query_row([self.tenant, external_id], found).optional()
    }

    /// Whether another customer has that e-mail address or mobile number.
    pub(super) fn is_taken(&self, by: &Identifiers<'_>) -> Result<bool> {
        for (column, value) in [("email", by.email), ("mobile", by.mobile)] {
            let Some(value) = value else { continue };
            let sql = format!(
                "SELECT 1 FROM customer WHERE tenant = ?1 AND {column} = ?2
                 AND external_id <> ?3 LIMIT 1"
            );
            let mut statement = self.all.prepare_cached(&sql)?;
            if statement.exists([self.tenant, value, by.external_id])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn add_customer(&self, by: &Identifiers<'_>, body: &str) -> Result<i64> {
        let sql = "INSERT INTO customer (tenant, external_id, email, mobile, erased, body)
                   VALUES (?1, ?2, ?3, ?4, 0, ?5)";
        let values = params![self.tenant, by.external_id, by.email, by.mobile, body];
        self.all.prepare_cached(sql)?.execute(values)?;
        Ok(self.all.last_insert_rowid())
    }

    pub(super) fn put_customer(&self, number: i64, by: &Identifiers<'_>, body: &str) -> Result<()> {
        let sql = "UPDATE customer SET email = ?2, mobile = ?3, body = ?4 WHERE number = ?1";
        self.all.prepare_cached(sql)?.execute(params![number, by.email, by.mobile, body])?;
        Ok(())
    }

    /// Takes a customer's data away and keeps the fact; false when there is no such customer.
    pub(super) fn erase_customer(&self, external_id: &str) -> Result<bool> {
        let sql = "UPDATE customer SET erased = 1, email = NULL, mobile = NULL, body = ?3
                   WHERE tenant = ?1 AND external_id = ?2";
        let body = serde_json::json!({ "external_id": external_id, "erased": true }).to_string();
        let changed = self.all.execute(sql, params![self.tenant, external_id, body])?;
        Ok(changed == 1)
    }

    /// The number of the transaction with that id or that bill.
    pub(super) fn transaction(&self, trx_id: &str, bill: &str) -> Result<Option<i64>> {
        for (column, value) in [("trx_id", trx_id), ("bill", bill)] {
            let sql = format!("SELECT number FROM trx WHERE tenant = ?1 AND {column} = ?2");
            let mut statement = self.all.prepare_cached(&sql)?;
            let found = statement.query_row([self.tenant, value], |row| row.get(0)).optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    pub(super) fn add_transaction(&self, trx_id: &str, bill: &str, body: &str) -> Result<i64> {
        let sql = "INSERT INTO trx (tenant, trx_id, bill, body) VALUES (?1, ?2, ?3, ?4)";
        self.all.prepare_cached(sql)?.execute([self.tenant, trx_id, bill, body])?;
        Ok(self.all.last_insert_rowid())
    }

    /// In how many calls the entity was carried before this one.
    pub(super) fn times_carried(&self, operation: Operation, entity: &str) -> Result<u32> {
        let sql = "SELECT calls FROM carried
                   WHERE tenant = ?1 AND operation = ?2 AND entity = ?3";
        let mut statement = self.all.prepare_cached(sql)?;
        let key = [self.tenant, operation.name(), entity];
        Ok(statement.query_row(key, |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Notes that a call carried the entity, and what was said of it.
    pub(super) fn carry(&self, operation: Operation, entity: &str, status: u16) -> Result<()> {
        let sql = "INSERT INTO carried VALUES (?1, ?2, ?3, 1, ?4)
                   ON CONFLICT DO UPDATE SET calls = calls + 1, status = excluded.status";
        let values = params![self.tenant, operation.name(), entity, status];
        self.all.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// What was answered for that key since.
    pub(super) fn answer(&self, key: &str, since: Tick) -> Result<Option<Answer>> {
        let sql = "SELECT digest, body FROM answer WHERE tenant = ?1 AND key = ?2 AND at > ?3";
        let mut statement = self.all.prepare_cached(sql)?;
        let found = |row: &rusqlite::Row<'_>| Ok(Answer { digest: row.get(0)?, body: row.get(1)? });
        statement.query_row(params![self.tenant, key, since.raw()], found).optional()
    }

    /// Keeps an answer, and forgets those that were given by `since`.
    pub(super) fn keep(
        &self,
        key: &str,
        answer: &Answer,
        (now, since): (Tick, Tick),
    ) -> Result<()> {
        let mut old = self.all.prepare_cached("DELETE FROM answer WHERE at <= ?1")?;
        old.execute([since.raw()])?;
        let sql = "INSERT INTO answer VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![self.tenant, key, answer.digest, now.raw(), answer.body];
        self.all.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}
