//! Cursors: windows of time or a growing count, and the state that says how far a stream was
//! read.

mod build;
mod clamp;
mod count;
mod moment;
mod partitions;
mod progress;
mod windows;

pub(crate) use clamp::Clamp;
pub(crate) use count::{CountCursor, Counted};
pub(crate) use moment::Moment;
pub(crate) use partitions::Partitions;
pub(crate) use progress::Progress;
pub(crate) use windows::{Bounds, Cut};

use jiff::tz::TimeZone;
use request::datetime::{Format, Period};
use request::value::Value;
use serde_json::Value as Json;

/// Why a cursor cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    /// A state value in none of the stream's formats.
    #[error("cursor value {value} has none of the formats {}", formats.join(", "))]
    Format {
        /// The value.
        value: String,
        /// The formats.
        formats: Vec<String>,
    },
    /// A count that is none.
    #[error("cursor value {value} is not a whole number")]
    Count {
        /// The value.
        value: String,
    },
    /// A state of spans for a stream that keeps a count.
    #[error("a state of spans does not belong to a stream that keeps a count")]
    Spans,
    /// A step that is too small for the time to be read.
    #[error("more than {most} windows")]
    TooManyWindows {
        /// The limit.
        most: usize,
    },
}

/// What orders the records of a stream.
#[derive(Debug)]
pub(crate) enum Cursor {
    /// `DatetimeBasedCursor`.
    Datetime(Box<DatetimeCursor>),
    /// `IncrementingCountCursor`.
    Count(CountCursor),
}

impl Cursor {
    /// The cursor of times, if it is one.
    pub(crate) fn datetime(&self) -> Option<&DatetimeCursor> {
        match self {
            Self::Datetime(cursor) => Some(cursor),
            Self::Count(_) => None,
        }
    }

    /// Top-level field of a record that holds its cursor value.
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Datetime(cursor) => &cursor.field,
            Self::Count(cursor) => &cursor.field,
        }
    }

    /// Names of the bounds within a slice.
    pub(crate) fn bound_fields(&self) -> (&str, &str) {
        match self {
            Self::Datetime(cursor) => (&cursor.start_field, &cursor.end_field),
            Self::Count(_) => count::FIELDS,
        }
    }
}

/// A stream's cursor over time, with this configuration.
#[derive(Debug)]
pub(crate) struct DatetimeCursor {
    /// Top-level field of a record that holds its cursor value.
    pub(crate) field: String,
    /// How bounds and states are written.
    format: Format,
    /// How cursor values are read, first match decides; `format` is the last of them.
    formats: Vec<Format>,
    /// Where windows are cut.
    pub(crate) cut: Cut,
    /// The manifest's own end; the present where there is none.
    end: Option<Moment>,
    lookback: Option<Period>,
    /// Names of the bounds within a slice.
    pub(crate) start_field: String,
    /// Likewise.
    pub(crate) end_field: String,
    /// The pages come newest first; the walk ends at the first page that ends in known records.
    pub(crate) data_feed: bool,
    /// Records outside the time to be read are dropped here, because the source does not.
    pub(crate) client_side: bool,
    /// One state for all partitions.
    pub(crate) global: bool,
    /// The end of a window is sent less this: the source's upper bound is inclusive.
    inclusive_unit: Option<Period>,
    /// Each window is read as so many side by side.
    split: u32,
    /// The zone of texts that name none; UTC unless the overlay says otherwise.
    zone: Option<TimeZone>,
}

impl DatetimeCursor {
    /// Where reading ends.
    pub(crate) fn end(&self, now: Moment) -> Moment {
        let end = self.end.unwrap_or(now);
        let clamped = self.cut.clamp.and_then(|clamp| clamp.end(end, self.cut.granularity));
        clamped.unwrap_or(end)
    }

    /// The parts of a window that are read side by side; none of them is empty.
    pub(crate) fn parts(&self, window: Bounds) -> Vec<Bounds> {
        let whole = window.until.at().duration_since(window.from.at()).as_micros();
        let count = i128::from(self.split).min(whole.max(1));
        let bound = |i: i128| match i {
            0 => Some(window.from),
            i if i == count => Some(window.until),
            i => window.from.plus(Period::from_micros(whole * i / count)),
        };
        let part = |i: i128| {
            let (from, until) = (bound(i)?, bound(i + 1)?);
            let inside = self.cut.granularity.filter(|_| i + 1 < count);
            let last = match inside {
                Some(unit) => until.minus(unit)?.max(from),
                None if i + 1 < count => until,
                None => window.last,
            };
            Some(Bounds { from, until, last })
        };
        (0..count).map(part).collect::<Option<_>>().unwrap_or_else(|| vec![window])
    }

    /// A window as it is sent: its start and its end.
    pub(crate) fn texts(&self, bounds: &Bounds) -> (String, String) {
        let last = self.inclusive_unit.and_then(|unit| bounds.until.minus(unit));
        (self.format(bounds.from), self.format(last.unwrap_or(bounds.last)))
    }

    /// A record's cursor value, if it is one.
    pub(crate) fn parse(&self, value: &Value) -> Option<Moment> {
        if value.is_nothing() {
            return None;
        }
        self.formats.iter().find_map(|format| {
            Some(Moment::read(format.parse(value).ok()?, format, self.zone.as_ref()))
        })?
    }

    /// The same of a text.
    pub(crate) fn parse_text(&self, text: &str) -> Option<Moment> {
        self.formats.iter().find_map(|format| {
            Some(Moment::read(format.parse_text(text).ok()?, format, self.zone.as_ref()))
        })?
    }

    /// A state's value, which must be one.
    pub(crate) fn parse_state(&self, value: &Json) -> Result<Moment, CursorError> {
        self.parse(&Value::from(value)).ok_or_else(|| CursorError::Format {
            value: value.to_string(),
            formats: self.formats.iter().map(|format| format.as_str().to_owned()).collect(),
        })
    }

    /// As the source and the state write it.
    pub(crate) fn format(&self, moment: Moment) -> String {
        let local = self.zone.as_ref().and_then(|zone| moment.written_in(zone));
        self.format.format(local.unwrap_or(moment.written()))
    }
}
