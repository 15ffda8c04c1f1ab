//! The tables that stand for the lake's objects, and what is in them already.

pub(crate) mod models;

use lake::{Line, ModelTable, StreamTable};
use model::ObjectKey;
use rusqlite::{Connection, OptionalExtension, Result, Transaction, TransactionBehavior, params};

/// Version of the tables' form; a cache of another form is emptied.
const FORMAT: i64 = 1;

/// Creates what is missing, and the views as they are defined now.
pub(crate) fn prepare(db: &mut Connection, tables: &[StreamTable]) -> Result<()> {
    db.busy_timeout(std::time::Duration::from_secs(30))?;
    crate::function::register(db)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if format != FORMAT {
        drop_all(&transaction)?;
    }
    transaction.execute_batch(&format!(
        "PRAGMA user_version = {FORMAT};
         CREATE TABLE IF NOT EXISTS _objects (object TEXT PRIMARY KEY) WITHOUT ROWID;"
    ))?;
    for table in tables {
        for statement in lake::ddl::sqlite(table) {
            transaction.execute_batch(&statement)?;
        }
    }
    transaction.commit()
}

fn drop_all(transaction: &Transaction<'_>) -> Result<()> {
    let ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' \
                ESCAPE '\\'";
    let names: Vec<String> =
        transaction.prepare(ours)?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    for name in names {
        transaction.execute_batch(&format!("DROP TABLE \"{}\"", name.replace('"', "\"\"")))?;
    }
    Ok(())
}

/// Creates what is missing of models' tables, and their views as they are defined now.
pub(crate) fn prepare_models(db: &mut Connection, tables: &[ModelTable]) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in tables {
        models::prepare(&transaction, table)?;
    }
    transaction.commit()
}

/// Whether an object's content is in its table.
pub(crate) fn holds(db: &Connection, object: &str) -> Result<bool> {
    let found = db
        .prepare_cached("SELECT 1 FROM _objects WHERE object = ?")?
        .query_row([object], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Landing objects that the views read and that are not in their table, with their digests.
pub(crate) fn missing_parts(db: &Connection, table: &StreamTable) -> Result<Vec<(String, String)>> {
    let visible = lake::view::visible_objects_sql(table);
    db.prepare(&format!(
        "SELECT object, sha256 FROM ({visible}) WHERE object NOT IN (SELECT object FROM _objects)"
    ))?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// Marks an object as taken in; false when somebody else did so before.
fn take(transaction: &Transaction<'_>, object: &ObjectKey) -> Result<bool> {
    let taken = transaction
        .prepare_cached("INSERT OR IGNORE INTO _objects (object) VALUES (?)")?
        .execute([object.as_str()])?;
    Ok(taken == 1)
}

/// Takes commit objects in, each a text and where it stood.
pub(crate) fn add_commits(
    db: &mut Connection,
    table: &StreamTable,
    commits: &[(lake::Commit, ObjectKey, String)],
) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let insert = format!(
        "INSERT INTO \"{}_commits\" (tenant, connection, object, line) VALUES (?, ?, ?, ?)",
        table.name
    );
    for (commit, object, text) in commits {
        if take(&transaction, object)? {
            let lake::Attempt { tenant, connection, .. } = &commit.attempt;
            transaction.prepare_cached(&insert)?.execute(params![
                tenant.as_str(),
                connection.as_str(),
                object.as_str(),
                text
            ])?;
        }
    }
    transaction.commit()
}

/// A landing object being taken in: all of its lines or none.
pub(crate) struct Landing<'db> {
    transaction: Transaction<'db>,
    insert: String,
    object: ObjectKey,
}

impl<'db> Landing<'db> {
    /// Opens it; none when somebody else took it in before.
    pub(crate) fn open(
        db: &'db mut Connection,
        table: &StreamTable,
        object: &ObjectKey,
    ) -> Result<Option<Self>> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !take(&transaction, object)? {
            return Ok(None);
        }
        let insert = format!(
            "INSERT INTO \"{}_landing\" (tenant, connection, object, run, request_start, cursor, \
             slice, page, ordinal, deleted, key, digest, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            table.name
        );
        Ok(Some(Self { transaction, insert, object: object.clone() }))
    }

    /// Adds a line.
    pub(crate) fn add(&self, line: &Line<'_>) -> Result<()> {
        self.transaction.prepare_cached(&self.insert)?.execute(params![
            line.tenant,
            line.connection,
            self.object.as_str(),
            line.run,
            line.request_start,
            line.cursor,
            line.slice,
            line.page.cast_signed(),
            line.ordinal.cast_signed(),
            line.deleted,
            line.key.map(serde_json::value::RawValue::get),
            lake::Sha256Hex::of(line.record.get().as_bytes()).as_str(),
            line.record.get(),
        ])?;
        Ok(())
    }

    /// Keeps it.
    pub(crate) fn commit(self) -> Result<()> {
        self.transaction.commit()
    }
}
