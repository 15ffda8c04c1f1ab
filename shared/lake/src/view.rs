//! The latest-row view: one definition, rendered for Athena, Trino and SQLite.
//!
//! What it shows, per tenant and connection:
//!
//! 1. Only rows of committed attempts. Of full refreshes, the last *whole* generation (and in it
//!    the attempt of the highest fence per slice), an empty one included; of other attempts, all
//!    that started no earlier than that generation.
//! 2. A tombstone hides rows whose request started before its own did; a row seen later shows.
//! 3. Of the rows of a key, the last one by cursor, request start, landing object, page, ordinal
//!    and the record's digest: a total order, so the answer is one. Without a key, of the rows of
//!    one content.
//!
//! [`crate::latest_rows`] says the same in plain Rust; tests over random histories hold the views
//! equal to it, on SQLite and on Trino.

mod model;

use crate::table::{Column, Kind, StreamTable};

pub use model::{model_rows_sql, things_sql};

/// Whose SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// Trino, and Athena, which is Trino's engine.
    Trino {
        /// Database (Athena) or schema (Trino) of the tables.
        database: String,
        /// Where the lake stands: what engines put before an object's key (`s3://bucket/`).
        root: String,
    },
    /// SQLite with the functions of the embedded engine.
    Sqlite,
}

/// A text as a SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as a SQL identifier.
pub fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

impl Dialect {
    /// A table or view as statements name it.
    pub(crate) fn relation(&self, relation: &str) -> String {
        match self {
            Self::Trino { database, .. } => format!("{}.{}", name(database), name(relation)),
            Self::Sqlite => name(relation),
        }
    }

    /// A scalar's text at a path of a JSON text.
    fn text_at(&self, json: &str, path: &[&str]) -> String {
        match self {
            Self::Trino { .. } => {
                format!("json_extract_scalar({json}, {})", literal(&json_path(path)))
            }
            Self::Sqlite => format!("json_text({json}{})", arguments(path)),
        }
    }

    /// A column's value, from the record's text.
    fn value(&self, record: &str, column: &Column) -> String {
        let path = [column.field.as_str()];
        let text = self.text_at(record, &path);
        match self {
            Self::Trino { .. } => match column.kind {
                Kind::Text => text,
                Kind::Integer => format!("try_cast({text} AS bigint)"),
                Kind::Number => format!("try_cast({text} AS decimal(38, 18))"),
                Kind::Boolean => format!("try_cast({text} AS boolean)"),
                Kind::Json => {
                    let path = literal(&json_path(&path));
                    format!("nullif(json_format(json_extract({record}, {path})), 'null')")
                }
            },
            Self::Sqlite => match column.kind {
                Kind::Text => text,
                Kind::Integer | Kind::Number => {
                    format!("json_number({record}{})", arguments(&path))
                }
                Kind::Boolean => format!("json_boolean({record}{})", arguments(&path)),
                Kind::Json => format!("json_token({record}{})", arguments(&path)),
            },
        }
    }

    /// The lines of the landing table, their envelope in columns.
    fn lines(&self, table: &str) -> String {
        let table = self.relation(&format!("{table}_landing"));
        let Self::Trino { root, .. } = self else {
            return format!(
                "SELECT rowid AS line, tenant, connection, object, run, request_start, cursor, \
                 page, ordinal, deleted, digest, key, record\n  FROM {table}"
            );
        };
        let text = |field| self.text_at("line", &[field]);
        let record = "',\"record\":'";
        format!(
            "SELECT tenant, connection,\n    \
               substr(\"$path\", length({root}) + 1) AS object,\n    \
               {run} AS run,\n    \
               {request_start} AS request_start,\n    \
               {cursor} AS cursor,\n    \
               CAST({page} AS bigint) AS page,\n    \
               CAST({ordinal} AS bigint) AS ordinal,\n    \
               coalesce({deleted} = 'true', false) AS deleted,\n    \
               json_format(json_extract(line, '$[\"_key\"]')) AS key,\n    \
               substr(line, strpos(line, {record}) + 10, \
                 length(line) - strpos(line, {record}) - 10) AS record\n  \
             FROM {table}\n  \
             WHERE {tenant} = tenant AND {connection} = connection",
            root = literal(root),
            run = text("_run"),
            request_start = text("_request_start"),
            cursor = text("_cursor"),
            page = text("_page"),
            ordinal = text("_ordinal"),
            deleted = text("_deleted"),
            tenant = text("_tenant"),
            connection = text("_connection"),
        )
    }

    /// The landing objects that visible commits name, from the relation `visible`.
    fn parts(&self) -> String {
        match self {
            Self::Trino { .. } => format!(
                "SELECT tenant, connection, {key} AS object, max(started) AS started\n  \
                 FROM visible CROSS JOIN UNNEST(CAST({parts} AS array(json))) AS each (part)\n  \
                 GROUP BY 1, 2, 3",
                key = self.text_at("part", &["key"]),
                parts = "json_extract(line, '$[\"parts\"]')",
            ),
            Self::Sqlite => "SELECT tenant, connection, json_text(value, 'key') AS object, \
                 max(started) AS started, max(json_text(value, 'sha256')) AS sha256\n  \
                 FROM visible, json_each(line, '$.parts')\n  \
                 GROUP BY 1, 2, 3"
                .to_owned(),
        }
    }

    /// The later of two instants in text of fixed width.
    fn later(&self, a: &str, b: &str) -> String {
        match self {
            Self::Trino { .. } => format!("greatest({a}, {b})"),
            Self::Sqlite => format!("max({a}, {b})"),
        }
    }

    /// What ranking needs of a record besides its envelope: the digest, and how to find its text
    /// again. SQLite sorts rows without their texts and fetches those of the winners.
    fn carried(&self) -> &'static str {
        match self {
            Self::Trino { .. } => "sha256(to_utf8(l.record)) AS digest, l.record",
            Self::Sqlite => "l.digest, l.line",
        }
    }

    /// A relation of ranked rows `r` for reading, and its records' text.
    fn with_records(&self, table: &str, relation: &str) -> (String, &'static str) {
        match self {
            Self::Trino { .. } => (format!("{relation} r"), "r.record"),
            Self::Sqlite => {
                let landing = self.relation(&format!("{table}_landing"));
                (format!("{relation} r JOIN {landing} w ON w.rowid = r.line"), "w.record")
            }
        }
    }
}

/// `$["a"]["b"]`: the spelling that takes any name.
fn json_path(path: &[&str]) -> String {
    let steps = path.iter().map(|step| {
        let escaped = step.replace('\\', "\\\\").replace('"', "\\\"");
        format!("[\"{escaped}\"]")
    });
    std::iter::once("$".to_owned()).chain(steps).collect()
}

fn arguments(path: &[&str]) -> String {
    path.iter().flat_map(|step| [", ".to_owned(), literal(step)]).collect()
}

/// Names of a table's key columns within the view: `key_1`, `key_2`, …
fn key_names(table: &StreamTable) -> Vec<String> {
    (1..=table.primary_key.len()).map(|n| format!("key_{n}")).collect()
}

/// The key columns' values, from a line.
fn keys(table: &StreamTable, dialect: &Dialect) -> String {
    let parts = table.primary_key.iter().zip(key_names(table)).map(|(path, name)| {
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        let gone = dialect.text_at("l.key", &[&path.join(".")]);
        let live = dialect.text_at("l.record", &steps);
        format!(",\n    CASE WHEN l.deleted THEN {gone} ELSE {live} END AS {name}")
    });
    parts.collect()
}

/// The relations that all views of a table start from: commits, what they make visible, and the
/// lines of that.
fn relations(table: &StreamTable, dialect: &Dialect) -> String {
    let text = |path: &[&str]| dialect.text_at("line", path);
    format!(
        r"WITH commits AS (
  SELECT tenant, connection, line,
    {mode} AS mode,
    {started} AS started,
    CAST({fence} AS bigint) AS fence,
    {partition} || '.' || {slice} AS slice,
    CAST({generation} AS bigint) AS generation,
    CAST({slices} AS bigint) AS slices
  FROM {commits}
  WHERE {tenant} = tenant AND {connection} = connection
), attempts AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection, generation, slice ORDER BY fence DESC) AS attempt
  FROM commits
), generations AS (
  SELECT tenant, connection, generation, min(started) AS started
  FROM commits WHERE mode = 'full_refresh'
  GROUP BY tenant, connection, generation
  HAVING count(DISTINCT slice) >= max(slices)
), whole AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection ORDER BY generation DESC) AS age
  FROM generations
), visible AS (
  SELECT a.tenant, a.connection, a.started, a.line
  FROM attempts a LEFT JOIN whole w
    ON w.tenant = a.tenant AND w.connection = a.connection AND w.age = 1
  WHERE CASE a.mode
    WHEN 'full_refresh' THEN a.attempt = 1 AND a.generation = w.generation
    ELSE w.started IS NULL OR a.started >= w.started END
), parts AS (
  {parts}
), lines AS (
  {lines}
), shown AS (
  SELECT l.tenant, l.connection, l.object, l.run, l.cursor, l.page, l.ordinal, l.deleted,
    {carried},
    {seen} AS seen{keys}
  FROM lines l JOIN parts p
    ON p.tenant = l.tenant AND p.connection = l.connection AND p.object = l.object
)",
        mode = text(&["mode"]),
        started = text(&["started"]),
        fence = text(&["fence"]),
        partition = text(&["partition"]),
        slice = text(&["slice"]),
        generation = text(&["generation", "number"]),
        slices = text(&["generation", "slices"]),
        commits = dialect.relation(&format!("{}_commits", table.name)),
        tenant = text(&["tenant"]),
        connection = text(&["connection"]),
        parts = dialect.parts(),
        lines = dialect.lines(&table.name),
        carried = dialect.carried(),
        seen = dialect.later("l.request_start", "p.started"),
        keys = keys(table, dialect),
    )
}

/// The reading of a view's columns from one of its relations.
fn reading(table: &StreamTable, dialect: &Dialect, relation: &str, condition: &str) -> String {
    let (from, record) = dialect.with_records(&table.name, relation);
    let own = [
        ("r.tenant", "_tenant"),
        ("r.connection", "_connection"),
        ("r.cursor", "_cursor"),
        ("r.seen", "_request_start"),
        ("r.run", "_run"),
        ("r.object", "_object"),
        (record, "_record"),
    ];
    let fields = table
        .columns
        .iter()
        .map(|column| format!("  {} AS {}", dialect.value(record, column), name(&column.name)));
    let own = own.iter().map(|(from, to)| format!("  {from} AS {}", name(to)));
    let columns = fields.chain(own).collect::<Vec<_>>().join(",\n");
    format!("SELECT\n{columns}\nFROM {from}\nWHERE {condition}")
}

const LATEST_FIRST: &str = "cursor DESC NULLS LAST, seen DESC, object DESC, page DESC, \
                            ordinal DESC, digest DESC";

/// The query of the landing objects that the views read, with the digests that their commits
/// give (`object`, `sha256`); for SQLite, whose tables are filled from them.
pub fn visible_objects_sql(table: &StreamTable) -> String {
    format!("{}\nSELECT object, sha256 FROM parts", relations(table, &Dialect::Sqlite))
}

/// The query of the latest-row view.
pub fn latest_rows_sql(table: &StreamTable, dialect: &Dialect) -> String {
    let relations = relations(table, dialect);
    let rows = reading(table, dialect, "ranked", "r.place = 1");
    if table.primary_key.is_empty() {
        return format!(
            "{relations}, ranked AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection, digest
    ORDER BY {LATEST_FIRST}) AS place
  FROM shown WHERE NOT deleted
)
{rows}"
        );
    }
    let key = key_names(table).join(", ");
    let known = key_names(table).join(" IS NOT NULL AND ");
    format!(
        "{relations}, judged AS (
  SELECT *, max(CASE WHEN deleted THEN seen END) OVER (
    PARTITION BY tenant, connection, {key}) AS gone
  FROM shown WHERE {known} IS NOT NULL
), ranked AS (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, connection, {key}
    ORDER BY {LATEST_FIRST}) AS place
  FROM judged WHERE NOT deleted AND (gone IS NULL OR seen >= gone)
)
{rows}"
    )
}

/// The query of the view of committed rows without a whole key, which the latest-row view cannot
/// place; none for streams that have no key at all.
pub fn keyless_rows_sql(table: &StreamTable, dialect: &Dialect) -> Option<String> {
    if table.primary_key.is_empty() {
        return None;
    }
    let relations = relations(table, dialect);
    let unknown = key_names(table).join(" IS NULL OR ");
    let condition = format!("NOT r.deleted AND ({unknown} IS NULL)");
    Some(format!("{relations}\n{}", reading(table, dialect, "shown", &condition)))
}
