//! Values: which are empty, how they are ordered, what names them.

use serde_json::Value;
use sha2::{Digest, Sha256};

use model::Timestamp;

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A place in one total order over all values: numbers by size, instants by time, texts by their
/// bytes. Different values have different places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Bool(bool),
    Number(i64, String),
    Instant(Timestamp, String),
    Text(String),
    Other(String),
}

/// The place of a value.
pub(super) fn place(value: &Value) -> Place {
    match value {
        Value::Bool(truth) => Place::Bool(*truth),
        Value::Number(number) => {
            Place::Number(rising(number.as_f64().unwrap_or_default()), number.to_string())
        }
        Value::String(text) => match text.parse() {
            Ok(instant) => Place::Instant(instant, text.clone()),
            Err(_) => Place::Text(text.clone()),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => Place::Other(canonical(value)),
    }
}

/// A whole number that rises with a float, as `total_cmp` orders them.
fn rising(float: f64) -> i64 {
    let bits = float.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// JSON text that is the same for equal values: entries of objects in order of their names.
pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (n, (name, item)) in sorted.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Names a value: the same for equal values.
pub(super) fn digest(value: &Value) -> String {
    short_digest(canonical(value).as_bytes())
}

/// 32 hexadecimal digits of the SHA-256.
pub(super) fn short_digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let first = digest.iter().take(16).fold(0u128, |all, byte| all << 8 | u128::from(*byte));
    format!("{first:032x}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_ordered_by_what_they_mean() {
        let rising = [
            json!(false),
            json!(-2.5),
            json!(9),
            json!(10),
            json!("2026-01-01T00:00:00Z"),
            json!("2026-01-01T00:00:00.5Z"),
            json!("a"),
        ];
        for pair in rising.windows(2) {
            assert!(place(&pair[0]) < place(&pair[1]), "{} {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn the_order_of_an_object_s_entries_does_not_count() {
        assert_eq!(digest(&json!({"a": 1, "b": [2]})), digest(&json!({"b": [2], "a": 1})));
        assert_ne!(digest(&json!([1, 2])), digest(&json!([2, 1])));
    }
}
