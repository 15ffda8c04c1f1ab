//! Object keys: `/`-separated segments, each percent-encoded so that no name can leave its place.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Longest key that S3 takes, in bytes
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
const LONGEST: usize = 1024;

const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'*')
    .add(b'+')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'~');

/// A text that is not an object key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an object key: 1 to 1024 bytes, no empty, `.` or `..` segment, no control characters"
)]
pub struct KeyError(String);

/// The key of an object within a store; the bucket or root folder is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        let segments_hold = text.split('/').all(|s| !s.is_empty() && s != "." && s != "..");
        if text.len() <= LONGEST && segments_hold && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(KeyError(text))
    }
}

impl std::str::FromStr for ObjectKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::try_from(text.to_owned())
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Encodes one outside name as one key segment: what could be read as structure (`/`, `=`, `%`,
/// a leading dot) is percent-encoded, so distinct names stay distinct.
pub fn encode_segment(name: &str) -> String {
    let encoded = utf8_percent_encode(name, UNSAFE).to_string();
    match encoded.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => encoded,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_has_no_way_up() {
        for bad in ["", "/a", "a//b", "a/../b", "./a", "a/"] {
            assert!(bad.parse::<ObjectKey>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn distinct_names_become_distinct_single_segments(a in "\\PC{1,20}", b in "\\PC{1,20}") {
            let (x, y) = (encode_segment(&a), encode_segment(&b));
            prop_assert!(!x.contains('/') && !x.contains('='));
            prop_assert_eq!(a == b, x == y);
            prop_assert!(x.parse::<ObjectKey>().is_ok());
        }
    }
}
