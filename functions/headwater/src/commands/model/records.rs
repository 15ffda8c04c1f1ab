//! Records of a file: landing lines, plain lines, or a JSON document.

use std::path::Path;

use bytes::Bytes;
use lake::{Codec, Limits, Line, LineReader};
use serde_json::value::RawValue;

use crate::failure::Failure;

/// Bytes of the largest file that is tried.
const MAX_FILE: u64 = 1 << 30;

/// The records of a file, one at a time.
pub(in crate::commands) struct Records {
    name: String,
    content: Content,
    tombstones: u64,
}

enum Content {
    Lines { lines: Box<LineReader>, number: u64, line: Vec<u8> },
    Listed { list: std::vec::IntoIter<(u64, Vec<u8>)>, record: Vec<u8> },
}

impl Records {
    pub(in crate::commands) fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let unreadable = |error| Failure::Input(format!("{name}: {error}"));
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_FILE {
            let message = format!("{name}: {size} bytes; accepted are at most {MAX_FILE}");
            return Err(Failure::Input(message));
        }
        let body = std::fs::read(path).map_err(unreadable)?;
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let content = if ending == "json" {
            let list =
                documents(&body).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
            Content::Listed { list: list.into_iter(), record: Vec::new() }
        } else {
            let codec = Codec::from_extension(ending).unwrap_or(Codec::Plain);
            let lines = LineReader::new(Bytes::from(body), codec, Limits::default());
            let lines = lines.map_err(|error| Failure::Input(format!("{name}: {error}")))?;
            Content::Lines { lines: Box::new(lines), number: 0, line: Vec::new() }
        };
        Ok(Self { name, content, tombstones: 0 })
    }

    /// The next record and the line it stands on, or its number in the document.
    pub(in crate::commands) fn next(&mut self) -> Result<Option<(u64, &[u8])>, Failure> {
        let Self { name, content, tombstones } = self;
        match content {
            Content::Listed { list, record } => Ok(list.next().map(|(number, next)| {
                *record = next;
                (number, record.as_slice())
            })),
            Content::Lines { lines, number, line } => loop {
                let next = lines.next_line();
                let next = next.map_err(|error| Failure::Input(format!("{name}: {error}")))?;
                let Some(next) = next else { return Ok(None) };
                *number += 1;
                match record(next) {
                    Some(Found::Record(record)) => {
                        *line = record.to_vec();
                        break Ok(Some((*number, line.as_slice())));
                    }
                    Some(Found::Tombstone) => *tombstones += 1,
                    None => {}
                }
            },
        }
    }

    /// Tombstones that were passed over.
    pub(in crate::commands) fn tombstones(&self) -> u64 {
        self.tombstones
    }
}

enum Found<'l> {
    Record(&'l [u8]),
    Tombstone,
}

/// What a line holds; nothing when it is blank.
fn record(line: &[u8]) -> Option<Found<'_>> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    if !line.starts_with(b"{\"_tenant\":") {
        return Some(Found::Record(line));
    }
    Some(match Line::parse(line) {
        Ok(landed) if landed.deleted => Found::Tombstone,
        Ok(landed) => Found::Record(landed.record.get().as_bytes()),
        Err(_) => Found::Record(line),
    })
}

/// The records of a document: the items of its lists, and all else as it stands.
fn documents(body: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, serde_json::Error> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
        let value = value?.get();
        let items = if value.starts_with('[') { serde_json::from_str(value)? } else { Vec::new() };
        if items.is_empty() && !value.starts_with('[') {
            found.push((found.len() as u64 + 1, minified(value)));
        }
        for item in items {
            let item: &RawValue = item;
            found.push((found.len() as u64 + 1, minified(item.get())));
        }
    }
    Ok(found)
}

fn minified(value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    model::json::minify_into(&mut out, value.as_bytes());
    out
}
