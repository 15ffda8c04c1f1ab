//! A value of a record as a value of a field: exactly, or not at all.

pub(crate) mod net;
mod number;
mod text;
mod time;

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::tz::TimeZone;
use regex::Regex;

pub(crate) use number::scaled;
pub(crate) use text::{STEPS, Step};

use crate::cell::{Cell, Decimal};
use crate::kind::{JsonType, JsonTypes, Kind};
use crate::violation::Rule;

/// How the values of one path are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct How {
    /// What is done to the text, in order.
    pub(crate) steps: Vec<Step>,
    /// Texts that mean nothing.
    pub(crate) none: Vec<String>,
    /// Texts that mean another.
    pub(crate) map: Vec<(String, String)>,
    /// The part of the text that is meant.
    pub(crate) split: Option<Split>,
    /// The zone of times that name none.
    pub(crate) zone: Option<TimeZone>,
    /// Formats of times.
    pub(crate) formats: Vec<String>,
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(crate) pattern: Regex,
    /// The group that is taken.
    pub(crate) group: usize,
}

/// A value that was read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) cell: Cell<'a>,
    /// Whether the cell says all that the value says.
    pub(crate) whole: bool,
}

impl<'a> Reading<'a> {
    fn whole(cell: Cell<'a>) -> Self {
        Self { cell, whole: true }
    }

    /// The value means nothing; what it was is kept aside.
    fn nothing() -> Self {
        Self { cell: Cell::Null, whole: false }
    }
}

/// Why a value cannot be read.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) rule: Rule,
    pub(crate) accepted: String,
}

impl Problem {
    fn of(rule: Rule, accepted: impl Into<String>) -> Self {
        Self { rule, accepted: accepted.into() }
    }
}

/// Reads one value, given by its token, which is valid JSON.
pub(crate) fn scalar<'a>(kind: Kind, token: &'a str, how: &How) -> Result<Reading<'a>, Problem> {
    if kind == Kind::Json {
        return Ok(Reading::whole(Cell::Json(Cow::Borrowed(token))));
    }
    let Some(read) = text::read(token, how, kind)? else { return Ok(Reading::nothing()) };
    let text = read.text.as_ref();
    let cell = match kind {
        Kind::Text | Kind::Texts | Kind::Json => Cell::Text(read.text),
        Kind::Integer => Cell::Integer(number::integer(text)?),
        Kind::Decimal { precision, scale } => {
            let unscaled = scaled(text, precision, scale).map_err(|fault| fault.problem(kind))?;
            Cell::Decimal(Decimal { unscaled, scale })
        }
        Kind::Boolean => Cell::Boolean(truth(text)?),
        Kind::Timestamp => match time::instant(&read, how)? {
            Some((at, whole)) => {
                return Ok(Reading { cell: Cell::Timestamp(at), whole: whole && read.whole });
            }
            None => return Ok(Reading::nothing()),
        },
        Kind::Date => match time::day(text, how)? {
            Some((day, whole)) => {
                return Ok(Reading { cell: Cell::Date(day), whole: whole && read.whole });
            }
            None => return Ok(Reading::nothing()),
        },
    };
    Ok(Reading { cell, whole: read.whole })
}

fn truth(text: &str) -> Result<bool, Problem> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Problem::of(Rule::Type, "true or false")),
    }
}

/// The types of JSON in which values of a kind usually come.
pub(crate) fn usual(kind: Kind, how: &How) -> JsonTypes {
    use JsonType::{Array, Boolean, Integer, Number, Object, String};
    let types: &[JsonType] = match kind {
        _ if how.steps.iter().any(|step| step.is_epoch()) => &[Integer, Number],
        Kind::Text | Kind::Date => &[String],
        Kind::Integer => &[Integer, Object],
        Kind::Decimal { .. } => &[Integer, Number, Object],
        Kind::Boolean => &[Boolean],
        Kind::Timestamp => &[String, Object],
        Kind::Json => &[],
        Kind::Texts => &[String, Array],
    };
    JsonTypes::of(types)
}

/// The order of two values of one type.
pub(crate) fn compare(a: &Cell<'_>, b: &Cell<'_>) -> Option<Ordering> {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => Some(a.cmp(b)),
        (Cell::Integer(a), Cell::Integer(b)) => Some(a.cmp(b)),
        (Cell::Decimal(a), Cell::Decimal(b)) => Some(a.unscaled.cmp(&b.unscaled)),
        (Cell::Boolean(a), Cell::Boolean(b)) => Some(a.cmp(b)),
        (Cell::Timestamp(a), Cell::Timestamp(b)) => Some(a.cmp(b)),
        (Cell::Date(a), Cell::Date(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
