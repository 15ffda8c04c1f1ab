//! Numbers: Python's `int` and `float`, with the token they were read from.

use std::cmp::Ordering;
use std::sync::Arc;

/// A number. Integers have any size; what was read from JSON is written back token by token.
#[derive(Debug, Clone)]
pub struct Number {
    kind: Kind,
    /// The token it was read from, where printing the value would give another text.
    token: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Int(i64),
    /// An integer beyond 64 bits; its digits are the token.
    Big,
    Float(f64),
}

impl Number {
    /// Reads a JSON number.
    pub fn from_token(token: &str) -> Option<Self> {
        if token.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            let value: f64 = token.parse().ok()?;
            return Some(Self { kind: Kind::Float(value), token: Some(Arc::from(token)) });
        }
        match token.parse::<i64>() {
            Ok(value) => {
                let token = (token == "-0").then(|| Arc::from(token));
                Some(Self { kind: Kind::Int(value), token })
            }
            Err(_) => Self::big(token),
        }
    }

    fn big(digits: &str) -> Option<Self> {
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", digits.strip_prefix('+').unwrap_or(digits)),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        let text = format!("{sign}{digits}");
        match text.parse::<i64>() {
            Ok(value) => Some(Self::from(value)),
            Err(_) if digits.is_empty() => Some(Self::from(0)),
            Err(_) => Some(Self { kind: Kind::Big, token: Some(Arc::from(text)) }),
        }
    }

    /// Reads an integer literal of Python: decimal, `0x`, `0o` or `0b`.
    pub fn python_integer(literal: &str) -> Option<Self> {
        let plain = literal.replace('_', "").to_ascii_lowercase();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if let Some(digits) = plain.strip_prefix(prefix) {
                return i128::from_str_radix(digits, radix).ok().map(Self::from_i128);
            }
        }
        Self::big(&plain)
    }

    /// An integer of up to 128 bits.
    pub fn from_i128(value: i128) -> Self {
        match i64::try_from(value) {
            Ok(small) => Self::from(small),
            Err(_) => Self { kind: Kind::Big, token: Some(Arc::from(value.to_string())) },
        }
    }

    /// Whether it is an `int`.
    pub fn is_integer(&self) -> bool {
        !matches!(self.kind, Kind::Float(_))
    }

    /// Whether it equals zero.
    pub fn is_zero(&self) -> bool {
        match self.kind {
            Kind::Int(value) => value == 0,
            Kind::Big => false,
            Kind::Float(value) => value == 0.0,
        }
    }

    /// The integer, if it is one of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(value) => Some(value),
            Kind::Big | Kind::Float(_) => None,
        }
    }

    /// The integer, if it is one of 128 bits.
    pub fn as_i128(&self) -> Option<i128> {
        match self.kind {
            Kind::Int(value) => Some(i128::from(value)),
            Kind::Big => self.token.as_deref().and_then(|digits| digits.parse().ok()),
            Kind::Float(_) => None,
        }
    }

    /// The nearest float.
    pub fn as_f64(&self) -> f64 {
        match self.kind {
            Kind::Int(value) => to_float(i128::from(value)),
            Kind::Big => {
                self.token.as_deref().and_then(|digits| digits.parse().ok()).unwrap_or(f64::NAN)
            }
            Kind::Float(value) => value,
        }
    }

    /// What JSON shows: the token it was read from, or the shortest text.
    pub fn json(&self) -> String {
        match &self.token {
            Some(token) => token.to_string(),
            None => self.repr(),
        }
    }

    /// What Python's `repr` shows.
    pub fn repr(&self) -> String {
        match self.kind {
            Kind::Int(value) => value.to_string(),
            Kind::Big => self.token.as_deref().unwrap_or_default().to_owned(),
            Kind::Float(value) => float_repr(value),
        }
    }

    /// Python's order; none with a NaN.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self.as_i128(), other.as_i128()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ if matches!((self.kind, other.kind), (Kind::Big, Kind::Big)) => {
                Some(order_digits(self.repr().as_str(), other.repr().as_str()))
            }
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

/// Orders two decimal texts of any length.
fn order_digits(a: &str, b: &str) -> Ordering {
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(a), Some(b)) => b.len().cmp(&a.len()).then_with(|| b.cmp(a)),
        (None, None) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Python's float() rounds to nearest as well")]
pub(crate) fn to_float(value: i128) -> f64 {
    value as f64
}

/// Python's `repr` of a float: the shortest digits, with an exponent below -4 and from 16.
pub(crate) fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self { kind: Kind::Int(value), token: None }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self { kind: Kind::Float(value), token: None }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.order(other) == Some(Ordering::Equal)
    }
}
