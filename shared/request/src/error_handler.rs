//! What answers mean: success, retry, refusal; and how long to wait.

mod backoff;
mod filter;

use std::time::Duration;

use jiff::Timestamp;
use ports::{HttpError, Response};

use crate::component::Component;
use crate::interpolation::{Context, EvalError};

use backoff::Strategy;
pub use backoff::Wait;
use filter::Filter;
pub use filter::{Answer, headers_value};

/// What to do about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read it.
    Success,
    /// Ask again.
    Retry,
    /// Give up on this stream.
    Fail,
    /// It holds no records, and pagination ends.
    Ignore,
    /// Wait, then ask again.
    RateLimited,
    /// Fetch a new token, then ask again.
    RefreshToken,
    /// Start the slice over.
    ResetPagination,
    /// Ask for the page again, with fewer records.
    ReducePageSize,
    /// Ask for the window in halves.
    SplitWindow,
}

impl Action {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "SUCCESS" => Self::Success,
            "RETRY" => Self::Retry,
            "FAIL" => Self::Fail,
            "IGNORE" => Self::Ignore,
            "RATE_LIMITED" => Self::RateLimited,
            "REFRESH_TOKEN_THEN_RETRY" => Self::RefreshToken,
            "RESET_PAGINATION" => Self::ResetPagination,
            "REDUCE_PAGE_SIZE" => Self::ReducePageSize,
            "SPLIT_REQUEST_WINDOW" => Self::SplitWindow,
            _ => return None,
        })
    }
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The configuration's: credentials, rights.
    Config,
    /// Nobody's: it may pass.
    Transient,
    /// The source's or ours.
    System,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What to do.
    pub action: Action,
    /// Whose fault it is.
    pub failure: Failure,
    /// Why, for people. A manifest's own message may quote the answer: redact before showing.
    pub message: String,
}

/// An `ErrorHandler`: one or several lists of filters, and how to wait.
#[derive(Debug)]
pub struct ErrorHandler {
    /// Filters of each handler, in order.
    handlers: Vec<Vec<Filter>>,
    strategies: Vec<Strategy>,
    max_retries: u32,
}

impl Default for ErrorHandler {
    fn default() -> Self {
        Self { handlers: vec![Vec::new()], strategies: Vec::new(), max_retries: MAX_RETRIES }
    }
}

/// Retries after the first attempt, unless the manifest says otherwise.
const MAX_RETRIES: u32 = 5;
/// Longest time over which the reference retries one request.
pub const MAX_TIME: Duration = Duration::from_mins(10);

impl ErrorHandler {
    /// Builds a handler; what is wrong with it goes to the component's faults.
    pub fn build(component: &Component) -> Self {
        match component.kind() {
            "DefaultErrorHandler" | "" => Self::single(component),
            "CompositeErrorHandler" => {
                component.only(&["error_handlers"]);
                let all: Vec<Self> =
                    component.children("error_handlers").iter().map(Self::build).collect();
                if all.is_empty() {
                    component.fault_at("error_handlers", "needs at least one");
                }
                let max_retries = all.first().map_or(MAX_RETRIES, |first| first.max_retries);
                let mut whole = Self { handlers: Vec::new(), strategies: Vec::new(), max_retries };
                for handler in all {
                    whole.handlers.extend(handler.handlers);
                    whole.strategies.extend(handler.strategies);
                }
                whole
            }
            _ => {
                component.unknown_kind(&["DefaultErrorHandler", "CompositeErrorHandler"]);
                Self::default()
            }
        }
    }

    fn single(component: &Component) -> Self {
        component.only(&["response_filters", "backoff_strategies", "max_retries"]);
        let max_retries = match component.field("max_retries") {
            None => MAX_RETRIES,
            Some(json) => match json.as_u64().and_then(|n| u32::try_from(n).ok()) {
                Some(count) => count,
                None if json.as_i64().is_some_and(|n| n < 0) => 0,
                None => {
                    component.fault_at("max_retries", "must be a whole number");
                    MAX_RETRIES
                }
            },
        };
        let filters = component.children("response_filters");
        let strategies = component.children("backoff_strategies");
        Self {
            handlers: vec![filters.iter().filter_map(Filter::build).collect()],
            strategies: strategies.iter().filter_map(Strategy::build).collect(),
            max_retries,
        }
    }

    /// Most attempts at one request, the first one counted.
    pub fn max_attempts(&self) -> u32 {
        self.max_retries.saturating_add(1)
    }

    /// What an answer means. The context gives `config`; `url` is the request's.
    pub fn interpret(
        &self,
        response: &Response,
        url: &str,
        context: &Context<'_>,
    ) -> Result<Resolution, EvalError> {
        let answer = Answer::new(response, url);
        let mut last = None;
        for filters in &self.handlers {
            let resolution = judge(filters, &answer, context)?;
            let decides = !matches!(
                resolution.action,
                Action::Fail | Action::RateLimited | Action::RefreshToken
            );
            if decides {
                return Ok(resolution);
            }
            last = Some(resolution);
        }
        Ok(last.unwrap_or_else(|| by_status(response.status)))
    }

    /// What it means that there was no answer.
    pub fn interpret_error(&self, error: &HttpError) -> Resolution {
        let (action, failure) = match error {
            HttpError::Url { .. } | HttpError::Refused { .. } | HttpError::TooLarge { .. } => {
                (Action::Fail, Failure::Config)
            }
            HttpError::TimedOut { .. } | HttpError::Unreachable { .. } => {
                (Action::Retry, Failure::Transient)
            }
            HttpError::Budget { .. } => (Action::RateLimited, Failure::Transient),
        };
        Resolution { action, failure, message: error.to_string() }
    }

    /// How long to wait before another attempt. `attempt` counts the failed ones, from 1.
    pub fn wait(
        &self,
        response: Option<&Response>,
        attempt: u32,
        now: Timestamp,
        context: &Context<'_>,
    ) -> Result<Wait, EvalError> {
        for strategy in &self.strategies {
            match strategy.wait(response, attempt, now, context)? {
                None => {}
                Some(wait) => return Ok(wait),
            }
        }
        let seconds = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
        Ok(Wait::For(Duration::from_secs(seconds.min(MAX_TIME.as_secs()))))
    }
}

/// What one handler says: its filters in order, then the status.
fn judge(
    filters: &[Filter],
    answer: &Answer<'_>,
    context: &Context<'_>,
) -> Result<Resolution, EvalError> {
    for filter in filters {
        if let Some(resolution) = filter.judge(answer, context)? {
            return Ok(resolution);
        }
    }
    Ok(by_status(answer.status()))
}

/// The reference's table of statuses.
fn by_status(status: u16) -> Resolution {
    use Action::{Fail, RateLimited, Retry, Success};
    use Failure::{Config, System, Transient};
    let (action, failure, reason) = match status {
        ..400 => (Success, System, ""),
        400 => (Fail, System, "bad request: check the request parameters"),
        401 => (Fail, Config, "unauthorized: check the credentials"),
        403 => (Fail, Config, "forbidden: the credentials lack permission for this resource"),
        404 => (Fail, System, "not found"),
        405 => (Fail, System, "method not allowed"),
        408 => (Retry, Transient, "request timeout"),
        429 => (RateLimited, Transient, "too many requests"),
        500 => (Retry, Transient, "internal server error"),
        502 => (Retry, Transient, "bad gateway"),
        503 => (Retry, Transient, "service unavailable"),
        504 => (Retry, Transient, "gateway timeout"),
        _ => (Retry, System, "unexpected status"),
    };
    let message =
        if reason.is_empty() { String::new() } else { format!("status {status}: {reason}") };
    Resolution { action, failure, message }
}

#[cfg(test)]
mod tests;
