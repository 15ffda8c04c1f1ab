//! `schema_normalization: Default`: values brought to the types of the stream's schema.

use std::sync::Arc;

use request::value::{Number, Value};
use serde_json::Value as Json;

const SIMPLE: [&str; 5] = ["string", "number", "integer", "boolean", "null"];

/// Brings the fields of a value to the types of its schema; what does not convert stays.
pub(super) fn normalize(value: &mut Value, schema: &Json) {
    match value {
        Value::Dict(dict) => {
            let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
                return;
            };
            let dict = Arc::make_mut(dict);
            for (name, schema) in properties {
                if let Some(field) = dict.get_mut(name) {
                    convert(field, schema);
                    normalize(field, schema);
                }
            }
        }
        Value::List(items) => {
            let Some(schema) = schema.get("items").filter(|items| items.is_object()) else {
                return;
            };
            for item in Arc::make_mut(items) {
                convert(item, schema);
                normalize(item, schema);
            }
        }
        _ => {}
    }
}

fn convert(value: &mut Value, schema: &Json) {
    let (mut types, nullable): (Vec<&str>, bool) = match schema.get("type") {
        Some(Json::String(one)) => (vec![one], one.contains("null")),
        Some(Json::Array(many)) => {
            let many: Vec<_> = many.iter().filter_map(Json::as_str).collect();
            let nullable = many.contains(&"null");
            (many, nullable)
        }
        _ => return,
    };
    if matches!(value, Value::None) && nullable {
        return;
    }
    if matches!(schema.get("type"), Some(Json::Array(_))) {
        types.retain(|kind| *kind != "null");
    }
    let [kind] = types.as_slice() else { return };
    let converted = match *kind {
        "string" => Some(Value::from(value.to_string())),
        "number" => float(value).map(Value::from),
        "integer" => integer(value),
        "boolean" => boolean(value),
        "array" if wraps(value, schema) => Some(Value::from(vec![value.clone()])),
        _ => None,
    };
    if let Some(converted) = converted {
        *value = converted;
    }
}

/// Python's `float()`.
fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => text.trim().replace('_', "").parse().ok(),
        other => other.as_f64(),
    }
}

/// Python's `int()`.
fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Str(text) => {
            let token = text.trim();
            Number::from_token(token).filter(Number::is_integer).map(Value::Number)
        }
        Value::Bool(truth) => Some(Value::from(i64::from(*truth))),
        Value::Number(number) if number.is_integer() => Some(value.clone()),
        Value::Number(number) => {
            let whole = number.as_f64().trunc();
            // A float prints without exponent here, as digits only.
            Number::from_token(&format!("{whole:.0}")).map(Value::Number)
        }
        _ => None,
    }
}

/// Python's `bool()`; of a text, what it says.
fn boolean(value: &Value) -> Option<Value> {
    let Value::Str(text) = value else { return Some(Value::from(value.is_truthy())) };
    match text.to_lowercase().trim() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(Value::from(true)),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(Value::from(false)),
        _ => None,
    }
}

/// Whether a scalar stands where the schema has a list of scalars.
fn wraps(value: &Value, schema: &Json) -> bool {
    let scalar = matches!(value, Value::Str(_) | Value::Number(_) | Value::Bool(_) | Value::None);
    let simple = match schema.get("items").and_then(|items| items.get("type")) {
        None => true,
        Some(Json::Array(types)) => {
            types.iter().all(|kind| kind.as_str().is_some_and(|kind| SIMPLE.contains(&kind)))
        }
        // The reference compares the letters of a single name, which never match.
        Some(_) => false,
    };
    scalar && simple
}

#[cfg(test)]
mod tests {
    use request::value::Style;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_take_the_types_of_the_schema_where_they_can() {
        let schema = json!({"properties": {
            "n": {"type": ["null", "number"]}, "i": {"type": "integer"}, "s": {"type": "string"},
            "b": {"type": "boolean"}, "l": {"type": "array"}, "u": {"type": ["string", "integer"]},
            "o": {"type": "object", "properties": {"i": {"type": "integer"}}},
        }});
        let mut record = Value::from(&json!({
            "n": 1, "i": "7", "s": true, "b": "yes", "l": "x", "u": 5, "o": {"i": 2.9}, "x": "1",
        }));
        normalize(&mut record, &schema);
        assert_eq!(
            record.json_text(Style::Compact),
            r#"{"n":1.0,"i":7,"s":"True","b":true,"l":["x"],"u":5,"o":{"i":2},"x":"1"}"#
        );
    }
}
