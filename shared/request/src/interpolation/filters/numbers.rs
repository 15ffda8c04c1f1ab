//! Filters that make or change numbers.

use super::super::arguments::{Args, integer};
use super::super::error::Halt;
use crate::value::{Number, Value, fixed};

pub(super) fn apply(name: &str, value: &Value, args: &Args) -> Result<Value, Halt> {
    match name {
        "abs" => match value {
            Value::Undefined => Err(Halt::Undefined),
            other => match other.as_number() {
                None => Err(Halt::type_error("abs() of a non-number")),
                Some(number) => Ok(match number.as_i128() {
                    Some(number) => Value::Number(Number::from_i128(number.abs())),
                    None => Value::from(number.as_f64().abs()),
                }),
            },
        },
        "int" => {
            let [default, base] = args.bind(name, ["default", "base"])?;
            let base = base.map_or(Ok(10), |base| integer(&base, name))?;
            if matches!(value, Value::Undefined) {
                return Err(Halt::Undefined);
            }
            let default = default.unwrap_or_else(|| Value::from(0));
            Ok(read_integer(value, base).unwrap_or(default))
        }
        "float" => {
            let [default] = args.bind(name, ["default"])?;
            if matches!(value, Value::Undefined) {
                return Err(Halt::Undefined);
            }
            let default = default.unwrap_or_else(|| Value::from(0.0));
            Ok(read_float(value).map_or(default, Value::from))
        }
        _ => round(value, args),
    }
}

/// Python's `int()` of a number: cut towards zero.
pub(in super::super) fn to_integer(value: &Value) -> Result<Value, Halt> {
    let number = value.as_number().ok_or_else(|| Halt::type_error("int() of a non-number"))?;
    if number.is_integer() {
        return Ok(Value::Number(number));
    }
    let cut = fixed(number.as_f64().trunc(), 0);
    let number = Number::from_token(&cut).filter(Number::is_integer);
    number.map(Value::Number).ok_or_else(|| Halt::failed("an integer beyond any size"))
}

fn read_integer(value: &Value, base: i64) -> Option<Value> {
    let Value::Str(text) = value else { return to_integer(value).ok() };
    let plain = text.trim();
    let digits = plain.trim_start_matches(['+', '-']);
    if base == 10 {
        let whole = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_')
            && !digits.starts_with('_')
            && !digits.ends_with('_');
        if whole {
            let unsigned = Number::python_integer(&plain.replace('_', ""))?;
            return Some(Value::Number(unsigned));
        }
    } else if let Ok(radix) = u32::try_from(base) {
        let lower = digits.to_ascii_lowercase();
        let unprefixed =
            ["0x", "0o", "0b"].iter().find_map(|p| lower.strip_prefix(p)).unwrap_or(&lower);
        if (2..=36).contains(&radix)
            && let Ok(number) = i128::from_str_radix(unprefixed, radix)
        {
            let sign = if plain.starts_with('-') { -1 } else { 1 };
            return Some(Value::Number(Number::from_i128(sign * number)));
        }
    }
    read_float(value).and_then(|float| to_integer(&Value::from(float)).ok())
}

/// Python's `float()`.
fn read_float(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => {
            let plain = text.trim().replace('_', "");
            let known = plain.trim_start_matches(['+', '-']).to_ascii_lowercase();
            let digits = known.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            let named = matches!(known.as_str(), "nan" | "inf" | "infinity");
            if digits || named { plain.parse().ok() } else { None }
        }
        other => other.as_f64(),
    }
}

fn round(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [precision, method] = args.bind("round", ["precision", "method"])?;
    let precision = precision.map_or(Ok(0), |p| integer(&p, "round"))?;
    if matches!(value, Value::Undefined) {
        return Err(Halt::Undefined);
    }
    let number = value.as_number().ok_or_else(|| Halt::type_error("round() of a non-number"))?;
    let method = method.map_or_else(|| "common".to_owned(), |m| m.to_string());
    let digits = i32::try_from(precision.clamp(-300, 300)).unwrap_or(0);
    let factor = 10_f64.powi(digits);
    let float = number.as_f64();
    Ok(Value::from(match method.as_str() {
        "common" if number.is_integer() && digits >= 0 => return Ok(Value::Number(number)),
        "common" if digits >= 0 => {
            let places = usize::try_from(digits).unwrap_or(0);
            fixed(float, places).parse().unwrap_or(float)
        }
        "common" => (float * factor).round_ties_even() / factor,
        "ceil" => (float * factor).ceil() / factor,
        "floor" => (float * factor).floor() / factor,
        _ => return Err(Halt::failed("method must be common, ceil or floor")),
    }))
}
