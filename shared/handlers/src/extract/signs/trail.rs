//! What one walk over the pages of a slice shows.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use model::{CursorValue, Timestamp, Window};
use serde_json::Map;
use store::{Edge, OpenSlice, Sign, partition_digest};

use super::is_usual;

use crate::pull::{Evidence, Place, Placing, PullPage, PullRecord};

/// Records at the end of a page that the next one is searched for.
const TAIL: usize = 8;

/// Rows at one instant that are told apart.
const AT_EDGE: usize = 10_000;

/// Days of one window that are told apart.
const DAYS: usize = 4_096;

const DAY: i64 = 24 * 3600;

/// One walk.
#[derive(Debug, Default)]
pub(in super::super) struct Trail {
    window: Option<Window>,
    edge: Option<Edge>,
    /// Whether the slice is of one partition of several.
    parted: bool,
    /// Whether nothing of the partition was read before.
    first_read: bool,
    /// Whether it began at the slice's first page.
    from_start: bool,
    pages: u64,
    rows: u64,
    found: u64,
    limit: Option<u64>,
    largest: u64,
    /// Records of its last page that had any.
    last: u64,
    first_record: Option<u64>,
    /// What the last page but one ended with.
    tail: Tail,
    bounds: Bounds,
    ties: u64,
    span: Option<(Timestamp, Timestamp)>,
    at_edge: BTreeSet<u64>,
    /// Days that have rows; none once a row has a time of day.
    days: Option<BTreeSet<i64>>,
    first: Option<Evidence>,
    end: Option<Evidence>,
}

/// How pages follow each other.
#[derive(Debug, Default)]
struct Bounds {
    pages: u64,
    /// Pages that begin with a row of the page before.
    repeating: u64,
    /// Whether equal rows stand beside each other within a page.
    duplicates: bool,
}

#[derive(Debug, Default)]
struct Tail {
    records: Vec<u64>,
    cursor: Option<CursorValue>,
    /// Whether the last two records have the same cursor.
    tied: bool,
    full: bool,
}

/// The days of a window, where all rows are dated by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// Days that are neither its first nor its last.
    pub(super) inner: u64,
    pub(super) inner_with_rows: u64,
    /// Whether the first day has rows.
    pub(super) first: bool,
    /// Whether the last day has rows.
    pub(super) last: bool,
}

impl Trail {
    /// A walk over a slice, from its first page or from a place in it.
    pub(in super::super) fn new(open: &OpenSlice, from_start: bool) -> Self {
        let holds = |window: Window, at| window.from() <= at && at < window.until();
        let edge = open.known.edge.clone().filter(|edge| match (&edge.cursor, open.window) {
            (CursorValue::Instant(at), Some(window)) => holds(window, *at),
            _ => false,
        });
        Self {
            window: open.window,
            edge,
            parted: open.id.partition != partition_digest(&Map::new()),
            first_read: open.known.nothing,
            from_start,
            days: Some(BTreeSet::new()),
            ..Self::default()
        }
    }

    /// Takes a page.
    pub(in super::super) fn page(&mut self, page: &PullPage) {
        let evidence = &page.evidence;
        self.compare(page);
        self.pages += 1;
        self.rows += page.records.len() as u64;
        self.found += evidence.found;
        self.limit = self.limit.or(evidence.limit);
        self.largest = self.largest.max(evidence.found);
        if evidence.found > 0 {
            self.last = evidence.found;
        }
        for record in &page.records {
            self.date(record);
        }
        self.first_record = self.first_record.or_else(|| page.records.first().map(digest));
        self.first.get_or_insert_with(|| evidence.clone());
        if page.next.is_none() {
            self.end = Some(evidence.clone());
        }
    }

    /// Holds a page against the one before it.
    fn compare(&mut self, page: &PullPage) {
        let by_cursor = page.evidence.by_cursor;
        let counted = page.next.as_ref().is_some_and(|next| next.placing == Placing::Count);
        let head = page.records.first();
        if by_cursor && self.tail.tied && self.tail.full {
            let goes_on = head.is_some_and(|record| record.cursor == self.tail.cursor);
            self.ties += u64::from(!goes_on);
        }
        if !by_cursor && let Some(head) = head {
            self.bounds.pages += u64::from(!self.tail.records.is_empty());
            self.bounds.repeating += u64::from(self.tail.records.contains(&digest(head)));
        }
        if head.is_none() {
            return;
        }
        let mut last = page.records.iter().rev();
        let (end, before) = (last.next(), last.next());
        let cursor = end.and_then(|record| record.cursor.clone());
        let limit = page.evidence.limit.unwrap_or(self.largest);
        self.tail = Tail {
            tied: cursor.is_some() && before.is_some_and(|record| record.cursor == cursor),
            cursor,
            full: page.evidence.found >= limit,
            records: Vec::new(),
        };
        if !by_cursor && !counted {
            let tail = page.records.iter().rev().take(TAIL);
            self.tail.records = tail.map(digest).collect();
            let mut pairs = self.tail.records.windows(2);
            self.bounds.duplicates |= pairs.any(|pair| pair.first() == pair.last());
        }
    }

    fn date(&mut self, record: &PullRecord) {
        let Some(CursorValue::Instant(at)) = &record.cursor else { return };
        let at = *at;
        self.span = Some(match self.span {
            None => (at, at),
            Some((first, last)) => (first.min(at), last.max(at)),
        });
        if self.edge.as_ref().is_some_and(|edge| edge.cursor == CursorValue::Instant(at))
            && self.at_edge.len() < AT_EDGE
        {
            self.at_edge.insert(digest(record));
        }
        let midnight = at.subsec_nanosecond() == 0 && at.as_second().rem_euclid(DAY) == 0;
        let room = self.days.as_ref().is_some_and(|days| days.len() < DAYS);
        match &mut self.days {
            Some(days) if midnight && room => {
                days.insert(at.as_second().div_euclid(DAY));
            }
            days => *days = None,
        }
    }

    /// Signs that this walk alone is enough for.
    pub(super) fn signs(&self) -> Vec<Sign> {
        let promised = self.end.as_ref().is_some_and(|end| end.more == Some(true));
        let bounds = &self.bounds;
        let some_repeat = bounds.repeating > 0 && bounds.repeating < bounds.pages;
        let shifts = bounds.pages >= 3 && some_repeat && !bounds.duplicates;
        [
            (promised && self.rows > 0, Sign::PromisedMore),
            (self.ties > 0, Sign::Tie),
            (shifts, Sign::Shift),
            (self.has_late_rows(), Sign::Late),
        ]
        .into_iter()
        .filter_map(|(seen, sign)| seen.then_some(sign))
        .collect()
    }

    /// Several rows stood at the instant where the last walk ended. Now there are none of them, and
    /// fewer rows than could have moved on.
    pub(super) fn leaves_out_the_edge(&self) -> bool {
        let Some(edge) = self.edge.as_ref().filter(|_| self.from_start) else { return false };
        self.at_edge.is_empty() && edge.rows >= 2 && self.rows < edge.rows
    }

    /// Whether a row at which the last walk ended came again.
    pub(super) fn gives_the_edge(&self) -> bool {
        !self.at_edge.is_empty()
    }

    /// There are more rows than before at an instant that had been over when they were counted.
    fn has_late_rows(&self) -> bool {
        let Some(edge) = self.edge.as_ref().filter(|_| self.from_start) else { return false };
        let CursorValue::Instant(at) = edge.cursor else { return false };
        let is_day = at.subsec_nanosecond() == 0 && at.as_second().rem_euclid(DAY) == 0;
        // A date is over everywhere when the last time zone has left it.
        let unit = if is_day { DAY + DAY / 2 } else { 1 };
        let over = edge.at.duration_since(at).as_secs() >= unit;
        over && self.at_edge.len() as u64 > edge.rows
    }

    /// A sign in words.
    pub(super) fn said(&self, sign: Sign, slice: &str) -> String {
        let bounds = &self.bounds;
        let edge = self.edge.as_ref().map_or(0, |edge| edge.rows);
        match sign {
            Sign::Tie => format!("slice {slice}: {} pages end within a value", self.ties),
            Sign::Shift => format!(
                "slice {slice}: {} of {} pages begin with rows of the page before",
                bounds.repeating, bounds.pages
            ),
            Sign::Boundary => format!("slice {slice}: {edge} rows at its start did not come again"),
            Sign::Late => format!(
                "slice {slice}: {} rows at its start, where there were {edge}",
                self.at_edge.len()
            ),
            _ => format!("slice {slice}: the last page says that there is more"),
        }
    }

    /// The place behind the last page, where it is worth a call to look there: behind several
    /// pages, and behind one that a source may have cut itself.
    pub(in super::super) fn beyond(&self) -> Option<&Place> {
        let half = self.limit.unwrap_or_default().div_ceil(2);
        let doubtful = is_usual(self.found) || self.first_read && self.found >= half;
        let worth = self.from_start && (self.pages > 1 || doubtful);
        self.end.as_ref()?.beyond.as_ref().filter(|_| worth)
    }

    /// Whether a page from behind the end has rows of its own: some sources give their first or
    /// their last page instead.
    pub(in super::super) fn is_news(&self, behind: &PullPage) -> bool {
        let (first, last) = (behind.records.first(), behind.records.last());
        let is_known = |first, last| {
            self.first_record == Some(digest(first)) || self.tail.records.contains(&digest(last))
        };
        first.zip(last).is_some_and(|(first, last)| !is_known(first, last))
    }

    pub(super) fn window(&self) -> Option<Window> {
        self.window
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn limit(&self) -> Option<u64> {
        self.limit
    }

    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    /// Whether it read a part of the stream.
    pub(super) fn is_part(&self) -> bool {
        self.window.is_some() || self.parted
    }

    /// What tells it from other walks: rows and ends.
    pub(super) fn digest(&self) -> u64 {
        let mut digest = DefaultHasher::new();
        (self.found, self.first_record, &self.tail.records).hash(&mut digest);
        digest.finish()
    }

    /// Records of its last page; 0 when an empty page proved that it was the last.
    pub(super) fn last_page(&self) -> u64 {
        if self.end.as_ref().is_some_and(|end| end.found > 0) { self.last } else { 0 }
    }

    /// All records, when it saw all pages.
    pub(super) fn rows_if_whole(&self) -> Option<u64> {
        self.from_start.then_some(self.found)
    }

    /// Whether its end tells nothing of more rows: no page was shorter than the others.
    pub(super) fn may_be_cut(&self) -> bool {
        self.last >= self.limit.unwrap_or(self.largest)
    }

    /// First and last instant of its rows.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// How many records it found, and how many the source counts, when both are known. Rows that
    /// came or went meanwhile are left out of account.
    pub(super) fn counted(&self) -> Option<(u64, u64)> {
        let total = |evidence: &Option<Evidence>| evidence.as_ref().and_then(|e| e.total);
        let total = total(&self.first)?.min(total(&self.end)?);
        self.from_start.then_some((self.found, total))
    }

    /// The days of its window, when rows are dated by day and the window is of several of them.
    pub(super) fn days(&self) -> Option<Days> {
        let days = self.days.as_ref().filter(|days| !days.is_empty())?;
        let window = self.window?;
        let (from, until) = (window.from().as_second(), window.until().as_second());
        let whole = from.rem_euclid(DAY) == 0 && until.rem_euclid(DAY) == 0;
        let (first, end) = (from.div_euclid(DAY), until.div_euclid(DAY));
        let length = end - first;
        // Weeks have a rhythm of their own: their ends are always the same weekdays.
        if !whole || length < 3 || length % 7 == 0 {
            return None;
        }
        let last = end - 1;
        Some(Days {
            inner: u64::try_from(length - 2).ok()?,
            inner_with_rows: days.range(first + 1..last).count() as u64,
            first: days.contains(&first),
            last: days.contains(&last),
        })
    }
}

fn digest(record: &PullRecord) -> u64 {
    let mut digest = DefaultHasher::new();
    record.raw.hash(&mut digest);
    digest.finish()
}
