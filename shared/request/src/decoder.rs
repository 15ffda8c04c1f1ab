//! Bodies of answers: where in them the JSON values are.

use std::ops::Range;

use bytes::Bytes;
use jiter::{Jiter, Peek};
use model::{Classify, Retry};

use crate::component::Component;

/// A body that cannot be decoded. It says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is not {wanted} (byte {at} of {length})")]
pub struct DecodeError {
    wanted: &'static str,
    at: usize,
    length: usize,
}

impl Classify for DecodeError {
    /// A body that was cut off, or an error page, may be whole the next time.
    fn retry(&self) -> Retry {
        Retry::Backoff
    }
}

/// A decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decoder {
    /// One JSON value; the elements of a list count one by one.
    #[default]
    Json,
    /// One JSON value a line.
    JsonLines,
    /// One text a line.
    Lines,
}

impl Decoder {
    /// Builds a decoder; what is wrong with it goes to the component's faults.
    pub fn build(component: &Component) -> Self {
        match component.kind() {
            "JsonDecoder" => Self::Json,
            "JsonlDecoder" => Self::JsonLines,
            "IterableDecoder" => Self::Lines,
            _ => {
                component.unknown_kind(&["JsonDecoder", "JsonlDecoder", "IterableDecoder"]);
                Self::Json
            }
        }
    }

    /// The JSON values of a body, as slices of it. An empty body and an empty list are one empty
    /// mapping. A body that is no JSON is refused, where the reference reads it as empty and so
    /// takes an error page for the end of the data.
    pub fn bodies(self, body: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
        match self {
            Self::Json => json(body),
            Self::JsonLines => lines(body).map(|line| whole(&line).map(|()| line)).collect(),
            Self::Lines => Ok(lines(body)
                .map(|line| {
                    let text = String::from_utf8_lossy(&line);
                    let record = serde_json::json!({ "record": text });
                    Bytes::from(record.to_string())
                })
                .collect()),
        }
    }
}

const EMPTY: &[u8] = b"{}";

fn fault(wanted: &'static str, at: usize, body: &[u8]) -> DecodeError {
    DecodeError { wanted, at, length: body.len() }
}

/// Lines that are not blank.
fn lines(body: &Bytes) -> impl Iterator<Item = Bytes> {
    body.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .map(|line| body.slice_ref(line))
}

/// Checks that a text is one JSON value and nothing more.
fn whole(text: &[u8]) -> Result<(), DecodeError> {
    let mut jiter = Jiter::new(text).with_allow_inf_nan();
    let skip = jiter.next_skip().and_then(|()| jiter.finish());
    skip.map_err(|e| fault("JSON", e.index, text))
}

fn json(body: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
    if body.trim_ascii().is_empty() {
        return Ok(vec![Bytes::from_static(EMPTY)]);
    }
    let mut jiter = Jiter::new(body).with_allow_inf_nan();
    let peek = jiter.peek().map_err(|e| fault("JSON", e.index, body))?;
    if peek != Peek::Array {
        whole(body)?;
        return Ok(vec![body.slice_ref(body.trim_ascii())]);
    }
    let ranges = elements(&mut jiter).map_err(|e| fault("JSON", e.index, body))?;
    if ranges.is_empty() {
        return Ok(vec![Bytes::from_static(EMPTY)]);
    }
    Ok(ranges.into_iter().map(|range| body.slice(range)).collect())
}

fn elements(jiter: &mut Jiter<'_>) -> Result<Vec<Range<usize>>, jiter::JiterError> {
    let mut ranges = Vec::new();
    let mut next = jiter.known_array()?;
    while let Some(peek) = next {
        let start = jiter.current_index();
        jiter.known_skip(peek)?;
        ranges.push(start..jiter.current_index());
        next = jiter.array_step()?;
    }
    jiter.finish()?;
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(decoder: Decoder, body: &str, expected: &[&str]) {
        let bodies = decoder.bodies(&Bytes::from(body.to_owned())).unwrap();
        let texts: Vec<_> = bodies.iter().map(|b| std::str::from_utf8(b).unwrap()).collect();
        assert_eq!(texts, expected, "{body}");
    }

    #[test]
    fn a_list_is_one_body_an_element() {
        check(
            Decoder::Json,
            r#" [ {"a": 1.10} , [2], "x" ] "#,
            &[r#"{"a": 1.10}"#, "[2]", "\"x\""],
        );
        check(Decoder::Json, r#" {"a": [1]} "#, &[r#"{"a": [1]}"#]);
    }

    #[test]
    fn nothing_is_an_empty_mapping() {
        check(Decoder::Json, "", &["{}"]);
        check(Decoder::Json, " [] ", &["{}"]);
    }

    #[test]
    fn lines_are_bodies() {
        check(Decoder::JsonLines, "{\"a\":1}\r\n\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]);
        check(Decoder::Lines, "x\ny", &["{\"record\":\"x\"}", "{\"record\":\"y\"}"]);
    }

    #[test]
    fn a_body_cut_short_is_refused() {
        for body in ["[{\"a\":1},", "{\"a\":", "<html>", "{} {}"] {
            assert!(Decoder::Json.bodies(&Bytes::from(body)).is_err(), "{body}");
        }
    }
}
