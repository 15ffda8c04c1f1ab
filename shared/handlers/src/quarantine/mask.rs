//! Records without their values.

use serde_json::{Map, Value};

/// A record's names and shapes: every value is replaced by its type, texts by their length, too.
/// A text that is no JSON gives its length alone.
pub fn masked(record: &str) -> Value {
    match serde_json::from_str(record) {
        Ok(value) => mask(value),
        Err(_) => format!("<{} bytes that are no JSON>", record.len()).into(),
    }
}

fn mask(value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "<boolean>".into(),
        Value::Number(_) => "<number>".into(),
        Value::String(text) => format!("<text of {}>", text.chars().count()).into(),
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, mask(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_value_is_told() {
        let record = r#"{"id":"s3cret","n":12,"ok":true,"none":null,"lines":[{"x":"é"}]}"#;
        assert_eq!(
            masked(record),
            json!({"id": "<text of 6>", "n": "<number>", "ok": "<boolean>", "none": null,
                "lines": [{"x": "<text of 1>"}]})
        );
        assert_eq!(masked("s3cret"), json!("<6 bytes that are no JSON>"));
    }
}
