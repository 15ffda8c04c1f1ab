//! Athena's texts as JSON scalars.

use serde_json::{Number, Value};

/// A cell of a type. Numbers that JSON readers would round stay texts: decimals, and what is no
/// number of its type (`NaN`, `Infinity`).
pub(super) fn value(text: &str, kind: &str) -> Value {
    match kind {
        "tinyint" | "smallint" | "integer" | "int" | "bigint" => {
            text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
        }
        "float" | "real" | "double" => {
            let number = text.parse::<f64>().ok().and_then(Number::from_f64);
            number.map_or_else(|| text.into(), Value::Number)
        }
        "boolean" => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_keep_their_value() {
        assert_eq!(value("9223372036854775807", "bigint"), json!(9_223_372_036_854_775_807_i64));
        assert_eq!(value("0.5", "double"), json!(0.5));
        assert_eq!(value("NaN", "double"), json!("NaN"));
        assert_eq!(
            value("12345678901234567890.123456", "decimal"),
            json!("12345678901234567890.123456")
        );
        assert_eq!(value("true", "boolean"), json!(true));
        assert_eq!(value("007", "varchar"), json!("007"));
        assert_eq!(value("2026-01-01 00:00:00.000", "timestamp"), json!("2026-01-01 00:00:00.000"));
    }
}
