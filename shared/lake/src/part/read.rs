//! Reading parts back, under limits.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::Codec;

/// What a reader takes before it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest content of one object once unpacked, in bytes.
    pub content: u64,
    /// Longest line, in bytes, its line break included.
    pub line: usize,
}

impl Default for Limits {
    /// 4 GiB of content, 64 MiB a line.
    fn default() -> Self {
        Self { content: 4 << 30, line: 64 << 20 }
    }
}

/// Why an object could not be read as lines.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// More content than the limit.
    #[error("unpacks to more than {limit} bytes")]
    Content {
        /// Limit.
        limit: u64,
    },
    /// A longer line than the limit.
    #[error("line {number} is longer than {limit} bytes")]
    Line {
        /// Which line, from 1.
        number: u64,
        /// Limit.
        limit: usize,
    },
    /// Not of the codec that its key names, or cut short.
    #[error("does not unpack as {codec:?}")]
    Corrupt {
        /// Codec.
        codec: Codec,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

impl model::Classify for ReadError {
    fn retry(&self) -> model::Retry {
        match self {
            Self::Content { .. } | Self::Line { .. } | Self::Corrupt { .. } => model::Retry::Never,
        }
    }
}

/// The window of a zstd frame may be 32 MiB at most: a stranger's frame cannot ask for more
/// memory than that.
const WINDOW_LOG: u32 = 25;

/// Lines of a stored part, one at a time. Gzip may have several members and zstd several frames;
/// both are read to the end.
pub struct LineReader {
    codec: Codec,
    limits: Limits,
    content: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    taken: u64,
    number: u64,
    /// Whether what comes next is the rest of a line that was refused.
    inside: bool,
}

impl std::fmt::Debug for LineReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineReader")
            .field("codec", &self.codec)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl LineReader {
    /// Reads what a part's object holds.
    pub fn new(body: Bytes, codec: Codec, limits: Limits) -> Result<Self, ReadError> {
        let stored = Cursor::new(body);
        let content: Box<dyn BufRead + Send> = match codec {
            Codec::Plain => Box::new(stored),
            Codec::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(stored))),
            Codec::Zstd => Box::new(BufReader::new(
                zstd_decoder(stored).map_err(|source| ReadError::Corrupt { codec, source })?,
            )),
        };
        Ok(Self { codec, limits, content, line: Vec::new(), taken: 0, number: 0, inside: false })
    }

    /// The next line without its line break; none at the end. After a line that is too long it
    /// goes on with the one behind it; after any other error there is nothing more.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let limit = self.limits.line;
        while self.inside {
            self.inside = self.piece()? > 0 && !self.line.ends_with(b"\n");
        }
        self.number += 1;
        let length = self.piece()?;
        if length > limit {
            self.inside = !self.line.ends_with(b"\n");
            return Err(ReadError::Line { number: self.number, limit });
        }
        if length == 0 {
            return Ok(None);
        }
        Ok(Some(self.line.strip_suffix(b"\n").unwrap_or(&self.line)))
    }

    /// Reads to the end of the line, or one byte more than a line may have.
    fn piece(&mut self) -> Result<usize, ReadError> {
        let Limits { content, line } = self.limits;
        self.line.clear();
        let most = (line as u64).min(content - self.taken) + 1;
        let codec = self.codec;
        let read = self.content.by_ref().take(most).read_until(b'\n', &mut self.line);
        let length = read.map_err(|source| ReadError::Corrupt { codec, source })?;
        self.taken += length as u64;
        if self.taken > content {
            self.taken = content;
            return Err(ReadError::Content { limit: content });
        }
        Ok(length)
    }
}

fn zstd_decoder<R: BufRead>(stored: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(stored)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}
