//! SQL functions that take a value out of a JSON text without changing it:
//! `json_token(json, step, …)`, `json_text`, `json_number`, `json_boolean`.

use std::borrow::Cow;

use model::json::{scalar_text, token_at};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value;
use rusqlite::{Connection, Error, Result};

/// Registers the functions.
pub(crate) fn register(db: &Connection) -> Result<()> {
    scalar(db, "json_token", |token| match token {
        "null" => Value::Null,
        token => Value::Text(token.to_owned()),
    })?;
    scalar(db, "json_text", |token| or_null(scalar_text(token), |text| Value::Text(text.into())))?;
    scalar(db, "json_number", |token| or_null(scalar_text(token), |text| number(&text)))?;
    scalar(db, "json_boolean", |token| match scalar_text(token).as_deref() {
        Some("true") => Value::Integer(1),
        Some("false") => Value::Integer(0),
        _ => Value::Null,
    })
}

fn or_null(text: Option<Cow<'_, str>>, value: impl FnOnce(Cow<'_, str>) -> Value) -> Value {
    text.map_or(Value::Null, value)
}

fn scalar(db: &Connection, name: &str, value: fn(&str) -> Value) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    db.create_scalar_function(name, -1, flags, move |arguments| {
        Ok(token(arguments)?.map_or(Value::Null, value))
    })
}

/// The token that the arguments point at.
fn token<'a>(arguments: &'a Context<'_>) -> Result<Option<&'a str>> {
    let text = |n| {
        let value = arguments.get_raw(n);
        value.as_str_or_null().map_err(|e| Error::UserFunctionError(Box::new(e)))
    };
    if arguments.is_empty() {
        return Ok(None);
    }
    let Some(json) = text(0)? else { return Ok(None) };
    let steps: Option<Vec<&str>> = (1..arguments.len()).map(text).collect::<Result<_>>()?;
    Ok(steps.and_then(|steps| token_at(json, &steps)))
}

/// A number as SQLite's own when that is the same number, else its text as it was written; null
/// for what is no number.
fn number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Integer(whole);
    }
    let token = text.trim();
    let is_number = serde_json::from_str::<&serde_json::value::RawValue>(token)
        .is_ok_and(|value| value.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()));
    match token.parse::<f64>() {
        Ok(real)
            if is_number && real.is_finite() && decimal(&real.to_string()) == decimal(token) =>
        {
            Value::Real(real)
        }
        _ if is_number => Value::Text(token.to_owned()),
        _ => Value::Null,
    }
}

/// Sign, digits without zeros at either end, and exponent: equal for equal numbers.
fn decimal(token: &str) -> Option<(bool, String, i64)> {
    let (sign, token) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let (digits, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    let shift = all.len() - all.trim_end_matches('0').len();
    let exponent = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?
        + i64::try_from(shift).ok()?;
    let exponent = if significant.is_empty() { 0 } else { exponent };
    Some((sign, significant.to_owned(), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &Value) {
        let db = Connection::open_in_memory().unwrap();
        register(&db).unwrap();
        let found: Value =
            db.query_row(&format!("SELECT {expression}"), [], |row| row.get(0)).unwrap();
        assert_eq!(&found, expected, "{expression}");
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn numbers_keep_their_value() {
        check("json_number('{\"a\":1}', 'a')", &Value::Integer(1));
        check("json_number('{\"a\":250.00}', 'a')", &Value::Real(250.0));
        check("json_number('{\"a\":0.1}', 'a')", &Value::Real(0.1));
        check("json_number('{\"a\":-1.5e3}', 'a')", &Value::Real(-1500.0));
        check("json_number('{\"a\":\"12\"}', 'a')", &Value::Integer(12));
        check("json_number('{\"a\":\"x\"}', 'a')", &Value::Null);
        check("json_number('{\"a\":\"inf\"}', 'a')", &Value::Null);
        let long = "123456789012345678901234567890";
        check(&format!("json_number('{{\"a\":{long}}}', 'a')"), &text(long));
        let fine = "0.1234567890123456789";
        check(&format!("json_number('{{\"a\":{fine}}}', 'a')"), &text(fine));
        check("json_number('{\"a\":1e400}', 'a')", &text("1e400"));
    }

    #[test]
    fn texts_tokens_and_booleans_come_out_as_they_are() {
        check("json_text('{\"a\":{\"b.c\":\"x\\u0041\"}}', 'a', 'b.c')", &text("xA"));
        check("json_text('{\"a\":1.50}', 'a')", &text("1.50"));
        check("json_text('{\"a\":[1]}', 'a')", &Value::Null);
        check("json_text(NULL, 'a')", &Value::Null);
        check("json_token('{\"a\":[1.50]}', 'a')", &text("[1.50]"));
        check("json_token('{\"a\":null}', 'a')", &Value::Null);
        check("json_boolean('{\"a\":true}', 'a')", &Value::Integer(1));
        check("json_boolean('{\"a\":0}', 'a')", &Value::Null);
    }
}
