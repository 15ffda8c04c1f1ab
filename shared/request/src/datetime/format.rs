//! Formats: `strftime` directives, and those that only this language has.

use jiff::civil::{self, Date, Weekday};

use super::parse::{DIRECTIVES, Item, parse};
use super::{DateTime, Period, TimeError, offset_text};
use crate::value::{Number, Value};

/// A format of cursor values and request parameters, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// `%s`
    Seconds,
    /// `%s_as_float`
    FloatSeconds,
    /// `%ms`
    Milliseconds,
    /// `%epoch_microseconds`
    Microseconds,
    /// `iso8601`: any ISO 8601 text, for overlays; the reference's language has no word for it.
    Iso,
    /// `strftime`, with the items for parsing; none when it cannot be parsed by.
    Pattern { items: Option<Vec<Item>> },
}

impl Format {
    /// Reads a format.
    pub fn new(text: &str) -> Self {
        let kind = match text {
            "%s" => Kind::Seconds,
            "%s_as_float" => Kind::FloatSeconds,
            "%ms" => Kind::Milliseconds,
            "%epoch_microseconds" => Kind::Microseconds,
            "iso8601" => Kind::Iso,
            _ => Kind::Pattern { items: items(&text.replace("%_ms", "%f")) },
        };
        Self { text: text.to_owned(), kind }
    }

    /// The format as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether texts of this format sort as their instants do: every part has a fixed width,
    /// from the year down.
    pub fn sorts(&self) -> bool {
        let Kind::Pattern { items: Some(items) } = &self.kind else { return false };
        let order: String = items
            .iter()
            .filter_map(|item| match item {
                Item::Directive(directive) => Some(*directive),
                _ => None,
            })
            .collect();
        !order.is_empty() && "YmdHMSf".starts_with(&order)
    }

    /// Reads a text or number; a time without an offset is in UTC.
    pub fn parse(&self, value: &Value) -> Result<DateTime, TimeError> {
        match value {
            Value::Str(text) => self.parse_text(text),
            Value::Number(number) => self.parse_number(number),
            other => self.parse_text(&other.to_string()),
        }
    }

    /// Whether its texts say nothing of a zone: they have neither an offset nor a literal one.
    pub fn is_local(&self) -> bool {
        let Kind::Pattern { .. } = &self.kind else { return false };
        let digits = |c: char| c.is_ascii_digit() || c == ':';
        let literal = self.text.ends_with('Z')
            || self.text.trim_end_matches(digits).ends_with(['+', '-'])
                && self.text.ends_with(|c: char| c.is_ascii_digit());
        !literal && !self.text.contains("%z") && !self.text.contains("%Z")
    }

    /// Reads a text; a time without an offset is in UTC.
    pub fn parse_text(&self, text: &str) -> Result<DateTime, TimeError> {
        let found = match &self.kind {
            Kind::Seconds => epoch(text, 1_000_000),
            Kind::Milliseconds => epoch(text, 1_000),
            Kind::Microseconds => epoch(text, 1),
            Kind::FloatSeconds => text.trim().parse().ok().and_then(float_epoch),
            Kind::Iso => super::isoparse(text).ok(),
            Kind::Pattern { items } => items.as_ref().and_then(|items| parse(items, text)),
        };
        let found = found.ok_or_else(|| self.fault(text))?;
        Ok(if found.offset().is_none() { found.with_offset(Some(0)) } else { found })
    }

    fn parse_number(&self, number: &Number) -> Result<DateTime, TimeError> {
        if number.is_integer() {
            return self.parse_text(&number.repr());
        }
        let value = number.as_f64();
        match self.kind {
            Kind::FloatSeconds => float_epoch(value).ok_or_else(|| self.fault(&number.repr())),
            Kind::Seconds | Kind::Milliseconds | Kind::Microseconds => {
                self.parse_text(&crate::value::fixed(value.trunc(), 0))
            }
            Kind::Iso | Kind::Pattern { .. } => self.parse_text(&number.repr()),
        }
    }

    fn fault(&self, text: &str) -> TimeError {
        TimeError::Format { text: text.to_owned(), format: self.text.clone() }
    }

    /// Writes a time; a naive one is taken as UTC by the formats that count from the epoch.
    pub fn format(&self, at: DateTime) -> String {
        let micros = at.micros();
        match self.kind {
            // Python's int() cuts towards zero.
            Kind::Seconds => (micros / 1_000_000).to_string(),
            Kind::FloatSeconds => {
                Number::from(crate::value::to_float(i128::from(micros)) / 1e6).repr()
            }
            Kind::Milliseconds => (micros / 1_000).to_string(),
            Kind::Microseconds => micros.to_string(),
            Kind::Iso => at.isoformat("T", None),
            Kind::Pattern { .. } if self.text.contains("%_ms") => {
                let text = at.strftime(&self.text.replace("%_ms", "%f"));
                let fraction = format!("{:06}", at.microsecond());
                text.replace(&fraction, &format!("{:03}", at.microsecond() / 1_000))
            }
            Kind::Pattern { .. } => at.strftime(&self.text),
        }
    }

    /// Reads a value by the first of several formats that fits.
    pub fn parse_any(formats: &[Self], value: &Value) -> Result<DateTime, TimeError> {
        formats.iter().find_map(|format| format.parse(value).ok()).ok_or_else(|| {
            let names: Vec<_> = formats.iter().map(|f| format!("`{}`", f.text)).collect();
            TimeError::Formats { text: value.to_string(), formats: names.join(", ") }
        })
    }
}

fn epoch(text: &str, micros: i128) -> Option<DateTime> {
    let count: i128 = text.trim().replace('_', "").parse().ok()?;
    let at = DateTime::utc(jiff::Timestamp::UNIX_EPOCH);
    at.plus(Period::from_micros(count.checked_mul(micros)?)).ok()
}

fn float_epoch(seconds: f64) -> Option<DateTime> {
    if !seconds.is_finite() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates; the range is checked next")]
    let micros = (seconds * 1e6).round_ties_even() as i128;
    DateTime::utc(jiff::Timestamp::UNIX_EPOCH).plus(Period::from_micros(micros)).ok()
}

/// The items of a parse format; none when a directive cannot be parsed.
fn items(format: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '%' {
            match chars.next()? {
                '%' => items.push(Item::Literal('%')),
                // A directive that stands twice is no format: Python refuses it, and every way to
                // share the digits between the two would have to be tried.
                directive
                    if DIRECTIVES.contains(directive)
                        && !items.contains(&Item::Directive(directive)) =>
                {
                    items.push(Item::Directive(directive));
                }
                _ => return None,
            }
        } else if c.is_whitespace() {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            items.push(Item::Space);
        } else {
            items.push(Item::Literal(c));
        }
    }
    Some(items)
}

impl DateTime {
    /// Python's `strftime`, by the directives of glibc.
    pub fn strftime(self, format: &str) -> String {
        strftime(self.civil(), self.offset(), format)
    }
}

/// Python's `strftime` of a day.
pub fn strftime_date(date: Date, format: &str) -> String {
    strftime(date.at(0, 0, 0, 0), None, format)
}

fn strftime(at: civil::DateTime, offset: Option<i32>, format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let Some(mut directive) = chars.next() else {
            out.push('%');
            break;
        };
        let flag = matches!(directive, '-' | '_' | '0' | '^').then_some(directive);
        if flag.is_some() {
            match chars.next() {
                Some(next) => directive = next,
                None => break,
            }
        }
        let text = directive_text(at, offset, directive);
        match (text, flag) {
            (Some(text), Some('^')) => out.push_str(&text.to_uppercase()),
            (Some(text), Some('-')) => {
                let bare = text.trim_start_matches(['0', ' ']);
                out.push_str(if bare.is_empty() && !text.is_empty() { "0" } else { bare });
            }
            (Some(text), _) => out.push_str(&text),
            (None, flag) => {
                out.push('%');
                out.extend(flag);
                out.push(directive);
            }
        }
    }
    out
}

fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn month_name(month: i8) -> &'static str {
    let names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    usize::try_from(month - 1).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
}

/// What one directive writes; none for those that do not exist.
fn directive_text(at: civil::DateTime, offset: Option<i32>, directive: char) -> Option<String> {
    let short = |name: &str| name.get(..3).unwrap_or(name).to_owned();
    let twelve = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let again = |format: &str| Some(strftime(at, offset, format));
    let weekday = at.weekday();
    Some(match directive {
        'Y' => at.year().to_string(),
        'C' => format!("{:02}", at.year() / 100),
        'y' => format!("{:02}", at.year().rem_euclid(100)),
        'm' => format!("{:02}", at.month()),
        'd' => format!("{:02}", at.day()),
        'e' => format!("{:2}", at.day()),
        'H' => format!("{:02}", at.hour()),
        'k' => format!("{:2}", at.hour()),
        'I' => format!("{twelve:02}"),
        'l' => format!("{twelve:2}"),
        'M' => format!("{:02}", at.minute()),
        'S' => format!("{:02}", at.second()),
        'f' => format!("{:06}", at.subsec_nanosecond() / 1_000),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        'P' => if at.hour() < 12 { "am" } else { "pm" }.to_owned(),
        'z' => offset.map(|seconds| offset_text(seconds, "")).unwrap_or_default(),
        'Z' => match offset {
            None => String::new(),
            Some(0) => "UTC".to_owned(),
            Some(seconds) => format!("UTC{}", offset_text(seconds, ":")),
        },
        's' => DateTime::naive(at).micros().div_euclid(1_000_000).to_string(),
        'j' => format!("{:03}", at.day_of_year()),
        'a' => short(weekday_name(weekday)),
        'A' => weekday_name(weekday).to_owned(),
        'b' | 'h' => short(month_name(at.month())),
        'B' => month_name(at.month()).to_owned(),
        'w' => weekday.to_sunday_zero_offset().to_string(),
        'u' => weekday.to_monday_one_offset().to_string(),
        'U' => week(at, weekday.to_sunday_zero_offset()),
        'W' => week(at, weekday.to_monday_zero_offset()),
        'V' => format!("{:02}", at.iso_week_date().week()),
        'G' => at.iso_week_date().year().to_string(),
        'D' | 'x' => return again("%m/%d/%y"),
        'F' => return again("%Y-%m-%d"),
        'T' | 'X' => return again("%H:%M:%S"),
        'R' => return again("%H:%M"),
        'r' => return again("%I:%M:%S %p"),
        'c' => return again("%a %b %e %H:%M:%S %Y"),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        _ => return None,
    })
}

/// Week of the year, by days since the week's first day.
fn week(at: civil::DateTime, since_first: i8) -> String {
    let week = (at.day_of_year() + 6 - i16::from(since_first)) / 7;
    format!("{week:02}")
}
