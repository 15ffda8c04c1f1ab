//! Python's operators, look-ups and slices.

use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

use super::ast::{Binary, Comparison};
use super::error::Halt;
use super::{methods, printf, run};
use crate::value::{Key, Number, Value, to_float};

/// The items that Python's `iter` gives.
pub(super) fn iterate(value: &Value) -> Result<Vec<Value>, Halt> {
    match value {
        Value::Undefined => Ok(Vec::new()),
        Value::List(items) | Value::Tuple(items) => Ok(items.to_vec()),
        Value::Str(text) => Ok(text.chars().map(|c| Value::from(c.to_string())).collect()),
        Value::Dict(dict) => Ok(dict.keys().map(|key| key.value().clone()).collect()),
        Value::Object(object) => Ok(object.items.keys().map(|key| key.value().clone()).collect()),
        other => Err(Halt::type_error(format!("{} is not iterable", other.type_name()))),
    }
}

/// Python's `str()` of a value, up to the longest text allowed. Shared parts print as often as
/// they occur, so a small value can have an endless text.
pub(super) fn printed(value: &Value) -> Result<String, Halt> {
    struct Limited(String);
    impl Write for Limited {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            if self.0.len() + text.len() > run::MAX_TEXT {
                return Err(std::fmt::Error);
            }
            self.0.push_str(text);
            Ok(())
        }
    }
    let mut out = Limited(String::new());
    write!(out, "{value}").map_err(|_| Halt::Exhausted("its length"))?;
    Ok(out.0)
}

/// `value.name`: attributes and methods first, items then.
pub(super) fn attribute(value: &Value, name: &str) -> Result<Value, Halt> {
    if matches!(value, Value::Undefined) {
        return Err(Halt::Undefined);
    }
    if let Value::Object(object) = value
        && let Some((_, value)) = object.attributes.iter().find(|(key, _)| *key == name)
    {
        return Ok(value.clone());
    }
    if let Some(found) = methods::attribute(value, name) {
        return Ok(found);
    }
    if let Some(method) = methods::find(value, name) {
        return Ok(Value::Method(method));
    }
    Ok(value.get(name).cloned().unwrap_or(Value::Undefined))
}

/// `value[key]`: items first, attributes then.
pub(super) fn item(value: &Value, key: &Value) -> Result<Value, Halt> {
    let found = match value {
        Value::Undefined => return Err(Halt::Undefined),
        Value::List(items) | Value::Tuple(items) => {
            position(key, items.len()).and_then(|at| items.get(at).cloned())
        }
        Value::Str(text) => position(key, text.chars().count())
            .and_then(|at| text.chars().nth(at))
            .map(|c| Value::from(c.to_string())),
        other => match (other.as_dict(), key) {
            (Some(dict), Value::Str(key)) => dict.get(key).cloned(),
            (Some(dict), key) => Key::new(key.clone()).and_then(|k| dict.get_key(&k).cloned()),
            (None, _) => None,
        },
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let Value::Str(name) = key else { return Ok(Value::Undefined) };
    if let Value::Object(object) = value
        && let Some((_, value)) = object.attributes.iter().find(|(key, _)| **key == **name)
    {
        return Ok(value.clone());
    }
    let method = || methods::find(value, name).map(Value::Method);
    Ok(methods::attribute(value, name).or_else(method).unwrap_or(Value::Undefined))
}

/// The item under a key, to change in place.
pub(super) fn place<'v>(value: &'v mut Value, key: &Value) -> Option<&'v mut Value> {
    match value {
        Value::List(items) => {
            let at = position(key, items.len())?;
            Arc::make_mut(items).get_mut(at)
        }
        Value::Dict(dict) => Arc::make_mut(dict).get_key_mut(&Key::new(key.clone())?),
        _ => None,
    }
}

/// An index of Python, from the end when negative.
fn position(key: &Value, length: usize) -> Option<usize> {
    let index = key.as_i64()?;
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

/// `value[start:stop:step]`.
pub(super) fn slice(value: &Value, bounds: &[Value; 3]) -> Result<Value, Halt> {
    let bound = |bound: &Value| match bound {
        Value::None => Ok(None),
        other => other.as_i64().map(Some).ok_or(()),
    };
    if matches!(value, Value::Undefined) {
        return Err(Halt::Undefined);
    }
    // The sandbox answers a type error with something undefined.
    let [Ok(start), Ok(stop), Ok(stride)] = bounds.each_ref().map(bound) else {
        return Ok(Value::Undefined);
    };
    let stride = stride.unwrap_or(1);
    if stride == 0 {
        return Err(Halt::failed("slice step cannot be zero"));
    }
    Ok(match value {
        Value::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            Value::from(cut(&chars, start, stop, stride).into_iter().collect::<String>())
        }
        Value::List(items) => Value::from(cut(items, start, stop, stride)),
        Value::Tuple(items) => Value::Tuple(cut(items, start, stop, stride).into()),
        _ => Value::Undefined,
    })
}

fn cut<T: Clone>(items: &[T], start: Option<i64>, stop: Option<i64>, stride: i64) -> Vec<T> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (low, high) = if stride > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(at) if at < 0 => at.saturating_add(length).clamp(low, high),
        Some(at) => at.clamp(low, high),
    };
    let (first, last) = if stride > 0 { (low, high) } else { (high, low) };
    let (mut at, end) = (clamp(start, first), clamp(stop, last));
    let mut out = Vec::new();
    while (stride > 0 && at < end) || (stride < 0 && at > end) {
        out.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
        at = at.saturating_add(stride);
    }
    out
}

/// A comparison of two values.
pub(super) fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<bool, Halt> {
    match comparison {
        Comparison::Equal => Ok(left == right),
        Comparison::NotEqual => Ok(left != right),
        Comparison::In => contains(right, left),
        Comparison::NotIn => contains(right, left).map(|found| !found),
        Comparison::Less => Ok(order(left, right)? == Some(Ordering::Less)),
        Comparison::Greater => Ok(order(left, right)? == Some(Ordering::Greater)),
        Comparison::LessOrEqual => {
            Ok(matches!(order(left, right)?, Some(Ordering::Less | Ordering::Equal)))
        }
        Comparison::GreaterOrEqual => {
            Ok(matches!(order(left, right)?, Some(Ordering::Greater | Ordering::Equal)))
        }
    }
}

/// Python's order; none with a NaN, a type error between values that have none.
pub(super) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, Halt> {
    if matches!(left, Value::Undefined) || matches!(right, Value::Undefined) {
        return Err(Halt::Undefined);
    }
    let numbers = left.as_number().is_some() && right.as_number().is_some();
    match left.order(right) {
        None if !numbers => Err(Halt::type_error(format!(
            "{} and {} have no order",
            left.type_name(),
            right.type_name()
        ))),
        order => Ok(order),
    }
}

fn contains(container: &Value, item: &Value) -> Result<bool, Halt> {
    match (container, item) {
        (Value::Undefined, _) => Ok(false),
        (Value::Str(text), Value::Str(part)) => Ok(text.contains(&**part)),
        (Value::List(items) | Value::Tuple(items), item) => Ok(items.contains(item)),
        (Value::Dict(_) | Value::Object(_), item) => {
            let key = Key::new(item.clone()).ok_or_else(|| Halt::type_error("unhashable key"))?;
            Ok(container.as_dict().is_some_and(|dict| dict.get_key(&key).is_some()))
        }
        (other, item) => Err(Halt::type_error(format!(
            "{} cannot be in {}",
            item.type_name(),
            other.type_name()
        ))),
    }
}

/// `-value`
pub(super) fn negative(value: &Value) -> Result<Value, Halt> {
    match value {
        Value::Undefined => Err(Halt::Undefined),
        Value::Period(period) => Ok(Value::Period(period.negated())),
        other => arithmetic(Binary::Subtract, &Value::from(0), other),
    }
}

/// `+value`
pub(super) fn positive(value: &Value) -> Result<Value, Halt> {
    match value {
        Value::Undefined => Err(Halt::Undefined),
        Value::Period(_) => Ok(value.clone()),
        other => arithmetic(Binary::Add, &Value::from(0), other),
    }
}

/// An arithmetic operation.
pub(super) fn binary(operator: Binary, left: &Value, right: &Value) -> Result<Value, Halt> {
    use Binary::{Add, Multiply, Remainder, Subtract};
    if let (Remainder, Value::Str(format)) = (operator, left) {
        return printf::percent(format, right).map(Value::from);
    }
    if matches!(left, Value::Undefined) || matches!(right, Value::Undefined) {
        return Err(Halt::Undefined);
    }
    let range = |_| Halt::failed("date value out of range");
    match (operator, left, right) {
        (Add, Value::Str(a), Value::Str(b)) => {
            limited(a.len() + b.len())?;
            Ok(Value::from(format!("{a}{b}")))
        }
        (Add, Value::List(a), Value::List(b)) => {
            Ok(Value::from(a.iter().chain(b.iter()).cloned().collect::<Vec<_>>()))
        }
        (Add, Value::Tuple(a), Value::Tuple(b)) => {
            Ok(Value::Tuple(a.iter().chain(b.iter()).cloned().collect::<Vec<_>>().into()))
        }
        (Add, Value::DateTime(at), Value::Period(period))
        | (Add, Value::Period(period), Value::DateTime(at)) => {
            at.plus(*period).map(Value::DateTime).map_err(range)
        }
        (Subtract, Value::DateTime(at), Value::Period(period)) => {
            at.minus(*period).map(Value::DateTime).map_err(range)
        }
        (Add, Value::Date(date), Value::Period(period))
        | (Add, Value::Period(period), Value::Date(date)) => {
            period.after_date(*date).map(Value::Date).map_err(range)
        }
        (Subtract, Value::Date(date), Value::Period(period)) => {
            period.negated().after_date(*date).map(Value::Date).map_err(range)
        }
        (Subtract, Value::DateTime(a), Value::DateTime(b)) => a
            .since(*b)
            .map(Value::Period)
            .ok_or_else(|| Halt::type_error("naive and aware times cannot be subtracted")),
        (Subtract, Value::Date(a), Value::Date(b)) => {
            Ok(Value::Period(crate::datetime::Period::from_duration(a.duration_since(*b))))
        }
        (Add, Value::Period(a), Value::Period(b)) => Ok(Value::Period(a.plus(*b))),
        (Subtract, Value::Period(a), Value::Period(b)) => Ok(Value::Period(a.plus(b.negated()))),
        (Multiply, Value::Period(period), Value::Number(n))
        | (Multiply, Value::Number(n), Value::Period(period)) => n
            .as_i64()
            .and_then(|n| period.times(n))
            .map(Value::Period)
            .ok_or_else(|| Halt::failed("a duration times this number")),
        (Multiply, sequence, count) if is_sequence(sequence) => repeat(sequence, count),
        (Multiply, count, sequence) if is_sequence(sequence) => repeat(sequence, count),
        _ => arithmetic(operator, left, right),
    }
}

fn is_sequence(value: &Value) -> bool {
    matches!(value, Value::Str(_) | Value::List(_) | Value::Tuple(_))
}

pub(super) fn limited(length: usize) -> Result<(), Halt> {
    if length > run::MAX_TEXT { Err(Halt::Exhausted("its length")) } else { Ok(()) }
}

fn repeat(sequence: &Value, count: &Value) -> Result<Value, Halt> {
    let count = count.as_i64().ok_or_else(|| Halt::type_error("a sequence times a non-integer"))?;
    let count = usize::try_from(count).unwrap_or(0);
    match sequence {
        Value::Str(text) => {
            limited(text.len().saturating_mul(count))?;
            Ok(Value::from(text.repeat(count)))
        }
        other => {
            let items = other.as_slice().unwrap_or_default();
            limited(items.len().saturating_mul(count).saturating_mul(16))?;
            let repeated: Vec<Value> =
                std::iter::repeat_n(items, count).flatten().cloned().collect();
            Ok(match other {
                Value::Tuple(_) => Value::Tuple(repeated.into()),
                _ => Value::from(repeated),
            })
        }
    }
}

fn arithmetic(operator: Binary, left: &Value, right: &Value) -> Result<Value, Halt> {
    let (Some(a), Some(b)) = (left.as_number(), right.as_number()) else {
        return Err(Halt::type_error(format!(
            "unsupported operands {} and {}",
            left.type_name(),
            right.type_name()
        )));
    };
    if a.is_integer() && b.is_integer() && operator != Binary::Divide {
        if let (Some(a), Some(b)) = (a.as_i128(), b.as_i128()) {
            return integers(operator, a, b);
        }
        return Err(Halt::failed("integers beyond 128 bits"));
    }
    floats(operator, a.as_f64(), b.as_f64()).map(Value::from)
}

fn integers(operator: Binary, a: i128, b: i128) -> Result<Value, Halt> {
    if b == 0 && matches!(operator, Binary::FloorDivide | Binary::Remainder) {
        return Err(Halt::failed("division by zero"));
    }
    let result = match operator {
        Binary::Add => a.checked_add(b),
        Binary::Subtract => a.checked_sub(b),
        Binary::Multiply => a.checked_mul(b),
        Binary::Divide => None,
        Binary::FloorDivide => {
            let quotient = a.div_euclid(b);
            Some(if b < 0 && a.rem_euclid(b) != 0 { quotient - 1 } else { quotient })
        }
        Binary::Remainder => {
            let rest = a.rem_euclid(b);
            Some(if b < 0 && rest != 0 { rest + b } else { rest })
        }
        Binary::Power if b < 0 => {
            return floats(operator, to_float(a), to_float(b)).map(Value::from);
        }
        Binary::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
    };
    result
        .map(|value| Value::Number(Number::from_i128(value)))
        .ok_or_else(|| Halt::failed("integers beyond 128 bits"))
}

fn floats(operator: Binary, a: f64, b: f64) -> Result<f64, Halt> {
    if b == 0.0 && matches!(operator, Binary::Divide | Binary::FloorDivide | Binary::Remainder) {
        return Err(Halt::failed("division by zero"));
    }
    Ok(match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::FloorDivide => (a / b).floor(),
        Binary::Remainder => a - b * (a / b).floor(),
        Binary::Power => a.powf(b),
    })
}
