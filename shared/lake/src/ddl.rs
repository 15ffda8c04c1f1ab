//! Statements that create the tables and views of streams and models.

mod model;

use crate::key::{commits_prefix, landing_prefix};
use crate::table::StreamTable;
use crate::view::{Dialect, keyless_rows_sql, latest_rows_sql, literal, name};

pub use model::{athena_model, sqlite_model, trino_model, trino_type};

/// What the statements for Athena and Trino need to know of their place. The texts may be
/// placeholders (`${LakeBucket}`), to be replaced before the statements are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Database (Athena) or schema (Trino).
    pub database: String,
    /// What stands before an object's key: `s3://bucket/`.
    pub root: String,
    /// Tenants, comma-separated: the values that Athena projects partitions from.
    pub tenants: String,
    /// Names of connections, comma-separated.
    pub connections: String,
    /// First month of the lake: `2024-01`.
    pub first_month: String,
}

/// Folder and name of the two tables under a view.
fn tables(table: &StreamTable) -> [(String, String); 2] {
    [
        (landing_prefix(&table.source, &table.stream), format!("{}_landing", table.name)),
        (commits_prefix(&table.source, &table.stream), format!("{}_commits", table.name)),
    ]
}

/// Athena's statements: two external tables of text lines, partitions projected, and the views.
///
/// A line is one text column, read with JSON functions: no serialisation library has to agree
/// with what sources send. Lines hold no control characters, so the default separator never
/// occurs in them.
pub fn athena(table: &StreamTable, catalog: &Catalog) -> Vec<String> {
    let tables = tables(table)
        .map(|(folder, name)| athena_lines(&folder, &name, &STREAM_PARTITIONS, catalog));
    tables.into_iter().chain(views(table, catalog)).collect()
}

/// The folders of a table, by the columns that are read out of their names.
struct Partitions<'a> {
    columns: &'a [&'a str],
    /// `tenant=${tenant}/…`.
    template: &'a str,
}

/// Partitions are computed from what they can be, so a statement over all tenants needs none named.
fn projection(location: &str, partitions: &Partitions<'_>, catalog: &Catalog) -> String {
    let Catalog { tenants, connections, first_month, .. } = catalog;
    let mut properties = vec![("projection.enabled".to_owned(), "true".to_owned())];
    for column in partitions.columns {
        let mut put = |property: &str, value: &str| {
            properties.push((format!("projection.{column}.{property}"), value.to_owned()));
        };
        if *column == "month" {
            put("type", "date");
            put("format", "yyyy-MM");
            put("range", &format!("{first_month},NOW"));
            put("interval", "1");
            put("interval.unit", "MONTHS");
        } else {
            put("type", "enum");
            put("values", if *column == "tenant" { tenants } else { connections });
        }
    }
    let template = format!("{location}{}", partitions.template);
    properties.push(("storage.location.template".to_owned(), template));
    let properties: Vec<String> = properties
        .iter()
        .map(|(key, value)| format!("  {} = {}", literal(key), literal(value)))
        .collect();
    properties.join(",\n")
}

/// An external table of lines, each a text.
fn athena_lines(
    folder: &str,
    table: &str,
    partitions: &Partitions<'_>,
    catalog: &Catalog,
) -> String {
    let Catalog { database, root, .. } = catalog;
    let location = format!("{root}{folder}");
    let columns: Vec<String> =
        partitions.columns.iter().map(|column| format!("`{column}` string")).collect();
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table}` (`line` string)
PARTITIONED BY ({})
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001' LINES TERMINATED BY '\\n'
STORED AS TEXTFILE
LOCATION {}
TBLPROPERTIES (
{}
)",
        columns.join(", "),
        literal(&location),
        projection(&location, partitions, catalog)
    )
}

const STREAM_PARTITIONS: Partitions<'_> = Partitions {
    columns: &["tenant", "connection", "month"],
    template: "tenant=${tenant}/connection=${connection}/month=${month}/",
};

fn views(table: &StreamTable, catalog: &Catalog) -> Vec<String> {
    let (database, root) = (catalog.database.clone(), catalog.root.clone());
    create_views(table, &Dialect::Trino { database, root }, "CREATE OR REPLACE VIEW")
}

fn create_views(table: &StreamTable, dialect: &Dialect, create: &str) -> Vec<String> {
    let latest = Some((table.name.clone(), latest_rows_sql(table, dialect)));
    let keyless = keyless_rows_sql(table, dialect)
        .map(|query| (format!("{}_without_key", table.name), query));
    let view = |(view, query): (String, String)| {
        format!("{create} {} AS\n{query}", dialect.relation(&view))
    };
    latest.into_iter().chain(keyless).map(view).collect()
}

/// Trino's statements, for its Hive connector: the same tables with their partitions read from
/// the folders, and the same views.
pub fn trino(table: &StreamTable, catalog: &Catalog) -> Vec<String> {
    let tables = tables(table)
        .map(|(folder, table)| trino_lines(&folder, &table, STREAM_PARTITIONS.columns, catalog));
    tables.into_iter().flatten().chain(views(table, catalog)).collect()
}

/// A table of lines and the call that finds its partitions.
fn trino_lines(folder: &str, table: &str, partitions: &[&str], catalog: &Catalog) -> [String; 2] {
    trino_table("line varchar", (folder, table), "TEXTFILE", (partitions, catalog))
}

fn trino_table(
    columns: &str,
    (folder, table): (&str, &str),
    format: &str,
    (partitions, catalog): (&[&str], &Catalog),
) -> [String; 2] {
    let place = &catalog.database;
    let types: Vec<String> = partitions.iter().map(|column| format!("{column} varchar")).collect();
    let names: Vec<String> = partitions.iter().map(|column| literal(column)).collect();
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {}.{} ({columns}, {})\nWITH (format = '{format}', \
         external_location = {}, partitioned_by = ARRAY[{}])",
        name(place),
        name(table),
        types.join(", "),
        literal(&format!("{}{folder}", catalog.root)),
        names.join(", ")
    );
    let partitions = format!(
        "CALL system.sync_partition_metadata({}, {}, 'FULL')",
        literal(place),
        literal(table)
    );
    [create, partitions]
}

/// SQLite's statements: tables that the embedded engine fills, and the same views. These belong
/// to one connection, so that processes that share a file do not share definitions.
pub fn sqlite(table: &StreamTable) -> Vec<String> {
    let stream = &table.name;
    let landing = format!(
        "CREATE TABLE IF NOT EXISTS {} (tenant TEXT, connection TEXT, object TEXT, run TEXT, \
         request_start TEXT, cursor TEXT, slice TEXT, page INTEGER, ordinal INTEGER, \
         deleted INTEGER, key TEXT, digest TEXT, record TEXT)",
        name(&format!("{stream}_landing"))
    );
    let commits = format!(
        "CREATE TABLE IF NOT EXISTS {} (tenant TEXT, connection TEXT, object TEXT PRIMARY KEY, \
         line TEXT)",
        name(&format!("{stream}_commits"))
    );
    let index = format!(
        "CREATE INDEX IF NOT EXISTS {} ON {} (object)",
        name(&format!("{stream}_landing_object")),
        name(&format!("{stream}_landing"))
    );
    let views = create_views(table, &Dialect::Sqlite, "CREATE TEMP VIEW");
    [landing, index, commits].into_iter().chain(views).collect()
}

#[cfg(test)]
mod tests;
