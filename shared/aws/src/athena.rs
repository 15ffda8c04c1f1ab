//! SQL over the lake by Athena.
//!
//! A statement is started under an idempotent token, asked after with growing waits, and stopped
//! when its time is over; its result is read page by page up to the caller's cap.

mod catalog;
mod cell;
mod execution;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_athena::types::{ResultSet, ResultSetMetadata, Row};
use host::{VarError, Vars};
use model::ObjectKey;
use ports::{Clock, Ids, Metrics, QueryEngine, QueryError, Rows, Selection, Unload, Unloaded};
use serde_json::Value;

pub use catalog::Card;

use crate::config::Aws;
use crate::error::{Failure, Meaning, failure};
use execution::Execution;

/// Rows of a page of results: the most that Athena gives.
const PAGE: i32 = 1000;

/// Where statements run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Workgroup: it says where results go and how much a query may read.
    pub workgroup: String,
    /// Database of names that are not qualified.
    pub database: String,
    /// Bucket that copies are written to.
    pub bucket: String,
}

/// Time, chance and numbers.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Waits between questions.
    pub clock: Arc<dyn Clock>,
    /// Tokens of statements.
    pub ids: Arc<dyn Ids>,
    /// Takes the bytes that queries read.
    pub metrics: Arc<dyn Metrics>,
}

/// How long a statement may take, its time in Athena's queue included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    /// Less than the longest time of a function.
    fn default() -> Self {
        Self(Duration::from_mins(13))
    }
}

/// A workgroup and a database of Athena.
#[derive(Debug, Clone)]
pub struct Athena {
    aws: Arc<Aws>,
    place: Place,
    tools: Tools,
    patience: Patience,
}

impl Athena {
    /// Statements that run at a place.
    pub fn new(aws: Arc<Aws>, place: Place, tools: Tools, patience: Patience) -> Self {
        Self { aws, place, tools, patience }
    }

    /// Reads where statements run: `ATHENA_WORKGROUP`, `ATHENA_DATABASE`, `LAKE_BUCKET`; all
    /// required, besides the variables of [`Aws`].
    pub fn from_vars(vars: &Vars, tools: Tools) -> Result<Self, VarError> {
        let place = Place {
            workgroup: vars.required("ATHENA_WORKGROUP")?,
            database: vars.required("ATHENA_DATABASE")?,
            bucket: vars.required("LAKE_BUCKET")?,
        };
        Ok(Self::new(Arc::new(Aws::from_vars(vars)?), place, tools, Patience::default()))
    }

    /// A page of results.
    async fn page(&self, id: &str, token: Option<String>) -> Result<Page, QueryError> {
        let ask = self.aws.athena().get_query_results().query_execution_id(id).max_results(PAGE);
        let told = ask.set_next_token(token).send().await.map_err(|e| meant(failure(e)))?;
        Ok(Page { results: told.result_set, next: told.next_token })
    }

    /// All rows of a statement that ended well, but not more than the cap.
    async fn rows(&self, execution: &Execution, cap: usize) -> Result<Rows, QueryError> {
        let mut all = Rows::default();
        let mut kinds = Vec::new();
        let mut token = None;
        let mut is_first = true;
        loop {
            let page = self.page(&execution.id, token).await?;
            let (found, columns) = page.parts();
            if is_first {
                all.columns = columns.iter().map(|(name, _)| name.clone()).collect();
                kinds = columns.into_iter().map(|(_, kind)| kind).collect();
            }
            // Statements that read tables have their columns' names as first row.
            let headings = usize::from(is_first && execution.has_headings);
            for row in found.iter().skip(headings) {
                if all.rows.len() == cap {
                    return Err(QueryError::TooMany { cap });
                }
                all.rows.push(cells(row, &kinds));
            }
            is_first = false;
            token = page.next;
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}

/// A page of results.
struct Page {
    results: Option<ResultSet>,
    next: Option<String>,
}

impl Page {
    /// Its rows, and names and types of its columns.
    fn parts(&self) -> (&[Row], Vec<(String, String)>) {
        let Some(results) = &self.results else { return (&[], Vec::new()) };
        let info = results.result_set_metadata().map(ResultSetMetadata::column_info);
        let columns = info.unwrap_or_default().iter();
        let columns = columns.map(|c| (c.name().to_owned(), c.r#type().to_owned()));
        (results.rows(), columns.collect())
    }
}

fn cells(row: &Row, kinds: &[String]) -> Vec<Value> {
    let cell = |(datum, kind): (&aws_sdk_athena::types::Datum, &String)| {
        datum.var_char_value().map_or(Value::Null, |text| cell::value(text, kind))
    };
    row.data().iter().zip(kinds).map(cell).collect()
}

/// What a failed call means for a query.
fn meant(failure: Failure) -> QueryError {
    match failure.meaning {
        Meaning::Throttled => QueryError::Throttled { source: failure.source },
        Meaning::Unavailable => QueryError::Unavailable { source: failure.source },
        Meaning::Refused if failure.code == "InvalidRequestException" => {
            QueryError::Statement { message: failure.message }
        }
        Meaning::Refused => QueryError::Refused { reason: failure.reason() },
    }
}

#[async_trait]
impl QueryEngine for Athena {
    async fn run(&self, sql: &str, cap: usize) -> Result<Rows, QueryError> {
        if !statement::reads(sql) {
            let message = "only statements that read are allowed: SELECT, WITH, VALUES, SHOW, \
                           DESCRIBE, EXPLAIN";
            return Err(QueryError::Statement { message: message.to_owned() });
        }
        let execution = self.execute(sql).await?;
        self.rows(&execution, cap).await
    }
}

#[async_trait]
impl Unload for Athena {
    async fn unload(&self, rows: &Selection, folder: &ObjectKey) -> Result<Unloaded, QueryError> {
        let place = statement::literal(&format!("s3://{}/{folder}/", self.place.bucket));
        let sql = format!(
            "UNLOAD (\n{}\n) TO {place}\nWITH (format = 'PARQUET', compression = 'ZSTD')",
            rows.sql
        );
        let execution = self.execute(&sql).await?;
        Ok(Unloaded { query: Some(execution.id), scanned: execution.scanned })
    }
}
