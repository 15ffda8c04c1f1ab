//! What the windows of a run show together: rows that lie beside them, and days that never have
//! any.

use store::Sign;

use model::Window;

use super::trail::Trail;

/// What is less likely than this is no accident. Rows come in rhythms, so it is stricter than for
/// single walks.
const VERY_RARE: f64 = 1e-4;

/// Sources cannot be further off than time zones are.
const FURTHEST: i64 = 26 * 3600;

/// The windows of a run.
#[derive(Debug, Default)]
pub(super) struct Windows {
    forward: Slip,
    backward: Slip,
    first: Side,
    last: Side,
    /// Days within windows, their ends aside, and how many of them have rows.
    inner: (u64, u64),
}

/// Windows whose rows lie beyond one end, while there are none at the other.
#[derive(Debug, Default)]
struct Slip {
    windows: u64,
    furthest: i64,
    /// Logarithm of the chance that the other ends are empty by accident.
    chance: f64,
    /// Whether a window has rows where the slip would leave none.
    refuted: bool,
}

/// One end of windows of days.
#[derive(Debug, Default)]
struct Side {
    windows: u64,
    with_rows: u64,
}

impl Windows {
    pub(super) fn take(&mut self, window: Window, trail: &Trail) {
        if let Some((first, last)) = trail.span() {
            let (from, until) = (window.from().as_second(), window.until().as_second());
            let (first, last) = (first.as_second(), last.as_second());
            let length = until - from;
            self.forward.take(length, last - until, first - from, trail.rows());
            self.backward.take(length, from - first, until - last, trail.rows());
        }
        if let Some(days) = trail.days() {
            self.inner.0 += days.inner;
            self.inner.1 += days.inner_with_rows;
            for (side, has_rows) in [(&mut self.first, days.first), (&mut self.last, days.last)] {
                side.windows += 1;
                side.with_rows += u64::from(has_rows);
            }
        }
    }

    pub(super) fn conclude(&self) -> Vec<(Sign, u64, String)> {
        let mut signs = Vec::new();
        for (slip, side) in [(&self.forward, "after"), (&self.backward, "before")] {
            if slip.windows > 0 && !slip.refuted && slip.chance < VERY_RARE.ln() {
                let hours = slip.furthest / 3600;
                let text = format!(
                    "rows lie up to {hours} h {side} {} windows, and none at their other ends",
                    slip.windows
                );
                signs.push((Sign::Slip, slip.windows, text));
            }
        }
        for (side, name) in [(&self.first, "first"), (&self.last, "last")] {
            if side.is_always_empty(self.inner) {
                let text = format!("the {name} day of {} windows has no rows", side.windows);
                signs.push((Sign::Edges, side.windows, text));
            }
        }
        signs
    }
}

impl Slip {
    /// A window of so many seconds, with rows so far beyond one end, and none so near the other.
    fn take(&mut self, length: i64, beyond: i64, empty: i64, rows: u64) {
        if beyond <= 0 || beyond > FURTHEST {
            return;
        }
        if empty < beyond || beyond >= length {
            self.refuted = true;
            return;
        }
        self.windows += 1;
        self.furthest = self.furthest.max(beyond);
        #[expect(clippy::cast_precision_loss, reason = "a chance")]
        let filled = 1.0 - beyond as f64 / length as f64;
        #[expect(clippy::cast_precision_loss, reason = "a chance")]
        let rows = rows as f64;
        self.chance += rows * filled.ln();
    }
}

impl Side {
    /// Whether it never has rows, where any other day is likely to.
    fn is_always_empty(&self, (days, with_rows): (u64, u64)) -> bool {
        if self.windows < 2 || self.with_rows > 0 || days == 0 {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "a chance")]
        let (share, windows) = (with_rows as f64 / days as f64, self.windows as f64);
        // A day less than all have rows: one that always has them would prove too much.
        let empty = (1.0 - share).max(0.05);
        windows * empty.ln() < VERY_RARE.ln()
    }
}
