//! Which value of a record breaks which rule. No value is ever quoted: what was found is told by
//! its type and its shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kind::JsonType;

/// What can be wrong with a record or with a value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It is larger than [`crate::MAX_RECORD`], or has too many values where the model looks.
    Size,
    /// It is not UTF-8.
    Utf8,
    /// It is not JSON.
    Json,
    /// It is nested too deeply.
    Depth,
    /// It is no object.
    Shape,
    /// A name stands in an object twice.
    DuplicateKey,
    /// Two names of an object differ in case only.
    CollidingKeys,
    /// What is to become rows is no list.
    Explode,
    /// A field that must be there is not.
    Required,
    /// A value is not of the field's type, nor can it be made one.
    Type,
    /// A number does not fit: too large, or with more digits than are kept.
    Overflow,
    /// A value is not one of those that the field takes.
    Enum,
    /// A text does not match the field's pattern.
    Pattern,
    /// A value lies outside of the field's range.
    Range,
}

impl Rule {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Utf8 => "utf8",
            Self::Json => "json",
            Self::Depth => "depth",
            Self::Shape => "shape",
            Self::DuplicateKey => "duplicate_key",
            Self::CollidingKeys => "colliding_keys",
            Self::Explode => "explode",
            Self::Required => "required",
            Self::Type => "type",
            Self::Overflow => "overflow",
            Self::Enum => "enum",
            Self::Pattern => "pattern",
            Self::Range => "range",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the record; empty for the record itself.
    pub path: String,
    /// The field that it was meant for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// The rule.
    pub rule: Rule,
    /// What was found, by type and shape: letters are shown as `a` and `A`, digits as `9`.
    pub found: String,
    /// What would be accepted.
    pub accepted: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "record" } else { &self.path };
        write!(f, "{path}: {}: found {}; accepted is {}", self.rule, self.found, self.accepted)
    }
}

/// What becomes of a row that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is set aside, everything else goes on.
    Quarantine,
    /// Nothing of the object goes on until somebody has looked.
    Fail,
}

/// A record, or a child of it, that does not become a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", lines(.violations))]
pub struct Refusal {
    /// What is to become of it.
    pub action: Action,
    /// Which child, counted from 1; none when it is about the whole record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<u32>,
    /// Why, at most sixteen reasons.
    pub violations: Vec<Violation>,
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Characters of a value whose shape is shown.
const SHOWN: usize = 24;

/// Type and shape of a value that is valid JSON.
pub(crate) fn shape(token: &str) -> String {
    let json = JsonType::of(token.as_bytes());
    match json {
        JsonType::Null | JsonType::Boolean => token.to_owned(),
        JsonType::Integer | JsonType::Number => format!("the number {}", masked(token)),
        JsonType::Object => "an object".to_owned(),
        JsonType::Array => "a list".to_owned(),
        JsonType::String => {
            let inner = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let text = serde_json::from_str::<String>(token);
            match text {
                Ok(text) => format!("the text \"{}\"", masked(&text)),
                Err(_) => format!("a broken text of {} bytes", inner.unwrap_or(token).len()),
            }
        }
    }
}

/// A text with its letters and digits hidden.
fn masked(text: &str) -> String {
    let hide = |sign: char| match sign {
        _ if sign.is_ascii_digit() => '9',
        _ if sign.is_uppercase() => 'A',
        _ if sign.is_alphanumeric() => 'a',
        _ if sign.is_control() => '\u{fffd}',
        _ => sign,
    };
    let shown: String = text.chars().take(SHOWN).map(hide).collect();
    match text.chars().count() {
        count if count > SHOWN => format!("{shown}… ({count} characters)"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_by_their_shape_alone() {
        let cases = [
            ("\"2024-13-45\"", "the text \"9999-99-99\""),
            ("\"Ada@example.com\"", "the text \"Aaa@aaaaaaa.aaa\""),
            ("-12.50", "the number -99.99"),
            ("null", "null"),
            ("{\"a\":1}", "an object"),
            ("[1]", "a list"),
            ("\"\\ud800\"", "a broken text of 6 bytes"),
        ];
        for (token, expected) in cases {
            assert_eq!(shape(token), expected);
        }
        let long = format!("\"{}\"", "x".repeat(100));
        assert_eq!(shape(&long), format!("the text \"{}… (100 characters)\"", "a".repeat(24)));
    }
}
