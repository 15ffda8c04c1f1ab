//! One statement from its start to its end.

use std::time::Duration;

use aws_sdk_athena::types::{
    AthenaError, QueryExecution, QueryExecutionContext, QueryExecutionState,
    QueryExecutionStatistics, QueryExecutionStatus, StatementType,
};
use jiff::Timestamp;
use model::Metric;
use ports::QueryError;

use super::{Athena, Patience, meant};
use crate::error::{Failure, Meaning, failure};

/// First wait before asking after a statement; each wait is twice the one before.
const FIRST: Duration = Duration::from_millis(150);

/// Longest wait before asking.
const LONGEST: Duration = Duration::from_secs(3);

/// What failed by no fault of the statement
/// (<https://docs.aws.amazon.com/athena/latest/ug/error-reference.html>).
const SYSTEM: i32 = 1;

/// A statement that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Execution {
    /// Athena's id of it.
    pub(super) id: String,
    /// Bytes that it read.
    pub(super) scanned: u64,
    /// Whether its first row is the names of its columns.
    pub(super) has_headings: bool,
}

/// Waits that grow.
struct Backoff {
    next: Duration,
}

impl Backoff {
    fn new() -> Self {
        Self { next: FIRST }
    }
}

impl Athena {
    /// Runs a statement to its end, within the time that statements have.
    pub(super) async fn execute(&self, sql: &str) -> Result<Execution, QueryError> {
        let Patience(patience) = self.patience;
        let now = self.tools.clock.now();
        let until = now.checked_add(patience).unwrap_or(Timestamp::MAX);
        let id = self.start(sql, until).await?;
        let mut backoff = Backoff::new();
        loop {
            self.wait(&mut backoff).await;
            match self.look(&id).await {
                Ok(Some(execution)) => return Ok(execution),
                Ok(None) => {}
                // The statement runs on, whether Athena answers or not.
                Err(Failed::Asking(failure)) if failure.meaning != Meaning::Refused => {}
                Err(Failed::Asking(failure)) => return Err(meant(failure)),
                Err(Failed::Query(error)) => return Err(error),
            }
            if self.tools.clock.now() >= until {
                self.stop(&id).await;
                return Err(QueryError::TimedOut { after: patience });
            }
        }
    }

    async fn wait(&self, backoff: &mut Backoff) {
        let wait = backoff.next;
        backoff.next = wait.saturating_mul(2).min(LONGEST);
        self.tools.clock.sleep(wait.mul_f64(0.75 + 0.5 * self.tools.ids.chance())).await;
    }

    /// Starts a statement. The token makes a repeat after a lost reply the same start.
    async fn start(&self, sql: &str, until: Timestamp) -> Result<String, QueryError> {
        let token = self.tools.ids.fresh();
        let database = &self.place.database;
        let mut backoff = Backoff::new();
        loop {
            let start = self
                .aws
                .athena()
                .start_query_execution()
                .client_request_token(&token)
                .work_group(&self.place.workgroup)
                .query_execution_context(
                    QueryExecutionContext::builder().database(database).build(),
                )
                .query_string(sql);
            let failure = match start.send().await {
                Ok(started) => {
                    let unnamed = || QueryError::Unavailable { source: "no id came back".into() };
                    return started.query_execution_id.ok_or_else(unnamed);
                }
                Err(error) => failure(error),
            };
            if failure.meaning == Meaning::Refused || self.tools.clock.now() >= until {
                return Err(meant(failure));
            }
            self.wait(&mut backoff).await;
        }
    }

    /// Looks whether a statement has ended.
    async fn look(&self, id: &str) -> Result<Option<Execution>, Failed> {
        let asked = self.aws.athena().get_query_execution().query_execution_id(id).send().await;
        let asked = asked.map_err(|error| Failed::Asking(failure(error)))?;
        let Some(execution) = asked.query_execution else { return Ok(None) };
        let state = execution.status().and_then(QueryExecutionStatus::state);
        if !matches!(
            state,
            Some(
                QueryExecutionState::Succeeded
                    | QueryExecutionState::Failed
                    | QueryExecutionState::Cancelled
            )
        ) {
            return Ok(None);
        }
        let statistics = execution.statistics();
        let scanned = statistics.and_then(QueryExecutionStatistics::data_scanned_in_bytes);
        let scanned = u64::try_from(scanned.unwrap_or(0)).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        self.tools.metrics.emit(Metric::BytesScanned, scanned as f64, &[]);
        match state {
            Some(QueryExecutionState::Succeeded) => {
                let has_headings = execution.statement_type() == Some(&StatementType::Dml);
                Ok(Some(Execution { id: id.to_owned(), scanned, has_headings }))
            }
            Some(QueryExecutionState::Cancelled) => {
                Err(Failed::Query(QueryError::Cancelled { reason: reason(&execution) }))
            }
            _ => Err(Failed::Query(judged(&execution))),
        }
    }

    /// Asks Athena to give up on a statement. When that fails it runs until the workgroup's limit.
    async fn stop(&self, id: &str) {
        let stopped = self.aws.athena().stop_query_execution().query_execution_id(id).send().await;
        if let Err(error) = stopped {
            tracing::warn!(query = id, "a query was not stopped: {}", failure(error).reason());
        }
    }
}

/// Why looking gave no answer.
enum Failed {
    /// The question failed.
    Asking(Failure),
    /// The statement did.
    Query(QueryError),
}

fn reason(execution: &QueryExecution) -> String {
    let status = execution.status();
    let said = status.and_then(QueryExecutionStatus::state_change_reason);
    let detail =
        status.and_then(QueryExecutionStatus::athena_error).and_then(AthenaError::error_message);
    said.or(detail).unwrap_or("no reason was given").to_owned()
}

/// What a failed statement means: Athena says whose fault it was.
fn judged(execution: &QueryExecution) -> QueryError {
    let error = execution.status().and_then(QueryExecutionStatus::athena_error);
    let again = error.is_some_and(|e| e.retryable() || e.error_category() == Some(SYSTEM));
    let message = reason(execution);
    if again {
        QueryError::Unavailable { source: message.into() }
    } else {
        QueryError::Statement { message }
    }
}
