//! The tables that stand for a model's objects.

use std::collections::{BTreeMap, BTreeSet};

use lake::ModelTable;
use lake::curated::{Column, CuratedReader, Kind, Value};
use model::ObjectKey;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Result, ToSql, Transaction, TransactionBehavior, params};

use super::{holds, take};

/// Which of a model's tables a file's rows stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// Rows of landing objects.
    Files,
    /// Rows of snapshots.
    Snapshots,
    /// Merged things.
    Things,
}

impl Shelf {
    fn table(self, table: &ModelTable) -> String {
        let suffix = match self {
            Self::Files => "files",
            Self::Snapshots => "snapshots",
            Self::Things => "things",
        };
        format!("{}_{suffix}", table.name)
    }

    /// The columns of its files.
    pub(crate) fn columns(self, table: &ModelTable) -> Vec<Column> {
        match self {
            Self::Files => table.file_columns(),
            Self::Snapshots => table.snapshot_columns(),
            Self::Things => table.thing_columns(),
        }
    }
}

/// Creates a model's tables and views. Tables of other columns than the model has now are filled
/// anew.
pub(super) fn prepare(transaction: &Transaction<'_>, table: &ModelTable) -> Result<()> {
    let mut shelves = vec![Shelf::Files, Shelf::Snapshots];
    if table.merges {
        shelves.push(Shelf::Things);
    }
    for shelf in shelves {
        let name = shelf.table(table);
        let mut expected: Vec<String> =
            shelf.columns(table).into_iter().map(|column| column.name).collect();
        expected.extend(["tenant", "_file"].map(str::to_owned));
        let found: Vec<String> = transaction
            .prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid")?
            .query_map([&name], |row| row.get(0))?
            .collect::<Result<_>>()?;
        if !found.is_empty() && found != expected {
            transaction.execute_batch(&format!(
                "DELETE FROM _objects WHERE object IN (SELECT _file FROM \"{name}\");
                 DROP TABLE \"{name}\""
            ))?;
        }
    }
    for statement in lake::ddl::sqlite_model(table) {
        transaction.execute_batch(&statement)?;
    }
    Ok(())
}

/// The receipts that are in the table, by where they stand.
pub(crate) fn receipts(db: &Connection, table: &ModelTable) -> Result<BTreeMap<String, String>> {
    db.prepare(&format!("SELECT object, line FROM \"{}_receipts\"", table.name))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The files whose rows are in a table.
pub(crate) fn files(db: &Connection, table: &ModelTable, shelf: Shelf) -> Result<BTreeSet<String>> {
    db.prepare(&format!("SELECT DISTINCT _file FROM \"{}\"", shelf.table(table)))?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Takes a file's rows in, all or none; nothing when somebody else did so before.
pub(crate) fn add_file<E: From<rusqlite::Error> + From<lake::curated::CuratedError>>(
    db: &mut Connection,
    table: &ModelTable,
    (shelf, file, tenant): (Shelf, &ObjectKey, &str),
    reader: &CuratedReader,
) -> std::result::Result<(), E> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !take(&transaction, file)? {
        return Ok(());
    }
    let columns = shelf.columns(table);
    let marks = vec!["?"; columns.len() + 2].join(", ");
    let mut insert =
        transaction.prepare(&format!("INSERT INTO \"{}\" VALUES ({marks})", shelf.table(table)))?;
    reader.for_each(|row| {
        for (place, (value, column)) in (1..).zip(row.iter().zip(&columns)) {
            insert.raw_bind_parameter(place, Stored(*value, column.kind))?;
        }
        insert.raw_bind_parameter(columns.len() + 1, tenant)?;
        insert.raw_bind_parameter(columns.len() + 2, file.as_str())?;
        insert.raw_execute()?;
        Ok::<(), E>(())
    })?;
    drop(insert);
    Ok(transaction.commit()?)
}

/// What a model's tables of lines hold from now on, and which files their views read.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// New receipts: tenant, where it stands, text.
    pub(crate) receipts: Vec<(String, String, String)>,
    /// Receipts that are no more.
    pub(crate) vanished: Vec<String>,
    /// All pointers: tenant, where it stands, text.
    pub(crate) pointers: Vec<(String, String, String)>,
    /// All files that they name, by the table that they belong to.
    pub(crate) files: Vec<(Shelf, BTreeSet<String>)>,
}

/// Makes the tables say so, and forgets other files, in one transaction; false when a file that is
/// to be read is not there any more.
pub(crate) fn apply(db: &mut Connection, table: &ModelTable, lines: &Lines) -> Result<bool> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (shelf, wanted) in &lines.files {
        for file in wanted {
            if !holds(&transaction, file)? {
                return Ok(false);
            }
        }
        forget(&transaction, &shelf.table(table), wanted)?;
    }
    let name = &table.name;
    for object in &lines.vanished {
        transaction
            .prepare_cached(&format!("DELETE FROM \"{name}_receipts\" WHERE object = ?"))?
            .execute([object])?;
    }
    transaction.execute(&format!("DELETE FROM \"{name}_pointers\""), [])?;
    for (suffix, all) in [("receipts", &lines.receipts), ("pointers", &lines.pointers)] {
        let insert = format!(
            "INSERT OR REPLACE INTO \"{name}_{suffix}\" (tenant, object, line) VALUES (?, ?, ?)"
        );
        for (tenant, object, line) in all {
            transaction.prepare_cached(&insert)?.execute(params![tenant, object, line])?;
        }
    }
    transaction.commit()?;
    Ok(true)
}

fn forget(transaction: &Transaction<'_>, place: &str, wanted: &BTreeSet<String>) -> Result<()> {
    let there: Vec<String> = transaction
        .prepare(&format!("SELECT DISTINCT _file FROM \"{place}\""))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for file in there.iter().filter(|file| !wanted.contains(*file)) {
        transaction
            .prepare_cached(&format!("DELETE FROM \"{place}\" WHERE _file = ?"))?
            .execute([file])?;
        transaction.prepare_cached("DELETE FROM _objects WHERE object = ?")?.execute([file])?;
    }
    Ok(())
}

/// A value as SQLite's tables hold it.
struct Stored<'a>(Value<'a>, Kind);

impl ToSql for Stored<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        let Self(value, kind) = self;
        Ok(match value {
            Value::Null => ToSqlOutput::from(rusqlite::types::Null),
            Value::Text(text) => ToSqlOutput::from(*text),
            Value::Integer(number) => ToSqlOutput::from(*number),
            Value::Boolean(truth) => ToSqlOutput::from(*truth),
            Value::Decimal(digits) => ToSqlOutput::from(decimal(*digits, *kind)),
            Value::Timestamp(at) => ToSqlOutput::from(format!("{at:.6}")),
            Value::Date(day) => ToSqlOutput::from(day.to_string()),
            Value::Texts(texts) => ToSqlOutput::from(
                serde_json::Value::from(texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>())
                    .to_string(),
            ),
        })
    }
}

/// A decimal's digits with their point.
fn decimal(digits: i128, kind: Kind) -> String {
    let scale = match kind {
        Kind::Decimal { scale, .. } => usize::from(scale),
        _ => 0,
    };
    let sign = if digits < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = text.split_at(text.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_all_their_digits() {
        let of = |digits, scale| decimal(digits, Kind::Decimal { precision: 38, scale });
        assert_eq!(of(-5, 2), "-0.05");
        assert_eq!(of(12_345, 2), "123.45");
        assert_eq!(of(7, 0), "7");
        assert_eq!(of(i128::MIN, 1), "-17014118346046923173168730371588410572.8");
    }
}
