//! ISO 8601 dates and times, as dateutil's `isoparse` accepts them.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{SignedDuration, ToSpan as _};

use super::{DateTime, TimeError};

/// Reads an ISO 8601 date or date and time; digits below the microsecond are cut off.
pub fn isoparse(text: &str) -> Result<DateTime, TimeError> {
    read(text).ok_or_else(|| TimeError::Iso { text: text.to_owned(), what: "date and time" })
}

fn read(text: &str) -> Option<DateTime> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = common(text).or_else(|| uncommon(text))?;
    let midnight = date.at(0, 0, 0, 0);
    let mut rest_chars = rest.chars();
    if rest_chars.next().is_none() {
        return Some(DateTime::naive(midnight));
    }
    let clock = Clock::read(rest_chars.as_str())?;
    let (hour, next_day) = if clock.hour == 24 { (0, true) } else { (clock.hour, false) };
    let time =
        jiff::civil::Time::new(hour, clock.minute, clock.second, clock.micros * 1_000).ok()?;
    if next_day && time != jiff::civil::Time::midnight() {
        return None;
    }
    let at = date.to_datetime(time);
    let at = if next_day { at.checked_add(SignedDuration::from_hours(24)).ok()? } else { at };
    Some(DateTime::naive(at).with_offset(clock.offset))
}

/// Takes `count` digits off the front.
fn digits(text: &str, count: usize) -> Option<(i32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

fn day(year: i32, month: i32, day: i32) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|y| *y >= 1)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `YYYYMMDD`.
fn common(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = digits(text, 4)?;
    if rest.is_empty() {
        return Some((day(year, 1, 1)?, rest));
    }
    let separated = rest.strip_prefix('-');
    let (month, rest) = digits(separated.unwrap_or(rest), 2)?;
    if rest.is_empty() {
        return separated.and_then(|_| Some((day(year, month, 1)?, rest)));
    }
    let rest = if separated.is_some() { rest.strip_prefix('-')? } else { rest };
    let (number, rest) = digits(rest, 2)?;
    Some((day(year, month, number)?, rest))
}

/// `YYYY-Www[-D]`, `YYYYWww[D]`, `YYYY-DDD` or `YYYYDDD`.
fn uncommon(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = digits(text, 4)?;
    let separated = rest.strip_prefix('-');
    let rest = separated.unwrap_or(rest);
    if let Some(week) = rest.strip_prefix('W') {
        let (week, rest) = digits(week, 2)?;
        let tail = if separated.is_some() { rest.strip_prefix('-') } else { Some(rest) };
        let (weekday, rest) = match tail.and_then(|tail| digits(tail, 1)) {
            Some((weekday, rest)) => (weekday, rest),
            None => (1, rest),
        };
        let weekday = Weekday::from_monday_one_offset(i8::try_from(weekday).ok()?).ok()?;
        let week = ISOWeekDate::new(i16::try_from(year).ok()?, i8::try_from(week).ok()?, weekday);
        return Some((week.ok()?.date(), rest));
    }
    let (ordinal, rest) = digits(rest, 3)?;
    let first = day(year, 1, 1)?;
    let date = first.checked_add((ordinal - 1).days()).ok()?;
    (date.year() == first.year()).then_some((date, rest))
}

struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    micros: i32,
    offset: Option<i32>,
}

impl Clock {
    fn read(text: &str) -> Option<Self> {
        let mut clock = Self { hour: 0, minute: 0, second: 0, micros: 0, offset: None };
        let part = |text: &str| -> Option<(i8, usize)> {
            let (number, rest) = digits(text, 2)?;
            Some((i8::try_from(number).ok()?, rest.len()))
        };
        let (hour, left) = part(text)?;
        clock.hour = hour;
        let mut rest = text.get(text.len() - left..)?;
        let mut separated = false;
        for index in 1..=3 {
            if rest.is_empty() {
                return Some(clock);
            }
            if rest.starts_with(['-', '+', 'Z', 'z']) {
                clock.offset = Some(zone(rest)?);
                return Some(clock);
            }
            if index == 3 {
                rest = clock.fraction(rest)?;
                break;
            }
            if index == 1 && rest.starts_with(':') {
                separated = true;
            }
            let body = if separated { rest.strip_prefix(':')? } else { rest };
            let (number, left) = part(body)?;
            if index == 1 {
                clock.minute = number;
            } else {
                clock.second = number;
            }
            rest = body.get(body.len() - left..)?;
        }
        if !rest.is_empty() {
            clock.offset = Some(zone(rest)?);
        }
        Some(clock)
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let body = text.strip_prefix(['.', ','])?;
        let end = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
        let (fraction, rest) = body.split_at_checked(end)?;
        self.micros = super::parse::micros(fraction)?;
        Some(rest)
    }
}

/// `Z`, `±HH`, `±HHMM` or `±HH:MM`, in seconds.
fn zone(text: &str) -> Option<i32> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, rest) = digits(text.strip_prefix(['-', '+'])?, 2)?;
    let minutes = if rest.is_empty() {
        0
    } else {
        let (minutes, end) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
        if !end.is_empty() {
            return None;
        }
        minutes
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}
