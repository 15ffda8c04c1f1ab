//! JSON as text: what can be done to a value without turning it into numbers and maps.
//!
//! Tokens stay verbatim: a number of forty digits or a price written `250.00` comes out as it
//! went in.

use std::io::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Appends a JSON value without the whitespace outside of its strings.
///
/// One pass; a value that has none is copied in one piece. The value must be valid JSON; a raw
/// line break inside a string, which JSON forbids, is escaped, so that the result is one line
/// whatever comes in.
pub fn minify_into(out: &mut Vec<u8>, raw: &[u8]) {
    out.reserve(raw.len());
    let mut rest = raw;
    let mut place = Place::Outside;
    loop {
        let (kept, tail) = rest.split_at(run(rest, &mut place));
        out.extend_from_slice(kept);
        let Some((byte, after)) = tail.split_first() else { return };
        if place == Place::Inside {
            debug_assert_eq!(*byte, b'\n', "only a line break stops inside a string");
            out.extend_from_slice(b"\\n");
        }
        rest = after;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Inside,
}

/// Length of the longest prefix that can be kept as it is.
fn run(text: &[u8], place: &mut Place) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        match place {
            Place::Outside => match rest.iter().position(|byte| is_notable(*byte)) {
                Some(found) if rest.get(found) == Some(&b'"') => {
                    at += found + 1;
                    *place = Place::Inside;
                }
                Some(found) => return at + found,
                None => return text.len(),
            },
            Place::Inside => match inside(rest) {
                (length, true) => {
                    at += length;
                    *place = Place::Outside;
                }
                (length, false) => return at + length,
            },
        }
    }
    text.len()
}

/// Whether a byte outside of strings opens one, or is to be left out.
fn is_notable(byte: u8) -> bool {
    matches!(byte, b'"' | b' ' | b'\n' | b'\r' | b'\t')
}

/// Length of the rest of a string with its closing quote, and true; or up to a raw line break,
/// and false.
fn inside(text: &[u8]) -> (usize, bool) {
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(found) = position_inside(rest) else { break };
        match rest.get(found) {
            Some(b'"') => return (at + found + 1, true),
            Some(b'\n') => return (at + found, false),
            _ if rest.get(found + 1) == Some(&b'\n') => return (at + found + 1, false),
            _ => at += found + 2,
        }
    }
    (text.len(), false)
}

/// Where the first quote, backslash or line break stands; eight bytes at a time, as most strings
/// are too short for wider steps to pay.
fn position_inside(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = zeroes(word ^ QUOTES) | zeroes(word ^ BACKSLASHES) | zeroes(word ^ BREAKS);
        if found != 0 {
            return Some(text.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = tail;
    }
    let last = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
    Some(text.len() - rest.len() + last)
}

const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
const BREAKS: u64 = u64::from_le_bytes([b'\n'; 8]);

/// Marks the zero bytes of a word, the lowest one exactly
/// (<https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>).
const fn zeroes(word: u64) -> u64 {
    let (ones, highs) = (u64::from_le_bytes([0x01; 8]), u64::from_le_bytes([0x80; 8]));
    word.wrapping_sub(ones) & !word & highs
}

/// Appends a text as a JSON string.
pub fn string_into(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped_into(out, text);
    out.push(b'"');
}

/// Appends a text as it stands between the quotes of a JSON string.
pub fn escaped_into(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(found) = rest.iter().position(|byte| is_escaped(*byte)) {
        let (kept, tail) = rest.split_at(found);
        out.extend_from_slice(kept);
        let Some((byte, after)) = tail.split_first() else { break };
        escape_into(out, *byte);
        rest = after;
    }
    out.extend_from_slice(rest);
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape_into(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let hex = |digit: u8| b"0123456789abcdef".get(usize::from(digit)).copied();
            let digits = [hex(byte >> 4).unwrap_or(b'0'), hex(byte & 15).unwrap_or(b'0')];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
        }
    }
}

/// The token at a path of object keys, verbatim; the last of equal keys, as most readers take it.
/// None when a step is missing or is not an object, or the text is not JSON.
pub fn token_at<'a, S: AsRef<str>>(json: &'a str, path: &[S]) -> Option<&'a str> {
    let mut token = json.trim_matches([' ', '\n', '\r', '\t']);
    for step in path {
        let mut parser = serde_json::Deserializer::from_str(token);
        token = Member(step.as_ref()).deserialize(&mut parser).ok()??.get();
    }
    Some(token)
}

/// A token's text in the way of SQL's JSON functions: a string's content, a number's or
/// boolean's token; none for null, objects and arrays.
pub fn scalar_text(token: &str) -> Option<std::borrow::Cow<'_, str>> {
    match token.as_bytes().first()? {
        b'"' => serde_json::from_str(token).ok().map(std::borrow::Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(std::borrow::Cow::Borrowed(token)),
    }
}

/// Picks one member of an object and skips the others.
struct Member<'s>(&'s str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(wanted) = map.next_key_seed(IsKey(self.0))? {
            if wanted {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is the one looked for, without keeping it.
struct IsKey<'s>(&'s str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Writes formatted text where writing cannot fail.
pub fn format_into(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written: io::Result<()> = out.write_fmt(text);
    debug_assert!(written.is_ok(), "a vector takes all bytes");
}

#[cfg(test)]
mod tests;
