//! The landing line: a source's record in an envelope of ours.
//!
//! `{"_tenant","_connection","_stream","_run","_request_start","_cursor","_slice","_page",
//! "_ordinal","record":{…}}`, one line, in this order. The record is a value under one name and
//! nothing is spliced into it, so no field of a source can pass for one of ours. All that stands
//! before `"record":` is a string, a number or null, so its first occurrence is the real one:
//! the SQL views cut the verbatim record out of the line by it.

use std::borrow::Cow;

use model::json::{escaped_into, format_into, minify_into, scalar_text, string_into, token_at};
use model::{ConnectionId, CursorValue, RunId, StreamName, TenantId, Timestamp, fixed_text};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::digest::RecordsDigest;

/// What the lines of one page have in common.
#[derive(Debug, Clone)]
pub struct LineContext<'a> {
    /// Tenant.
    pub tenant: &'a TenantId,
    /// Connection.
    pub connection: &'a ConnectionId,
    /// Stream.
    pub stream: &'a StreamName,
    /// Run that fetched the page.
    pub run: &'a RunId,
    /// When the page was asked for.
    pub request_start: Timestamp,
    /// The slice: its partition digest and start, joined by a dot.
    pub slice: &'a str,
    /// Number of the page within the slice.
    pub page: u64,
}

/// The envelope of a page's lines, rendered once.
#[derive(Debug, Clone)]
pub struct LineHeader {
    before_cursor: Vec<u8>,
    after_cursor: Vec<u8>,
}

impl LineHeader {
    /// Renders what the lines of one page have in common.
    pub fn new(context: &LineContext<'_>) -> Self {
        let mut before = Vec::with_capacity(256);
        let names = [
            ("{\"_tenant\":", context.tenant.as_str()),
            (",\"_connection\":", context.connection.as_str()),
            (",\"_stream\":", context.stream.as_str()),
            (",\"_run\":", context.run.as_str()),
            (",\"_request_start\":", &fixed_text(context.request_start)),
        ];
        for (name, value) in names {
            before.extend_from_slice(name.as_bytes());
            string_into(&mut before, value);
        }
        before.extend_from_slice(b",\"_cursor\":");
        let mut after = b",\"_slice\":".to_vec();
        string_into(&mut after, context.slice);
        format_into(&mut after, format_args!(",\"_page\":{},\"_ordinal\":", context.page));
        Self { before_cursor: before, after_cursor: after }
    }

    fn open(&self, out: &mut Vec<u8>, ordinal: u64, cursor: Option<&CursorValue>) {
        out.extend_from_slice(&self.before_cursor);
        match cursor {
            None => out.extend_from_slice(b"null"),
            Some(CursorValue::Text(text)) => {
                out.extend_from_slice(b"\"s");
                escaped_into(out, text);
                out.push(b'"');
            }
            Some(plain @ (CursorValue::Instant(_) | CursorValue::Integer(_))) => {
                format_into(out, format_args!("\"{plain}\""));
            }
        }
        out.extend_from_slice(&self.after_cursor);
        format_into(out, format_args!("{ordinal}"));
    }
}

/// Appends one line, its line break included; gives the length of the record within it, which
/// stands `2` bytes before the end.
///
/// `raw` is the source's value, valid JSON; `ordinal` its place within the page.
pub fn write_line(
    out: &mut Vec<u8>,
    header: &LineHeader,
    ordinal: u64,
    cursor: Option<&CursorValue>,
    raw: &[u8],
) -> usize {
    header.open(out, ordinal, cursor);
    out.extend_from_slice(b",\"record\":");
    let start = out.len();
    minify_into(out, raw);
    let length = out.len() - start;
    out.extend_from_slice(b"}\n");
    length
}

/// Appends a tombstone: the row of this key was seen to be gone by the request that the header
/// names. It hides rows whose request started before.
pub fn write_tombstone(out: &mut Vec<u8>, header: &LineHeader, ordinal: u64, key: &RowKey) {
    header.open(out, ordinal, None);
    out.extend_from_slice(b",\"record\":null,\"_deleted\":true,\"_key\":");
    out.extend_from_slice(key.0.as_bytes());
    out.extend_from_slice(b"}\n");
}

/// A row's primary key, as tombstones and id walks carry it: a JSON object from key path
/// (steps joined by dots) to the value's text. Equal keys have equal texts; as in SQL, the number
/// 24 and the text "24" are one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey(String);

impl RowKey {
    /// Reads the key of a record; none when a part of it is missing, null or not a scalar.
    pub fn of(record: &str, primary_key: &[Vec<String>]) -> Option<Self> {
        let mut out = vec![b'{'];
        for path in primary_key {
            if out.len() > 1 {
                out.push(b',');
            }
            string_into(&mut out, &path.join("."));
            out.push(b':');
            string_into(&mut out, &scalar_text(token_at(record, path)?)?);
        }
        out.push(b'}');
        (out.len() > 2).then_some(())?;
        String::from_utf8(out).ok().map(Self)
    }

    /// The key of one field, by the text of its value; none where the key has more fields.
    pub fn single(primary_key: &[Vec<String>], value: &str) -> Option<Self> {
        let [path] = primary_key else { return None };
        let mut out = vec![b'{'];
        string_into(&mut out, &path.join("."));
        out.push(b':');
        string_into(&mut out, value);
        out.push(b'}');
        String::from_utf8(out).ok().map(Self)
    }

    /// The digest that stands for the key where many are held.
    pub(crate) fn digest(&self) -> RecordsDigest {
        let mut digest = RecordsDigest::default();
        digest.add(self.0.as_bytes());
        digest
    }

    /// The key as a tombstone has it.
    pub(crate) fn written(key: &RawValue) -> Self {
        Self(key.get().to_owned())
    }

    /// The JSON object.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line, read back.
#[derive(Debug, Clone, Deserialize)]
pub struct Line<'a> {
    /// Tenant.
    #[serde(rename = "_tenant", borrow)]
    pub tenant: Cow<'a, str>,
    /// Connection.
    #[serde(rename = "_connection", borrow)]
    pub connection: Cow<'a, str>,
    /// Stream.
    #[serde(rename = "_stream", borrow)]
    pub stream: Cow<'a, str>,
    /// Run.
    #[serde(rename = "_run", borrow)]
    pub run: Cow<'a, str>,
    /// When the page was asked for, in text of fixed width.
    #[serde(rename = "_request_start", borrow)]
    pub request_start: Cow<'a, str>,
    /// The record's place in its stream's order, in text that sorts.
    #[serde(rename = "_cursor", borrow)]
    pub cursor: Option<Cow<'a, str>>,
    /// Slice.
    #[serde(rename = "_slice", borrow)]
    pub slice: Cow<'a, str>,
    /// Page.
    #[serde(rename = "_page")]
    pub page: u64,
    /// Place within the page.
    #[serde(rename = "_ordinal")]
    pub ordinal: u64,
    /// The record, verbatim; `null` in a tombstone.
    #[serde(borrow)]
    pub record: &'a RawValue,
    /// Whether this is a tombstone.
    #[serde(rename = "_deleted", default)]
    pub deleted: bool,
    /// The key that a tombstone names.
    #[serde(rename = "_key", borrow, default)]
    pub key: Option<&'a RawValue>,
}

/// A text that is not a landing line.
#[derive(Debug, thiserror::Error)]
#[error("not a landing line")]
pub struct LineError(#[from] serde_json::Error);

impl<'a> Line<'a> {
    /// Reads a line back; its line break may be there or not.
    pub fn parse(text: &'a [u8]) -> Result<Self, LineError> {
        Ok(serde_json::from_slice(text)?)
    }
}

#[cfg(test)]
mod tests;
