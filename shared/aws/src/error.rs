//! What a failed call means, read once from the SDK's error.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// A cause, boxed.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a failed call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The service asks to slow down; it did nothing.
    Throttled,
    /// No answer, or one that says "try again"; it may have happened.
    Unavailable,
    /// The request itself is refused: a person has to act.
    Refused,
}

/// A failed call.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The service's own code (`AccessDenied`), or empty without an answer.
    pub(crate) code: String,
    /// HTTP status, or zero without an answer.
    pub(crate) status: u16,
    /// What to do.
    pub(crate) meaning: Meaning,
    /// What the service says of it, free of payload.
    pub(crate) message: String,
    /// The SDK's error.
    pub(crate) source: Cause,
}

impl Failure {
    /// Code and message in one sentence.
    pub(crate) fn reason(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }
}

/// Reads a failed call.
pub(crate) fn failure<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    let message = error.message().unwrap_or_default().to_owned();
    let answered = matches!(error, SdkError::ServiceError(_));
    let meaning = if answered { meaning(&code, status) } else { Meaning::Unavailable };
    Failure { code, status, meaning, message, source: error.into() }
}

/// Codes by which the services ask for patience
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>).
const PATIENCE: [&str; 14] = [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
];

fn meaning(code: &str, status: u16) -> Meaning {
    if PATIENCE.contains(&code) || status == 429 {
        return Meaning::Throttled;
    }
    match (code, status) {
        ("RequestTimeout" | "RequestTimeTooSkewed" | "InternalServerError", _)
        | (_, 409 | 500..=599) => Meaning::Unavailable,
        _ => Meaning::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, status: u16, expected: Meaning) {
        assert_eq!(meaning(code, status), expected, "{code} {status}");
    }

    #[test]
    fn codes_mean_what_their_services_say() {
        check("SlowDown", 503, Meaning::Throttled);
        check("ThrottlingException", 400, Meaning::Throttled);
        check("", 429, Meaning::Throttled);
        check("InternalError", 500, Meaning::Unavailable);
        check("ConditionalRequestConflict", 409, Meaning::Unavailable);
        check("RequestTimeout", 400, Meaning::Unavailable);
        check("AccessDenied", 403, Meaning::Refused);
        check("NoSuchBucket", 404, Meaning::Refused);
    }
}
