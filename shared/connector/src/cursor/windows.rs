//! The windows of time that a stream is read in.

use request::datetime::Period;

use super::clamp::Clamp;
use super::moment::Moment;

/// What decides the windows of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    /// Nothing before this is read.
    pub(crate) start: Moment,
    /// How long a window is; one window when there is no step.
    pub(crate) step: Option<Period>,
    /// The smallest unit the source tells apart; with it the end of a window is inside of it.
    pub(crate) granularity: Option<Period>,
    /// Whether a window of one instant is refused by the source.
    pub(crate) strict: bool,
    /// What the bounds are moved to.
    pub(crate) clamp: Option<Clamp>,
}

/// One window: the next one starts where it ends, and the request says `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// First instant inside.
    pub(crate) from: Moment,
    /// First instant after.
    pub(crate) until: Moment,
    /// The end as it is sent: the last unit inside, or `until` itself where nothing follows.
    pub(crate) last: Moment,
}

impl Cut {
    /// Cuts `[lower, upper]` into windows. `open` says that `upper` is the end of all, not the
    /// start of something already read. `None`: more than `most` windows.
    pub(crate) fn windows(
        &self,
        lower: Moment,
        upper: Moment,
        open: bool,
        most: usize,
    ) -> Option<Vec<Bounds>> {
        let mut windows = Vec::new();
        if lower > upper || (lower == upper && self.granularity.is_none()) || upper < self.start {
            return Some(windows);
        }
        let lower = self.clamped(lower.max(self.start));
        if lower > upper || (lower == upper && (self.strict || !open)) {
            return Some(windows);
        }
        let mut from = lower;
        loop {
            let step = self.step.and_then(|step| from.plus(step)).map_or(upper, |u| u.min(upper));
            let until = match (step >= upper, windows.is_empty()) {
                // With a granularity the end of all is the last unit to read.
                (true, true) if open && self.granularity.is_some() => upper,
                (true, false) => upper,
                _ => self.clamped(step),
            };
            let reached = step >= upper || until == upper;
            if !reached && until <= from {
                return None;
            }
            if until <= from && !windows.is_empty() {
                return Some(windows);
            }
            let inside = self.granularity.filter(|_| !(open && reached));
            let last = inside.and_then(|unit| until.minus(unit)).unwrap_or(until);
            windows.push(Bounds { from, until, last });
            if reached {
                return Some(windows);
            }
            if windows.len() >= most {
                return None;
            }
            from = until;
        }
    }

    fn clamped(&self, moment: Moment) -> Moment {
        self.clamp.and_then(|clamp| clamp.up(moment)).unwrap_or(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::utc(text.parse().unwrap())
    }

    fn period(text: &str) -> Period {
        Period::parse(text).unwrap()
    }

    #[track_caller]
    fn check(cut: &Cut, upper: &str, expected: &[(&str, &str)]) {
        let windows = cut.windows(cut.start, at(upper), true, 100).unwrap();
        let found: Vec<_> = windows.iter().map(|w| (w.from, w.last)).collect();
        let expected: Vec<_> = expected.iter().map(|(from, last)| (at(from), at(last))).collect();
        assert_eq!(found, expected);
        assert!(windows.windows(2).all(|pair| pair[0].until == pair[1].from));
    }

    #[test]
    fn every_window_but_the_last_ends_one_unit_early() {
        let cut = Cut {
            start: at("2024-01-01T00:00:00Z"),
            step: Some(period("P2D")),
            granularity: Some(period("PT1S")),
            strict: false,
            clamp: None,
        };
        check(
            &cut,
            "2024-01-06T07:08:09.123456Z",
            &[
                ("2024-01-01T00:00:00Z", "2024-01-02T23:59:59Z"),
                ("2024-01-03T00:00:00Z", "2024-01-04T23:59:59Z"),
                ("2024-01-05T00:00:00Z", "2024-01-06T07:08:09.123456Z"),
            ],
        );
    }

    #[test]
    fn steps_of_months_follow_the_calendar_and_clip_the_day() {
        let cut = Cut {
            start: at("2023-10-31T00:00:00Z"),
            step: Some(period("P1M")),
            granularity: Some(period("P1D")),
            strict: false,
            clamp: None,
        };
        check(
            &cut,
            "2024-01-06T00:00:00Z",
            &[
                ("2023-10-31T00:00:00Z", "2023-11-29T00:00:00Z"),
                ("2023-11-30T00:00:00Z", "2023-12-29T00:00:00Z"),
                ("2023-12-30T00:00:00Z", "2024-01-06T00:00:00Z"),
            ],
        );
    }

    #[test]
    fn without_a_step_there_is_one_window_and_none_before_the_start() {
        let mut cut = Cut {
            start: at("2024-01-01T00:00:00Z"),
            step: None,
            granularity: None,
            strict: false,
            clamp: None,
        };
        check(&cut, "2024-01-06T00:00:00Z", &[("2024-01-01T00:00:00Z", "2024-01-06T00:00:00Z")]);
        check(&cut, "2023-12-31T00:00:00Z", &[]);
        check(&cut, "2024-01-01T00:00:00Z", &[]);
        cut.granularity = Some(period("PT1S"));
        check(&cut, "2024-01-01T00:00:00Z", &[("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")]);
    }

    #[test]
    fn clamped_windows_begin_and_end_with_their_period() {
        let cut = Cut {
            start: at("2024-01-15T05:00:00Z"),
            step: Some(period("P10D")),
            granularity: Some(period("PT1S")),
            strict: false,
            clamp: Some(Clamp::Month),
        };
        check(
            &cut,
            "2024-03-31T23:59:59Z",
            &[
                ("2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"),
                ("2024-03-01T00:00:00Z", "2024-03-31T23:59:59Z"),
            ],
        );
        let none = Cut { step: Some(period("PT1H")), ..cut };
        assert_eq!(none.windows(none.start, at("2024-03-31T23:59:59Z"), true, 10), None);
    }

    #[test]
    fn a_step_that_makes_too_many_windows_is_refused() {
        let cut = Cut {
            start: at("2024-01-01T00:00:00Z"),
            step: Some(period("PT1S")),
            granularity: Some(period("PT1S")),
            strict: false,
            clamp: None,
        };
        assert_eq!(cut.windows(cut.start, at("2024-01-02T00:00:00Z"), true, 1000), None);
    }
}
