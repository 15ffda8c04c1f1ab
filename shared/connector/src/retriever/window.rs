//! The part of its slice that a walk is in: `RequestWindowSplitting` halves a window that the
//! source refuses, `PaginationReset` goes on from the last record it gave.

use model::CursorValue;
use request::datetime::Period;

use super::Record;
use crate::cursor::{Cursor, DatetimeCursor, Moment};
use crate::part::{BuildError, Part};
use crate::slice::Slice;

/// So often may one window be halved.
const MOST_SPLITS: u32 = 10;

/// A part of a slice, by the texts that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: String,
    pub(super) end: Option<String>,
    /// How often the slice was halved to come here.
    depth: u32,
}

impl Window {
    /// The whole slice, if it has bounds.
    pub(super) fn of(slice: &Slice) -> Option<Self> {
        Some(Self { start: slice.start.clone()?, end: slice.end.clone(), depth: 0 })
    }

    /// A part that an earlier walk was in.
    pub(super) fn between(bounds: &[String; 2]) -> Self {
        let [start, end] = bounds.clone();
        Self { start, end: Some(end).filter(|end| !end.is_empty()), depth: 0 }
    }

    /// As a later walk finds it again.
    pub(super) fn bounds(&self) -> [String; 2] {
        [self.start.clone(), self.end.clone().unwrap_or_default()]
    }

    /// What is left of the slice after this part.
    pub(super) fn rest(&self, slice: &Slice, cursor: Option<&DatetimeCursor>) -> Option<Self> {
        let (cursor, unit) = (cursor?, cursor?.cut.granularity?);
        let moment = |text: &Option<String>| cursor.parse_text(text.as_deref()?);
        let (end, last) = (moment(&self.end)?, moment(&slice.end)?);
        let start = end.plus(unit).filter(|start| *start <= last)?;
        Some(Self { start: cursor.format(start), end: slice.end.clone(), depth: self.depth })
    }

    /// The slice, with these bounds.
    pub(super) fn within(&self, slice: &Slice) -> Slice {
        Slice { start: Some(self.start.clone()), end: self.end.clone(), ..slice.clone() }
    }
}

/// How windows are halved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splitting {
    /// No smaller window is asked for.
    least: Option<i128>,
    remedy: String,
}

impl Splitting {
    /// Of a retriever, if it has one.
    pub(crate) fn build(
        retriever: &Part<'_>,
        sync: Option<&Part<'_>>,
    ) -> Result<Option<Self>, BuildError> {
        let Some(part) = retriever.child("request_window_splitting") else {
            if super::uses_action(retriever, "SPLIT_REQUEST_WINDOW") {
                let message = "SPLIT_REQUEST_WINDOW needs `request_window_splitting`";
                return Err(retriever.fault(message.into()));
            }
            return Ok(None);
        };
        let sync = sync.filter(|sync| sync.kind() == "DatetimeBasedCursor");
        let unit = sync.and_then(|sync| sync.child("cursor_granularity"));
        let unit = unit.as_ref().and_then(|unit| unit.json.as_str());
        let unit = unit.and_then(|unit| Period::parse(unit).ok());
        if unit.is_none_or(|unit| unit.months() != 0 || unit.micros() <= 0) {
            let message = "needs a DatetimeBasedCursor whose `cursor_granularity` has one length";
            return Err(part.fault(message.into()));
        }
        if sync.is_some_and(|sync| sync.flag("is_client_side_incremental") == Ok(true)) {
            let message = "windows that are not sent cannot be split: `is_client_side_incremental`";
            return Err(part.fault(message.into()));
        }
        let least = match part.text("min_split_window")?.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => {
                let period = Period::parse(text).ok();
                let fixed = period.filter(|p| p.months() == 0 && p.micros() > 0);
                let message = format!("`min_split_window` `{text}` is no duration of one length");
                Some(fixed.ok_or_else(|| part.fault(message))?.micros())
            }
        };
        let remedy = part.text("failure_message")?.unwrap_or_default().trim().to_owned();
        Ok(Some(Self { least, remedy }))
    }

    /// The two halves of a window, or why there are none.
    pub(super) fn halves(
        &self,
        window: &Window,
        cursor: &DatetimeCursor,
    ) -> Result<[Window; 2], String> {
        let failed = |text: &str| [text, &self.remedy].join(" ").trim_end().to_owned();
        if window.depth >= MOST_SPLITS {
            return Err(failed("the source refuses windows however often they are halved"));
        }
        let floor = || failed("the source refuses even the smallest window that may be asked for");
        let moment = |text: &str| cursor.parse_text(text);
        let unit = cursor.cut.granularity.ok_or_else(floor)?;
        let ends = moment(&window.start).zip(window.end.as_deref().and_then(moment));
        let (start, end) = ends.ok_or_else(floor)?;
        let span = end.at().duration_since(start.at()).as_micros();
        let units = span.div_euclid(unit.micros()) + 1;
        if span <= 0 || self.least.is_some_and(|least| span <= least) || units <= 1 {
            return Err(floor());
        }
        let first_end = start.plus(Period::from_micros((units / 2 - 1) * unit.micros()));
        let second_start = first_end.and_then(|first_end| first_end.plus(unit));
        let (first_end, second_start) = first_end.zip(second_start).ok_or_else(floor)?;
        let part = |start: Moment, end: Moment| Window {
            start: cursor.format(start),
            end: Some(cursor.format(end)),
            depth: window.depth + 1,
        };
        Ok([part(start, first_end), part(second_start, end)])
    }
}

/// When a walk begins again at its first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reset {
    /// From the last record's cursor, not from the start of the slice.
    splits: bool,
    /// After so many records.
    limit: Option<u64>,
}

impl Reset {
    /// Of a retriever; without one, a walk may begin again once.
    pub(crate) fn build(retriever: &Part<'_>, cursor: Option<&Cursor>) -> Result<Self, BuildError> {
        let Some(part) = retriever.child("pagination_reset") else {
            return Ok(Self { splits: false, limit: None });
        };
        let splits = match part.text("action")? {
            Some("SPLIT_USING_CURSOR") => true,
            Some("RESET") => false,
            _ => return Err(part.fault("`action` is SPLIT_USING_CURSOR or RESET".into())),
        };
        let limit = part.child("limits").and_then(|limits| limits.child("number_of_records"));
        let limit = limit.map(|limit| {
            limit.json.as_u64().ok_or_else(|| limit.fault("expected a number".into()))
        });
        let limit = limit.transpose()?;
        let selector = retriever.child("record_selector");
        if limit.is_some() && selector.is_some_and(|s| s.child("record_filter").is_some()) {
            return Err(part.fault("`limits` cannot be counted under a `record_filter`".into()));
        }
        Ok(Self { splits: splits && cursor.is_some(), limit })
    }
}

/// What a walk has met since it last began.
#[derive(Debug)]
pub(super) struct Tracker {
    reset: Reset,
    count: u64,
    latest: Option<Mark>,
    descended: bool,
    attempts: u32,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Mark {
    At(Moment),
    Count(i128),
}

impl Tracker {
    pub(super) fn new(reset: Reset) -> Self {
        Self { reset, count: 0, latest: None, descended: false, attempts: 0 }
    }

    pub(super) fn observe(&mut self, records: &[Record]) {
        self.count += records.len() as u64;
        if !self.reset.splits {
            return;
        }
        for record in records {
            let mark = match (record.moment, &record.cursor) {
                (Some(moment), _) => Mark::At(moment),
                (None, Some(CursorValue::Integer(count))) => Mark::Count(*count),
                _ => continue,
            };
            self.descended |= self.latest.is_some_and(|latest| latest > mark);
            if self.latest.is_none_or(|latest| latest < mark) {
                self.latest = Some(mark);
            }
        }
    }

    /// Whether the walk is to begin again for the records it has met.
    pub(super) fn has_reached_limit(&self) -> bool {
        self.reset.limit.is_some_and(|limit| self.count >= limit)
    }

    /// The window to begin again in; an error when that leads nowhere.
    pub(super) fn again(
        &mut self,
        present: Option<&Window>,
        slice: &Slice,
        cursor: Option<&Cursor>,
    ) -> Result<Option<Window>, String> {
        let whole = Window::of(slice);
        let from = match (self.reset.splits, self.latest, cursor) {
            (true, Some(Mark::At(at)), Some(Cursor::Datetime(cursor))) => Some(cursor.format(at)),
            (true, Some(Mark::Count(count)), _) => Some(count.to_string()),
            _ => None,
        };
        let next = match (from, whole) {
            (Some(start), Some(whole)) => Some(Window { start, ..whole }),
            (_, whole) if self.reset.splits => whole,
            _ => present.cloned(),
        };
        if self.descended {
            let text = "records do not come in the order of their cursor: going on from the last \
                        one would skip some";
            return Err(text.to_owned());
        }
        self.count = 0;
        if next.as_ref() == present {
            self.attempts += 1;
            if self.attempts >= if self.reset.splits { 1 } else { 2 } {
                return Err("beginning again at the first page leads to the same place".to_owned());
            }
        } else {
            self.attempts = 0;
        }
        Ok(next)
    }
}
