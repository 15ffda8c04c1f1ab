//! What a field holds, and what JSON has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// An exact decimal of so many digits, so many of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// True or false.
    Boolean,
    /// An instant.
    Timestamp,
    /// A day of the calendar.
    Date,
    /// Any JSON value, as its text.
    Json,
    /// A list of texts, none twice.
    Texts,
}

/// The words that a model file uses.
pub(crate) const KINDS: &[&str] = &[
    "string",
    "integer",
    "decimal",
    "decimal(18,4)",
    "boolean",
    "timestamp",
    "date",
    "json",
    "list",
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("string"),
            Self::Integer => f.write_str("integer"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Boolean => f.write_str("boolean"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Date => f.write_str("date"),
            Self::Json => f.write_str("json"),
            Self::Texts => f.write_str("list"),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "string" => Self::Text,
            "integer" => Self::Integer,
            "decimal" => Self::Decimal { precision: 38, scale: 9 },
            "boolean" => Self::Boolean,
            "timestamp" => Self::Timestamp,
            "date" => Self::Date,
            "json" => Self::Json,
            "list" => Self::Texts,
            other => return decimal(other),
        })
    }
}

/// `decimal(18,4)`.
fn decimal(text: &str) -> Result<Kind, String> {
    let Some(digits) = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) else {
        let meant = match model::document::suggest(text, KINDS) {
            Some(near) => format!(", did you mean `{near}`?"),
            None => String::new(),
        };
        return Err(format!("unknown type `{text}`{meant}; accepted: {}", KINDS.join(", ")));
    };
    let numbers = digits.split_once(',').unwrap_or((digits, "0"));
    match (numbers.0.trim().parse::<u8>(), numbers.1.trim().parse::<u8>()) {
        (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => {
            Ok(Kind::Decimal { precision, scale })
        }
        _ => {
            Err("accepted is decimal(digits, digits after the point), up to 38 of them".to_owned())
        }
    }
}

/// A type of JSON value; a number is an integer where its token has neither point nor exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number without point and exponent.
    Integer,
    /// Any other number.
    Number,
    /// A text.
    String,
    /// A list.
    Array,
    /// A mapping.
    Object,
}

/// All types, in the order of their names' meaning.
pub(crate) const JSON_TYPES: [JsonType; 7] = [
    JsonType::Null,
    JsonType::Boolean,
    JsonType::Integer,
    JsonType::Number,
    JsonType::String,
    JsonType::Array,
    JsonType::Object,
];

impl JsonType {
    /// The type of a value that is valid JSON, by its token.
    pub(crate) fn of(token: &[u8]) -> Self {
        match token.first() {
            Some(b'"') => Self::String,
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') | None => Self::Null,
            _ if token.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => Self::Number,
            _ => Self::Integer,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonTypes(u8);

impl JsonTypes {
    /// These types.
    pub(crate) fn of(types: &[JsonType]) -> Self {
        Self(types.iter().fold(0, |bits, one| bits | one.bit()))
    }

    /// Adds a type.
    pub(crate) fn add(&mut self, one: JsonType) {
        self.0 |= one.bit();
    }

    /// Both sets together.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What stands here and not there.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The types, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = JsonType> {
        JSON_TYPES.into_iter().filter(move |one| self.0 & one.bit() != 0)
    }
}

impl fmt::Display for JsonTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(JsonType::as_str).collect();
        f.write_str(&names.join(" or "))
    }
}

impl Serialize for JsonTypes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
