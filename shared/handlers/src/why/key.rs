//! Keys as people write them.

use serde_json::{Map, Value};

/// Whether a record's key is the one that is asked for: all of it, or its values alone, separated
/// by commas.
pub(super) fn is_asked(record_key: &str, asked: &str) -> bool {
    let plain = record_key.trim_start_matches('=');
    if record_key == asked || plain == asked {
        return true;
    }
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(plain) else { return false };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    !fields.is_empty() && fields.values().map(text).collect::<Vec<_>>().join(",") == asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_text_or_its_values() {
        for key in [r#"{"id":"24"}"#, r#"={"id":"24"}"#, r#"{"id":24}"#] {
            assert!(is_asked(key, "24") && is_asked(key, key), "{key}");
            assert!(!is_asked(key, "2") && !is_asked(key, "id"), "{key}");
        }
        assert!(is_asked(r#"{"a":"x","b":2}"#, "x,2"));
        assert!(!is_asked(r#"{"a":"x","b":2}"#, "x"));
        assert!(!is_asked("no JSON", "no"));
    }
}
