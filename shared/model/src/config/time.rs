//! Spans of time and schedules, as files write them.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decode::{At, Decoder};
use crate::Cron;
use crate::document::NodeValue;

/// A text that is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a span of time: write a whole number and a unit, such as 500ms, 90s, 15m, 24h, 7d"
)]
pub struct DurationError(String);

/// Reads `500ms`, `90s`, `15m`, `24h`, `7d`, `2w`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fault = || DurationError(text.to_owned());
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(fault)?;
    let (number, unit) = trimmed.split_at_checked(end).ok_or_else(fault)?;
    let number: u64 = number.parse().map_err(|_| fault())?;
    let seconds = match unit.trim_start() {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(fault()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(fault)
}

/// Writes a span the way [`parse_duration`] reads it, in its largest whole unit.
pub fn duration_text(span: Duration) -> String {
    let seconds = span.as_secs();
    if span.subsec_millis() > 0 || seconds == 0 {
        return format!("{}ms", span.as_millis());
    }
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let whole = units.iter().find(|(size, _)| seconds.is_multiple_of(*size));
    let (size, unit) = whole.unwrap_or(&(1, "s"));
    format!("{}{unit}", seconds / size)
}

/// When a connection, or one of its streams, is pulled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Schedule {
    /// At an interval: whole minutes.
    Every {
        /// The interval, such as `1h`.
        #[schemars(schema_with = "span_schema")]
        every: Duration,
    },
    /// At times of the day.
    Cron {
        /// The six fields of an `EventBridge` cron expression, such as `0 6 * * ? *`.
        cron: String,
        /// IANA name of the time zone; the tenant's, else UTC.
        #[serde(default)]
        timezone: Option<String>,
    },
}

impl Default for Schedule {
    /// Every 24 hours.
    fn default() -> Self {
        Self::Every { every: Duration::from_hours(24) }
    }
}

/// How often something is due: by time, or by the number of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// When so much time has passed.
    Time(Duration),
    /// With every n-th run; 1 is each of them.
    Runs(NonZeroU32),
}

impl JsonSchema for Every {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Every".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A span of time such as `24h`, or a number of runs such as `1 run` or `4 runs`.",
            "type": "object",
            "additionalProperties": false,
            "required": ["every"],
            "properties": {"every": {"type": "string", "pattern": "^[0-9]+ ?(ms|s|m|min|h|d|w|run|runs)$"}}
        })
    }
}

/// The schema of a span of time.
pub(super) fn span_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "A span of time, such as 500ms, 90s, 15m, 24h, 7d.",
        "type": "string",
        "pattern": "^[0-9]+ ?(ms|s|m|min|h|d|w)$"
    })
}

/// The schema of a span of time that may be absent.
pub(super) fn optional_span_schema(g: &mut schemars::SchemaGenerator) -> schemars::Schema {
    span_schema(g)
}

impl Decoder<'_> {
    /// A span of time within bounds.
    pub fn span(&mut self, at: &At<'_>, low: Duration, high: Duration) -> Option<Duration> {
        let text = self.text(at)?;
        let span = self.kept(at, parse_duration(&text))?;
        if span < low || span > high {
            let (low, high) = (duration_text(low), duration_text(high));
            self.fault(at, format!("accepted is a span from {low} to {high}"));
            return None;
        }
        Some(span)
    }

    /// `{every: 24h}` or `{every: 2 runs}`.
    pub(super) fn every(&mut self, at: &At<'_>) -> Option<Every> {
        if !self.names(at, &["every"]) {
            return None;
        }
        let every = self.required(at, "every")?;
        let text = self.text(&every)?;
        match text.strip_suffix("runs").or_else(|| text.strip_suffix("run")) {
            Some(number) => {
                let runs = number.trim().parse().ok().map(Every::Runs);
                if runs.is_none() {
                    self.fault(&every, "accepted is a number of runs of at least 1: `1 run`");
                }
                runs
            }
            None => self.span(&every, MINUTE, YEAR).map(Every::Time),
        }
    }

    /// `{every: 1h}` or `{cron: "0 6 * * ? *", timezone: Europe/Berlin}`.
    pub(super) fn schedule(&mut self, at: &At<'_>) -> Option<Schedule> {
        if !self.names(at, &["every", "cron", "timezone"]) {
            return None;
        }
        let timezone = at.field("timezone").and_then(|zone| self.timezone(&zone));
        match (at.field("every"), at.field("cron")) {
            (Some(every), None) => {
                if let Some(zone) = at.field("timezone") {
                    self.fault(&zone, "a time zone goes with `cron`, not with `every`");
                }
                let span = self.span(&every, MINUTE, YEAR)?;
                if span.as_secs().is_multiple_of(60) && span.subsec_nanos() == 0 {
                    return Some(Schedule::Every { every: span });
                }
                self.fault(&every, "accepted are whole minutes");
                None
            }
            (None, Some(cron)) => self.cron(&cron).map(|cron| Schedule::Cron { cron, timezone }),
            _ => {
                self.fault(at, "accepted is either `every` or `cron`");
                None
            }
        }
    }

    fn cron(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        let text = text.trim();
        let text = text.strip_prefix("cron(").and_then(|t| t.strip_suffix(')')).unwrap_or(text);
        self.kept(at, Cron::parse(text, "UTC"))?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The name of a time zone that exists.
    pub fn timezone(&mut self, at: &At<'_>) -> Option<String> {
        let NodeValue::String(name) = &at.node.value else {
            self.text(at)?;
            self.fault(at, "accepted is the IANA name of a time zone, such as Europe/Berlin");
            return None;
        };
        if jiff::tz::TimeZone::get(name).is_ok() {
            return Some(name.clone());
        }
        self.fault(
            at,
            format!("`{name}` is not the IANA name of a time zone; such as Europe/Berlin"),
        );
        None
    }
}

/// One minute.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// The longest interval accepted.
pub(super) const YEAR: Duration = Duration::from_hours(366 * 24);
