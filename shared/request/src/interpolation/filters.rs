//! Jinja2's filters, and the reference's own.

mod encode;
mod numbers;
mod sequences;
mod texts;

use std::sync::OnceLock;

use super::arguments::Args;
use super::ast::Pattern;
use super::error::Halt;
use super::run::Run;
use crate::value::Value;

pub(super) use numbers::to_integer;
pub(super) use sequences::sorted;

/// Filters that templates may use.
pub(super) const NAMES: [&str; 53] = [
    "abs",
    "attr",
    "base64binascii_decode",
    "base64decode",
    "base64encode",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "forceescape",
    "format",
    "hash",
    "hmac",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "regex_replace",
    "regex_search",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
];

/// Applies a filter. `pattern` keeps the regular expression of a filter that has one.
pub(super) fn apply(
    run: &mut Run<'_>,
    name: &str,
    value: &Value,
    args: &Args,
    pattern: Option<&OnceLock<Pattern>>,
) -> Result<Value, Halt> {
    match name {
        "default" | "d" => default(value, args),
        "abs" | "float" | "int" | "round" => numbers::apply(name, value, args),
        "hash"
        | "hmac"
        | "base64encode"
        | "base64decode"
        | "base64binascii_decode"
        | "urlencode"
        | "string"
        | "tojson" => encode::apply(name, value, args),
        "regex_search" | "regex_replace" => texts::regex(name, value, args, pattern),
        "map" | "select" | "reject" | "selectattr" | "rejectattr" => {
            sequences::each(run, name, value, args)
        }
        "attr" => super::operators::attribute(
            value,
            &super::arguments::text(&args.one(name, "name")?, name)?,
        ),
        "batch" | "count" | "dictsort" | "first" | "items" | "join" | "last" | "length"
        | "list" | "max" | "min" | "reverse" | "slice" | "sort" | "sum" | "unique" => {
            run.burn(value.as_slice().map_or(1, <[Value]>::len))?;
            sequences::apply(name, value, args)
        }
        _ => texts::apply(name, value, args),
    }
}

fn default(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [default, falsy] = args.bind("default", ["default_value", "boolean"])?;
    let falsy = falsy.is_some_and(|flag| flag.is_truthy());
    if matches!(value, Value::Undefined) || (falsy && !value.is_truthy()) {
        return Ok(default.unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}
