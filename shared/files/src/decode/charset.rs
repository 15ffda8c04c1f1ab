//! Bytes to UTF-8.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::damaged;
use crate::feed::{Format, TextEncoding};
use crate::refusal::{Code, Refusal, through};

/// Bytes that a file's look is told by.
const HEAD: usize = 64 * 1024;

/// The content as UTF-8 without byte order mark, and its first bytes.
pub(super) fn text(
    format: &Format,
    mut reader: impl Read + Send + 'static,
) -> Result<(Box<dyn BufRead>, Vec<u8>), Refusal> {
    let mut mark = Vec::with_capacity(3);
    reader.by_ref().take(3).read_to_end(&mut mark).map_err(damaged)?;
    let (found, length) = match mark.as_slice() {
        [0xef, 0xbb, 0xbf] => (Some(TextEncoding::Utf8), 3),
        [0xff, 0xfe, ..] => (Some(TextEncoding::Utf16Le), 2),
        [0xfe, 0xff, ..] => (Some(TextEncoding::Utf16Be), 2),
        _ => (None, 0),
    };
    let reader = Cursor::new(mark.split_off(length)).chain(reader);
    let encoding: Option<&'static Encoding> = match found.or(format.encoding) {
        None | Some(TextEncoding::Utf8) => None,
        Some(TextEncoding::Utf16Le) => Some(UTF_16LE),
        Some(TextEncoding::Utf16Be) => Some(UTF_16BE),
        Some(TextEncoding::Windows1252) => Some(WINDOWS_1252),
    };
    let mut reader: Box<dyn Read> = match encoding {
        None => Box::new(reader),
        // The buffer makes sure that there is always room for a whole character.
        Some(encoding) => {
            Box::new(BufReader::with_capacity(HEAD, Transcoded::new(encoding, reader)))
        }
    };
    let mut head = Vec::new();
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(damaged)?;
    let whole = Cursor::new(head.clone()).chain(reader);
    Ok((Box::new(BufReader::with_capacity(HEAD, whole)), head))
}

struct Transcoded<R> {
    reader: R,
    decoder: Decoder,
    name: &'static str,
    raw: Vec<u8>,
    /// How much of `raw` is decoded, and how much of it there is.
    place: (usize, usize),
    ended: bool,
    /// Whether the decoder has given its last: it takes no more then, not even nothing.
    finished: bool,
}

impl<R: Read> Transcoded<R> {
    fn new(encoding: &'static Encoding, reader: R) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        let raw = vec![0; 32 * 1024];
        let (place, name) = ((0, 0), encoding.name());
        Self { reader, decoder, name, raw, place, ended: false, finished: false }
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.finished {
                return Ok(0);
            }
            let (from, until) = self.place;
            if from == until && !self.ended {
                let read = self.reader.read(&mut self.raw)?;
                self.ended = read == 0;
                self.place = (0, read);
                continue;
            }
            let raw = self.raw.get(from..until).unwrap_or_default();
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, buffer, self.ended);
            self.place.0 += read;
            if let DecoderResult::Malformed(..) = result {
                let message = format!("it is not text of the encoding {}", self.name);
                return Err(through(Refusal::new(Code::Charset, message)));
            }
            self.finished = self.ended && result == DecoderResult::InputEmpty;
            if written > 0 || self.finished {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_may_be_read_again() {
        let bytes: Vec<u8> = "\u{feff}é\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let feed = Format::default();
        let (mut reader, head) = text(&feed, Cursor::new(bytes)).unwrap();
        let mut whole = String::new();
        reader.read_to_string(&mut whole).unwrap();
        assert_eq!((whole.as_str(), head.as_slice()), ("é\n", "é\n".as_bytes()));
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    }
}
