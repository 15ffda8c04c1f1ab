//! Possible gaps: signs that rows may be missing although every request succeeded.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What makes rows seem to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Walks end at full pages more often than chance would have it.
    Clipped,
    /// A walk ends at a round number of rows, as where a source gives no more than so many.
    Ceiling,
    /// The last page says that there is more.
    PromisedMore,
    /// The source counts more rows than it gave.
    Total,
    /// There are rows behind the page that was taken for the last one.
    Beyond,
    /// Rows of one cursor value stand on both sides of a page's end, and pages go by that value.
    Tie,
    /// Some pages begin with rows of the page before: rows shift while they are read.
    Shift,
    /// Two walks over pages that can shift did not agree.
    Unsettled,
    /// Rows at the resume point did not come again: the source leaves out that instant.
    Boundary,
    /// Rows came that are dated before what had been read already.
    Late,
    /// Rows lie outside of the window that was asked for, all on one side, and none at its other.
    Slip,
    /// The first or the last day of windows never has rows, other days do.
    Edges,
}

impl Sign {
    /// What a person can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Clipped => "ask for smaller windows or pages, or follow the source's next page",
            Self::Ceiling => "cut the walk into smaller windows or partitions",
            Self::PromisedMore => "check how the manifest finds the next page",
            Self::Total => "check the manifest's paginator and filters",
            Self::Beyond => "check `page_size`: pages that are not the last one are not full",
            Self::Tie => "ask for pages by a token, or by cursor and key together",
            Self::Shift => "sort by something that does not change, or set `reconcile`",
            Self::Unsettled => "sort by something that does not change, or read when it is quiet",
            Self::Boundary => "set `lookback_window`: the source leaves out the start of a window",
            Self::Late => "set or lengthen `lookback_window`, or set `reconcile`",
            Self::Slip => "check the time zone in which the source reads the window",
            Self::Edges => "check whether the source's bounds are inclusive",
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clipped => "clipped",
            Self::Ceiling => "ceiling",
            Self::PromisedMore => "promised more",
            Self::Total => "total",
            Self::Beyond => "beyond",
            Self::Tie => "tie",
            Self::Shift => "shift",
            Self::Unsettled => "unsettled",
            Self::Boundary => "boundary",
            Self::Late => "late",
            Self::Slip => "slip",
            Self::Edges => "edges",
        })
    }
}

/// A sign, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PossibleGap {
    /// Which.
    pub sign: Sign,
    /// How often.
    pub times: u64,
    /// The first place, for a person.
    pub example: String,
}
