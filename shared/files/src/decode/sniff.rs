//! The layers around the content: told by their first bytes, and by the name.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::{Plan, damaged, pgp, zip};
use crate::name::{Layer, NameFacts};
use crate::refusal::{Code, Refusal};

/// Most layers around the content.
const MAX_LAYERS: usize = 4;

/// Bytes that are enough to know a layer by.
const HEAD: usize = 64;

/// Whether anything was around the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpacked {
    Yes,
    No,
}

/// A reader of one layer's content.
pub(super) struct Inner(Box<dyn BufRead + Send>);

impl Inner {
    pub(super) fn new(reader: impl BufRead + Send + 'static) -> Self {
        Self(Box::new(reader))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inner")
    }
}

impl Read for Inner {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Inner {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// Takes the layers off.
pub(super) fn unpacked(
    plan: &Plan,
    facts: &NameFacts,
    source: impl BufRead + Send + 'static,
) -> Result<(Inner, Unpacked), Refusal> {
    let mut inner = Inner::new(source);
    let mut named = facts.layers.iter().copied();
    let (mut unpacked, mut encrypted) = (Unpacked::No, false);
    for _ in 0..MAX_LAYERS {
        let head;
        (inner, head) = peeked(inner, HEAD)?;
        let expected = named.next();
        let Some(layer) = layer(&head).or(expected.filter(|layer| *layer == Layer::Pgp)) else {
            if let Some(expected) = expected {
                return Err(misnamed(expected));
            }
            break;
        };
        unpacked = Unpacked::Yes;
        inner = match layer {
            Layer::Pgp => {
                encrypted = true;
                pgp::decrypted(plan, inner)?
            }
            Layer::Gzip => buffered(flate2::bufread::MultiGzDecoder::new(inner)),
            Layer::Zip => zip::entry(inner)?,
            Layer::Zstd => {
                buffered(zstd::stream::read::Decoder::with_buffer(inner).map_err(damaged)?)
            }
        };
    }
    if plan.feed.encryption.required && !encrypted {
        let message =
            "the feed takes encrypted files only: encrypt it with the tenant's public key";
        return Err(Refusal::new(Code::NotEncrypted, message));
    }
    Ok((inner, unpacked))
}

fn buffered(reader: impl Read + Send + 'static) -> Inner {
    Inner::new(BufReader::with_capacity(64 * 1024, reader))
}

/// The first bytes, and a reader that still has them.
pub(super) fn peeked(mut inner: Inner, most: usize) -> Result<(Inner, Vec<u8>), Refusal> {
    let mut head = Vec::with_capacity(most);
    inner.by_ref().take(most as u64).read_to_end(&mut head).map_err(damaged)?;
    Ok((Inner::new(Cursor::new(head.clone()).chain(inner)), head))
}

fn layer(head: &[u8]) -> Option<Layer> {
    match head {
        [0x1f, 0x8b, ..] => Some(Layer::Gzip),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Layer::Zip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Layer::Zstd),
        _ if head.starts_with(b"-----BEGIN PGP MESSAGE") => Some(Layer::Pgp),
        _ => None,
    }
}

fn misnamed(layer: Layer) -> Refusal {
    let kind = match layer {
        Layer::Pgp => "an OpenPGP message",
        Layer::Gzip => "a gzip file",
        Layer::Zip => "a zip archive",
        Layer::Zstd => "a Zstandard file",
    };
    Refusal::new(Code::Archive, format!("its name says that it is {kind}, and it is not"))
}
