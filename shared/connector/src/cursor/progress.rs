//! How far a stream, or one of its partitions, has been read; and the state that says so.

use request::datetime::Period;
use serde_json::{Map, Value};

use super::moment::Moment;
use super::windows::Bounds;
use super::{CursorError, DatetimeCursor};

/// A span that was read whole, and the largest cursor value met in it.
#[derive(Debug, Clone)]
struct Interval {
    start: Moment,
    end: Moment,
    latest: Option<Moment>,
}

/// What has been read of a stream so far.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// Where this sync starts: the state's value, or the stream's start.
    start: Moment,
    /// Taken off the start of what is still to be read.
    lookback: Option<Period>,
    intervals: Vec<Interval>,
    /// Keys of the incoming state that are not ours: they are kept.
    kept: Map<String, Value>,
}

impl Progress {
    /// From an incoming state, empty at first. `runtime_lookback` is taken off its value.
    pub(crate) fn from_state(
        cursor: &DatetimeCursor,
        state: &Map<String, Value>,
        runtime_lookback: Option<Period>,
    ) -> Result<Self, CursorError> {
        if state.get("state_type").and_then(Value::as_str) == Some("date-range") {
            return Self::from_ranges(cursor, state);
        }
        let mut kept = state.clone();
        let mut value = match state.get(&cursor.field) {
            None => None,
            Some(value) => Some(cursor.parse_state(value)?),
        };
        if let (Some(moment), Some(lookback)) = (value, runtime_lookback.filter(|l| !l.is_zero())) {
            let moved = moment.minus(lookback).unwrap_or(moment);
            let text = cursor.format(moved);
            value = Some(cursor.parse_state(&Value::String(text.clone()))?);
            kept.insert(cursor.field.clone(), Value::String(text));
        }
        Ok(Self::resuming(cursor, value, kept))
    }

    /// From an instant to resume at; none at first.
    pub(crate) fn resuming(
        cursor: &DatetimeCursor,
        value: Option<Moment>,
        kept: Map<String, Value>,
    ) -> Self {
        let first = cursor.cut.start;
        let start = value.filter(|value| *value >= first).unwrap_or(first);
        let read = Interval { start: first, end: start, latest: Some(start) };
        Self { start, lookback: cursor.lookback, intervals: vec![read], kept }
    }

    /// From the reference's other form, a list of spans.
    fn from_ranges(
        cursor: &DatetimeCursor,
        state: &Map<String, Value>,
    ) -> Result<Self, CursorError> {
        let empty = Vec::new();
        let slices = state.get("slices").and_then(Value::as_array).unwrap_or(&empty);
        let mut intervals = Vec::with_capacity(slices.len());
        for slice in slices {
            let moment = |key: &str| cursor.parse_state(slice.get(key).unwrap_or(&Value::Null));
            let latest = slice.get("most_recent_cursor_value").filter(|value| !value.is_null());
            intervals.push(Interval {
                start: moment("start")?,
                end: moment("end")?,
                latest: latest.map(|value| cursor.parse_state(value)).transpose()?,
            });
        }
        if intervals.is_empty() {
            return Ok(Self::resuming(cursor, None, Map::new()));
        }
        let first = intervals.first().map(|i| i.latest.unwrap_or(i.end));
        let start = first.unwrap_or(cursor.cut.start);
        let legacy = state.get("legacy").and_then(Value::as_object).cloned();
        let kept = legacy.unwrap_or_default();
        Ok(Self { start, lookback: cursor.lookback, intervals, kept })
    }

    /// The windows still to be read, up to an end.
    pub(crate) fn windows(
        &mut self,
        cursor: &DatetimeCursor,
        end: Moment,
        most: usize,
    ) -> Result<Vec<Bounds>, CursorError> {
        self.merge(cursor);
        let cut = &cursor.cut;
        let mut windows = Vec::new();
        let mut add = |lower, upper, open| {
            let more = cut.windows(lower, upper, open, most).filter(|w| w.len() <= most);
            more.map(|more| windows.extend(more)).ok_or(CursorError::TooManyWindows { most })
        };
        if let Some(first) = self.intervals.first().filter(|first| cut.start < first.start) {
            add(cut.start, first.start, false)?;
        }
        for (before, after) in self.intervals.iter().zip(self.intervals.iter().skip(1)) {
            let lower = cut.granularity.and_then(|unit| before.end.plus(unit));
            add(lower.unwrap_or(before.end), after.start, false)?;
        }
        if let Some(last) = self.intervals.last() {
            let lower = self.lookback.and_then(|back| last.end.minus(back)).unwrap_or(last.end);
            add(lower, end, true)?;
        }
        Ok(windows)
    }

    /// Notes a window, by the texts that were sent, as read whole.
    pub(crate) fn close(
        &mut self,
        cursor: &DatetimeCursor,
        bounds: (&str, &str),
        latest: Option<Moment>,
    ) -> Result<(), CursorError> {
        let moment = |text: &str| cursor.parse_state(&Value::String(text.to_owned()));
        self.intervals.push(Interval { start: moment(bounds.0)?, end: moment(bounds.1)?, latest });
        self.merge(cursor);
        Ok(())
    }

    /// The state: the largest cursor value of what was read without a gap from the start.
    pub(crate) fn state(&self, cursor: &DatetimeCursor) -> Map<String, Value> {
        let mut state = self.kept.clone();
        if let Some(first) = self.intervals.first() {
            let value = cursor.format(first.latest.unwrap_or(first.start));
            state.insert(cursor.field.clone(), Value::String(value));
        }
        state
    }

    /// The lowest cursor value that this sync is about.
    pub(crate) fn lowest(&self, cursor: &DatetimeCursor) -> Moment {
        let Some(lower) = self.lookback.and_then(|back| self.start.minus(back)) else {
            return self.start;
        };
        lower.max(self.start.min(cursor.cut.start))
    }

    /// Joins spans that touch: the next one starts within a unit of the end of the one before.
    fn merge(&mut self, cursor: &DatetimeCursor) {
        let unit = cursor.cut.granularity.or(cursor.inclusive_unit);
        let unit = unit.unwrap_or(Period::from_micros(1_000));
        self.intervals.sort_by_key(|interval| (interval.start, interval.end));
        let mut merged: Vec<Interval> = Vec::with_capacity(self.intervals.len());
        for interval in self.intervals.drain(..) {
            match merged.last_mut() {
                Some(last) if last.end.plus(unit).is_none_or(|e| e >= interval.start) => {
                    last.end = last.end.max(interval.end);
                    last.latest = last.latest.max(interval.latest);
                }
                _ => merged.push(interval),
            }
        }
        self.intervals = merged;
    }
}
