//! Spans of time: months that follow the calendar, and exact microseconds.

use std::cmp::Ordering;
use std::fmt;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::TimeError;

const SECOND: i128 = 1_000_000;
const DAY: i128 = 86_400 * SECOND;

/// A `timedelta` is no longer, either way.
const LONGEST: i128 = 1_000_000_000 * DAY - 1;

/// A span: Python's `timedelta`, or a calendar duration when it has months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    months: i64,
    micros: i128,
}

impl Period {
    /// An exact span.
    pub fn from_micros(micros: i128) -> Self {
        Self { months: 0, micros }
    }

    /// An exact span; digits below the microsecond are cut off.
    pub fn from_duration(duration: SignedDuration) -> Self {
        Self::from_micros(duration.as_micros())
    }

    /// Reads an ISO 8601 duration: `P1M`, `P7D`, `PT0.5S`, `-P1W`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        Self::read(text).ok_or_else(|| TimeError::Iso { text: text.to_owned(), what: "duration" })
    }

    fn read(text: &str) -> Option<Self> {
        let negative = text.starts_with('-');
        let body = text.strip_prefix(['-', '+']).unwrap_or(text).strip_prefix('P')?;
        if !body.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let (date, time) = match body.split_once('T') {
            Some((date, time)) => (date, time),
            None => (body, ""),
        };
        let mut period = Self::default();
        let mut rest = date;
        for unit in ['Y', 'M', 'W', 'D'] {
            let Some(value) = component(&mut rest, unit)? else { continue };
            match unit {
                'Y' => period.months += whole(value)?.checked_mul(12)?,
                'M' => period.months += whole(value)?,
                'W' => period.micros += micros(value, 7 * DAY)?,
                _ => period.micros += micros(value, DAY)?,
            }
        }
        if !rest.is_empty() {
            return None;
        }
        let mut rest = time;
        for (unit, size) in [('H', 3600 * SECOND), ('M', 60 * SECOND), ('S', SECOND)] {
            if let Some(value) = component(&mut rest, unit)? {
                period.micros += micros(value, size)?;
            }
        }
        if !rest.is_empty() || period.micros > LONGEST {
            return None;
        }
        Some(if negative { period.negated() } else { period })
    }

    /// The other way round.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { months: self.months.saturating_neg(), micros: self.micros.saturating_neg() }
    }

    /// Both together; at the ends of what can be counted it stays there, and no time is so far.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            months: self.months.saturating_add(other.months),
            micros: self.micros.saturating_add(other.micros),
        }
    }

    /// So many times as long; none beyond what can be counted.
    pub fn times(self, factor: i64) -> Option<Self> {
        Some(Self {
            months: self.months.checked_mul(factor)?,
            micros: self.micros.checked_mul(i128::from(factor))?,
        })
    }

    /// Whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self.months == 0 && self.micros == 0
    }

    /// Calendar months.
    pub fn months(self) -> i64 {
        self.months
    }

    /// Microseconds beside the months.
    pub fn micros(self) -> i128 {
        self.micros
    }

    /// Whole days beside the months, rounded down, as `timedelta.days`.
    pub fn days(self) -> i128 {
        self.micros.div_euclid(DAY)
    }

    /// Seconds beside the months.
    pub fn total_seconds(self) -> f64 {
        crate::value::to_float(self.micros) / 1e6
    }

    /// The exact part.
    pub fn duration(self) -> Result<SignedDuration, TimeError> {
        i64::try_from(self.micros).map(SignedDuration::from_micros).map_err(|_| TimeError::Range)
    }

    /// A day so many months later, clipped to the end of its month.
    pub(super) fn shift_months(self, date: Date) -> Result<Date, TimeError> {
        if self.months == 0 {
            return Ok(date);
        }
        let present = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        let count = present.saturating_add(self.months);
        let year = i16::try_from(count.div_euclid(12)).map_err(|_| TimeError::Range)?;
        let month = i8::try_from(count.rem_euclid(12) + 1).map_err(|_| TimeError::Range)?;
        let first = Date::new(year, month, 1).map_err(|_| TimeError::Range)?;
        let day = date.day().min(first.days_in_month());
        if !(1..=9999).contains(&year) {
            return Err(TimeError::Range);
        }
        Date::new(year, month, day).map_err(|_| TimeError::Range)
    }

    /// A day so much later; hours do not count.
    pub fn after_date(self, date: Date) -> Result<Date, TimeError> {
        let seconds = i64::try_from(self.days()).ok().and_then(|days| days.checked_mul(86_400));
        let exact = SignedDuration::from_secs(seconds.ok_or(TimeError::Range)?);
        let shifted = self.shift_months(date)?;
        shifted.checked_add(exact).map_err(|_| TimeError::Range)
    }

    /// Order of exact spans; none where months are involved on one side alone.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        (self.months == other.months).then(|| self.micros.cmp(&other.micros))
    }

    /// Python's `repr` of a `timedelta`.
    pub fn repr(self) -> String {
        let days = self.days();
        let rest = self.micros.rem_euclid(DAY);
        let parts: Vec<String> = [
            ("months", i128::from(self.months)),
            ("days", days),
            ("seconds", rest / SECOND),
            ("microseconds", rest % SECOND),
        ]
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|(name, count)| format!("{name}={count}"))
        .collect();
        let inner = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
        format!("datetime.timedelta({inner})")
    }
}

impl fmt::Display for Period {
    /// Python's `str` of a `timedelta`; years and months before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (years, months) = (self.months / 12, self.months % 12);
        if years != 0 {
            // The reference's library knows no single year.
            write!(f, "{years} years, ")?;
        }
        if months != 0 {
            let plural = if months.abs() == 1 { "" } else { "s" };
            write!(f, "{months} month{plural}, ")?;
        }
        let days = self.days();
        if days != 0 {
            let plural = if days.abs() == 1 { "" } else { "s" };
            write!(f, "{days} day{plural}, ")?;
        }
        let rest = self.micros.rem_euclid(DAY);
        let (seconds, micros) = (rest / SECOND, rest % SECOND);
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

/// Takes `<number><unit>` off the front; `Some(None)` when the next component is another.
#[expect(clippy::option_option, reason = "absent and broken are different answers")]
fn component(rest: &mut &str, unit: char) -> Option<Option<f64>> {
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','));
    let Some(end) = digits else { return if rest.is_empty() { Some(None) } else { None } };
    let (number, after) = rest.split_at_checked(end)?;
    let Some(after) = after.strip_prefix(unit) else { return Some(None) };
    let number = number.replace(',', ".");
    if !number.starts_with(|c: char| c.is_ascii_digit()) || number.ends_with('.') {
        return None;
    }
    *rest = after;
    number.parse().ok().map(Some)
}

/// Months and years must be whole to be counted.
fn whole(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked: whole and far below 2^53")]
    (value.fract() == 0.0 && value < 1e9).then_some(value as i64)
}

/// A count of units in microseconds, rounded to the nearest, half to even; none when it is longer
/// than a `timedelta` can be.
fn micros(value: f64, unit: i128) -> Option<i128> {
    let exact = value * crate::value::to_float(unit);
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is refused then")]
    let rounded = exact.round_ties_even() as i128;
    (rounded <= LONGEST).then_some(rounded)
}
