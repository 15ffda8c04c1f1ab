//! Typed values of a row.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use model::Timestamp;
use serde::{Serialize, Serializer};

/// A decimal: `unscaled` divided by ten to the power of `scale`, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The digits, as an integer.
    pub unscaled: i128,
    /// How many of them stand after the point.
    pub scale: u8,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.unsigned_abs();
        let sign = if self.unscaled < 0 { "-" } else { "" };
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let unit = 10_u128.pow(u32::from(self.scale));
        let width = usize::from(self.scale);
        write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit)
    }
}

/// One value of a row, of the field's type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cell<'a> {
    /// Nothing.
    #[default]
    Null,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// An exact decimal, of the field's scale.
    Decimal(Decimal),
    /// True or false.
    Boolean(bool),
    /// An instant, to the nanosecond.
    Timestamp(Timestamp),
    /// A day.
    Date(Date),
    /// A JSON value, its tokens as the source wrote them.
    Json(Cow<'a, str>),
    /// Texts, none twice, in the order in which they came.
    Texts(Vec<Cow<'a, str>>),
}

impl Cell<'_> {
    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same value, independent of the record it came from.
    pub fn into_owned(self) -> Cell<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Cell::Null,
            Self::Text(text) => Cell::Text(owned(text)),
            Self::Integer(number) => Cell::Integer(number),
            Self::Decimal(decimal) => Cell::Decimal(decimal),
            Self::Boolean(truth) => Cell::Boolean(truth),
            Self::Timestamp(at) => Cell::Timestamp(at),
            Self::Date(day) => Cell::Date(day),
            Self::Json(text) => Cell::Json(owned(text)),
            Self::Texts(texts) => Cell::Texts(texts.into_iter().map(owned).collect()),
        }
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("-"),
            Self::Text(text) | Self::Json(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Decimal(decimal) => decimal.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Timestamp(at) => at.fmt(f),
            Self::Date(day) => day.fmt(f),
            Self::Texts(texts) => f.write_str(&texts.join(", ")),
        }
    }
}

/// For people and tests: decimals are texts, so that no reader makes floats of them.
impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Decimal(decimal) => serializer.collect_str(decimal),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Timestamp(at) => serializer.collect_str(at),
            Self::Date(day) => serializer.collect_str(day),
            Self::Json(text) => match serde_json::from_str::<&serde_json::value::RawValue>(text) {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            Self::Texts(texts) => serializer.collect_seq(texts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_with_all_digits_of_their_scale() {
        let text = |unscaled, scale| Decimal { unscaled, scale }.to_string();
        assert_eq!(text(25_000, 2), "250.00");
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(7, 0), "7");
        assert_eq!(text(i128::MIN, 38), "-1.70141183460469231731687303715884105728");
    }
}
