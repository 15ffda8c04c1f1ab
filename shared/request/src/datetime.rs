//! Dates and times as Python has them: formats, parsing, ISO 8601 texts and durations.

mod format;
mod iso;
mod parse;
mod period;

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{self, Date};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

pub use format::{Format, strftime_date};
pub use iso::isoparse;
pub use period::Period;

/// A text that is not the date, time or duration it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text does not have the format.
    #[error("time `{text}` does not have the format `{format}`")]
    Format {
        /// The text.
        text: String,
        /// The format.
        format: String,
    },
    /// The text has none of the accepted formats.
    #[error("time `{text}` has none of the formats {formats}")]
    Formats {
        /// The text.
        text: String,
        /// The formats, quoted and joined.
        formats: String,
    },
    /// Not ISO 8601.
    #[error("`{text}` is not an ISO 8601 {what}")]
    Iso {
        /// The text.
        text: String,
        /// What was expected.
        what: &'static str,
    },
    /// Outside of the years 1 to 9999.
    #[error("the time lies outside of the years 1 to 9999")]
    Range,
}

impl model::Classify for TimeError {
    fn retry(&self) -> model::Retry {
        match self {
            Self::Format { .. } | Self::Formats { .. } | Self::Iso { .. } | Self::Range => {
                model::Retry::Never
            }
        }
    }
}

/// A point in time to the microsecond; without an offset it is naive, as in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    civil: civil::DateTime,
    /// Seconds east of UTC.
    offset: Option<i32>,
}

impl DateTime {
    /// A naive time; digits below the microsecond are cut off.
    pub fn naive(at: civil::DateTime) -> Self {
        let micros = at.subsec_nanosecond() / 1_000 * 1_000;
        Self { civil: at.with().subsec_nanosecond(micros).build().unwrap_or(at), offset: None }
    }

    /// An instant, in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self { offset: Some(0), ..Self::naive(Offset::UTC.to_datetime(at)) }
    }

    /// The same clock reading, said to be at an offset in seconds.
    #[must_use]
    pub fn with_offset(self, offset: Option<i32>) -> Self {
        Self { offset, ..self }
    }

    /// The instant; a naive time is taken as UTC.
    pub fn instant(self) -> Result<Timestamp, TimeError> {
        let offset =
            Offset::from_seconds(self.offset.unwrap_or(0)).map_err(|_| TimeError::Range)?;
        offset.to_timestamp(self.civil).map_err(|_| TimeError::Range)
    }

    /// The same instant in UTC; a naive time is taken as UTC.
    pub fn to_utc(self) -> Result<Self, TimeError> {
        self.instant().map(Self::utc)
    }

    /// The same instant at another offset.
    pub fn at_offset(self, seconds: i32) -> Result<Self, TimeError> {
        let offset = Offset::from_seconds(seconds).map_err(|_| TimeError::Range)?;
        let civil = offset.to_datetime(self.instant()?);
        Ok(Self { civil, offset: Some(seconds) })
    }

    /// The clock reading.
    pub fn civil(self) -> civil::DateTime {
        self.civil
    }

    /// Seconds east of UTC; none when naive.
    pub fn offset(self) -> Option<i32> {
        self.offset
    }

    /// The day.
    pub fn date(self) -> Date {
        self.civil.date()
    }

    /// Microseconds since the epoch; a naive time is taken as UTC.
    pub fn micros(self) -> i64 {
        self.instant().map_or(0, Timestamp::as_microsecond)
    }

    /// Microseconds of the second.
    pub fn microsecond(self) -> i32 {
        self.civil.subsec_nanosecond() / 1_000
    }

    /// Python's `isoformat(separator, timespec)`, `auto` when `digits` is none.
    pub fn isoformat(self, separator: &str, digits: Option<TimeSpec>) -> String {
        let (date, time) = (self.civil.date(), self.civil.time());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let micros = self.microsecond();
        let clock = match digits {
            Some(TimeSpec::Hours) => format!("{hour:02}"),
            Some(TimeSpec::Minutes) => format!("{hour:02}:{minute:02}"),
            Some(TimeSpec::Milliseconds) => {
                format!("{hour:02}:{minute:02}:{second:02}.{:03}", micros / 1_000)
            }
            Some(TimeSpec::Microseconds) => {
                format!("{hour:02}:{minute:02}:{second:02}.{micros:06}")
            }
            None if micros != 0 => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
            Some(TimeSpec::Seconds) | None => format!("{hour:02}:{minute:02}:{second:02}"),
        };
        let offset = self.offset.map(|seconds| offset_text(seconds, ":")).unwrap_or_default();
        format!(
            "{:04}-{:02}-{:02}{separator}{clock}{offset}",
            date.year(),
            date.month(),
            date.day()
        )
    }

    /// Later by a period: months first, with the day clipped, then the rest.
    pub fn plus(self, period: Period) -> Result<Self, TimeError> {
        let date = period.shift_months(self.civil.date())?;
        let civil = date.to_datetime(self.civil.time());
        let civil = civil.checked_add(period.duration()?).map_err(|_| TimeError::Range)?;
        if !(1..=9999).contains(&civil.year()) {
            return Err(TimeError::Range);
        }
        Ok(Self { civil, ..self })
    }

    /// Earlier by a period.
    pub fn minus(self, period: Period) -> Result<Self, TimeError> {
        self.plus(period.negated())
    }

    /// Time from another one to this; none between a naive and an aware time.
    pub fn since(self, other: Self) -> Option<Period> {
        if self.offset.is_some() != other.offset.is_some() {
            return None;
        }
        let micros = i128::from(self.micros()) - i128::from(other.micros());
        Some(Period::from_micros(micros))
    }

    /// Python's order; none between a naive and an aware time.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (Some(_), Some(_)) => Some(self.instant().ok()?.cmp(&other.instant().ok()?)),
            (None, None) => Some(self.civil.cmp(&other.civil)),
            _ => None,
        }
    }

    /// Python's `repr`.
    pub fn repr(self) -> String {
        let (date, time) = (self.civil.date(), self.civil.time());
        let mut parts = vec![
            date.year().to_string(),
            date.month().to_string(),
            date.day().to_string(),
            time.hour().to_string(),
            time.minute().to_string(),
        ];
        let micros = self.microsecond();
        if time.second() != 0 || micros != 0 {
            parts.push(time.second().to_string());
        }
        if micros != 0 {
            parts.push(micros.to_string());
        }
        match self.offset {
            Some(0) => parts.push("tzinfo=datetime.timezone.utc".to_owned()),
            Some(seconds) => {
                let delta = Period::from_duration(SignedDuration::from_secs(i64::from(seconds)));
                parts.push(format!("tzinfo=datetime.timezone({})", delta.repr()));
            }
            None => {}
        }
        format!("datetime.datetime({})", parts.join(", "))
    }
}

/// How many digits of the time `isoformat` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of Python's `timespec`")]
pub enum TimeSpec {
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
    Microseconds,
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.isoformat(" ", None))
    }
}

/// `+HHMM[SS]` with a separator between the parts.
fn offset_text(seconds: i32, separator: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60);
    if rest == 0 {
        format!("{sign}{hours:02}{separator}{minutes:02}")
    } else {
        format!("{sign}{hours:02}{separator}{minutes:02}{separator}{rest:02}")
    }
}

#[cfg(test)]
mod tests;
