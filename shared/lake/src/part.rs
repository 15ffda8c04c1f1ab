//! Parts: landing objects, written in bounded memory and read back under limits.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;
use model::CursorValue;
use serde::{Deserialize, Serialize};

use crate::digest::{RecordsDigest, Sha256Hex};
use crate::line::{LineHeader, RowKey, write_line, write_tombstone};

mod read;

pub use read::{Limits, LineReader, ReadError};

/// How a landing object's content is stored.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// As it is.
    #[default]
    Plain,
    /// Zstandard frames.
    Zstd,
    /// Gzip members.
    Gzip,
}

impl Codec {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Zstd, Self::Gzip];

    /// What stands behind `.ndjson` in keys.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// The codec of an object, by the end of its key.
    pub fn of_key(key: &model::ObjectKey) -> Self {
        let has = |codec: &Self| *codec != Self::Plain && key.as_str().ends_with(codec.extension());
        Self::ALL.into_iter().find(has).unwrap_or_default()
    }

    /// The codec that an extension names.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.extension() == extension)
    }
}

/// A finished part: one landing object's body and what its commit says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What is stored.
    pub body: Bytes,
    /// Lines in it.
    pub rows: u64,
    /// Digest of what is stored.
    pub sha256: Sha256Hex,
    /// What the records say, metadata aside. Merged over the parts of an attempt it is equal when
    /// a later attempt saw the same rows.
    pub records: RecordsDigest,
}

/// A codec that failed; compressors into memory have no reason to.
#[derive(Debug, thiserror::Error)]
#[error("the part could not be compressed")]
pub struct WriteError(#[from] std::io::Error);

impl model::Classify for WriteError {
    fn retry(&self) -> model::Retry {
        model::Retry::Backoff
    }
}

/// Writes the lines of one part at a time into a buffer of bounded size.
///
/// Ask [`PartWriter::is_full`] after each page, and [`PartWriter::finish`] then; the writer is
/// empty again afterwards. The buffer goes over its limit by what is written between two
/// questions.
#[derive(Debug)]
pub struct PartWriter {
    codec: Codec,
    limit: usize,
    sink: Sink,
    rows: u64,
    content: usize,
    records: RecordsDigest,
}

/// A part's content is at most this many times its limit, however well it compresses: readers
/// refuse what unpacks to more ([`Limits`]).
const RATIO: usize = 32;

/// Lines are handed to a compressor in pieces of about this size.
const PIECE: usize = 64 * 1024;

/// Room that is made for a part before it is written, at most.
const LARGEST_ROOM: usize = 16 * 1024 * 1024;

const ZSTD_LEVEL: i32 = 3;

impl PartWriter {
    /// An empty part that is full at about `limit` stored bytes.
    pub fn new(codec: Codec, limit: usize) -> Result<Self, WriteError> {
        let sink = Sink::new(codec, limit)?;
        Ok(Self { codec, limit, sink, rows: 0, content: 0, records: RecordsDigest::default() })
    }

    /// Adds a record's line.
    pub fn write(
        &mut self,
        header: &LineHeader,
        ordinal: u64,
        cursor: Option<&CursorValue>,
        raw: &[u8],
    ) -> Result<(), WriteError> {
        let lines = self.sink.lines();
        let start = lines.len();
        let length = write_line(lines, header, ordinal, cursor, raw);
        self.close_line(start, length)
    }

    /// Adds a tombstone.
    pub fn write_tombstone(
        &mut self,
        header: &LineHeader,
        ordinal: u64,
        key: &RowKey,
    ) -> Result<(), WriteError> {
        let lines = self.sink.lines();
        let start = lines.len();
        write_tombstone(lines, header, ordinal, key);
        self.close_line(start, key.as_str().len())
    }

    /// Adds a line that is only a row's key, for an object of keys.
    pub fn write_key(&mut self, key: &RowKey) -> Result<(), WriteError> {
        let lines = self.sink.lines();
        lines.extend_from_slice(key.as_str().as_bytes());
        lines.push(b'\n');
        self.content += key.as_str().len() + 1;
        self.rows += 1;
        self.sink.drain(PIECE)
    }

    /// Counts the line that begins at `start`, whose value of this length stands at its end.
    fn close_line(&mut self, start: usize, length: usize) -> Result<(), WriteError> {
        let lines = self.sink.lines();
        let end = lines.len();
        let value = (end - 2).checked_sub(length).and_then(|from| lines.get(from..end - 2));
        debug_assert!(value.is_some(), "a line ends in its value, a brace and a line break");
        self.records.add(value.unwrap_or_default());
        self.content += end - start;
        self.rows += 1;
        self.sink.drain(PIECE)
    }

    /// Lines so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether it is time to finish.
    pub fn is_full(&self) -> bool {
        self.sink.stored() >= self.limit || self.content >= self.limit.saturating_mul(RATIO)
    }

    /// Gives the part, and starts an empty one; none when there are no lines.
    pub fn finish(&mut self) -> Result<Option<Part>, WriteError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let sink = std::mem::replace(&mut self.sink, Sink::new(self.codec, self.limit)?);
        let records = std::mem::take(&mut self.records);
        let rows = std::mem::take(&mut self.rows);
        self.content = 0;
        let body = Bytes::from(sink.into_body()?);
        let sha256 = Sha256Hex::of(&body);
        Ok(Some(Part { body, rows, sha256, records }))
    }
}

enum Sink {
    Plain(Vec<u8>),
    Zstd { lines: Vec<u8>, encoder: zstd::Encoder<'static, Vec<u8>> },
    Gzip { lines: Vec<u8>, encoder: GzEncoder<Vec<u8>> },
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("stored", &self.stored()).finish_non_exhaustive()
    }
}

impl Sink {
    /// With room for a whole part: a buffer that grows is for a moment there twice. Memory that
    /// nothing is written to costs nothing.
    fn new(codec: Codec, limit: usize) -> Result<Self, WriteError> {
        let stored = Vec::with_capacity(limit.min(LARGEST_ROOM) + PIECE);
        Ok(match codec {
            Codec::Plain => Self::Plain(stored),
            Codec::Zstd => Self::Zstd {
                lines: Vec::with_capacity(PIECE * 2),
                encoder: zstd::Encoder::new(stored, ZSTD_LEVEL)?,
            },
            Codec::Gzip => Self::Gzip {
                lines: Vec::with_capacity(PIECE * 2),
                encoder: GzEncoder::new(stored, flate2::Compression::default()),
            },
        })
    }

    /// Where the next line goes.
    fn lines(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(lines) | Self::Zstd { lines, .. } | Self::Gzip { lines, .. } => lines,
        }
    }

    /// Compresses the lines when there are this many bytes of them.
    fn drain(&mut self, at_least: usize) -> Result<(), WriteError> {
        let (lines, encoder): (_, &mut dyn Write) = match self {
            Self::Plain(_) => return Ok(()),
            Self::Zstd { lines, encoder } => (lines, encoder),
            Self::Gzip { lines, encoder } => (lines, encoder),
        };
        if lines.len() >= at_least {
            encoder.write_all(lines)?;
            lines.clear();
        }
        Ok(())
    }

    fn stored(&self) -> usize {
        match self {
            Self::Plain(lines) => lines.len(),
            Self::Zstd { encoder, .. } => encoder.get_ref().len(),
            Self::Gzip { encoder, .. } => encoder.get_ref().len(),
        }
    }

    fn into_body(mut self) -> Result<Vec<u8>, WriteError> {
        self.drain(0)?;
        let mut body = match self {
            Self::Plain(lines) => lines,
            Self::Zstd { encoder, .. } => encoder.finish()?,
            Self::Gzip { encoder, .. } => encoder.finish()?,
        };
        body.shrink_to_fit();
        Ok(body)
    }
}

#[cfg(test)]
mod tests;
