//! Cursor values in an encoding whose text order is their order.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A text that is not an encoded cursor value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an encoded cursor value")]
pub struct CursorError(String);

/// What a record says about its own place in its stream's order.
///
/// The text form starts with a letter for the type (`t` instant, `n` integer, `s` text), and
/// compares as bytes the way the values compare; it is what `_cursor` of a landing line holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CursorValue {
    /// A count, an id, a sequence number.
    Integer(i128),
    /// Any other text, compared as bytes.
    Text(String),
    /// An instant, to the nanosecond.
    Instant(Timestamp),
}

/// Moves the integers onto an unsigned line, so that their fixed-width hexadecimal text sorts.
const BIAS: u128 = 1 << 127;

impl fmt::Display for CursorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(at) => write!(f, "t{at:.9}"),
            Self::Integer(n) => write!(f, "n{:032x}", n.cast_unsigned() ^ BIAS),
            Self::Text(text) => write!(f, "s{text}"),
        }
    }
}

impl FromStr for CursorValue {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let fault = || CursorError(text.to_owned());
        match text.split_at_checked(1) {
            Some(("t", at)) => at.parse().map(Self::Instant).map_err(|_| fault()),
            Some(("n", hex)) => u128::from_str_radix(hex, 16)
                .map(|n| Self::Integer((n ^ BIAS).cast_signed()))
                .map_err(|_| fault()),
            Some(("s", rest)) => Ok(Self::Text(rest.to_owned())),
            _ => Err(fault()),
        }
    }
}

impl TryFrom<String> for CursorValue {
    type Error = CursorError;

    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<CursorValue> for String {
    fn from(value: CursorValue) -> Self {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_sort_as_text(a: i128, b: i128) {
            let (x, y) = (CursorValue::Integer(a), CursorValue::Integer(b));
            prop_assert_eq!(a.cmp(&b), x.to_string().cmp(&y.to_string()));
            prop_assert_eq!(x.to_string().parse::<CursorValue>().unwrap(), x);
        }

        #[test]
        fn instants_sort_as_text(a in 0i64..4_000_000_000, b in 0i64..4_000_000_000, n in 0i32..999_999_999) {
            let at = |s, n| CursorValue::Instant(Timestamp::new(s, n).unwrap());
            let (x, y) = (at(a, n), at(b, 0));
            prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
            prop_assert_eq!(x.to_string().parse::<CursorValue>().unwrap(), x);
        }
    }
}
