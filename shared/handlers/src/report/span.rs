//! Days, minutes and how long things took.

use lake::delivery::Day;
use model::Timestamp;

use super::MOST_DAYS;

/// All days from one to another.
pub(super) fn days(from: Day, to: Day) -> Option<Vec<Day>> {
    let mut days = vec![from];
    while let Some(last) = days.last().copied().filter(|last| *last != to) {
        if last > to || days.len() >= MOST_DAYS {
            return None;
        }
        days.push(last.after());
    }
    Some(days)
}

/// The minute that an instant lies in.
pub(super) fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

/// Times of answers, counted in classes that grow by a quarter: it takes the same room however
/// many there are, and tells a percentile to within that.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    classes: Vec<u64>,
    all: u64,
}

/// Upper bound of a class, in milliseconds.
fn bound(class: usize) -> u64 {
    let mut bound = 1;
    for _ in 0..class {
        bound += (bound / 4).max(1);
    }
    bound
}

impl Times {
    /// Counts one.
    pub(super) fn add(&mut self, millis: u64) {
        let mut class = 0;
        while class < 80 && bound(class) < millis {
            class += 1;
        }
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0);
        }
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
        }
        self.all += 1;
    }

    /// So many of 100 took at most this long.
    pub(super) fn percentile(&self, of_hundred: u64) -> u64 {
        let wanted = (self.all * of_hundred).div_ceil(100);
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return bound(class);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_the_truth() {
        let mut times = Times::default();
        assert_eq!(times.percentile(95), 0);
        (1..=1000).for_each(|ms| times.add(ms));
        let near = |found: u64, truth: u64| found >= truth && found * 4 <= truth * 5 + 4;
        assert!(near(times.percentile(50), 500), "{}", times.percentile(50));
        assert!(near(times.percentile(95), 950), "{}", times.percentile(95));
        times.add(u64::MAX);
        assert!(times.percentile(100) > 1_000_000);
    }

    #[test]
    fn days_run_from_the_earlier_to_the_later() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(days(day("2026-01-31"), day("2026-02-02")).unwrap().len(), 3);
        assert_eq!(days(day("2026-01-31"), day("2026-01-31")).unwrap().len(), 1);
        assert!(days(day("2026-02-02"), day("2026-01-31")).is_none());
        assert!(days(day("2026-01-01"), day("2027-01-01")).is_none());
    }
}
