//! What the answer of a token endpoint says.

use jiff::Timestamp;

use crate::datetime::{Format, isoparse};
use crate::value::Value;

/// Deepest level of an answer that is searched for a token.
const MAX_DEPTH: usize = 5;

/// A field at any depth of an answer, the shallowest first along each branch.
pub(super) fn search(answer: &Value, name: &str, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    if let Some(found) = answer.get(name) {
        return Some(found.clone());
    }
    match answer {
        Value::Dict(dict) => dict.values().find_map(|inner| search(inner, name, depth + 1)),
        Value::List(items) => items.iter().find_map(|inner| search(inner, name, depth + 1)),
        _ => None,
    }
}

/// An instant by a format, as ISO 8601, or in seconds since the epoch.
pub(super) fn instant(text: &str, format: Option<&Format>) -> Option<Timestamp> {
    let by_format = format.and_then(|format| format.parse_text(text).ok());
    let found = by_format
        .or_else(|| isoparse(text).ok())
        .or_else(|| Format::new("%s").parse_text(text).ok())?;
    found.instant().ok()
}

/// A number of seconds, or a text of one.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    let float: f64 = match value {
        Value::Str(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    #[expect(clippy::cast_possible_truncation, reason = "saturates far beyond any lifetime")]
    let whole = float.trunc() as i64;
    float.is_finite().then_some(whole)
}
