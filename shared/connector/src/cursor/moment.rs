//! Instants that remember how they were written.

use std::cmp::Ordering;

use jiff::Timestamp;
use request::datetime::{DateTime, Period};

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
