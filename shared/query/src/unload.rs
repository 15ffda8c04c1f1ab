//! Rows of a statement as Parquet files in the lake.

mod digits;

use std::borrow::Cow;

use async_trait::async_trait;
use lake::curated::{Column, CuratedError, CuratedWriter, Kind, Value as Cell};
use model::ObjectKey;
use ports::{Attributes, QueryEngine, QueryError, Rows, Selection, Unload, Unloaded};
use serde_json::Value;

use crate::Engine;
use digits::digits;

/// Most rows of one copy: they are held in memory.
const MOST: usize = 2_000_000;

/// Size at which a file is closed and the next begun.
const FILE: usize = 64 * 1024 * 1024;

#[async_trait]
impl Unload for Engine {
    async fn unload(&self, rows: &Selection, folder: &ObjectKey) -> Result<Unloaded, QueryError> {
        let columns = columns(&rows.columns)?;
        let mut found = self.run(&rows.sql, MOST).await?;
        for number in 1.. {
            let Some((body, rest)) = file(&columns, found).map_err(unavailable)? else { break };
            let key = format!("{folder}/{number:05}.parquet").parse().map_err(unavailable)?;
            let attributes = Attributes::default();
            self.store().put_new(&key, body, &attributes).await.map_err(unavailable)?;
            found = rest;
        }
        Ok(Unloaded::default())
    }
}

fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueryError {
    QueryError::Unavailable { source: source.into() }
}

/// Columns by their SQL types.
fn columns(columns: &[(String, String)]) -> Result<Vec<Column>, QueryError> {
    let column = |(name, kind): &(String, String)| {
        let unknown = || QueryError::Statement { message: format!("`{name}`: no type `{kind}`") };
        Ok(Column::optional(name, self::kind(kind).ok_or_else(unknown)?))
    };
    columns.iter().map(column).collect()
}

fn kind(sql: &str) -> Option<Kind> {
    if let Some(size) = sql.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
        let (precision, scale) = size.split_once(',')?;
        let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
        return Some(Kind::Decimal { precision, scale });
    }
    Some(match sql {
        "varchar" => Kind::Text,
        "bigint" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "date" => Kind::Date,
        "array(varchar)" => Kind::Texts,
        _ => return None,
    })
}

/// One file, and the rows that did not fit; none when there are no rows.
fn file(columns: &[Column], found: Rows) -> Result<Option<(bytes::Bytes, Rows)>, CuratedError> {
    if found.rows.is_empty() {
        return Ok(None);
    }
    let mut writer = CuratedWriter::new(columns)?;
    let Rows { columns: names, rows } = found;
    let mut rows = rows.into_iter();
    while writer.size() < FILE
        && let Some(row) = rows.next()
    {
        let cells: Vec<Owned> =
            row.iter().zip(columns).map(|(value, column)| Owned::of(value, column.kind)).collect();
        writer.write(cells.iter().map(Owned::cell))?;
    }
    let rest = Rows { columns: names, rows: rows.collect() };
    Ok(Some((writer.finish()?.body, rest)))
}

/// A value of a column's type; null where SQLite's is none, as `TRY_CAST` has it.
#[derive(Debug)]
enum Owned {
    Text(String),
    Texts(Vec<Cow<'static, str>>),
    Plain(Cell<'static>),
}

impl Owned {
    fn of(value: &Value, kind: Kind) -> Self {
        match kind {
            _ if value.is_null() => Self::Plain(Cell::Null),
            Kind::Text | Kind::Json => Self::Text(text(value)),
            Kind::Texts => serde_json::from_str::<Vec<String>>(&text(value))
                .map_or(Self::Plain(Cell::Null), |all| {
                    Self::Texts(all.into_iter().map(Cow::Owned).collect())
                }),
            Kind::Integer => Self::plain(value.as_i64().map(Cell::Integer)),
            Kind::Boolean => {
                let truth = value.as_bool().or_else(|| value.as_i64().map(|number| number != 0));
                Self::plain(truth.map(Cell::Boolean))
            }
            Kind::Decimal { precision, scale } => {
                Self::plain(digits(&text(value), precision, scale).map(Cell::Decimal))
            }
            Kind::Timestamp => Self::plain(text(value).parse().ok().map(Cell::Timestamp)),
            Kind::Date => Self::plain(text(value).parse().ok().map(Cell::Date)),
        }
    }

    fn plain(cell: Option<Cell<'static>>) -> Self {
        Self::Plain(cell.unwrap_or(Cell::Null))
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Texts(texts) => Cell::Texts(texts),
            Self::Plain(cell) => *cell,
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
