//! Packed bodies. What comes out is counted: a small body may unpack to a huge one.

use std::io::{BufRead, Cursor, Read};

use bytes::{Buf, Bytes};
use flate2::bufread::{GzDecoder, ZlibDecoder};
use zip::ZipArchive;

use super::DecodeError;

/// What a gzip body begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Most files in one archive.
const MAX_FILES: usize = 10_000;

fn fault<E: std::fmt::Display>(reason: &E) -> DecodeError {
    DecodeError::Packed(reason.to_string())
}

/// Unpacks a gzip body of one or more members; any other body is given as it is.
pub(super) fn gunzip(body: &Bytes, limit: u64) -> Result<Bytes, DecodeError> {
    if !body.starts_with(&MAGIC) {
        return Ok(body.clone());
    }
    let (mut rest, mut out) = (body.clone().reader(), Vec::new());
    loop {
        let room = limit.saturating_sub(out.len() as u64);
        read_some(GzDecoder::new(&mut rest), room, limit, &mut out)?;
        // Members may be followed by zeros that fill a block.
        let left = rest.get_ref().iter().take_while(|byte| **byte == 0).count();
        rest.consume(left);
        if rest.get_ref().is_empty() {
            return Ok(out.into());
        }
    }
}

/// Unpacks a gzip or zlib body; none for one that is neither.
pub(super) fn inflate(body: &Bytes, limit: u64) -> Result<Option<Bytes>, DecodeError> {
    if body.starts_with(&MAGIC) {
        return gunzip(body, limit).map(Some);
    }
    let zlib = matches!(body.as_ref(), [low @ 0x78, high, ..]
        if (u16::from(*low) * 256 + u16::from(*high)).is_multiple_of(31));
    let mut out = Vec::new();
    if !zlib {
        return Ok(None);
    }
    match read_some(ZlibDecoder::new(body.as_ref()), limit, limit, &mut out) {
        Ok(()) => Ok(Some(out.into())),
        // A text may begin like this, too.
        Err(DecodeError::Packed(_)) if out.is_empty() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files of an archive, in its order, with their names.
pub(super) fn unzip(body: &Bytes, limit: u64) -> Result<Vec<(String, Bytes)>, DecodeError> {
    let mut archive = ZipArchive::new(Cursor::new(body.as_ref())).map_err(|error| fault(&error))?;
    if archive.len() > MAX_FILES {
        return Err(fault(&format!("it holds more than {MAX_FILES} files")));
    }
    let (mut files, mut room) = (Vec::with_capacity(archive.len()), limit);
    for i in 0..archive.len() {
        let file = archive.by_index(i).map_err(|error| fault(&error))?;
        if file.is_dir() {
            continue;
        }
        let (name, mut out) = (file.name().to_owned(), Vec::new());
        read_some(file, room, limit, &mut out).map_err(|error| error.inside(&name))?;
        room = room.saturating_sub(out.len() as u64);
        files.push((name, out.into()));
    }
    Ok(files)
}

/// Reads to the end, but no more than there is room for.
fn read_some(
    packed: impl Read,
    room: u64,
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let read =
        packed.take(room.saturating_add(1)).read_to_end(out).map_err(|error| fault(&error))?;
    if read as u64 > room { Err(DecodeError::TooLarge { limit }) } else { Ok(()) }
}
