//! Instants that remember how they were written.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use request::datetime::{DateTime, Format, Period};

/// An instant as a source wrote it: two moments are equal when they are the same instant, but
/// each is formatted with the offset it came with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: Timestamp,
    written: DateTime,
}

impl Moment {
    /// The moment of a date and time; one without an offset is in UTC.
    pub(crate) fn new(written: DateTime) -> Option<Self> {
        Some(Self { at: written.instant().ok()?, written })
    }

    /// The instant, in UTC.
    pub(crate) fn utc(at: Timestamp) -> Self {
        let written = DateTime::utc(at);
        Self { at: written.instant().unwrap_or(at), written }
    }

    /// The instant.
    pub(crate) fn at(self) -> Timestamp {
        self.at
    }

    /// As written.
    pub(crate) fn written(self) -> DateTime {
        self.written
    }

    /// What a text of that format says; one that names no zone is a local time of the given one,
    /// or in UTC. Of two instants with the same local time the earlier counts, and a time that
    /// clocks skip is moved past the gap.
    pub(crate) fn read(parsed: DateTime, format: &Format, zone: Option<&TimeZone>) -> Option<Self> {
        let Some(zone) = zone.filter(|_| format.is_local()) else { return Self::new(parsed) };
        let at = zone.to_ambiguous_timestamp(parsed.civil()).compatible().ok()?;
        Self::new(Self::utc(at).written_in(zone)?)
    }

    /// As clocks of that zone show it.
    pub(crate) fn written_in(self, zone: &TimeZone) -> Option<DateTime> {
        self.written.to_utc().ok()?.at_offset(zone.to_offset(self.at).seconds()).ok()
    }

    /// Later by a period; months move the calendar. `None` beyond the years of four digits.
    pub(crate) fn plus(self, period: Period) -> Option<Self> {
        Self::new(self.written.plus(period).ok()?)
    }

    /// Earlier by a period.
    pub(crate) fn minus(self, period: Period) -> Option<Self> {
        Self::new(self.written.minus(period).ok()?)
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, text: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let format = Format::new(format);
        let parsed = format.parse_text(text).unwrap();
        Moment::read(parsed, &format, Some(&zone)).unwrap().at().to_string()
    }

    #[test]
    fn a_text_without_an_offset_is_a_local_time() {
        let local = |text| read("%Y-%m-%dT%H:%M:%S", text, "America/Los_Angeles");
        assert_eq!(local("2024-05-01T00:00:00"), "2024-05-01T07:00:00Z");
        assert_eq!(local("2024-12-01T00:00:00"), "2024-12-01T08:00:00Z");
        assert_eq!(local("2024-11-03T01:30:00"), "2024-11-03T08:30:00Z");
        assert_eq!(local("2024-03-10T02:30:00"), "2024-03-10T10:30:00Z");
    }

    #[test]
    fn a_text_with_an_offset_says_it_itself() {
        let at = read("%Y-%m-%dT%H:%M:%S%z", "2024-05-01T00:00:00+02:00", "America/Los_Angeles");
        assert_eq!(at, "2024-04-30T22:00:00Z");
        let literal = |format, text| read(format, text, "America/Los_Angeles");
        let at = literal("%Y-%m-%dT%H:%M:%SZ", "2024-05-01T00:00:00Z");
        assert_eq!(at, "2024-05-01T00:00:00Z");
        let at = literal("%Y-%m-%d %H:%M:%S+00:00", "2024-05-01 00:00:00+00:00");
        assert_eq!(at, "2024-05-01T00:00:00Z");
    }

    #[test]
    fn bounds_are_written_as_the_zones_clocks_show_them() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let moment = Moment::utc("2024-05-01T07:00:00Z".parse().unwrap());
        let written = moment.written_in(&zone).unwrap();
        assert_eq!(Format::new("%Y-%m-%d %H:%M").format(written), "2024-05-01 00:00");
    }
}
