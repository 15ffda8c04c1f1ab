//! The view of a model: what receipts make visible of curated files, and the snapshot that
//! compaction made of older ones.
//!
//! What it shows, per tenant, connection, source and stream:
//!
//! 1. Of several receipts of one commit, the one of the greatest model version, then the latest.
//!    From these, what counts follows as from commits: see [`super`].
//! 2. Rows of the files that they name; of a landing object that several name, of the newest
//!    version's file. Rows of the snapshot while no receipt of a newer version names their landing
//!    object, and while their attempt counts, by what the snapshot says of it.
//! 3. A tombstone hides records that were seen before it was.
//! 4. Of the versions of a record, the last one by cursor, seen, landing object, page, ordinal and
//!    line, with all its rows; a version without rows hides older ones, too.
//!
//! [`crate::curated::shown_rows`] says the same in plain Rust.

use super::{Dialect, literal, name};
use crate::model_table::{MODEL_COLUMNS, ModelTable, THING_COLUMNS};

/// What tells streams apart.
const STREAM: &str = "_tenant, _connection, _source, _stream";

/// Names of ours in what is read from tables; fields never begin with `_`.
const LINEAGE: &str = "_connection, _source, _stream, _record_key, _place, _kind, _cursor, \
                       _request_start, _object, _line, _page, _ordinal, _run, _extra, _version";

const LATEST_FIRST: &str = "_cursor DESC NULLS LAST, _seen DESC, _object DESC, _page DESC, \
                            _ordinal DESC, _line DESC, _version DESC, _live DESC";

/// Equality of what tells streams apart.
fn same_stream(one: &str, other: &str) -> String {
    let column = |column| format!("{one}.{column} = {other}.{column}");
    STREAM.split(", ").map(column).collect::<Vec<_>>().join(" AND ")
}

impl Dialect {
    /// A table with the key of each row's file in `_file`.
    fn with_files(&self, relation: &str) -> String {
        let table = self.relation(relation);
        match self {
            Self::Trino { root, .. } => format!(
                "(SELECT *, substr(\"$path\", length({root}) + 1) AS _file FROM {table})",
                root = literal(root)
            ),
            Self::Sqlite => table,
        }
    }

    /// `from` with a row `each` for each item of a list in its column `line`, and a member of the
    /// item.
    fn each(&self, from: &str, list: &str) -> String {
        match self {
            Self::Trino { .. } => format!(
                "{from} CROSS JOIN UNNEST(CAST(json_extract(line, '$[\"{list}\"]') AS \
                 array(json))) AS each (item)"
            ),
            Self::Sqlite => format!("{from}, json_each({from}.line, '$.{list}') AS each"),
        }
    }

    fn member(&self, field: &str) -> String {
        match self {
            Self::Trino { .. } => self.text_at("item", &[field]),
            Self::Sqlite => self.text_at("each.value", &[field]),
        }
    }

    /// An item that is a text.
    fn item(&self) -> &'static str {
        match self {
            Self::Trino { .. } => "json_extract_scalar(item, '$')",
            Self::Sqlite => "each.value",
        }
    }
}

/// Receipts, of each commit the newest, and pointers.
fn receipts(table: &ModelTable, dialect: &Dialect) -> String {
    let text = |path: &[&str]| dialect.text_at("line", path);
    format!(
        r"WITH receipts AS (
  SELECT tenant AS _tenant, {connection} AS _connection, {source} AS _source,
    {stream} AS _stream, line,
    {commit} AS commit_key,
    {mode} AS mode,
    {started} AS started,
    CAST({fence} AS bigint) AS fence,
    {partition} || '.' || {slice} AS slice,
    CAST({generation} AS bigint) AS generation,
    CAST({slices} AS bigint) AS slices,
    CAST({version} AS bigint) AS version,
    {at} AS taken,
    {revision} AS revision
  FROM {table}
  WHERE {tenant} = tenant
), turns AS (
  SELECT *, row_number() OVER (
    PARTITION BY _tenant, commit_key ORDER BY version DESC, taken DESC, revision DESC) AS turn
  FROM receipts
), counting AS (
  SELECT *, row_number() OVER (
    PARTITION BY {STREAM}, generation, slice ORDER BY fence DESC) AS attempt
  FROM turns WHERE turn = 1
), pointers AS (
  SELECT tenant AS _tenant, line FROM {pointers} WHERE {tenant} = tenant
)",
        connection = text(&["connection"]),
        source = text(&["source"]),
        stream = text(&["stream"]),
        commit = text(&["commit"]),
        mode = text(&["mode"]),
        started = text(&["started"]),
        fence = text(&["fence"]),
        partition = text(&["partition"]),
        slice = text(&["slice"]),
        generation = text(&["generation", "number"]),
        slices = text(&["generation", "slices"]),
        version = text(&["version"]),
        at = text(&["at"]),
        revision = text(&["revision"]),
        tenant = text(&["tenant"]),
        table = dialect.relation(&format!("{}_receipts", table.name)),
        pointers = dialect.relation(&format!("{}_pointers", table.name)),
    )
}

/// What receipts and pointers make visible, and the landing objects of that.
fn parts(dialect: &Dialect) -> String {
    format!(
        r"generations AS (
  SELECT {STREAM}, generation, min(started) AS started
  FROM counting WHERE mode = 'full_refresh'
  GROUP BY {STREAM}, generation
  HAVING count(DISTINCT slice) >= max(slices)
  UNION ALL
  SELECT _tenant, {kept_connection}, {kept_source}, {kept_stream},
    CAST({kept_number} AS bigint), {kept_started}
  FROM {kept}
), whole AS (
  SELECT *, row_number() OVER (
    PARTITION BY {STREAM} ORDER BY generation DESC, started) AS age
  FROM generations
), visible AS (
  SELECT a.*
  FROM counting a LEFT JOIN whole w ON {same_stream} AND w.age = 1
  WHERE CASE a.mode
    WHEN 'full_refresh' THEN a.attempt = 1 AND a.generation = w.generation
    ELSE w.started IS NULL OR a.started >= w.started END
), named AS (
  SELECT {STREAM}, started, version, taken, revision,
    {object} AS object, {file} AS file
  FROM {parts}
), parts AS (
  SELECT *, max(started) OVER (PARTITION BY {STREAM}, object) AS seen,
    row_number() OVER (PARTITION BY {STREAM}, object
      ORDER BY version DESC, taken DESC, revision DESC) AS turn
  FROM named
)",
        kept = dialect.each("pointers", "generations"),
        kept_connection = dialect.member("connection"),
        kept_source = dialect.member("source"),
        kept_stream = dialect.member("stream"),
        kept_number = dialect.member("number"),
        kept_started = dialect.member("started"),
        same_stream = same_stream("a", "w"),
        object = dialect.member("object"),
        file = dialect.member("file"),
        parts = dialect.each("visible", "parts"),
    )
}

/// The rows of visible files and of the snapshot, with when they were seen.
fn rows(table: &ModelTable, dialect: &Dialect) -> String {
    let fields: Vec<String> =
        table.fields.iter().map(|(field, _)| format!("{}, ", name(field))).collect();
    let fields = fields.concat();
    let prefixed = |from: &str| {
        let own = LINEAGE.split(", ").map(|column| format!("{from}.{column}"));
        let own = own.collect::<Vec<_>>().join(", ");
        let fields = table.fields.iter().map(|(field, _)| format!("{from}.{}, ", name(field)));
        format!("{}{own}", fields.collect::<String>())
    };
    let seen = dialect.later("f._request_start", "p.seen");
    let attempt = dialect.later("s._request_start", "s._started");
    let snapshot_seen = dialect.later(&attempt, "coalesce(p.seen, '')");
    format!(
        r"snapshot AS (
  SELECT _tenant, {item} AS file FROM {kept}
), live AS (
  SELECT {fields}tenant AS _tenant, {LINEAGE}, _file FROM {files} f
), kept AS (
  SELECT {fields}tenant AS _tenant, {LINEAGE}, _mode, _generation, _started, _file
  FROM {snapshots} s
), entries AS (
  SELECT f._tenant, {f}, {seen} AS _seen, 1 AS _live
  FROM live f JOIN parts p
    ON {live_stream} AND p.object = f._object AND p.file = f._file AND p.turn = 1
  UNION ALL
  SELECT s._tenant, {s}, {snapshot_seen} AS _seen, 0 AS _live
  FROM kept s JOIN snapshot q ON q._tenant = s._tenant AND q.file = s._file
  LEFT JOIN parts p ON {kept_stream} AND p.object = s._object AND p.turn = 1
  LEFT JOIN whole w ON {whole_stream} AND w.age = 1
  WHERE (p.version IS NULL OR p.version <= s._version)
    AND (p.object IS NOT NULL OR CASE s._mode
      WHEN 'full_refresh' THEN s._generation = w.generation
      ELSE w.started IS NULL OR s._started >= w.started END)
)",
        item = dialect.item(),
        kept = dialect.each("pointers", "files"),
        files = dialect.with_files(&format!("{}_files", table.name)),
        snapshots = dialect.with_files(&format!("{}_snapshots", table.name)),
        f = prefixed("f"),
        s = prefixed("s"),
        live_stream = same_stream("f", "p"),
        kept_stream = same_stream("s", "p"),
        whole_stream = same_stream("s", "w"),
    )
}

/// The query of the view of a model's rows.
pub fn model_rows_sql(table: &ModelTable, dialect: &Dialect) -> String {
    let fields = table.fields.iter().map(|(field, _)| name(field));
    let own = MODEL_COLUMNS.iter().map(|column| match *column {
        "_request_start" => "_seen AS _request_start".to_owned(),
        column => column.to_owned(),
    });
    let columns: Vec<String> = fields.chain(own).collect();
    format!(
        "{receipts}, {parts}, {rows}, judged AS (
  SELECT *, max(CASE WHEN _kind = 'gone' THEN _seen END) OVER (
    PARTITION BY {STREAM}, _record_key) AS _gone
  FROM entries
), ranked AS (
  SELECT *, rank() OVER (
    PARTITION BY {STREAM}, _record_key
    ORDER BY {LATEST_FIRST}) AS _turn
  FROM judged WHERE _kind <> 'gone' AND (_gone IS NULL OR _seen >= _gone)
)
SELECT
  {columns}
FROM ranked
WHERE _turn = 1 AND _kind = 'row'",
        receipts = receipts(table, dialect),
        parts = parts(dialect),
        rows = rows(table, dialect),
        columns = columns.join(",\n  "),
    )
}

/// The query of the view of a model's things: of each, what was told last.
pub fn things_sql(table: &ModelTable, dialect: &Dialect) -> String {
    let fields = table.fields.iter().map(|(field, _)| name(field));
    let own = THING_COLUMNS.iter().map(|column| match *column {
        "_tenant" => "tenant AS _tenant".to_owned(),
        column => column.to_owned(),
    });
    let columns: Vec<String> = fields.chain(own).collect();
    format!(
        "SELECT
  {columns}
FROM (
  SELECT *, row_number() OVER (
    PARTITION BY tenant, _id ORDER BY _number DESC, _file DESC) AS _turn
  FROM {things} t
) told
WHERE _turn = 1 AND _kind = 'thing'",
        columns = columns.join(",\n  "),
        things = dialect.with_files(&format!("{}_things", table.name)),
    )
}
