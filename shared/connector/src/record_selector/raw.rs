//! The raw path: records are found as slices of the page body, and only their cursor is read.

use std::ops::Range;

use jiter::{Jiter, JiterError, Peek};
use request::value::{Dict, Selection, Value};

/// What a page holds, without its records having been parsed.
#[derive(Debug, Default)]
pub(crate) struct RawPage {
    /// Where each record stands in the body, and its cursor value.
    pub(crate) records: Vec<RawRecord>,
    /// Whether they stand in a list.
    pub(crate) listed: bool,
    /// The selected fields beside the records.
    pub(crate) response: Dict,
}

/// Where a record stands, and its cursor value as JSON writes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawRecord {
    pub(crate) place: Range<usize>,
    pub(crate) cursor: RawCursor,
}

/// A cursor value, read no further than its token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum RawCursor {
    /// Missing, null, or nothing that can be a cursor value.
    #[default]
    Absent,
    /// A text.
    Text(String),
    /// The token of a number.
    Number(String),
}

/// Why the raw path does not read a body.
#[derive(Debug)]
pub(crate) enum RawError {
    /// It is JSON, but not of the shape that the raw path knows.
    Shape,
    /// It is not JSON: what, and at which byte.
    Json(String),
}

impl From<JiterError> for RawError {
    fn from(error: JiterError) -> Self {
        Self::Json(error.to_string())
    }
}

/// Reads one page.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    body: &'a [u8],
    jiter: Jiter<'a>,
    cursor: Option<&'a str>,
    page: RawPage,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8], cursor: Option<&'a str>) -> Self {
        Self { body, jiter: Jiter::new(body), cursor, page: RawPage::default() }
    }

    /// Finds the records at a path of field names, and the selected fields on the way there.
    pub(crate) fn read(
        mut self,
        path: &[String],
        selection: &Selection,
    ) -> Result<RawPage, RawError> {
        match (path.split_first(), self.jiter.peek()?) {
            (None, Peek::Array) => self.array(false)?,
            (None, Peek::Object) => self.alone()?,
            (Some((first, rest)), Peek::Object) => {
                let mut response = Dict::default();
                self.object(first, rest, selection, &mut response)?;
                self.page.response = response;
            }
            _ => return Err(RawError::Shape),
        }
        self.jiter.finish()?;
        Ok(self.page)
    }

    fn object(
        &mut self,
        name: &str,
        rest: &[String],
        selection: &Selection,
        response: &mut Dict,
    ) -> Result<(), RawError> {
        let mut key = self.jiter.known_object()?;
        while let Some(found) = key {
            if found == name {
                self.page.records.clear();
                let mut inner = Dict::default();
                self.follow(rest, selection.field(name), &mut inner)?;
                if !inner.is_empty() {
                    response.insert(name, Value::from(inner));
                }
            } else if let Some(part) = selection.field(found) {
                let found = found.to_owned();
                let text = self.skip()?;
                let value = Value::select_json(text, part)
                    .map_err(|error| RawError::Json(error.to_string()))?;
                response.insert(found.as_str(), value);
            } else {
                self.jiter.next_skip()?;
            }
            key = self.jiter.next_key()?;
        }
        Ok(())
    }

    fn follow(
        &mut self,
        rest: &[String],
        selection: Option<&Selection>,
        response: &mut Dict,
    ) -> Result<(), RawError> {
        let nothing = Selection::nothing();
        match (rest.split_first(), self.jiter.peek()?) {
            (None, Peek::Array) => self.array(true),
            (None, Peek::Object) => self.alone(),
            (Some((first, rest)), Peek::Object) => {
                self.object(first, rest, selection.unwrap_or(&nothing), response)
            }
            (_, Peek::Null) => Ok(self.jiter.known_null()?),
            _ => Err(RawError::Shape),
        }
    }

    /// The records of a list; empty ones count where they stand at the end of a path.
    fn array(&mut self, keep_empty: bool) -> Result<(), RawError> {
        self.page.listed = true;
        let mut next = self.jiter.known_array()?;
        while let Some(peek) = next {
            if peek != Peek::Object {
                return Err(RawError::Shape);
            }
            let (record, empty) = self.record()?;
            if keep_empty || !empty {
                self.page.records.push(record);
            }
            next = self.jiter.array_step()?;
        }
        Ok(())
    }

    /// One record that stands where a list could.
    fn alone(&mut self) -> Result<(), RawError> {
        let (record, empty) = self.record()?;
        if !empty {
            self.page.records.push(record);
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(RawRecord, bool), RawError> {
        let start = self.jiter.current_index();
        let mut cursor = RawCursor::Absent;
        let mut key = self.jiter.known_object()?;
        let empty = key.is_none();
        while let Some(found) = key {
            if self.cursor == Some(found) {
                cursor = self.cursor_value()?;
            } else {
                self.jiter.next_skip()?;
            }
            key = self.jiter.next_key()?;
        }
        Ok((RawRecord { place: start..self.jiter.current_index(), cursor }, empty))
    }

    fn cursor_value(&mut self) -> Result<RawCursor, RawError> {
        let peek = self.jiter.peek()?;
        if peek == Peek::String {
            return Ok(RawCursor::Text(self.jiter.known_str()?.to_owned()));
        }
        let text = self.skip()?;
        let number = text.first().is_some_and(|b| *b == b'-' || b.is_ascii_digit());
        let token = if number { std::str::from_utf8(text).ok() } else { None };
        Ok(token.map_or(RawCursor::Absent, |token| RawCursor::Number(token.to_owned())))
    }

    /// The text of the next value.
    fn skip(&mut self) -> Result<&'a [u8], RawError> {
        self.jiter.peek()?;
        let start = self.jiter.current_index();
        self.jiter.next_skip()?;
        Ok(self.body.get(start..self.jiter.current_index()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, path: &[&str], selected: &[&str]) -> Result<RawPage, RawError> {
        let path: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
        let mut selection = Selection::nothing();
        if !selected.is_empty() {
            let selected: Vec<String> = selected.iter().map(|s| (*s).to_owned()).collect();
            selection.add(&selected);
        }
        Reader::new(body.as_bytes(), Some("at")).read(&path, &selection)
    }

    fn texts<'b>(page: &RawPage, body: &'b str) -> Vec<&'b str> {
        page.records.iter().filter_map(|r| body.get(r.place.clone())).collect()
    }

    #[test]
    fn records_are_the_bytes_between_commas() {
        let body = r#" {"n": 1, "data": {"rows": [ {"at" : "x", "v": 1.50} ,{"v":{"at":2},"at":7}]}, "next": "t"} "#;
        let page = read(body, &["data", "rows"], &["next"]).unwrap();
        assert_eq!(texts(&page, body), [r#"{"at" : "x", "v": 1.50}"#, r#"{"v":{"at":2},"at":7}"#]);
        assert_eq!(page.records[0].cursor, RawCursor::Text("x".into()));
        assert_eq!(page.records[1].cursor, RawCursor::Number("7".into()));
        assert_eq!(page.response.get("next").and_then(Value::as_str), Some("t"));
        assert!(page.response.get("n").is_none());
    }

    #[test]
    fn lists_at_the_top_and_single_objects_are_records() {
        let body = r#"[{"a":1},{},{"b":2}]"#;
        assert_eq!(texts(&read(body, &[], &[]).unwrap(), body), [r#"{"a":1}"#, r#"{"b":2}"#]);
        let body = r#"{"d":{"a":1}}"#;
        assert_eq!(texts(&read(body, &["d"], &[]).unwrap(), body), [r#"{"a":1}"#]);
        assert!(read(r#"{"d":null}"#, &["d"], &[]).unwrap().records.is_empty());
        assert!(read("{}", &["d"], &[]).unwrap().records.is_empty());
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_counts() {
        let body = r#"{"d":[{"a":1}],"d":[{"a":2}]}"#;
        assert_eq!(texts(&read(body, &["d"], &[]).unwrap(), body), [r#"{"a":2}"#]);
    }

    #[test]
    fn other_shapes_are_left_to_the_value_path_and_broken_json_is_said() {
        assert!(matches!(read(r#"{"d":[1]}"#, &["d"], &[]), Err(RawError::Shape)));
        assert!(matches!(read(r#"{"d":"x"}"#, &["d"], &[]), Err(RawError::Shape)));
        assert!(matches!(read(r#"[{"d":[]}]"#, &["d"], &[]), Err(RawError::Shape)));
        for broken in [r#"{"d":[{"a":1}"#, r#"{"d":[{"a":}]}"#, r#"{"d":[]} x"#, ""] {
            assert!(matches!(read(broken, &["d"], &[]), Err(RawError::Json(_))), "{broken}");
        }
    }
}
