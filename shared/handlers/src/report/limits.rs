//! How many calls a push may make in a minute, as its destination's file says.

use std::time::Duration;

use destination::{Destination, Rate, Session};
use model::Timestamp;
use model::config::PushUse;
use serde_json::Value;

use crate::configuration::{Configuration, Error};

/// The rates of a report are those of a minute.
const MINUTE: Duration = Duration::from_mins(1);

/// Calls that a push may make in a minute; none where nobody says, or where its destination cannot
/// be read: what was pushed is told all the same.
pub(super) async fn limit(
    configuration: &Configuration,
    push: &PushUse,
    now: Timestamp,
) -> Result<Option<u32>, Error> {
    let destination = match configuration.destination(&push.destination).await {
        Ok(destination) => destination,
        Err(error @ Error::Store(_)) => return Err(error),
        Err(error) => {
            tracing::warn!(destination = %push.destination, %error, "a report knows no limit");
            return Ok(None);
        }
    };
    // Rates are not made from secrets, which stay references here.
    let session = destination.session(&Value::Object(push.config.clone()), now);
    Ok(tightest(&destination, &session))
}

fn tightest(destination: &Destination, session: &Session) -> Option<u32> {
    let least = |rates: Vec<Rate>| rates.into_iter().map(in_a_minute).min();
    if let Some(all) = least(destination.rates(session).ok()?) {
        return Some(all);
    }
    let own = |operation| -> Option<u32> {
        let operation: &destination::Operation = operation;
        least(operation.rates(session).ok()?)
    };
    let all: Option<Vec<u32>> = destination.operations().map(own).collect();
    all?.into_iter().reduce(u32::saturating_add)
}

/// What a rate lets through in one minute.
fn in_a_minute(rate: Rate) -> u32 {
    let windows = (MINUTE.as_millis() / rate.per.as_millis().max(1)).max(1);
    let windows = u32::try_from(windows).unwrap_or(u32::MAX);
    rate.calls.get().saturating_mul(windows)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn rates_of_other_windows_are_told_for_a_minute() {
        let rate = |calls, per| {
            let calls = NonZeroU32::new(calls).unwrap();
            in_a_minute(Rate { calls, per: Duration::from_secs(per) })
        };
        assert_eq!((rate(1000, 60), rate(100, 10), rate(3000, 3)), (1000, 600, 60_000));
        assert_eq!(rate(500, 3600), 500, "all of them may go out in one minute");
    }
}
