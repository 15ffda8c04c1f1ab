//! SQL over the lake: Athena, Trino, or the embedded engine.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use model::{Classify, ObjectKey, Retry};

/// A result, whole: engines cap it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Column names, in order.
    pub columns: Vec<String>,
    /// Cells, row by row: JSON scalars.
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// Why a query gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The statement is wrong.
    #[error("{message}")]
    Statement {
        /// What the engine says, and what exists instead.
        message: String,
    },
    /// More rows than the cap.
    #[error("the result has more than {cap} rows: add a LIMIT")]
    TooMany {
        /// Cap.
        cap: usize,
    },
    /// The engine does not let this caller, or says that what it was given can never work.
    #[error("the query engine refuses: {reason}")]
    Refused {
        /// Its code and its words.
        reason: String,
    },
    /// Somebody, or a limit of the engine, ended the query.
    #[error("the query was cancelled: {reason}")]
    Cancelled {
        /// The engine's words.
        reason: String,
    },
    /// It took too long, and was stopped.
    #[error("the query was stopped: it took longer than {}", text(*.after))]
    TimedOut {
        /// The time that it had.
        after: Duration,
    },
    /// The engine asks to slow down.
    #[error("the query engine asks to slow down")]
    Throttled {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine or its files are out of reach, or failed by no fault of the statement.
    #[error("the query engine is unavailable")]
    Unavailable {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A span in whole seconds.
fn text(span: Duration) -> String {
    format!("{} s", span.as_secs())
}

impl Classify for QueryError {
    fn retry(&self) -> Retry {
        match self {
            Self::Statement { .. }
            | Self::TooMany { .. }
            | Self::Refused { .. }
            | Self::Cancelled { .. } => Retry::Never,
            Self::Throttled { .. } => Retry::After(Duration::from_secs(10)),
            Self::TimedOut { .. } | Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// Runs one read-only statement.
#[async_trait]
pub trait QueryEngine: Debug + Send + Sync + 'static {
    /// Runs it and gives at most `cap` rows.
    async fn run(&self, sql: &str, cap: usize) -> Result<Rows, QueryError>;
}

/// Rows that are to be copied out of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// One statement that reads.
    pub sql: String,
    /// Names and SQL types of its columns, in order.
    pub columns: Vec<(String, String)>,
}

/// A copy that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unloaded {
    /// The engine's id of the query, where it gives one.
    pub query: Option<String>,
    /// Bytes that it read, where it counts them.
    pub scanned: u64,
}

/// Copies rows into files.
#[async_trait]
pub trait Unload: Debug + Send + Sync + 'static {
    /// Writes the rows as Parquet files whose keys start with `folder/`, where nothing lies yet.
    /// No rows may give no file. A copy that failed may have left files: the next attempt takes
    /// another folder.
    async fn unload(&self, rows: &Selection, folder: &ObjectKey) -> Result<Unloaded, QueryError>;
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// A table.
    Table,
    /// A view.
    View,
}

/// Defines what statements can name.
#[async_trait]
pub trait Definitions: Debug + Send + Sync + 'static {
    /// The relations of the database, by name.
    async fn relations(&self) -> Result<BTreeMap<String, RelationKind>, QueryError>;

    /// Runs one statement that creates, changes or drops a relation.
    async fn define(&self, sql: &str) -> Result<(), QueryError>;
}
