//! Methods and attributes of texts, mappings, lists, times.

mod containers;
mod texts;
mod times;

use super::arguments::Args;
use super::error::Halt;
use super::run::Run;
use crate::value::Value;

pub(super) use texts::{capitalize, title};

/// Whether calling this method changes what it belongs to.
pub(super) fn changes(method: &str) -> bool {
    containers::CHANGING.contains(&method)
}

/// Whether a value has a method.
pub(super) fn has(value: &Value, method: &str) -> bool {
    find(value, method).is_some()
}

/// The name of a method that a value has.
pub(super) fn find(value: &Value, method: &str) -> Option<&'static str> {
    let names: &[&'static str] = match value {
        Value::Str(_) => &texts::NAMES,
        Value::Dict(_) | Value::Object(_) => &containers::DICT,
        Value::List(_) => &containers::LIST,
        Value::Tuple(_) => &containers::TUPLE,
        Value::DateTime(_) => &times::DATETIME,
        Value::Date(_) => &times::DATE,
        Value::Period(_) => &["total_seconds"],
        Value::Number(number) if !number.is_integer() => &["is_integer"],
        _ => &[],
    };
    names.iter().find(|name| **name == method).copied()
}

/// An attribute that is not a method.
pub(super) fn attribute(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::DateTime(_) | Value::Date(_) | Value::Period(_) => times::attribute(value, name),
        _ => None,
    }
}

/// Calls a method that a value has, leaving the value as it is.
pub(super) fn call(
    run: &mut Run<'_>,
    value: &Value,
    method: &str,
    args: &Args,
) -> Result<Value, Halt> {
    match value {
        Value::Str(text) => {
            run.burn(text.len() / 64)?;
            texts::call(text, method, args)
        }
        Value::DateTime(at) => times::datetime(*at, method, args),
        Value::Date(date) => times::date(*date, method, args),
        Value::Period(period) => Ok(Value::from(period.total_seconds())),
        Value::Number(number) => Ok(Value::Bool(number.as_f64().fract() == 0.0)),
        other if changes(method) => {
            // A value that nobody else sees: the change shows in the result alone.
            containers::change(&mut other.clone(), method, args)
        }
        other => {
            run.burn(other.as_slice().map_or(1, <[Value]>::len) / 16)?;
            containers::call(other, method, args)
        }
    }
}

/// Calls a method that changes what it belongs to.
pub(super) fn change(place: &mut Value, method: &str, args: &Args) -> Result<Value, Halt> {
    containers::change(place, method, args)
}

/// Calls a method of a text.
pub(super) fn text(text: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    texts::call(text, method, args)
}
