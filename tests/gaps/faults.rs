//! Faults that real sources have.

use store::Sign;

use crate::shape::{Between, During, Paging, Quirk, Row, Shape, Told};
use crate::world::rows;

/// What is expected of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Sign(Sign),
    /// The run fails and says so.
    Failure,
    /// All rows land all the same.
    Healed,
    /// Nothing in the answers shows it.
    Unseen,
}

use Expected::{Failure, Healed, Unseen};

pub struct Fault {
    pub name: &'static str,
    pub shape: Shape,
    pub rows: Vec<Row>,
    pub days: i64,
    pub expected: Expected,
}

fn fault(name: &'static str, expected: impl Into<Expected>, shape: Shape) -> Fault {
    let rows = rows(11, 400, &shape, 40);
    Fault { name, shape, rows, days: 40, expected: expected.into() }
}

impl From<Sign> for Expected {
    fn from(sign: Sign) -> Self {
        Self::Sign(sign)
    }
}

impl Fault {
    fn rows(mut self, count: usize, days: i64) -> Self {
        self.rows = rows(12, count, &self.shape, days);
        self.days = days;
        self
    }

    /// All rows at whole minutes, so that many share an instant.
    fn by_minute(mut self, minutes: i64) -> Self {
        for row in &mut self.rows {
            row.at -= row.at.rem_euclid(minutes * 60);
        }
        self
    }
}

/// All rows at every run, by offset.
pub const FULL: Shape = Shape { paging: Paging::Offset, windowed: false, ..Shape::PLAIN };

/// Cut off: by a limit that the source does not tell of.
fn clipped() -> Vec<Fault> {
    let base = Shape::default();
    let one = Shape { paging: Paging::None, quirk: Quirk::Cap(50), ..base.clone() };
    vec![
        fault(
            "many partitions are clipped at 50 rows, without pages",
            Sign::Clipped,
            Shape { parts: 35, ..one.clone() },
        )
        .rows(1800, 40),
        fault(
            "all windows are clipped at 50 rows, without pages",
            Sign::Clipped,
            Shape { step: Some("P7D"), ..one },
        )
        .rows(900, 40),
        fault(
            "half of the partitions give no token behind a full first page",
            Sign::Clipped,
            Shape { parts: 12, quirk: Quirk::NoToken, ..base.clone() },
        ),
        fault(
            "no more than 1,000 rows can be reached by offset",
            Sign::Ceiling,
            Shape { quirk: Quirk::Cap(1000), size: 100, ..FULL },
        )
        .rows(1700, 40),
        fault(
            "no more than 500 rows are given by token",
            Sign::Ceiling,
            Shape { quirk: Quirk::Cap(500), ..base.clone() },
        )
        .rows(900, 40),
        fault(
            "pages are half as long as asked for, so that the first one looks like the last",
            Sign::Beyond,
            Shape { quirk: Quirk::SmallPages(50), size: 100, ..FULL },
        ),
        fault(
            "the same, page by page, with a count in a header",
            Sign::Total,
            Shape {
                paging: Paging::Page,
                size: 100,
                quirk: Quirk::SmallPages(30),
                told: Told::Header,
                ..FULL
            },
        ),
    ]
}

/// Pages that are lost or repeated.
fn pages() -> Vec<Fault> {
    let base = Shape::default();
    vec![
        fault(
            "an empty page mid-way, page by page",
            Sign::Beyond,
            Shape { paging: Paging::Page, quirk: Quirk::EmptyPage(6), ..FULL },
        ),
        fault(
            "rows are taken out of pages after they were cut",
            Sign::Beyond,
            Shape { quirk: Quirk::ShortPages, size: 25, ..FULL },
        ),
        fault(
            "more is promised without a token",
            Sign::PromisedMore,
            Shape { quirk: Quirk::PromisesMore, says_more: true, ..base.clone() },
        ),
        fault(
            "the last page is missing, and counted",
            Sign::Total,
            Shape { quirk: Quirk::LosesLast, told: Told::Body, windowed: false, ..base.clone() },
        ),
        fault(
            "the last page of windows is missing, and counted",
            Sign::Total,
            Shape { quirk: Quirk::LosesLast, told: Told::Body, step: Some("P2D"), ..base.clone() },
        )
        .rows(300, 40),
        fault("tokens lead in a circle", Failure, Shape { quirk: Quirk::Circle, ..base.clone() }),
        fault(
            "every page is the first",
            Failure,
            Shape { quirk: Quirk::SamePage, paging: Paging::Page, ..FULL },
        ),
        fault("a body is cut off", Failure, Shape { quirk: Quirk::CutOff, ..base.clone() }),
        fault(
            "the last page is missing, and nothing tells",
            Unseen,
            Shape { quirk: Quirk::LosesLast, ..base },
        ),
    ]
}

/// Rows that move while they are read.
fn shifting() -> Vec<Fault> {
    let counting = Shape { paging: Paging::CountingToken, newest_first: true, ..FULL };
    vec![
        fault(
            "rows appear in front of pages by offset, for a while",
            Healed,
            Shape { newest_first: true, during: During::InsertsAtFirst, ..FULL },
        ),
        fault(
            "rows appear in front of pages by offset, and go on to",
            Sign::Unsettled,
            Shape { newest_first: true, during: During::Inserts, ..FULL },
        ),
        fault(
            "rows vanish in front of pages by offset",
            Sign::Unsettled,
            Shape { during: During::Deletes, ..FULL },
        ),
        fault(
            "rows appear in front of tokens that count",
            Sign::Shift,
            Shape { during: During::Inserts, windowed: false, ..counting.clone() },
        ),
        fault(
            "rows vanish in front of tokens that count",
            Unseen,
            Shape { during: During::Deletes, newest_first: false, ..counting },
        ),
    ]
}

/// Bounds of pages and windows.
fn bounds() -> Vec<Fault> {
    let base = Shape::default();
    let two = Shape { runs: 2, ..base.clone() };
    let days = Shape { dates: true, step: Some("P10D"), ..base.clone() };
    vec![
        fault(
            "pages go by a date that many rows share",
            Sign::Tie,
            Shape { paging: Paging::AfterDate, ..base.clone() },
        )
        .by_minute(600),
        fault(
            "the instant of the last row is left out of the next run",
            Sign::Boundary,
            Shape { quirk: Quirk::AfterStart, ..two.clone() },
        )
        .by_minute(300),
        fault(
            "rows appear at an instant that had been read",
            Sign::Late,
            Shape { between: Between::SameInstant, ..two.clone() },
        ),
        fault(
            "rows appear that are dated days ago",
            Sign::Late,
            Shape { between: Between::Backdated, reconcile: true, runs: 3, ..base.clone() },
        ),
        fault(
            "windows are read five hours late",
            Sign::Slip,
            Shape { quirk: Quirk::Slip(5 * 3600), step: Some("P4D"), ..base.clone() },
        ),
        fault(
            "windows are read eight hours early",
            Sign::Slip,
            Shape { quirk: Quirk::Slip(-8 * 3600), step: Some("P4D"), ..base.clone() },
        ),
        fault(
            "the first day of windows is left out",
            Sign::Edges,
            Shape { quirk: Quirk::AfterStart, ..days.clone() },
        )
        .rows(600, 80),
        fault(
            "the last day of windows is left out",
            Sign::Edges,
            Shape { quirk: Quirk::BeforeEnd, ..days },
        )
        .rows(600, 80),
        fault(
            "nothing older than 30 days is given",
            Unseen,
            Shape { quirk: Quirk::Recent(30), ..base },
        ),
    ]
}

/// All of them.
pub fn all() -> Vec<Fault> {
    [clipped(), pages(), shifting(), bounds()].into_iter().flatten().collect()
}
