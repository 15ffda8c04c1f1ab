//! SQL over the lake: Athena, Trino, or the embedded engine.

use std::fmt::Debug;

use async_trait::async_trait;
use model::{Classify, Retry};

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
    /// The engine or its files are out of reach.
    #[error("the query engine is unavailable")]
    Unavailable {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for QueryError {
    fn retry(&self) -> Retry {
        match self {
            Self::Statement { .. } | Self::TooMany { .. } => Retry::Never,
            Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// Runs one read-only statement.
#[async_trait]
pub trait QueryEngine: Debug + Send + Sync + 'static {
    /// Runs it and gives at most `cap` rows.
    async fn run(&self, sql: &str, cap: usize) -> Result<Rows, QueryError>;
}
