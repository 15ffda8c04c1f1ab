//! Instants and days, of every kind that sources write.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use model::Timestamp;

use super::number::scaled;
use super::text::{Read, Step};
use super::{How, Problem};
use crate::kind::JsonType;
use crate::violation::Rule;

/// Nobody's records are older: what is before is a sign for "never" or "unknown" (.NET's
/// `0001-01-01`, in whatever zone). Seconds since 1970.
const BEGINNING: i64 = -62_135_596_800 + 2 * 86_400;

/// An instant, and whether it says all that the text says; none when it means "never".
pub(super) fn instant(read: &Read<'_>, how: &How) -> Result<Option<(Timestamp, bool)>, Problem> {
    let fault = || Problem::of(Rule::Type, "an instant, such as 2024-05-01T07:15:22.1234567Z");
    let text = read.text.as_ref();
    let found = match (read.epoch, read.json) {
        (Some(step), _) => since_epoch(text, step),
        (None, JsonType::String) if how.formats.is_empty() => iso(text, how)?,
        (None, JsonType::String) => how.formats.iter().find_map(|format| by(format, text, how)),
        _ => {
            let accepted = "an instant as text; say `as: epoch_s` or `as: epoch_ms` for numbers";
            return Err(Problem::of(Rule::Type, accepted));
        }
    };
    let (at, whole) = found.ok_or_else(fault)?;
    Ok((at.as_second() >= BEGINNING).then_some((at, whole)))
}

/// Seconds or milliseconds since 1970, exactly.
fn since_epoch(text: &str, step: Step) -> Option<(Timestamp, bool)> {
    let digits = if step == Step::EpochMillis { 6 } else { 9 };
    let nanoseconds = scaled(text, 38, digits).ok()?;
    Some((Timestamp::from_nanosecond(nanoseconds).ok()?, true))
}

/// ISO 8601 with up to nine digits of a second (more are cut), with an offset or in a zone.
fn iso(text: &str, how: &How) -> Result<Option<(Timestamp, bool)>, Problem> {
    if let Ok(at) = text.parse() {
        return Ok(Some((at, true)));
    }
    if let Some(short) = shortened(text) {
        return Ok(iso(&short, how)?.map(|(at, _)| (at, false)));
    }
    let Some(local) = local(text) else { return Ok(None) };
    match &how.zone {
        Some(zone) => Ok(zone.to_timestamp(local).ok().map(|at| (at, true))),
        None => Err(Problem::of(
            Rule::Type,
            "an instant with an offset; say `timezone` where the source means one",
        )),
    }
}

/// The text with nine digits of a second, where it has more.
fn shortened(text: &str) -> Option<String> {
    let (before, rest) = text.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, zone) = rest.split_at_checked(digits).filter(|_| digits > 9)?;
    Some(format!("{before}.{}{zone}", fraction.get(..9)?))
}

/// A date and time without any zone; an offset that was not understood is not left out.
fn local(text: &str) -> Option<DateTime> {
    let time = text.get(10..).unwrap_or_default();
    let has_zone = time.contains(['+', '-', '[']) || time.ends_with(['Z', 'z']);
    text.parse().ok().filter(|_| !has_zone)
}

/// An instant in a format of the model's.
fn by(format: &str, text: &str, how: &How) -> Option<(Timestamp, bool)> {
    let broken = strtime::parse(format, text).ok()?;
    if let Ok(at) = broken.to_timestamp() {
        return Some((at, true));
    }
    let date = broken.to_date().ok()?;
    let local = date.to_datetime(broken.to_time().unwrap_or_default());
    Some((how.zone.as_ref()?.to_timestamp(local).ok()?, true))
}

/// A day as it is written, and whether the text says no more than it; none when it means
/// "never".
pub(super) fn day(text: &str, how: &How) -> Result<Option<(Date, bool)>, Problem> {
    let fault = || Problem::of(Rule::Type, "a day, such as 2024-05-01");
    let found = match how.formats.as_slice() {
        [] => written(text),
        formats => formats.iter().find_map(|format| {
            strtime::parse(format, text).ok()?.to_date().ok().map(|day| (day, true))
        }),
    };
    let (day, whole) = found.ok_or_else(fault)?;
    Ok((day > Date::constant(1, 1, 2)).then_some((day, whole)))
}

fn written(text: &str) -> Option<(Date, bool)> {
    let (date, time) = text.split_at_checked(10)?;
    let day = date.parse().ok()?;
    if time.is_empty() {
        return Some((day, true));
    }
    let is_instant = text.parse::<Timestamp>().is_ok() || local(text).is_some();
    let clock = time.split(['+', '-', 'Z', 'z']).next().unwrap_or_default();
    let is_midnight =
        clock.bytes().all(|byte| matches!(byte, b'T' | b't' | b' ' | b':' | b'.' | b'0'));
    is_instant.then_some((day, is_midnight))
}
