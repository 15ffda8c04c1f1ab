//! `IncrementingCountCursor`: a number that only grows, and how far a stream was read by it.

use request::interpolation::Context;
use request::value::{Number, Value};
use serde_json::{Map, Value as Json};

use super::CursorError;
use crate::part::{BuildError, Part};
use crate::slice::{Partition, Slice};

/// Names of the bounds within a slice.
pub(crate) const FIELDS: (&str, &str) = ("start", "end");

/// A stream's count, with this configuration.
#[derive(Debug)]
pub(crate) struct CountCursor {
    /// Top-level field of a record that holds its count.
    pub(crate) field: String,
    /// Nothing below this is read.
    first: i128,
}

impl CountCursor {
    pub(crate) fn build(
        part: &Part<'_>,
        field: String,
        context: &Context<'_>,
    ) -> Result<Self, BuildError> {
        let first = match part.value_at("start_value", context)? {
            None => 0,
            Some(value) => whole(&value)
                .ok_or_else(|| part.fault(format!("`start_value` is `{value}`, not a number")))?,
        };
        Ok(Self { field, first })
    }

    /// A record's count: none where there is none, an error where it is no whole number.
    pub(crate) fn parse(value: &Value) -> Result<Option<i128>, CursorError> {
        match value {
            value if value.is_nothing() => Ok(None),
            Value::Number(number) if number.is_integer() => Ok(number.as_i128()),
            other => Err(CursorError::Count { value: other.to_string() }),
        }
    }

    /// The same of a number's token.
    pub(crate) fn parse_token(token: &str) -> Option<i128> {
        Number::from_token(token)?.as_i128()
    }

    /// The bounds of a slice as templates see them: there is no upper one.
    pub(crate) fn bounds(start: &str) -> [(&'static str, Value); 2] {
        let start = Number::from_token(start).map(Value::Number).unwrap_or_default();
        [(FIELDS.0, start), (FIELDS.1, Value::from(f64::INFINITY))]
    }
}

/// Python's `int()` of what a template gave.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) if number.is_integer() => number.as_i128(),
        #[expect(clippy::cast_possible_truncation, reason = "int() cuts off as well")]
        Value::Number(number) => Some(number.as_f64()).filter(|f| f.is_finite()).map(|f| f as i128),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// How far a stream was read.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    /// The manifest's first value.
    first: i128,
    /// Where this sync starts.
    start: i128,
    /// The greatest count of what was read whole.
    latest: Option<i128>,
    /// Keys of the incoming state that are not ours: they are kept.
    kept: Map<String, Json>,
}

impl Counted {
    /// From an incoming state, empty at first.
    pub(crate) fn from_state(
        cursor: &CountCursor,
        state: &Map<String, Json>,
    ) -> Result<Self, CursorError> {
        if state.contains_key("state_type") {
            return Err(CursorError::Spans);
        }
        let known = state.get(&cursor.field).map(Value::from).filter(Value::is_truthy);
        let known = known.as_ref().map(CountCursor::parse).transpose()?.flatten();
        Ok(Self::resuming(cursor, known, state.clone()))
    }

    /// From a count to resume at; none at first.
    pub(crate) fn resuming(
        cursor: &CountCursor,
        known: Option<i128>,
        kept: Map<String, Json>,
    ) -> Self {
        let start = known.filter(|known| *known >= cursor.first).unwrap_or(cursor.first);
        Self { first: cursor.first, start, latest: None, kept }
    }

    /// Its one slice.
    pub(crate) fn slice(&self, partition: &Partition) -> Slice {
        let start = Some(self.start.to_string());
        Slice { partition: partition.clone(), start, ..Slice::default() }
    }

    /// Notes the slice as read whole.
    pub(crate) fn close(&mut self, latest: Option<i128>) {
        self.latest = self.latest.max(latest.filter(|latest| *latest != 0));
    }

    /// Whether there is more to say than at the start.
    pub(crate) fn has_moved(&self) -> bool {
        self.latest.is_some()
    }

    /// The state: the greatest count of what was read.
    pub(crate) fn state(&self, cursor: &CountCursor) -> Map<String, Json> {
        let value = match self.latest {
            None => self.start,
            // The reference joins what it read to where it started, and zero is nothing to it.
            Some(latest) if self.start == 0 => latest,
            Some(latest) if self.start == self.first && latest < self.start - 1 => latest,
            Some(latest) => latest.max(self.start),
        };
        let mut state = self.kept.clone();
        state.insert(cursor.field.clone(), Value::Number(Number::from_i128(value)).to_json());
        state
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cursor(first: i128) -> CountCursor {
        CountCursor { field: "seq".to_owned(), first }
    }

    fn state(json: &Json) -> Map<String, Json> {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn a_sync_starts_at_its_state_but_never_before_the_first_value() {
        let start = |json: Json| Counted::from_state(&cursor(10), &state(&json)).unwrap().start;
        assert_eq!(start(json!({})), 10);
        assert_eq!(start(json!({"seq": 12})), 12);
        assert_eq!(start(json!({"seq": 3})), 10);
        assert_eq!(start(json!({"seq": 0})), 10);
        assert_eq!(start(json!({"seq": null})), 10);
    }

    #[test]
    fn the_state_is_the_greatest_count_and_keeps_what_it_does_not_know() {
        let cursor = cursor(0);
        let mut counted = Counted::from_state(&cursor, &state(&json!({"x": 1}))).unwrap();
        assert_eq!(Json::Object(counted.state(&cursor)), json!({"x": 1, "seq": 0}));
        counted.close(Some(7));
        assert_eq!(Json::Object(counted.state(&cursor)), json!({"x": 1, "seq": 7}));
    }

    #[test]
    fn older_records_than_asked_for_do_not_move_a_stream_back() {
        let cursor = cursor(0);
        let mut counted = Counted::from_state(&cursor, &state(&json!({"seq": 100}))).unwrap();
        counted.close(Some(5));
        assert_eq!(Json::Object(counted.state(&cursor)), json!({"seq": 100}));
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        let refused = |json: Json| Counted::from_state(&cursor(0), &state(&json)).unwrap_err();
        refused(json!({"seq": "7"}));
        refused(json!({"seq": 1.5}));
        refused(json!({"state_type": "integer", "slices": []}));
    }
}
