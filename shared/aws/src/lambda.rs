//! The bridge to the Lambda runtime: the only place that knows its events, contexts and
//! diagnostics.
//!
//! A function's `main` starts a [`Bridge`], wires its dependencies and serves its handler. An
//! error's class becomes Lambda's `errorType`, the chain of its causes the `errorMessage`.

use std::error::Error as StdError;
use std::io::Stdout;
use std::sync::Arc;
use std::time::Duration;

use host::{Emf, LogStyle, SystemClock, VarError, Vars, init_logs};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use model::{Classify, Metric};
use ports::{Clock, Deadline, Metrics};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Time of an event whose runtime gives it no usable deadline.
const USUAL: Duration = Duration::from_mins(5);

/// What ends a function's process: a fault of the runtime, or of its settings.
pub type Error = lambda_runtime::Error;

/// One function's process on Lambda.
#[derive(Debug)]
pub struct Bridge {
    clock: Arc<dyn Clock>,
    metrics: Arc<Emf<Stdout>>,
}

impl Bridge {
    /// Starts logs and metrics under the function's name, and counts the start.
    pub fn start(function: &str, vars: &Vars) -> Result<Self, VarError> {
        init_logs(LogStyle::Service, vars)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Arc::new(Emf::new(function, Arc::clone(&clock), std::io::stdout()));
        metrics.emit(Metric::ColdStarts, 1.0, &[]);
        Ok(Self { clock, metrics })
    }

    /// The machine's clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Metrics, written out at the end of each invocation.
    pub fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::clone(&self.metrics) as Arc<dyn Metrics>
    }

    /// Serves events, one at a time, until the environment is shut down. The handler gets the
    /// instant by which Lambda will stop it.
    #[expect(clippy::future_not_send, reason = "the runtime polls it on its one thread")]
    pub async fn serve<D, E, O, F>(
        self,
        deps: D,
        handler: impl AsyncFn(&D, E, Deadline) -> Result<O, F>,
    ) -> Result<(), Error>
    where
        E: DeserializeOwned,
        O: Serialize,
        F: Classify + StdError,
    {
        let (deps, handler, metrics, clock) = (&deps, &handler, &self.metrics, &self.clock);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| async move {
            let (event, context) = event.into_parts();
            let now = clock.now();
            let outcome = handler(deps, event, deadline(context.deadline, now)).await;
            metrics.flush();
            outcome.map_err(|error| diagnostic(&error))
        }))
        .await
    }
}

/// The runtime's deadline, milliseconds since 1970. One that has passed before its event arrives
/// comes from a stand-in of the runtime (`cargo lambda watch` gives a constant): the event then
/// has [`USUAL`].
fn deadline(millis: u64, now: Timestamp) -> Deadline {
    let at = i64::try_from(millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match at {
        Some(at) if at > now => Deadline::at(at),
        _ => Deadline::at(now.checked_add(USUAL).unwrap_or(Timestamp::MAX)),
    }
}

/// The class of an error and the chain of its causes.
fn diagnostic<F: Classify + StdError>(error: &F) -> Diagnostic {
    let mut error_message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        error_message.push_str(": ");
        error_message.push_str(&error.to_string());
        cause = error.source();
    }
    let error_type = error.retry().class().to_owned();
    tracing::error!(retry = error_type, "invocation failed: {error_message}");
    Diagnostic { error_type, error_message }
}

#[cfg(test)]
mod tests {
    use model::Retry;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("landing failed")]
    struct Landing(#[source] Cause);

    #[derive(Debug, thiserror::Error)]
    #[error("the bucket is gone")]
    struct Cause;

    impl Classify for Landing {
        fn retry(&self) -> Retry {
            Retry::After(Duration::from_secs(1))
        }
    }

    #[test]
    fn an_error_becomes_its_class_and_its_chain_of_causes() {
        let diagnostic = diagnostic(&Landing(Cause));
        assert_eq!(diagnostic.error_type, "Throttled");
        assert_eq!(diagnostic.error_message, "landing failed: the bucket is gone");
    }

    #[test]
    fn the_deadline_is_the_runtimes_unless_it_has_passed_already() {
        let now = "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap();
        let later = now + Duration::from_millis(1500);
        let millis = u64::try_from(later.as_millisecond()).unwrap();
        assert_eq!(deadline(millis, now), Deadline::at(later));
        assert_eq!(deadline(600_000, now), Deadline::at(now + USUAL));
        assert_eq!(deadline(u64::MAX, now), Deadline::at(now + USUAL));
    }
}
