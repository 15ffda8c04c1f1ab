//! What an answer says of the limit: `Retry-After`, and the fields called rate limit in their
//! many spellings.

use std::time::Duration;

use model::Timestamp;
use ports::Response;

/// Pause when a provider says "too many" without saying for how long.
const BRIEF: Duration = Duration::from_secs(1);

/// A reset further away is not believed: it is the end of a day's quota, or of no known unit.
const LONGEST_RESET: Duration = Duration::from_hours(1);

/// Numbers from here on are instants: seconds since the epoch.
const EPOCH: f64 = 1e9;

/// Numbers from here on are milliseconds since the epoch.
const EPOCH_MILLIS: f64 = 1e12;

/// What one answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Nobody is to call for this long.
    pub(super) pause: Option<Duration>,
    /// The call was one too many.
    pub(super) throttled: bool,
    /// Limits: calls, and the window where it is named.
    pub(super) limits: Vec<(u32, Option<Duration>)>,
}

impl Word {
    pub(super) fn of(response: &Response, now: Timestamp) -> Self {
        Self {
            pause: pause(response, now),
            throttled: response.status == 429,
            limits: limits(response),
        }
    }

    /// What it says of the limit at a place in a list: a limit with a window is about the one of
    /// that window, one without is about the smallest that it undercuts.
    pub(super) fn about(&self, at: usize, all: &[(u32, Duration)]) -> Option<u32> {
        let (_, own) = all.get(at)?;
        let smallest = |said: &u32| {
            let undercut = all.iter().enumerate().filter(|(_, (calls, _))| calls >= said);
            undercut.min_by_key(|(_, (calls, _))| calls).map(|(place, _)| place)
        };
        let is_about = |(said, window): &&(u32, Option<Duration>)| {
            window.map_or_else(|| smallest(said) == Some(at), |window| window == *own)
        };
        self.limits.iter().filter(is_about).map(|(said, _)| *said).min()
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// A wait: seconds, or an instant since the epoch.
fn wait(number: f64, now: Timestamp) -> Option<Duration> {
    let instant = |seconds: f64| {
        let since = Duration::try_from_secs_f64(seconds).ok()?;
        let at = Timestamp::UNIX_EPOCH.checked_add(since).ok()?;
        Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
    };
    match number {
        n if n >= EPOCH_MILLIS => instant(n / 1000.0),
        n if n >= EPOCH => instant(n),
        n => Duration::try_from_secs_f64(n).ok(),
    }
}

fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.header("retry-after")?;
    if let Some(seconds) = number(text) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

fn pause(response: &Response, now: Timestamp) -> Option<Duration> {
    let reset = reset(response, now);
    if matches!(response.status, 429 | 503)
        && let Some(named) = retry_after(response, now)
    {
        return Some(named);
    }
    let spent = remaining(response) == Some(0) || response.status == 429;
    let reset = reset.filter(|wait| spent && *wait <= LONGEST_RESET);
    reset.or_else(|| (response.status == 429).then_some(BRIEF))
}

/// `RateLimit-Remaining` and its kin, or `remaining=` and `r=` of `RateLimit`.
fn remaining(response: &Response) -> Option<u64> {
    let plain = ["ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining"];
    let named = plain.iter().find_map(|name| response.header(name));
    let text = named.or_else(|| parameter(response.header("ratelimit")?, &["remaining", "r"]))?;
    text.trim().parse().ok()
}

fn reset(response: &Response, now: Timestamp) -> Option<Duration> {
    let plain = ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"];
    let named = plain.iter().find_map(|name| response.header(name));
    let text = named.or_else(|| parameter(response.header("ratelimit")?, &["reset", "t"]))?;
    wait(number(text)?, now)
}

/// The limits that an answer states: `RateLimit-Policy` in its forms (`100;w=60`,
/// `"burst";q=100;w=60`), `RateLimit-Limit` with policies behind the number (`100, 100;w=60`),
/// `RateLimit: limit=100`, `X-RateLimit-Limit: 100`.
fn limits(response: &Response) -> Vec<(u32, Option<Duration>)> {
    let policy = response.header("ratelimit-policy").map(policies).unwrap_or_default();
    if !policy.is_empty() {
        return policy;
    }
    let plain = ["ratelimit-limit", "x-ratelimit-limit", "x-rate-limit-limit"];
    if let Some(text) = plain.iter().find_map(|name| response.header(name)) {
        let all = policies(text);
        let with_windows: Vec<_> =
            all.iter().filter(|(_, window)| window.is_some()).copied().collect();
        return if with_windows.is_empty() { all } else { with_windows };
    }
    let stated = response.header("ratelimit").and_then(|text| parameter(text, &["limit"]));
    stated
        .and_then(|text| text.trim().parse().ok())
        .map(|calls| (calls, None))
        .into_iter()
        .collect()
}

fn policies(text: &str) -> Vec<(u32, Option<Duration>)> {
    let one = |item: &str| {
        let mut parts = item.split(';').map(str::trim);
        let head = parts.next()?;
        let named = |name: &str| parameter(item, &[name]);
        let calls = head.parse().ok().or_else(|| named("q")?.parse().ok())?;
        let window = named("w").and_then(number).and_then(|s| Duration::try_from_secs_f64(s).ok());
        Some((calls, window))
    };
    text.split(',').filter_map(one).filter(|(calls, _)| *calls > 0).collect()
}

/// The value of the first parameter with one of these names.
fn parameter<'t>(text: &'t str, names: &[&str]) -> Option<&'t str> {
    let pairs = text.split([',', ';']).filter_map(|pair| pair.split_once('='));
    let mut wanted = pairs.filter(|(name, _)| names.contains(&name.trim()));
    wanted.next().map(|(_, value)| value.trim())
}
