//! One read-only statement, and what to say when it is wrong.

use lake::table::OWN_COLUMNS;
use lake::{MODEL_COLUMNS, ModelTable, StreamTable, THING_COLUMNS};
use model::document::suggest;
use ports::{QueryError, Rows};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error};
use serde_json::Value;

/// What can be asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'t> {
    pub(crate) streams: &'t [StreamTable],
    pub(crate) models: &'t [ModelTable],
}

impl<'t> Known<'t> {
    /// What a statement names, or may name.
    pub(crate) fn mentioned(&self, sql: &str) -> (Vec<&'t StreamTable>, Vec<&'t ModelTable>) {
        let sql = sql.to_ascii_lowercase();
        let streams = self.streams.iter().filter(|table| sql.contains(&table.name)).collect();
        let models = self.models.iter().filter(|table| sql.contains(&table.name)).collect();
        (streams, models)
    }

    fn relations(&self) -> Vec<String> {
        let under = |table: &StreamTable| {
            ["", "_landing", "_commits"].map(|suffix| format!("{}{suffix}", table.name))
        };
        let streams = self.streams.iter().flat_map(under);
        streams.chain(self.models.iter().flat_map(ModelTable::relations)).collect()
    }

    /// The columns of what a statement names.
    fn columns(&self, sql: &str) -> Vec<String> {
        let (streams, models) = self.mentioned(sql);
        let fields = streams.iter().flat_map(|table| &table.columns);
        let fields = fields.map(|column| column.name.clone());
        let of_models = models.iter().flat_map(|table| &table.fields).map(|(name, _)| name.clone());
        let mut columns: Vec<String> = fields.chain(of_models).collect();
        if !streams.is_empty() {
            columns.extend(OWN_COLUMNS.map(str::to_owned));
        }
        if !models.is_empty() {
            columns.extend(MODEL_COLUMNS.map(str::to_owned));
        }
        if models.iter().any(|table| table.merges) {
            columns.extend(THING_COLUMNS.map(str::to_owned));
        }
        columns
    }
}

/// Runs a statement that only reads.
pub(crate) fn run(
    db: &mut Connection,
    known: &Known<'_>,
    sql: &str,
    cap: usize,
) -> Result<Rows, QueryError> {
    let unavailable = |source: Error| QueryError::Unavailable { source: Box::new(source) };
    db.authorizer(Some(reads_only)).map_err(unavailable)?;
    let rows = read(db, sql, cap);
    db.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(unavailable)?;
    rows.map_err(|failure| match failure {
        Failure::TooMany => QueryError::TooMany { cap },
        Failure::Sql(error) => QueryError::Statement { message: explain(&error, sql, known) },
    })
}

fn reads_only(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name } if function_name != "load_extension" => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

enum Failure {
    Sql(Error),
    TooMany,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

fn read(db: &Connection, sql: &str, cap: usize) -> Result<Rows, Failure> {
    let mut statement = db.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        if rows.len() == cap {
            return Err(Failure::TooMany);
        }
        let cells = (0..width).map(|n| Ok(cell(row.get_ref(n)?)));
        rows.push(cells.collect::<Result<_, Error>>()?);
    }
    Ok(Rows { columns, rows })
}

fn cell(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => Value::from(whole),
        ValueRef::Real(real) => Value::from(real),
        ValueRef::Text(text) => Value::from(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => {
            Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
        }
    }
}

/// The engine's words, and what exists instead.
fn explain(error: &Error, sql: &str, known: &Known<'_>) -> String {
    let said = match error {
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::MultipleStatement => "one statement at a time".to_owned(),
        other => other.to_string(),
    };
    if let Some(unknown) = said.strip_prefix("no such table: ") {
        return with_suggestion(&said, unknown, &known.relations(), "tables");
    }
    if let Some(unknown) = said.strip_prefix("no such column: ") {
        let unknown = unknown.rsplit('.').next().unwrap_or(unknown);
        return with_suggestion(&said, unknown, &known.columns(sql), "columns");
    }
    if said.starts_with("not authorized") || said == "authorization denied" {
        return "only statements that read are allowed: SELECT, WITH, VALUES".to_owned();
    }
    said
}

fn with_suggestion(said: &str, unknown: &str, names: &[String], kind: &str) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match suggest(unknown, &names) {
        Some(near) => format!("{said}; did you mean `{near}`?"),
        None if names.is_empty() => format!("{said}; there are no {kind}"),
        None => format!("{said}; {kind}: {}", names.join(", ")),
    }
}
