//! Rules: which answers mean what.

use std::time::Duration;

use regex::Regex;
use request::interpolation::{Context, InterpolatedBoolean};
use serde::{Deserialize, Serialize};

use crate::destination::{Backoff, Defer};
use model::OperationName;

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The answer as a whole.
    Request,
    /// The result of one item.
    Item,
    /// The state of an asynchronous job.
    Job,
}

/// One rule. The first that fits decides.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) level: Level,
    pub(crate) status: Vec<Status>,
    pub(crate) code: Vec<Code>,
    pub(crate) body: Option<Regex>,
    pub(crate) predicate: Option<InterpolatedBoolean>,
    pub(crate) then: Then,
    /// Whether the answer says that nothing was done; unless said, its status tells.
    pub(crate) nothing_done: Option<bool>,
    pub(crate) alarm: bool,
    pub(crate) line: u32,
}

/// A status, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// No complete answer came.
    None,
    /// From, to.
    Range(u16, u16),
}

/// A code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    Exact(String),
    /// From, to.
    Range(u64, u64),
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Then {
    Succeed,
    Duplicate,
    Fail,
    Retry(Backoff),
    Yield(Duration),
    Reroute { to: OperationName, most: u32 },
    Defer(Defer),
    Split,
    Bisect,
    RefreshToken,
    Stop,
}

/// What rules look at.
pub(crate) struct Seen<'s> {
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<&'s str>,
    /// The text that `body` patterns search.
    pub(crate) text: &'s dyn Fn() -> String,
    pub(crate) context: &'s Context<'s>,
}

impl Rule {
    pub(crate) fn fits(&self, level: Level, seen: &Seen<'_>) -> bool {
        self.level == level
            && (self.status.is_empty() || self.status.iter().any(|s| s.fits(seen.status)))
            && (self.code.is_empty() || self.code.iter().any(|code| code.fits(seen.code)))
            && self.body.as_ref().is_none_or(|pattern| pattern.is_match(&(seen.text)()))
            && self.predicate.as_ref().is_none_or(|test| test.eval(seen.context).unwrap_or(false))
    }

    /// Whether every answer that the other rule fits comes to this one first.
    pub(crate) fn hides(&self, later: &Self) -> bool {
        let status = self.status.is_empty()
            || (!later.status.is_empty()
                && later.status.iter().all(|s| self.status.iter().any(|own| own.covers(*s))));
        let code = self.code.is_empty()
            || (!later.code.is_empty()
                && later.code.iter().all(|c| self.code.iter().any(|own| own.covers(c))));
        let plain = self.body.is_none() && self.predicate.is_none();
        self.level == later.level && plain && status && code
    }
}

impl Status {
    fn fits(self, status: Option<u16>) -> bool {
        match (self, status) {
            (Self::None, None) => true,
            (Self::Range(low, high), Some(status)) => (low..=high).contains(&status),
            _ => false,
        }
    }

    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Range(low, high), Self::Range(from, to)) => low <= from && to <= high,
            _ => false,
        }
    }
}

impl Code {
    fn fits(&self, code: Option<&str>) -> bool {
        match (self, code) {
            (_, None) => false,
            (Self::Exact(wanted), Some(code)) => wanted == code,
            (Self::Range(low, high), Some(code)) => {
                code.parse().is_ok_and(|code: u64| (*low..=*high).contains(&code))
            }
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(own), Self::Exact(other)) => own == other,
            (own, Self::Exact(code)) => own.fits(Some(code)),
            (Self::Range(low, high), Self::Range(from, to)) => low <= from && to <= high,
            (Self::Exact(_), Self::Range(..)) => false,
        }
    }
}

impl Then {
    /// What a status means where no rule says it: what HTTP says. None: nothing is known.
    pub(crate) fn usual(status: Option<u16>, retry: Backoff, pause: Duration) -> Option<Self> {
        Some(match status {
            None | Some(408 | 425 | 500..=599) => Self::Retry(retry),
            Some(200..=299) => Self::Succeed,
            Some(400 | 415 | 422) => Self::Bisect,
            Some(401) => Self::RefreshToken,
            Some(403..=405) => Self::Stop,
            Some(413) => Self::Split,
            Some(429) => Self::Yield(pause),
            Some(_) => return None,
        })
    }

    /// Whether it can be said of one item.
    pub(crate) fn is_for_items(&self) -> bool {
        match self {
            Self::Succeed
            | Self::Duplicate
            | Self::Fail
            | Self::Retry(_)
            | Self::Reroute { .. }
            | Self::Defer(_) => true,
            Self::Yield(_) | Self::Split | Self::Bisect | Self::RefreshToken | Self::Stop => false,
        }
    }
}
