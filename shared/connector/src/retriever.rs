//! `SimpleRetriever`: the pages of a slice, one after the other.

mod cache;
mod evidence;
mod fetch;
mod headers;
pub(crate) mod job;
mod lists;
mod page;
mod properties;
mod reader;
mod reduction;
mod rules;
mod same;
mod window;

use bytes::Bytes;
use model::{CursorValue, Timestamp};
use serde_json::Value as Json;

use crate::cursor::Moment;
use crate::part::Part;
use crate::slice::Position;
pub(crate) use cache::Cache;
pub use evidence::Evidence;
pub(crate) use evidence::telling;
pub(crate) use fetch::Fetcher;
pub(crate) use job::{Job, Slots};
pub(crate) use properties::QueryProperties;
pub use reader::PageReader;
pub(crate) use reduction::PageSizeReduction;
pub(crate) use rules::Rules;
pub(crate) use window::{Reset, Splitting};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its JSON; on the raw path a slice of the page's body.
    pub raw: Bytes,
    /// What it says about its place in the stream's order, if it does.
    pub cursor: Option<CursorValue>,
    pub(crate) moment: Option<Moment>,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its records, in the source's order.
    pub records: Vec<Record>,
    /// Its number within the slice, from 0.
    pub number: u64,
    /// When its request was started.
    pub request_start: Timestamp,
    /// Its place.
    pub this: Position,
    /// The place of the page after it; none at the end of the slice.
    pub next: Option<Position>,
    /// What it says of the walk's completeness.
    pub evidence: Evidence,
    /// Size of its body.
    pub bytes: u64,
    /// Whether it is no page at all: the source is still at work on them.
    pub waiting: bool,
}

/// Which records belong to a read that filters by cursor here, not at the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) low: Moment,
    pub(crate) high: Moment,
}

impl Span {
    /// Whether a record belongs; one without a cursor value does.
    fn holds(self, value: Option<Moment>) -> bool {
        value.is_none_or(|value| self.low <= value && value <= self.high)
    }
}

/// Whether an error handler of a retriever's requester takes that action.
pub(crate) fn uses_action(retriever: &Part<'_>, action: &str) -> bool {
    let handler = retriever.child("requester").and_then(|part| part.child("error_handler"));
    let mut open: Vec<&Json> = handler.map(|handler| handler.json).into_iter().collect();
    while let Some(json) = open.pop() {
        match json {
            Json::Object(fields) => {
                if fields.get("action").and_then(Json::as_str) == Some(action) {
                    return true;
                }
                open.extend(fields.values());
            }
            Json::Array(items) => open.extend(items),
            _ => {}
        }
    }
    false
}
