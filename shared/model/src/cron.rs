//! Cron expressions as EventBridge Scheduler reads them.

use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A text that is not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cron `{expression}` is refused: {reason}")]
pub struct CronError {
    expression: String,
    reason: String,
}

/// Six fields — minutes, hours, day of month, month, day of week, year — in a time zone.
///
/// Accepted in a field: `*`, numbers, names (`JAN`, `MON`), lists, ranges, steps; `?` in exactly
/// one of the two day fields; `L` and `nW` as day of month, `nL` and `n#k` as day of week
/// (1 is Sunday). See
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>.
#[derive(Debug, Clone)]
pub struct Cron {
    minutes: Vec<i16>,
    hours: Vec<i16>,
    months: Vec<i16>,
    years: Vec<i16>,
    day: Day,
    zone: TimeZone,
}

#[derive(Debug, Clone)]
enum Day {
    OfMonth(Vec<i16>),
    LastOfMonth,
    WeekdayNearest(i16),
    OfWeek(Vec<i16>),
    LastOfWeek(i16),
    NthOfWeek(i16, i16),
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Cron {
    /// Reads an expression and the IANA name of its time zone.
    pub fn parse(expression: &str, timezone: &str) -> Result<Self, CronError> {
        let fault = |reason: String| CronError { expression: expression.to_owned(), reason };
        let zone = TimeZone::get(timezone)
            .map_err(|_| fault(format!("`{timezone}` is not an IANA time zone")))?;
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            let count = fields.len();
            return Err(fault(format!(
                "{count} fields; use minutes hours day-of-month month day-of-week year"
            )));
        };
        let numbers = |text: &str, field: &Field<'_>| field.parse(text).map_err(&fault);
        Ok(Self {
            minutes: numbers(minutes, &Field::new("minutes", 0, 59))?,
            hours: numbers(hours, &Field::new("hours", 0, 23))?,
            months: numbers(month, &Field::named("month", 1, &MONTHS))?,
            years: numbers(year, &Field::new("year", 1970, 2199))?,
            day: parse_day(day_of_month, day_of_week).map_err(&fault)?,
            zone,
        })
    }

    /// First firing strictly after an instant; none when there is none.
    ///
    /// A local time that a clock change skips fires as much later as the clock jumps; one that
    /// comes twice fires the first time only.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let local = instant.to_zoned(self.zone.clone()).datetime();
        let mut date = local.date();
        let last_year = *self.years.last()?;
        while date.year() <= last_year {
            if self.matches(date) {
                let firing = self.times(date).filter(|at| *at > instant).min();
                if firing.is_some() {
                    return firing;
                }
                date = date.tomorrow().ok()?;
            } else {
                date = self.skip(date)?;
            }
        }
        None
    }

    /// The next date worth a look: the next month's first when this month cannot match.
    fn skip(&self, date: Date) -> Option<Date> {
        if self.years.binary_search(&date.year()).is_err() {
            return Date::new(date.year().checked_add(1)?, 1, 1).ok();
        }
        if self.months.binary_search(&i16::from(date.month())).is_err() {
            return date.first_of_month().checked_add(Span::new().months(1)).ok();
        }
        date.tomorrow().ok()
    }

    fn times(&self, date: Date) -> impl Iterator<Item = Timestamp> + '_ {
        let clock = self.hours.iter().flat_map(|h| self.minutes.iter().map(move |m| (*h, *m)));
        clock.filter_map(move |(hour, minute)| {
            let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
            let local: DateTime = date.at(hour, minute, 0, 0);
            Some(self.zone.to_ambiguous_zoned(local).compatible().ok()?.timestamp())
        })
    }

    fn matches(&self, date: Date) -> bool {
        let has = |numbers: &[i16], n: i16| numbers.binary_search(&n).is_ok();
        has(&self.years, date.year())
            && has(&self.months, i16::from(date.month()))
            && self.day.matches(date)
    }
}

impl Day {
    fn matches(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        let length = i16::from(date.days_in_month());
        match self {
            Self::OfMonth(days) => days.binary_search(&day).is_ok(),
            Self::LastOfMonth => day == length,
            Self::WeekdayNearest(wanted) => nearest_weekday(date, *wanted) == Some(day),
            Self::OfWeek(days) => days.binary_search(&weekday).is_ok(),
            Self::LastOfWeek(wanted) => weekday == *wanted && day > length - 7,
            Self::NthOfWeek(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// The weekday of this month nearest to its n-th day, never leaving the month.
fn nearest_weekday(date: Date, wanted: i16) -> Option<i16> {
    let length = i16::from(date.days_in_month());
    let aimed =
        Date::new(date.year(), date.month(), i8::try_from(wanted.min(length)).ok()?).ok()?;
    let day = i16::from(aimed.day());
    Some(match aimed.weekday().to_sunday_one_offset() {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == length => day - 2,
        1 => day + 1,
        _ => day,
    })
}

fn parse_day(of_month: &str, of_week: &str) -> Result<Day, String> {
    let month_days = Field::new("day of month", 1, 31);
    let week_days = Field::named("day of week", 1, &WEEKDAYS);
    match (of_month, of_week) {
        ("?", "?") => Err("`?` stands in one day field, not in both".to_owned()),
        ("L", "?") => Ok(Day::LastOfMonth),
        (text, "?") => match text.strip_suffix('W') {
            Some(day) => Ok(Day::WeekdayNearest(month_days.number(day)?)),
            None => Ok(Day::OfMonth(month_days.parse(text)?)),
        },
        ("?", "L") => Ok(Day::OfWeek(vec![7])),
        ("?", text) => match (text.strip_suffix('L'), text.split_once('#')) {
            (Some(day), _) => Ok(Day::LastOfWeek(week_days.number(day)?)),
            (_, Some((day, nth))) => {
                let nth = Field::new("week of month", 1, 5).number(nth)?;
                Ok(Day::NthOfWeek(week_days.number(day)?, nth))
            }
            _ => Ok(Day::OfWeek(week_days.parse(text)?)),
        },
        _ => Err("one of the two day fields is `?`".to_owned()),
    }
}

struct Field<'a> {
    name: &'a str,
    least: i16,
    most: i16,
    names: &'a [&'a str],
}

impl<'a> Field<'a> {
    fn new(name: &'a str, least: i16, most: i16) -> Self {
        Self { name, least, most, names: &[] }
    }

    fn named(name: &'a str, least: i16, names: &'a [&'a str]) -> Self {
        let most = least + i16::try_from(names.len()).unwrap_or(i16::MAX) - 1;
        Self { name, least, most, names }
    }

    /// All numbers that the text names, in order, each once.
    fn parse(&self, text: &str) -> Result<Vec<i16>, String> {
        let mut numbers = Vec::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step)?)),
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.least, self.most),
                Some((first, last)) => (self.number(first)?, self.number(last)?),
                None if step.is_some() => (self.number(range)?, self.most),
                None => (self.number(range)?, self.number(range)?),
            };
            if first > last {
                return Err(format!("{} `{range}` ends before it starts", self.name));
            }
            numbers.extend((first..=last).step_by(step.unwrap_or(1)));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        match usize::from_str(text) {
            Ok(step) if step > 0 => Ok(step),
            _ => Err(format!("{} step `{text}` is not a positive number", self.name)),
        }
    }

    fn number(&self, text: &str) -> Result<i16, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(place) => i16::try_from(place).ok().map(|place| place + self.least),
            None => i16::from_str(text).ok(),
        };
        match number {
            Some(n) if (self.least..=self.most).contains(&n) => Ok(n),
            _ => Err(format!("{} `{text}`: use {} to {}", self.name, self.least, self.most)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn next(expression: &str, zone: &str, after: &str) -> String {
        let cron = Cron::parse(expression, zone).unwrap();
        cron.next_after(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_firing_is_strictly_after_the_instant() {
        assert_eq!(next("0 6 * * ? *", "UTC", "2026-01-01T05:59:59Z"), "2026-01-01T06:00:00Z");
        assert_eq!(next("0 6 * * ? *", "UTC", "2026-01-01T06:00:00Z"), "2026-01-02T06:00:00Z");
    }

    #[test]
    fn the_fields_of_the_guide_fire_as_it_says() {
        let from = "2026-01-01T00:00:00Z";
        for (expression, expected) in [
            ("0/15 * * * ? *", "2026-01-01T00:15:00Z"),
            ("15 12 ? * MON-FRI *", "2026-01-01T12:15:00Z"),
            ("0 18 ? * 7 *", "2026-01-03T18:00:00Z"),
            ("0 8 1 * ? *", "2026-01-01T08:00:00Z"),
            ("0 0 L * ? *", "2026-01-31T00:00:00Z"),
            ("0 0 ? * 6L *", "2026-01-30T00:00:00Z"),
            ("0 0 ? * TUE#3 *", "2026-01-20T00:00:00Z"),
            ("0 0 3W * ? *", "2026-01-02T00:00:00Z"),
            ("0 0 29 FEB ? *", "2028-02-29T00:00:00Z"),
            ("5,35 14 * JUN ? 2027", "2027-06-01T14:05:00Z"),
        ] {
            assert_eq!(next(expression, "UTC", from), expected, "{expression}");
        }
    }

    #[test]
    fn a_time_that_the_clock_skips_fires_later_by_the_jump() {
        let skipped = next("30 2 29 3 ? *", "Europe/Berlin", "2026-03-28T12:00:00Z");
        assert_eq!(skipped, "2026-03-29T01:30:00Z");
    }

    #[test]
    fn an_expression_that_never_fires_again_says_so() {
        let cron = Cron::parse("0 0 1 1 ? 2020", "UTC").unwrap();
        assert_eq!(cron.next_after("2026-01-01T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for bad in [
            "0 6 * * *",
            "0 6 * * * *",
            "0 6 ? * ? *",
            "60 6 * * ? *",
            "a 6 * * ? *",
            "0 6 * * MON#6 *",
            "0/0 6 * * ? *",
            "9-5 6 * * ? *",
        ] {
            assert!(Cron::parse(bad, "UTC").is_err(), "{bad}");
        }
        assert!(Cron::parse("0 6 * * ? *", "Mars/Olympus").is_err());
    }
}
