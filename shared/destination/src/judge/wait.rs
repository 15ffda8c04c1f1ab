//! How long to wait.

use std::time::Duration;

use jiff::Timestamp;
use ports::Response;

use super::Fact;
use crate::destination::Backoff;

/// The longest wait that an answer may ask for.
const LONGEST: Duration = Duration::from_hours(24);

impl Fact<'_> {
    /// Twice as long with each try up to a cap, shortened by up to a half by chance; at least
    /// what the answer asks for.
    pub(super) fn backoff(&self, backoff: Backoff) -> Duration {
        let factor = 1_u32.checked_shl(self.sent.attempt.tries).unwrap_or(u32::MAX);
        let full = backoff.base.saturating_mul(factor).min(backoff.cap);
        let chance = self.sent.chance.clamp(0.0, 1.0);
        let wait = full.mul_f64(1.0 - chance / 2.0);
        wait.max(self.asked().unwrap_or_default())
    }

    /// What the answer asks for, or else so long.
    pub(crate) fn pause(&self, otherwise: Duration) -> Duration {
        self.asked().unwrap_or(otherwise)
    }

    fn asked(&self) -> Option<Duration> {
        let response = self.taken.response?;
        retry_after(response, self.session.now)
            .or_else(|| self.destination.spent_for(response, self.session.now))
            .map(|wait| wait.min(LONGEST))
    }
}

/// What `Retry-After` asks for: seconds or a date.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => until(jiff::fmt::rfc2822::parse(text).ok()?.timestamp(), now),
    }
}

/// How long until then; nothing for the past.
fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok()
}
