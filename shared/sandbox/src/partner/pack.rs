//! Encodings, compression, encryption.

use std::fmt::Write as _;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use pgp::composed::{Deserializable, MessageBuilder, SignedPublicKey};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use rand_core_0_6::{CryptoRng, Error, RngCore};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::dice::Dice;

/// What files of the tenant are never encrypted with, but by mistake.
const ANOTHER_KEY: &str = include_str!("keys/ibis-public.asc");

/// For whom a file is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipient {
    Tenant,
    SomebodyElse,
}

/// With a byte order mark.
pub(super) fn utf8_marked(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").into_bytes()
}

/// Little-endian, with a byte order mark.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

pub(super) fn windows_1252(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1252.encode(text).0.into_owned()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// An archive of one file.
pub(super) fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    // Writing to memory does not fail.
    _ = writer.start_file(name, SimpleFileOptions::default());
    _ = writer.write_all(bytes);
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// Encrypted with PGP. The dice stand for chance: this protects nothing.
pub(super) fn encrypted(bytes: &[u8], to: Recipient, dice: &Dice) -> Vec<u8> {
    let key = match to {
        Recipient::Tenant => super::PUBLIC_KEY,
        Recipient::SomebodyElse => ANOTHER_KEY,
    };
    sealed(bytes, key, dice).unwrap_or_default()
}

fn sealed(bytes: &[u8], key: &str, dice: &Dice) -> pgp::errors::Result<Vec<u8>> {
    let (key, _) = SignedPublicKey::from_string(key)?;
    let mut chance = Chance(dice.clone());
    let message = MessageBuilder::from_bytes("", bytes.to_vec());
    let mut message = message.seipd_v1(&mut chance, SymmetricKeyAlgorithm::AES256);
    for subkey in &key.public_subkeys {
        message.encrypt_to_key(&mut chance, subkey)?;
    }
    message.to_vec(&mut chance)
}

/// Dice as the source of chance that encryption wants.
struct Chance(Dice);

impl RngCore for Chance {
    fn next_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.0.next().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, drawn) in chunk.iter_mut().zip(self.0.next().to_le_bytes()) {
                *byte = drawn;
            }
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Chance {}

/// The digest in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}
