//! The reference's macros: time, extremes, texts.

use std::cmp::Ordering;

use jiff::tz::TimeZone;

use super::arguments::{Args, required, text};
use super::context::Context;
use super::error::Halt;
use super::operators;
use crate::datetime::{DateTime, Format, Period, TimeError, isoparse};
use crate::value::{Value, fixed};

/// Names that are functions everywhere.
pub(super) const NAMES: [&str; 15] = [
    "now_utc",
    "today_utc",
    "timestamp",
    "max",
    "min",
    "day_delta",
    "duration",
    "format_datetime",
    "today_with_timezone",
    "str_to_datetime",
    "sanitize_url",
    "camel_case_to_snake_case",
    "generate_uuid",
    "dict",
    "namespace",
];

/// Calls a function by name.
pub(super) fn call(context: &Context<'_>, name: &str, args: &Args) -> Result<Value, Halt> {
    let now = || DateTime::utc(context.now());
    match name {
        "now_utc" => args.none(name).map(|()| Value::DateTime(now())),
        "today_utc" => args.none(name).map(|()| Value::Date(now().date())),
        "today_with_timezone" => {
            let zone = text(&args.one(name, "timezone")?, name)?;
            let zone = TimeZone::get(&zone).map_err(|_| Halt::failed("no such time zone"))?;
            Ok(Value::Date(zone.to_datetime(context.now()).date()))
        }
        "timestamp" => timestamp(&args.one(name, "dt")?),
        "max" => extreme(args, Ordering::Greater),
        "min" => extreme(args, Ordering::Less),
        "day_delta" => day_delta(now(), args),
        "duration" => match args.one(name, "datestring")? {
            Value::Str(text) => Period::parse(&text).map(Value::Period).map_err(|e| fault(&e)),
            other => {
                Err(Halt::type_error(format!("expecting a string, not {}", other.type_name())))
            }
        },
        "format_datetime" => format_datetime(args),
        "str_to_datetime" => to_utc(&args.one(name, "s")?).map(Value::DateTime),
        "sanitize_url" => {
            let plain = text(&args.one(name, "value")?, name)?;
            Ok(Value::from(crate::requester::quote_plus(&plain)))
        }
        "camel_case_to_snake_case" => {
            Ok(Value::from(snake_case(&text(&args.one(name, "value")?, name)?)))
        }
        "generate_uuid" => {
            args.none(name)?;
            let id = context.fresh_id().ok_or_else(|| Halt::failed("there are no ids here"))?;
            uuid(&id).map(Value::from).ok_or_else(|| Halt::failed("an id that is not hexadecimal"))
        }
        "dict" | "namespace" => {
            let mut dict = match args.positional.as_slice() {
                [] => crate::value::Dict::default(),
                [only] => only
                    .as_dict()
                    .cloned()
                    .ok_or_else(|| Halt::type_error("dict() takes a mapping"))?,
                _ => return Err(Halt::type_error("dict() takes at most 1 argument")),
            };
            for (key, value) in args.dict().iter() {
                dict.insert(key.clone(), value.clone());
            }
            Ok(Value::from(dict))
        }
        _ => Err(Halt::Undefined),
    }
}

/// Reads an ISO 8601 text as an instant in UTC.
fn to_utc(value: &Value) -> Result<DateTime, Halt> {
    let text = text(value, "isoparse")?;
    let at = isoparse(&text).and_then(DateTime::to_utc);
    at.map_err(|e| fault(&e))
}

fn timestamp(value: &Value) -> Result<Value, Halt> {
    match value {
        Value::Number(_) | Value::Bool(_) => super::filters::to_integer(value),
        other => {
            let at = to_utc(other)?;
            Ok(Value::from(crate::value::to_float(i128::from(at.micros())) / 1e6))
        }
    }
}

fn extreme(args: &Args, wanted: Ordering) -> Result<Value, Halt> {
    if !args.named.is_empty() {
        return Err(Halt::type_error("unexpected named argument"));
    }
    let items = match args.positional.as_slice() {
        [] => return Err(Halt::type_error("expected at least 1 argument")),
        [only] => operators::iterate(only)?,
        many => many.to_vec(),
    };
    let mut items = items.into_iter();
    let mut best = items.next().ok_or_else(|| Halt::failed("an empty sequence has no extreme"))?;
    for item in items {
        if operators::order(&item, &best)? == Some(wanted) {
            best = item;
        }
    }
    Ok(best)
}

fn day_delta(now: DateTime, args: &Args) -> Result<Value, Halt> {
    let [days, format] = args.bind("day_delta", ["num_days", "format"])?;
    let days = required(days, "day_delta", "num_days")?;
    let days = match days {
        Value::Undefined => return Err(Halt::type_error("day_delta() takes a number")),
        other => other.as_f64().ok_or_else(|| Halt::type_error("day_delta() takes a number"))?,
    };
    let format = match format {
        Some(format) => text(&format, "strftime")?,
        None => "%Y-%m-%dT%H:%M:%S.%f%z".to_owned(),
    };
    let micros: i128 = fixed((days * 86_400e6).round_ties_even(), 0)
        .parse()
        .map_err(|_| Halt::failed("date value out of range"))?;
    let at = now.plus(Period::from_micros(micros));
    Ok(Value::from(at.map_err(|e| fault(&e))?.strftime(&format)))
}

fn format_datetime(args: &Args) -> Result<Value, Halt> {
    let [at, format, input] = args.bind("format_datetime", ["dt", "format", "input_format"])?;
    let at = required(at, "format_datetime", "dt")?;
    let format = text(&required(format, "format_datetime", "format")?, "strftime")?;
    if let Value::DateTime(at) = at {
        return Ok(Value::from(at.strftime(&format)));
    }
    let input = input.filter(Value::is_truthy).map(|f| text(&f, "strptime")).transpose()?;
    let parsed = match (&at, input) {
        (Value::Number(number), input) if number.is_integer() => {
            Format::new(input.as_deref().unwrap_or("%s")).parse(&at)
        }
        (Value::Bool(_), _) => return Err(Halt::failed("a boolean is not a time")),
        (other, None) => return Ok(formatted(to_utc(other)?, &format)),
        (other, Some(input)) => {
            let plain = text(other, "strptime")?;
            let special = ["%s", "%s_as_float", "%ms", "%epoch_microseconds"];
            if special.contains(&input.as_str()) {
                return Err(Halt::failed(format!("`{input}` is a bad directive here")));
            }
            Format::new(&input).parse_text(&plain)
        }
    };
    Ok(formatted(parsed.map_err(|e| fault(&e))?, &format))
}

fn formatted(at: DateTime, format: &str) -> Value {
    Value::from(Format::new(format).format(at))
}

/// What is wrong with a time, without the time itself.
fn fault(error: &TimeError) -> Halt {
    Halt::failed(match error {
        TimeError::Format { format, .. } => format!("the time does not have the format `{format}`"),
        TimeError::Formats { formats, .. } => format!("the time has none of the formats {formats}"),
        TimeError::Iso { what, .. } => format!("not an ISO 8601 {what}"),
        TimeError::Range => error.to_string(),
    })
}

/// `CamelCase` as `camel_case`.
fn snake_case(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// 32 hexadecimal digits as a random UUID.
fn uuid(id: &str) -> Option<String> {
    let variant = id.chars().nth(16)?.to_digit(16)? & 0x3 | 0x8;
    Some(format!(
        "{}-{}-4{}-{variant:x}{}-{}",
        id.get(..8)?,
        id.get(8..12)?,
        id.get(13..16)?,
        id.get(17..20)?,
        id.get(20..32)?
    ))
}
