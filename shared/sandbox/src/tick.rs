//! Instants to a hundred nanoseconds: the finest that any of the providers shows.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const PER_MILLI: i64 = 10_000;

/// Hundreds of nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tick(i64);

impl Tick {
    /// Before everything.
    pub(crate) const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub(crate) const MAX: Self = Self(i64::MAX);

    pub(crate) fn of(at: Timestamp) -> Self {
        Self(i64::try_from(at.as_nanosecond().div_euclid(100)).unwrap_or(i64::MAX))
    }

    pub(crate) fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    pub(crate) fn raw(self) -> i64 {
        self.0
    }

    pub(crate) fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(PER_MILLI))
    }

    /// The last instant that lies in this millisecond.
    pub(crate) fn end_of_milli(millis: i64) -> Self {
        Self(millis.saturating_add(1).saturating_mul(PER_MILLI).saturating_sub(1))
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub(crate) fn millis(self) -> i64 {
        self.0.div_euclid(PER_MILLI)
    }

    /// The same instant with everything finer than a millisecond dropped.
    pub(crate) fn whole_milli(self) -> Self {
        Self::from_millis(self.millis())
    }

    pub(crate) fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(PER_MILLI)))
    }

    pub(crate) fn plus_raw(self, raw: i64) -> Self {
        Self(self.0.saturating_add(raw))
    }

    /// How long after `earlier`; zero when it is not.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let raw = self.0.saturating_sub(earlier.0).max(0).unsigned_abs();
        Duration::from_nanos(raw.saturating_mul(100))
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.0) * 100).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// `2024-05-01T07:15:22.123Z`.
    pub(crate) fn millis_text(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// `2024-05-01T07:15:22.1234567+00:00`.
    pub(crate) fn seven_digits(self) -> String {
        let text = format!("{:.7}", self.timestamp());
        format!("{}+00:00", text.strip_suffix('Z').unwrap_or(&text))
    }

    /// `2024-05-01T00:15:22-07:00`.
    pub(crate) fn local_seconds(self, zone: &TimeZone) -> String {
        self.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// `2024-05-01`, as a calendar in that zone shows it.
    pub(crate) fn date(self, zone: &TimeZone) -> String {
        self.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_writes_the_same_instant_its_own_way() {
        let tick = Tick::of("2024-05-01T07:15:22.1234567Z".parse().unwrap());
        let pacific = TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").unwrap();
        assert_eq!(tick.millis_text(), "2024-05-01T07:15:22.123Z");
        assert_eq!(tick.seven_digits(), "2024-05-01T07:15:22.1234567+00:00");
        assert_eq!(tick.local_seconds(&pacific), "2024-05-01T00:15:22-07:00");
        assert_eq!(tick.date(&pacific), "2024-05-01");
    }
}
