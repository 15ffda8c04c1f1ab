//! Statements that create a model's tables and views.

use super::{Catalog, Partitions, athena_lines, projection, trino_lines, trino_table};
use crate::curated::{Column, Kind, Layer, SnapshotKey, ThingsKey, pointers_prefix};
use crate::model_table::ModelTable;
use crate::view::{Dialect, literal, model_rows_sql, name, things_sql};

const BY_MONTH: Partitions<'_> =
    Partitions { columns: &["tenant", "month"], template: "tenant=${tenant}/month=${month}/" };

/// Snapshots and pointers: what stands in a tenant's folder, however deep.
const BY_TENANT: Partitions<'_> =
    Partitions { columns: &["tenant"], template: "tenant=${tenant}/" };

/// A table of Parquet files under a model's view.
struct Files {
    suffix: &'static str,
    folder: String,
    columns: Vec<Column>,
    partitions: Partitions<'static>,
}

fn files(table: &ModelTable) -> Vec<Files> {
    let mut all = vec![
        Files {
            suffix: "files",
            folder: Layer::Curated.prefix(&table.model),
            columns: table.file_columns(),
            partitions: BY_MONTH,
        },
        Files {
            suffix: "snapshots",
            folder: SnapshotKey::prefix(&table.model),
            columns: table.snapshot_columns(),
            partitions: BY_TENANT,
        },
    ];
    if table.merges {
        all.push(Files {
            suffix: "things",
            folder: ThingsKey::prefix(&table.model),
            columns: table.thing_columns(),
            partitions: BY_MONTH,
        });
    }
    all
}

/// The tables of lines under a model's view: suffix, folder, partitions.
fn lines(table: &ModelTable) -> [(&'static str, String, Partitions<'static>); 2] {
    [
        ("receipts", Layer::Receipts.prefix(&table.model), BY_MONTH),
        ("pointers", pointers_prefix(&table.model), BY_TENANT),
    ]
}

/// Athena's statements: external tables of Parquet files and of lines, partitions projected, and
/// the views.
pub fn athena_model(table: &ModelTable, catalog: &Catalog) -> Vec<String> {
    let files = files(table).into_iter().map(|files| athena_files(table, &files, catalog));
    let lines = lines(table).map(|(suffix, folder, partitions)| {
        athena_lines(&folder, &format!("{}_{suffix}", table.name), &partitions, catalog)
    });
    files.chain(lines).chain(views(table, catalog)).collect()
}

fn athena_files(table: &ModelTable, files: &Files, catalog: &Catalog) -> String {
    let Catalog { database, root, .. } = catalog;
    let location = format!("{root}{}", files.folder);
    let column = |column: &Column| format!("  `{}` {}", column.name, hive_type(column.kind));
    let columns: Vec<String> = files.columns.iter().map(column).collect();
    let partitions: Vec<String> =
        files.partitions.columns.iter().map(|column| format!("`{column}` string")).collect();
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{}_{}` (
{}
)
PARTITIONED BY ({})
STORED AS PARQUET
LOCATION {}
TBLPROPERTIES (
{}
)",
        table.name,
        files.suffix,
        columns.join(",\n"),
        partitions.join(", "),
        literal(&location),
        projection(&location, &files.partitions, catalog)
    )
}

fn hive_type(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Json => "string".to_owned(),
        Kind::Integer => "bigint".to_owned(),
        Kind::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Timestamp => "timestamp".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Texts => "array<string>".to_owned(),
    }
}

/// A type as Trino and Athena's statements call it.
pub fn trino_type(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Json => "varchar".to_owned(),
        Kind::Integer => "bigint".to_owned(),
        Kind::Decimal { precision, scale } => format!("decimal({precision}, {scale})"),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Timestamp => "timestamp".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Texts => "array(varchar)".to_owned(),
    }
}

fn views(table: &ModelTable, catalog: &Catalog) -> Vec<String> {
    let (database, root) = (catalog.database.clone(), catalog.root.clone());
    create_views(table, &Dialect::Trino { database, root }, "CREATE OR REPLACE VIEW")
}

fn create_views(table: &ModelTable, dialect: &Dialect, create: &str) -> Vec<String> {
    let rows = (table.records_view(), model_rows_sql(table, dialect));
    let things = table.merges.then(|| (table.name.clone(), things_sql(table, dialect)));
    let view = |(view, query): (String, String)| {
        format!("{create} {} AS\n{query}", dialect.relation(&view))
    };
    std::iter::once(rows).chain(things).map(view).collect()
}

/// Trino's statements, for its Hive connector: the same tables with their partitions read from
/// the folders, and the same views.
pub fn trino_model(table: &ModelTable, catalog: &Catalog) -> Vec<String> {
    let files = files(table).into_iter().flat_map(|files| {
        let column =
            |column: &Column| format!("{} {}", name(&column.name), trino_type(column.kind));
        let columns: Vec<String> = files.columns.iter().map(column).collect();
        let place = format!("{}_{}", table.name, files.suffix);
        let partitions = (files.partitions.columns, catalog);
        trino_table(&columns.join(", "), (&files.folder, &place), "PARQUET", partitions)
    });
    let lines = lines(table).into_iter().flat_map(|(suffix, folder, partitions)| {
        trino_lines(&folder, &format!("{}_{suffix}", table.name), partitions.columns, catalog)
    });
    files.chain(lines).chain(views(table, catalog)).collect()
}

/// SQLite's statements: tables that the embedded engine fills, and the same views.
///
/// Numbers and booleans are integers; decimals and days are texts, exact; instants are texts of
/// fixed width; lists are JSON texts.
pub fn sqlite_model(table: &ModelTable) -> Vec<String> {
    let files = files(table).into_iter().flat_map(|files| {
        let column = |column: &Column| {
            let kind = if matches!(column.kind, Kind::Integer | Kind::Boolean) {
                "INTEGER"
            } else {
                "TEXT"
            };
            format!("{} {kind}, ", name(&column.name))
        };
        let columns: String = files.columns.iter().map(column).collect();
        let place = format!("{}_{}", table.name, files.suffix);
        let index = name(&format!("{place}_file"));
        let place = name(&place);
        [
            format!("CREATE TABLE IF NOT EXISTS {place} ({columns}tenant TEXT, _file TEXT)"),
            format!("CREATE INDEX IF NOT EXISTS {index} ON {place} (_file)"),
        ]
    });
    let lines = ["receipts", "pointers"].map(|suffix| {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (tenant TEXT, object TEXT PRIMARY KEY, line TEXT)",
            name(&format!("{}_{suffix}", table.name))
        )
    });
    files.chain(lines).chain(create_views(table, &Dialect::Sqlite, "CREATE TEMP VIEW")).collect()
}
