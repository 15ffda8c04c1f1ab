//! Methods and attributes of dates, times and durations.

use jiff::civil::Date;

use super::super::arguments::{Args, required, text};
use super::super::error::Halt;
use crate::datetime::{DateTime, TimeSpec, strftime_date};
use crate::value::{Value, to_float};

pub(super) const DATETIME: [&str; 10] = [
    "strftime",
    "isoformat",
    "timestamp",
    "date",
    "replace",
    "weekday",
    "isoweekday",
    "astimezone",
    "utcoffset",
    "toordinal",
];
pub(super) const DATE: [&str; 6] =
    ["strftime", "isoformat", "replace", "weekday", "isoweekday", "toordinal"];

/// `year`, `days` and so on.
pub(super) fn attribute(value: &Value, name: &str) -> Option<Value> {
    let number = |n: i64| Some(Value::from(n));
    let of_date = |date: Date| match name {
        "year" => number(i64::from(date.year())),
        "month" => number(i64::from(date.month())),
        "day" => number(i64::from(date.day())),
        _ => None,
    };
    match value {
        Value::Date(date) => of_date(*date),
        Value::DateTime(at) => match name {
            "hour" => number(i64::from(at.civil().hour())),
            "minute" => number(i64::from(at.civil().minute())),
            "second" => number(i64::from(at.civil().second())),
            "microsecond" => number(i64::from(at.microsecond())),
            _ => of_date(at.date()),
        },
        Value::Period(period) => {
            let micros = i64::try_from(period.micros()).ok()?;
            let second = 1_000_000;
            match name {
                "days" => number(i64::try_from(period.days()).ok()?),
                "seconds" => number(micros.rem_euclid(86_400 * second) / second),
                "microseconds" => number(micros.rem_euclid(second)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A method of a time.
pub(super) fn datetime(at: DateTime, method: &str, args: &Args) -> Result<Value, Halt> {
    match method {
        "strftime" => Ok(Value::from(at.strftime(&text(&args.one(method, "format")?, method)?))),
        "isoformat" => {
            let [separator, spec] = args.bind(method, ["sep", "timespec"])?;
            let separator = separator.map_or(Ok("T".to_owned()), |s| text(&s, method))?;
            let spec = spec.map(|s| text(&s, method)).transpose()?;
            Ok(Value::from(at.isoformat(&separator, timespec(spec.as_deref())?)))
        }
        "timestamp" => {
            args.none(method)?;
            Ok(Value::from(to_float(i128::from(at.micros())) / 1e6))
        }
        "date" => args.none(method).map(|()| Value::Date(at.date())),
        "utcoffset" => Ok(at.offset().map_or(Value::None, |seconds| {
            Value::Period(crate::datetime::Period::from_micros(i128::from(seconds) * 1_000_000))
        })),
        "astimezone" => Ok(Value::DateTime(at.to_utc().map_err(|e| Halt::failed(e.to_string()))?)),
        "replace" => replace_time(at, args),
        _ => date(at.date(), method, args),
    }
}

fn timespec(name: Option<&str>) -> Result<Option<TimeSpec>, Halt> {
    Ok(Some(match name {
        None | Some("auto") => return Ok(None),
        Some("hours") => TimeSpec::Hours,
        Some("minutes") => TimeSpec::Minutes,
        Some("seconds") => TimeSpec::Seconds,
        Some("milliseconds") => TimeSpec::Milliseconds,
        Some("microseconds") => TimeSpec::Microseconds,
        Some(_) => return Err(Halt::failed("unknown timespec")),
    }))
}

/// A method of a day.
pub(super) fn date(date: Date, method: &str, args: &Args) -> Result<Value, Halt> {
    match method {
        "strftime" => {
            let format = text(&args.one(method, "format")?, method)?;
            Ok(Value::from(strftime_date(date, &format)))
        }
        "isoformat" => args.none(method).map(|()| Value::from(date.to_string())),
        "weekday" => Ok(Value::from(i64::from(date.weekday().to_monday_zero_offset()))),
        "isoweekday" => Ok(Value::from(i64::from(date.weekday().to_monday_one_offset()))),
        "toordinal" => {
            let days = date.duration_since(Date::constant(1, 1, 1)).as_hours() / 24;
            Ok(Value::from(days + 1))
        }
        _ => {
            let parts = args.bind(method, ["year", "month", "day"])?;
            Ok(Value::Date(replaced(date, parts)?))
        }
    }
}

fn part<T: TryFrom<i64>>(value: Option<Value>, present: T) -> Result<T, Halt> {
    let Some(value) = value else { return Ok(present) };
    let number = required(value.as_i64().map(Value::from), "replace", "an integer")?;
    let number = number.as_i64().and_then(|n| T::try_from(n).ok());
    number.ok_or_else(|| Halt::failed("a part of a time is out of range"))
}

fn replaced(date: Date, [year, month, day]: [Option<Value>; 3]) -> Result<Date, Halt> {
    let (year, month, day) =
        (part(year, date.year())?, part(month, date.month())?, part(day, date.day())?);
    Date::new(year, month, day).map_err(|_| Halt::failed("a part of a time is out of range"))
}

fn replace_time(at: DateTime, args: &Args) -> Result<Value, Halt> {
    let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"];
    let [year, month, day, hour, minute, second, micros, zone] = args.bind("replace", names)?;
    let range = |_| Halt::failed("a part of a time is out of range");
    let time = at.civil().time();
    let micros: i32 = part(micros, at.microsecond())?;
    let time = jiff::civil::Time::new(
        part(hour, time.hour())?,
        part(minute, time.minute())?,
        part(second, time.second())?,
        micros.saturating_mul(1_000),
    );
    let civil = replaced(at.date(), [year, month, day])?.to_datetime(time.map_err(range)?);
    let offset = match zone {
        None => at.offset(),
        Some(Value::None) => None,
        Some(_) => return Err(Halt::failed("replace() takes no time zone but None")),
    };
    Ok(Value::DateTime(DateTime::naive(civil).with_offset(offset)))
}
