//! Statements that create a stream's tables and views.

use crate::key::{commits_prefix, landing_prefix};
use crate::table::StreamTable;
use crate::view::{Dialect, keyless_rows_sql, latest_rows_sql, literal, name};

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
    let tables = tables(table).map(|(folder, name)| athena_table(&folder, &name, catalog));
    tables.into_iter().chain(views(table, catalog)).collect()
}

fn athena_table(folder: &str, table: &str, catalog: &Catalog) -> String {
    let Catalog { database, root, tenants, connections, first_month } = catalog;
    let location = format!("{root}{folder}");
    let properties = [
        ("projection.enabled", "true"),
        ("projection.tenant.type", "enum"),
        ("projection.tenant.values", tenants),
        ("projection.connection.type", "enum"),
        ("projection.connection.values", connections),
        ("projection.month.type", "date"),
        ("projection.month.format", "yyyy-MM"),
        ("projection.month.range", &format!("{first_month},NOW")),
        ("projection.month.interval", "1"),
        ("projection.month.interval.unit", "MONTHS"),
        (
            "storage.location.template",
            &format!("{location}tenant=${{tenant}}/connection=${{connection}}/month=${{month}}/"),
        ),
    ];
    let properties: Vec<String> = properties
        .iter()
        .map(|(key, value)| format!("  {} = {}", literal(key), literal(value)))
        .collect();
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table}` (`line` string)
PARTITIONED BY (`tenant` string, `connection` string, `month` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001' LINES TERMINATED BY '\\n'
STORED AS TEXTFILE
LOCATION {}
TBLPROPERTIES (
{}
)",
        literal(&location),
        properties.join(",\n")
    )
}

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
    let place = &catalog.database;
    let tables = tables(table).map(|(folder, table)| {
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {}.{} (line varchar, tenant varchar, connection varchar, \
             month varchar)\nWITH (format = 'TEXTFILE', external_location = {}, \
             partitioned_by = ARRAY['tenant', 'connection', 'month'])",
            name(place),
            name(&table),
            literal(&format!("{}{folder}", catalog.root)),
        );
        let partitions = format!(
            "CALL system.sync_partition_metadata({}, {}, 'FULL')",
            literal(place),
            literal(&table)
        );
        [create, partitions]
    });
    tables.into_iter().flatten().chain(views(table, catalog)).collect()
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
