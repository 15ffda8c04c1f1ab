//! Digests: of what is stored, and of what the records say.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: 64 or 32 lower-case hexadecimal digits")]
pub struct DigestError(String);

fn checked(text: &str, length: usize) -> Result<&str, DigestError> {
    let fits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if text.len() == length && text.bytes().all(fits) { Ok(text) } else { Err(fault(text)) }
}

fn fault(text: &str) -> DigestError {
    DigestError(text.to_owned())
}

/// The SHA-256 of some bytes, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let half = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u128::from(*byte));
        let digest = Sha256::digest(bytes);
        let (high, low) = digest.split_at(16);
        Self(format!("{:032x}{:032x}", half(high), half(low)))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Sha256Hex {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Ok(Self(checked(text, 64)?.to_owned()))
    }
}

/// What some records say together, metadata aside: the sum of their hashes (XXH3, 128 bits).
///
/// It depends neither on their order nor on how they are cut into parts, so two attempts at a
/// slice have the same one exactly when they saw the same rows. It guards against chance, not
/// against somebody who looks for two sets of rows with one sum.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct RecordsDigest(u128);

impl RecordsDigest {
    /// Adds one record.
    pub fn add(&mut self, record: &[u8]) {
        self.merge(Self(xxh3_128(record)));
    }

    /// Adds all records of another digest.
    pub fn merge(&mut self, Self(other): Self) {
        self.0 = self.0.wrapping_add(other);
    }
}

impl fmt::Display for RecordsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for RecordsDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let digits = checked(text, 32)?;
        u128::from_str_radix(digits, 16).map(Self).map_err(|_| fault(text))
    }
}

macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = DigestError;

            fn try_from(text: String) -> Result<Self, DigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }
    };
}

text_form!(Sha256Hex);
text_form!(RecordsDigest);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: &[&str]) -> RecordsDigest {
        let mut digest = RecordsDigest::default();
        for record in records {
            digest.add(record.as_bytes());
        }
        digest
    }

    #[test]
    fn the_digest_of_bytes_is_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256Hex::of(b"abc").as_str(), known);
    }

    #[test]
    fn the_same_rows_give_the_same_digest_in_any_order_and_cut() {
        let mut cut = of(&["c"]);
        cut.merge(of(&["b", "a"]));
        assert_eq!(cut, of(&["a", "b", "c"]));
        assert_ne!(of(&["a", "a"]), of(&["a"]));
        assert_ne!(of(&["a", "a"]), of(&[]));
    }

    #[test]
    fn digests_read_back_and_other_texts_are_refused() {
        let digest = of(&["a", "b"]);
        assert_eq!(of(&["abc"]).to_string(), "06b05ab6733a618578af5f94892f3950");
        assert_eq!(digest.to_string().parse::<RecordsDigest>().unwrap(), digest);
        for bad in ["", "ab", &"A".repeat(64), &"A".repeat(32), &"g".repeat(64)] {
            assert!(bad.parse::<RecordsDigest>().is_err() && bad.parse::<Sha256Hex>().is_err());
        }
    }
}
