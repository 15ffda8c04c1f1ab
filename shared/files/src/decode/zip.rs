//! Zip archives, as a stream.
//!
//! Crates that read archives want to jump to the directory at the end, or refuse entries whose
//! sizes stand behind them, which is how most writers of streams make them. What a landing zone
//! takes is one file: a local header, its bytes, and nothing but the directory behind it.
//! (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.7 to 4.3.9)

use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::damaged;
use super::sniff::Inner;
use crate::refusal::{Code, Refusal, through};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";

/// Bit 0 of the flags: encrypted.
const ENCRYPTED: u16 = 1;

/// Bit 3 of the flags: sizes and checksum stand behind the bytes.
const BEHIND: u16 = 8;

/// The content of the one file of an archive.
pub(super) fn entry(mut source: Inner) -> Result<Inner, Refusal> {
    let mut header = [0; 30];
    source.read_exact(&mut header).map_err(damaged)?;
    if header.get(..4) != Some(&LOCAL) {
        return Err(Refusal::new(Code::ArchiveEntry, "the zip archive holds no file"));
    }
    let short = |at: usize| u16::from_le_bytes([byte(&header, at), byte(&header, at + 1)]);
    let long = |at: usize| u32::from(short(at)) | u32::from(short(at + 2)) << 16;
    let (bits, method, sum, size) = (short(6), short(8), long(14), long(18));
    let (name, extra) = (usize::from(short(26)), usize::from(short(28)));
    let mut text = vec![0; name + extra];
    source.read_exact(&mut text).map_err(damaged)?;
    check_name(text.get(..name).unwrap_or_default())?;
    if bits & ENCRYPTED != 0 {
        let message = "the zip archive has a password; encrypt files with OpenPGP instead";
        return Err(Refusal::new(Code::ArchiveEntry, message));
    }
    let behind = bits & BEHIND != 0;
    let body: Body = match (method, behind) {
        (8, _) => Body::Deflated(DeflateDecoder::new(source)),
        (0, false) => Body::Stored(source.take(u64::from(size))),
        _ => {
            let message = "the zip archive is packed in a way that streams cannot be read in; \
                           pack it with deflate";
            return Err(Refusal::new(Code::Archive, message));
        }
    };
    let expected = (!behind).then_some(sum);
    let entry = Entry { body: Some(body), crc: Crc::new(), expected };
    Ok(Inner::new(BufReader::with_capacity(64 * 1024, entry)))
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// A name that would lead out of the folder it is unpacked in is refused, though nothing is ever
/// unpacked under it here: an archive that tries is not what a partner meant to send.
fn check_name(name: &[u8]) -> Result<(), Refusal> {
    let name = String::from_utf8_lossy(name);
    let leads_away = name.split(['/', '\\']).any(|piece| piece == "..")
        || name.starts_with(['/', '\\'])
        || name.contains(':')
        || name.chars().any(char::is_control);
    if leads_away || name.ends_with('/') || name.is_empty() {
        let message = "the zip archive holds a name that leads out of its folder, or a folder; \
                       pack one file under its plain name";
        return Err(Refusal::new(Code::ArchiveEntry, message));
    }
    Ok(())
}

enum Body {
    Deflated(DeflateDecoder<Inner>),
    Stored(io::Take<Inner>),
}

struct Entry {
    body: Option<Body>,
    crc: Crc,
    /// The checksum of the header; none where it stands behind the bytes.
    expected: Option<u32>,
}

impl Entry {
    /// Compares the checksum, and makes sure that the directory comes next.
    fn end(&self, mut rest: Inner) -> io::Result<()> {
        let mut mark = [0; 4];
        let mut sum = self.expected;
        rest.read_exact(&mut mark)?;
        if sum.is_none() {
            // Before the checksum the mark may be left out; sizes behind it have 4 or 8 bytes.
            if mark == DESCRIPTOR {
                rest.read_exact(&mut mark)?;
            }
            sum = Some(u32::from_le_bytes(mark));
            let mut sizes = [0; 8];
            rest.read_exact(&mut sizes)?;
            rest.read_exact(&mut mark)?;
            if mark != DIRECTORY && mark != LOCAL {
                rest.read_exact(&mut mark)?;
                rest.read_exact(&mut mark)?;
            }
        }
        if sum != Some(self.crc.sum()) {
            let message = "the zip archive is damaged: its checksum differs";
            return Err(through(Refusal::new(Code::Archive, message)));
        }
        if mark != DIRECTORY {
            let message = "the zip archive holds more than one file; send each by itself";
            return Err(through(Refusal::new(Code::ArchiveEntry, message)));
        }
        loop {
            let left = rest.fill_buf()?.len();
            if left == 0 {
                return Ok(());
            }
            rest.consume(left);
        }
    }
}

impl Read for Entry {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.body {
            None => return Ok(0),
            Some(Body::Deflated(body)) => body.read(buffer)?,
            Some(Body::Stored(body)) => body.read(buffer)?,
        };
        self.crc.update(buffer.get(..read).unwrap_or_default());
        if read == 0 && !buffer.is_empty() {
            let rest = match self.body.take() {
                Some(Body::Deflated(body)) => body.into_inner(),
                Some(Body::Stored(body)) => body.into_inner(),
                None => return Ok(0),
            };
            self.end(rest)?;
        }
        Ok(read)
    }
}
