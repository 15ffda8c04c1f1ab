//! `clamping`: windows that begin and end with days, weeks or months.

use jiff::civil::{Time, Weekday};
use request::datetime::{DateTime, Period};
use request::interpolation::Context;

use super::moment::Moment;
use crate::part::{BuildError, Part};

/// What the bounds of windows are moved to, as clocks at their own offset show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clamp {
    /// Midnight.
    Day,
    /// Midnight of that day of the week.
    Week(Weekday),
    /// Midnight of the first day of the month.
    Month,
}

impl Clamp {
    /// Of a cursor, if it has one.
    pub(crate) fn build(
        cursor: &Part<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Self>, BuildError> {
        let Some(part) = cursor.child("clamping") else { return Ok(None) };
        let target = part.needed("target")?.template(&cursor.parameters())?;
        let target = target.text(context).map_err(|error| part.fault(error.to_string()))?;
        Ok(Some(match target.as_str() {
            "DAY" => Self::Day,
            "MONTH" => Self::Month,
            "WEEK" => Self::Week(weekday(&part)?),
            other => {
                let message = format!("`target` is `{other}`; use one of DAY, WEEK, MONTH");
                return Err(part.fault(message));
            }
        }))
    }

    /// The bound at or after a moment. One that lies on the first day of its week or month is
    /// that day's midnight.
    pub(crate) fn up(self, moment: Moment) -> Option<Moment> {
        let midnight = midnight(moment)?;
        match self {
            Self::Day if midnight == moment => Some(midnight),
            Self::Day => midnight.plus(days(1)),
            Self::Week(first) => midnight.plus(days(days_until(first, midnight))),
            Self::Month => match midnight.written().date().day() {
                1 => Some(midnight),
                day => midnight.minus(days(i64::from(day) - 1))?.plus(Period::parse("P1M").ok()?),
            },
        }
    }

    /// The bound at or before a moment.
    fn down(self, moment: Moment) -> Option<Moment> {
        let midnight = midnight(moment)?;
        match self {
            Self::Day => Some(midnight),
            Self::Week(first) => match days_until(first, midnight) {
                0 => Some(midnight),
                until => midnight.minus(days(7 - until)),
            },
            Self::Month => midnight.minus(days(i64::from(midnight.written().date().day()) - 1)),
        }
    }

    /// The last unit before the bound at or before a moment: where reading ends.
    pub(crate) fn end(self, moment: Moment, granularity: Option<Period>) -> Option<Moment> {
        let default = match self {
            Self::Day => Period::from_micros(1_000_000),
            Self::Week(_) | Self::Month => days(1),
        };
        self.down(moment)?.minus(granularity.unwrap_or(default))
    }
}

fn weekday(part: &Part<'_>) -> Result<Weekday, BuildError> {
    let details = part.child("target_details");
    let name = details.as_ref().map(|details| details.text("weekday")).transpose()?.flatten();
    let name = name.ok_or_else(|| part.fault("WEEK needs `target_details.weekday`".into()))?;
    Ok(match name {
        "MONDAY" => Weekday::Monday,
        "TUESDAY" => Weekday::Tuesday,
        "WEDNESDAY" => Weekday::Wednesday,
        "THURSDAY" => Weekday::Thursday,
        "FRIDAY" => Weekday::Friday,
        "SATURDAY" => Weekday::Saturday,
        "SUNDAY" => Weekday::Sunday,
        other => {
            let message = format!("`weekday` is `{other}`; use one of MONDAY to SUNDAY");
            return Err(part.fault(message));
        }
    })
}

fn midnight(moment: Moment) -> Option<Moment> {
    let written = moment.written();
    let civil = written.date().to_datetime(Time::midnight());
    Moment::new(DateTime::naive(civil).with_offset(written.offset()))
}

fn days(count: i64) -> Period {
    Period::from_micros(i128::from(count) * 86_400_000_000)
}

/// Days from a moment's day to the next such day of the week; none when it is one.
fn days_until(first: Weekday, moment: Moment) -> i64 {
    let today = moment.written().date().weekday().to_monday_zero_offset();
    i64::from((first.to_monday_zero_offset() - today).rem_euclid(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clamp: Clamp, at: &str, down: &str, up: &str) {
        let moment = |text: &str| Moment::utc(text.parse().unwrap());
        assert_eq!(clamp.down(moment(at)), Some(moment(down)));
        assert_eq!(clamp.up(moment(at)), Some(moment(up)));
    }

    #[test]
    fn days_begin_and_end_at_midnight() {
        let (first, second) = ("2024-03-10T00:00:00Z", "2024-03-11T00:00:00Z");
        check(Clamp::Day, "2024-03-10T05:06:07Z", first, second);
        check(Clamp::Day, first, first, first);
    }

    #[test]
    fn weeks_begin_on_their_own_day() {
        let (monday, sunday) = ("2024-03-11T00:00:00Z", "2024-03-17T00:00:00Z");
        let last_sunday = "2024-03-10T00:00:00Z";
        check(Clamp::Week(Weekday::Sunday), "2024-03-11T05:00:00Z", last_sunday, sunday);
        check(Clamp::Week(Weekday::Monday), "2024-03-11T05:00:00Z", monday, monday);
        check(Clamp::Week(Weekday::Sunday), sunday, sunday, sunday);
    }

    #[test]
    fn months_begin_on_the_first() {
        let (december, january) = ("2023-12-01T00:00:00Z", "2024-01-01T00:00:00Z");
        check(Clamp::Month, "2023-12-31T23:00:00Z", december, january);
        check(Clamp::Month, "2024-01-01T09:00:00Z", january, january);
    }
}
