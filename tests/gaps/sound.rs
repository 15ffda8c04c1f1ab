//! Sources that are in order.

use crate::api::DAY;
use crate::faults::FULL;
use crate::shape::{Between, Paging, Quirk, Row, Shape, Told};
use crate::world::rows;

/// One of them.
pub struct Sound {
    pub name: &'static str,
    pub shape: Shape,
    pub rows: Vec<Row>,
    pub days: i64,
}

fn of(name: &'static str, count: usize, shape: Shape) -> Sound {
    let rows = rows(21, count, &shape, 40);
    Sound { name, shape, rows, days: 40 }
}

/// Those that look as if they were not.
pub fn odd() -> Vec<Sound> {
    [rhythms(), pages(), told(), bounds(), changes()].into_iter().flatten().collect()
}

fn rhythms() -> Vec<Sound> {
    let now = testkit::sim::beginning().as_second();
    let dozen = (0..240i64).map(|n| Row {
        id: n.unsigned_abs() + 1,
        part: usize::try_from(n / 12).unwrap(),
        at: now - n * 9000 - 1,
    });
    // The day before the beginning is a Friday.
    let weekday = |id: i64| {
        let day = id * 37 % 84 + 1;
        let weekend = (day + 1) % 7 >= 5;
        day + if weekend { 2 } else { 0 }
    };
    let by_day = |count: i64, day: &dyn Fn(i64) -> i64| {
        let row = |id: i64| Row { id: id.unsigned_abs(), part: 0, at: now - day(id) * DAY };
        (1..=count).map(row).collect::<Vec<_>>()
    };
    let dates = |step| Shape { dates: true, step: Some(step), ..Shape::default() };
    let of = |name, shape, rows| Sound { name, shape, rows, days: 120 };
    vec![
        of(
            "a dozen rows in each partition",
            Shape { parts: 20, paging: Paging::None, ..Shape::default() },
            dozen.collect(),
        ),
        of("rows on weekdays, windows of weeks", dates("P7D"), by_day(300, &weekday)),
        of("rows on weekdays, windows of ten days", dates("P10D"), by_day(300, &weekday)),
        of("rows once a month", dates("P10D"), by_day(120, &|id| id % 4 * 30 + 1)),
    ]
}

fn pages() -> Vec<Sound> {
    let by_page = |quirk| Shape { paging: Paging::Page, quirk, ..FULL };
    let base = Shape::default();
    vec![
        of("full pages to the end, by offset", 400, FULL),
        of("full pages to the end, by page", 400, by_page(Quirk::None)),
        of("full pages to the end, by token", 400, base.clone()),
        of("the last page again behind the last", 333, by_page(Quirk::LastAgain)),
        of("an error behind the last page", 333, by_page(Quirk::NoneBehind)),
        of(
            "pages that begin with the date that the last one ends with",
            300,
            Shape { paging: Paging::FromDate, ..base.clone() },
        ),
        of("rows that repeat each other", 300, Shape { alike: true, windowed: false, ..base }),
    ]
}

fn told() -> Vec<Sound> {
    let base = Shape::default();
    let windows = Shape { step: Some("P4D"), ..base.clone() };
    let counted = |told| Shape { told, ..windows.clone() };
    vec![
        of("a count of the whole list in every window", 300, counted(Told::Unfiltered)),
        of("counts that are right", 300, counted(Told::Body)),
        of("a round number of rows, counted", 500, Shape { told: Told::Body, ..base.clone() }),
        of("a flag that is right", 300, Shape { says_more: true, ..base.clone() }),
        of(
            "a manifest that stops where it wants",
            300,
            Shape { says_more: true, stops_by_record: true, windowed: false, ..base },
        ),
    ]
}

fn bounds() -> Vec<Sound> {
    let windows = |quirk| Shape { step: Some("P4D"), quirk, ..Shape::default() };
    vec![
        of("bounds rounded to days", 300, windows(Quirk::WholeDays)),
        of("bounds that are not looked at", 300, windows(Quirk::NoBounds)),
    ]
}

fn changes() -> Vec<Sound> {
    let base = Shape { runs: 3, between: Between::News, ..Shape::default() };
    vec![
        of("news between runs", 300, base.clone()),
        of("news on the day of the last run", 300, Shape { dates: true, ..base.clone() }),
        of("news with a look-back", 300, Shape { lookback: Some("P2D"), ..base.clone() }),
        of(
            "rows that go and come back, reconciled",
            300,
            Shape { between: Between::ComeBack, reconcile: true, ..base.clone() },
        ),
        of("the rows at the resume point move on", 300, Shape { between: Between::Touch, ..base }),
    ]
}

/// Sources of every make.
pub fn drawn(seed: u64) -> Sound {
    let mixed = seed.wrapping_mul(2_654_435_761);
    let pick = |n: u64, of: usize| usize::try_from(mixed >> (n * 3)).unwrap() % of;
    let pagings = [Paging::None, Paging::Token, Paging::FromDate, Paging::Offset, Paging::Page];
    let paging = pagings[pick(0, 5)];
    let windowed = paging == Paging::FromDate || pick(1, 3) > 0;
    // More rows at one instant than a page holds cannot be read by that instant.
    let between = match (paging, pick(2, 3)) {
        (Paging::FromDate, _) | (_, 0) => Between::Nothing,
        (_, 1) => Between::News,
        _ => Between::ComeBack,
    };
    let shape = Shape {
        paging,
        size: [10, 20, 25, 100][pick(3, 4)],
        newest_first: paging == Paging::Token && pick(4, 2) == 0,
        step: [None, Some("P2D"), Some("P10D")][pick(5, 3)].filter(|_| windowed),
        windowed,
        dates: paging != Paging::FromDate && pick(6, 3) == 0,
        parts: [0, 0, 7, 30][pick(7, 4)],
        told: [Told::No, Told::Body, Told::Header, Told::Unfiltered][pick(8, 4)],
        says_more: pick(9, 2) == 0,
        reconcile: windowed && pick(2, 2) == 0,
        runs: 3,
        between,
        ..Shape::default()
    };
    let rows = rows(seed + 100, 153 + 70 * pick(4, 8), &shape, 60);
    Sound { name: "drawn", shape, rows, days: 60 }
}
