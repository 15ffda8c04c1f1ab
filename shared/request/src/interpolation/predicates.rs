//! Jinja2's tests: `is defined`, `is none` and so on.

use std::cmp::Ordering;

use super::arguments::Args;
use super::ast::Comparison;
use super::error::Halt;
use super::operators::{compare, order, printed};
use crate::value::Value;

/// Tests that templates may use.
pub(super) const NAMES: [&str; 36] = [
    "defined",
    "undefined",
    "none",
    "boolean",
    "true",
    "false",
    "integer",
    "float",
    "number",
    "string",
    "mapping",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "in",
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "odd",
    "even",
    "divisibleby",
    "lower",
    "upper",
];

/// Whether a test holds.
pub(super) fn holds(name: &str, value: &Value, args: &Args) -> Result<bool, Halt> {
    let other = || args.one(name, "other");
    let number = || value.as_i64().ok_or_else(|| Halt::type_error("not an integer"));
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined),
        "undefined" => matches!(value, Value::Undefined),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Number(n) if n.is_integer()),
        "float" => matches!(value, Value::Number(n) if !n.is_integer()),
        "number" => matches!(value, Value::Number(_) | Value::Bool(_)),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => value.as_dict().is_some(),
        "sequence" | "iterable" => matches!(
            value,
            Value::Undefined
                | Value::Str(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Object(_)
        ),
        "callable" => false,
        "sameas" => same(value, &other()?),
        "in" => compare(Comparison::In, value, &other()?)?,
        "eq" | "equalto" | "==" => *value == other()?,
        "ne" | "!=" => *value != other()?,
        "lt" | "lessthan" | "<" => order(value, &other()?)? == Some(Ordering::Less),
        "gt" | "greaterthan" | ">" => order(value, &other()?)? == Some(Ordering::Greater),
        "le" | "<=" => compare(Comparison::LessOrEqual, value, &other()?)?,
        "ge" | ">=" => compare(Comparison::GreaterOrEqual, value, &other()?)?,
        "odd" => number()? % 2 != 0,
        "even" => number()? % 2 == 0,
        "divisibleby" => {
            let divisor = other()?.as_i64().filter(|n| *n != 0);
            let divisor = divisor.ok_or_else(|| Halt::failed("division by zero"))?;
            number()?.checked_rem(divisor) == Some(0)
        }
        "upper" => printed(value)?.chars().all(|c| !c.is_lowercase()),
        _ => printed(value)?.chars().all(|c| !c.is_uppercase()),
    })
}

/// Python's `is`, as far as it can be told: the same constant, or the same text or number.
fn same(a: &Value, b: &Value) -> bool {
    a.type_name() == b.type_name() && a == b
}
