//! JSON in bodies: where in them the values are.

use std::ops::Range;

use bytes::Bytes;
use jiter::{Jiter, JiterError, Peek};

use super::{DecodeError, Values, encoding};
use crate::component::Component;
use crate::value::Value;

/// Reads one value after the other.
pub(super) fn read<'d>(bodies: Vec<Bytes>) -> Values<'d> {
    Box::new(
        bodies
            .into_iter()
            .map(|body| Value::from_json(&body).map_err(|error| fault(error.at, &body))),
    )
}

fn fault(at: usize, body: &[u8]) -> DecodeError {
    DecodeError::Not { wanted: "JSON", at, length: body.len() }
}

/// Lines that are not blank.
pub(super) fn lines(body: &Bytes) -> Vec<Bytes> {
    body.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .map(|line| body.slice_ref(line))
        .collect()
}

/// The elements of a list, or the one value that a body is; nothing in an empty body.
pub(super) fn elements(body: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
    let text = body.trim_ascii();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut jiter = Jiter::new(body).with_allow_inf_nan();
    let mut found = Vec::new();
    let read = match jiter.peek() {
        Ok(Peek::Array) => list(&mut jiter, &mut found),
        Ok(_) => {
            found.push(body.len() - body.trim_ascii_start().len()..body.trim_ascii_end().len());
            jiter.next_skip()
        }
        Err(error) => Err(error),
    };
    read.and_then(|()| jiter.finish()).map_err(|error| fault(error.index, body))?;
    Ok(found.into_iter().map(|range| body.slice(range)).collect())
}

/// Likewise within another decoder, where nothing and `null` are no values.
pub(super) fn inner(body: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
    match body.trim_ascii() {
        b"" | b"null" => Err(fault(0, body)),
        _ => elements(body),
    }
}

fn list(jiter: &mut Jiter<'_>, found: &mut Vec<Range<usize>>) -> Result<(), JiterError> {
    let mut next = jiter.known_array()?;
    while let Some(peek) = next {
        let start = jiter.current_index();
        jiter.known_skip(peek)?;
        found.push(start..jiter.current_index());
        next = jiter.array_step()?;
    }
    Ok(())
}

/// A `JsonItemsDecoder`: the elements of the lists at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    /// The path of an element: names, and `item` for any element of a list, joined by dots.
    path: String,
    encoding: String,
}

impl Items {
    pub(super) fn build(component: &Component) -> Self {
        let path = component.required("items_path", component.text("items_path"));
        if path == Some("") {
            component.fault_at("items_path", "must name a list");
        }
        let path = format!("{}.item", path.unwrap_or_default());
        Self { path, encoding: encoding::of(component) }
    }

    pub(super) fn find(&self, body: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
        let body = encoding::recoded(body, &self.encoding)?;
        let mut jiter = Jiter::new(&body);
        let mut found = Vec::new();
        let walk = walk(&mut jiter, &self.path, &mut found, 0).and_then(|()| jiter.finish());
        walk.map_err(|error| fault(error.index, &body))?;
        Ok(found.into_iter().map(|range| body.slice(range)).collect())
    }
}

/// Deepest path that is followed.
const MAX_DEPTH: usize = 128;

/// Follows a path from the next value on. A name may hold dots, so it is compared with the head
/// of what is left of the path.
fn walk(
    jiter: &mut Jiter<'_>,
    path: &str,
    found: &mut Vec<Range<usize>>,
    depth: usize,
) -> Result<(), JiterError> {
    let peek = jiter.peek()?;
    if path.is_empty() {
        let start = jiter.current_index();
        jiter.known_skip(peek)?;
        found.push(start..jiter.current_index());
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return jiter.known_skip(peek);
    }
    match peek {
        Peek::Array => {
            let mut next = jiter.known_array()?;
            while let Some(peek) = next {
                match below(path, "item") {
                    Some(rest) => walk(jiter, rest, found, depth + 1)?,
                    None => jiter.known_skip(peek)?,
                }
                next = jiter.array_step()?;
            }
            Ok(())
        }
        Peek::Object => {
            let mut key = jiter.known_object()?;
            while let Some(name) = key {
                match below(path, name) {
                    Some(rest) => walk(jiter, rest, found, depth + 1)?,
                    None => jiter.next_skip()?,
                }
                key = jiter.next_key()?;
            }
            Ok(())
        }
        other => jiter.known_skip(other),
    }
}

/// What is left of a path below a name.
fn below<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}
