//! Sums of amounts, to the last digit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits behind the point that are kept.
const SCALE: u32 = 9;

/// A decimal number with up to nine digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(i128);

impl Decimal {
    /// Reads `-12.50`; none where it is no number, or has more digits than are kept.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let fraction = fraction.trim_end_matches('0');
        let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= SCALE)?;
        if whole.is_empty() && digits.len() < 2 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
        let whole: i128 = number(whole)?;
        let fraction: i128 = number(fraction)?;
        let scaled = whole.checked_mul(10_i128.pow(SCALE))?;
        let sum = scaled.checked_add(fraction * 10_i128.pow(SCALE - places))?;
        Some(Self(if negative { -sum } else { sum }))
    }

    /// The sum; none where it grows beyond all bounds.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, number) = (10_u128.pow(SCALE), self.0.unsigned_abs());
        let fraction = format!("{:09}", number % unit);
        let sign = if self.0 < 0 { "-" } else { "" };
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{}", number / unit),
            fraction => write!(f, "{sign}{}.{fraction}", number / unit),
        }
    }
}

impl From<Decimal> for String {
    fn from(number: Decimal) -> Self {
        number.to_string()
    }
}

impl TryFrom<String> for Decimal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_every_digit() {
        let sum = ["0.10", "0.20", "-1000000000000.3", "+7"]
            .iter()
            .map(|text| Decimal::parse(text).unwrap())
            .reduce(|a, b| a.plus(b).unwrap());
        assert_eq!(sum.unwrap().to_string(), "-999999999993");
        assert_eq!(Decimal::parse("-0.05").unwrap().to_string(), "-0.05");
        for bad in ["", "-", ".", "1,5", "1e3", "0.1234567891", "١"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::parse(".5"), Decimal::parse("0.500"));
    }
}
