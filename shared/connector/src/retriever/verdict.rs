//! What the reference does with an answer when the manifest says nothing.

use std::time::Duration;

use ports::Response;

/// Attempts after the first one.
pub(super) const MAX_RETRIES: u32 = 5;
/// No attempt starts after so many seconds.
pub(super) const MAX_SECONDS: i64 = 600;

/// What becomes of an answer.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is read.
    Take,
    /// The call is made again.
    Again(Verdict),
    /// The stream fails.
    Fail {
        /// Why.
        message: String,
        /// Whether the configuration must change first.
        configuration: bool,
    },
}

/// A call that is made again.
#[derive(Debug)]
pub(super) struct Verdict {
    /// How long to wait, when a rule says so.
    pub(super) wait: Option<Duration>,
    pub(super) message: String,
}

impl Verdict {
    pub(super) fn again(message: String) -> Self {
        Self { wait: None, message }
    }
}

/// The default for a status.
pub(super) fn of(response: &Response) -> Outcome {
    let message = format!("the source answers {}", response.status);
    match response.status {
        ..400 => Outcome::Take,
        400 | 401 | 403 | 404 | 405 => {
            let configuration = matches!(response.status, 401 | 403);
            Outcome::Fail { message, configuration }
        }
        _ => Outcome::Again(Verdict::again(message)),
    }
}

/// 1, 2, 4, … seconds.
pub(super) fn exponential(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.saturating_sub(1).min(16))
}
