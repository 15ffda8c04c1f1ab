//! `strptime`, matching as Python's own regular expressions do.

use jiff::ToSpan as _;
use std::ops::RangeInclusive;

use jiff::civil::{Date, Time};

use super::DateTime;

/// One element of a parse format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Literal(char),
    Space,
    Directive(char),
}

/// Directives that `strptime` knows here.
pub(super) const DIRECTIVES: &str = "YmdHMSfzyIpjbBaAZwu";

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Fraction digits as microseconds: cut after six, filled up with zeros.
pub(super) fn micros(fraction: &str) -> Option<i32> {
    if fraction.is_empty() {
        return None;
    }
    let mut value = 0;
    for at in 0..6 {
        let digit = fraction.as_bytes().get(at).map_or(0, |b| i32::from(b - b'0'));
        value = value * 10 + digit;
    }
    Some(value)
}

/// Parses a text by the items of a format.
pub(super) fn parse(items: &[Item], text: &str) -> Option<DateTime> {
    let mut fields = Fields::default();
    if !fields.match_items(items, text) {
        return None;
    }
    fields.build()
}

/// How many digits a number has, and its bounds.
type Range = (RangeInclusive<usize>, RangeInclusive<i32>);

#[derive(Clone, Copy)]
struct Fields {
    year: i32,
    month: i32,
    day: i32,
    hour: i32,
    minute: i32,
    second: i32,
    micros: i32,
    offset: Option<i32>,
    afternoon: Option<bool>,
    half_day: bool,
    ordinal: Option<i32>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            year: 1900,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            offset: None,
            afternoon: None,
            half_day: false,
            ordinal: None,
        }
    }
}

impl Fields {
    /// Matches the items from here on, trying each directive's longest reading first.
    fn match_items(&mut self, mut items: &[Item], mut text: &str) -> bool {
        while let Some((item, later)) = items.split_first() {
            text = match item {
                Item::Literal(wanted) => {
                    let mut chars = text.chars();
                    if !chars.next().is_some_and(|c| same(c, *wanted)) {
                        return false;
                    }
                    chars.as_str()
                }
                Item::Space => {
                    let rest = text.trim_start();
                    if rest.len() == text.len() {
                        return false;
                    }
                    rest
                }
                Item::Directive(directive) => {
                    return self.match_directive(*directive, later, text);
                }
            };
            items = later;
        }
        text.is_empty()
    }

    fn match_directive(&mut self, directive: char, later: &[Item], text: &str) -> bool {
        match directive {
            'Y' => self.number(later, text, (4..=4, 0..=9999), |f, v| f.year = v),
            'm' => self.number(later, text, (1..=2, 1..=12), |f, v| f.month = v),
            'd' => {
                let set = |f: &mut Self, v| f.day = v;
                self.number(later, text, (1..=2, 1..=31), set)
                    || text
                        .strip_prefix(' ')
                        .is_some_and(|rest| self.number(later, rest, (1..=1, 1..=9), set))
            }
            'H' => self.number(later, text, (1..=2, 0..=23), |f, v| f.hour = v),
            'I' => self.number(later, text, (1..=2, 1..=12), |f, v| {
                f.hour = v;
                f.half_day = true;
            }),
            'M' => self.number(later, text, (1..=2, 0..=59), |f, v| f.minute = v),
            'S' => self.number(later, text, (1..=2, 0..=61), |f, v| f.second = v),
            'y' => self.number(later, text, (2..=2, 0..=99), |f, v| {
                f.year = if v <= 68 { 2000 + v } else { 1900 + v };
            }),
            'j' => self.number(later, text, (1..=3, 1..=366), |f, v| f.ordinal = Some(v)),
            'w' => self.number(later, text, (1..=1, 0..=6), |_, _| {}),
            'u' => self.number(later, text, (1..=1, 1..=7), |_, _| {}),
            'f' => self.fraction(later, text),
            'z' => self.zone(later, text),
            'b' | 'B' => {
                self.name(later, text, (&MONTHS, directive == 'b'), |f, at| f.month = at + 1)
            }
            'a' | 'A' => self.name(later, text, (&DAYS, directive == 'a'), |_, _| {}),
            'p' => self.name(later, text, (&["am", "pm"], false), |f, at| {
                f.afternoon = Some(at == 1);
            }),
            'Z' => self.name(later, text, (&["utc", "gmt"], false), |_, _| {}),
            _ => false,
        }
    }

    fn number(
        &mut self,
        later: &[Item],
        text: &str,
        (digits, range): Range,
        set: fn(&mut Self, i32),
    ) -> bool {
        digits.rev().any(|count| {
            let Some((number, rest)) = text.split_at_checked(count) else { return false };
            if !number.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            let Ok(value) = number.parse::<i32>() else { return false };
            if !range.contains(&value) {
                return false;
            }
            set(self, value);
            self.match_items(later, rest)
        })
    }

    fn fraction(&mut self, later: &[Item], text: &str) -> bool {
        (1..=6).rev().any(|count| {
            let Some((number, rest)) = text.split_at_checked(count) else { return false };
            if !number.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            self.micros = micros(number).unwrap_or(0);
            self.match_items(later, rest)
        })
    }

    /// `Z`, or `±HH[:]MM[[:]SS[.ffffff]]`, the longest reading first.
    fn zone(&mut self, later: &[Item], text: &str) -> bool {
        if let Some(rest) = text.strip_prefix('Z') {
            self.offset = Some(0);
            return self.match_items(later, rest);
        }
        let Some(body) = text.strip_prefix(['+', '-']) else { return false };
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let Some((hours, rest)) = pair(body, 99) else { return false };
        let Some((minutes, rest)) = pair(rest.strip_prefix(':').unwrap_or(rest), 59) else {
            return false;
        };
        let base = hours * 3600 + minutes * 60;
        if let Some((seconds, rest)) = pair(rest.strip_prefix(':').unwrap_or(rest), 59) {
            self.offset = Some(sign * (base + seconds));
            if self.match_items(later, rest) {
                return true;
            }
        }
        self.offset = Some(sign * base);
        self.match_items(later, rest)
    }

    fn name(
        &mut self,
        later: &[Item],
        text: &str,
        (names, short): (&[&str], bool),
        set: fn(&mut Self, i32),
    ) -> bool {
        let lower = text.to_ascii_lowercase();
        for (at, name) in (0..).zip(names) {
            let name = if short { name.get(..3).unwrap_or(name) } else { name };
            if lower.starts_with(name) {
                set(self, at);
                if self.match_items(later, text.get(name.len()..).unwrap_or_default()) {
                    return true;
                }
            }
        }
        false
    }

    fn build(self) -> Option<DateTime> {
        let hour = match (self.half_day, self.afternoon) {
            (true, Some(true)) if self.hour < 12 => self.hour + 12,
            (true, Some(false) | None) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let small = |value: i32| i8::try_from(value).ok();
        let year = i16::try_from(self.year).ok().filter(|year| *year >= 1)?;
        let date = match self.ordinal {
            // Day 366 of a common year is the first day of the next one.
            Some(ordinal) => Date::new(year, 1, 1).ok()?.checked_add((ordinal - 1).days()).ok()?,
            None => Date::new(year, small(self.month)?, small(self.day)?).ok()?,
        };
        let time =
            Time::new(small(hour)?, small(self.minute)?, small(self.second)?, self.micros * 1_000);
        Some(DateTime::naive(date.to_datetime(time.ok()?)).with_offset(self.offset))
    }
}

fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

fn pair(text: &str, most: i32) -> Option<(i32, &str)> {
    let (number, rest) = text.split_at_checked(2)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i32 = number.parse().ok()?;
    (value <= most).then_some((value, rest))
}
