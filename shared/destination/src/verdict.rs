//! What becomes of items and of whole requests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::Job;
use model::OperationName;

/// How often a batch was already tried, and in which ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Tries that ended in a retry.
    pub tries: u32,
    /// Times its items went on to another operation.
    pub reroutes: u32,
    /// Times it was put off.
    pub defers: u32,
    /// Whether the credential was refreshed for it and it was not answered otherwise since.
    pub refreshed: bool,
}

/// What becomes of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is there.
    Succeed,
    /// It was there already: as good as success.
    Duplicate,
    /// It was refused for good.
    Fail,
    /// Nobody knows whether it is there, and it cannot be sent again safely.
    Unknown,
    /// The same again.
    Retry {
        /// After so long.
        wait: Duration,
    },
    /// By another operation.
    Reroute {
        /// Which.
        to: OperationName,
    },
    /// Once others have been there.
    Defer {
        /// After so long at least.
        wait: Duration,
    },
}

impl Action {
    /// Whether nothing more becomes of the item.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Succeed | Self::Duplicate | Self::Fail | Self::Unknown)
    }

    /// Whether the item is there.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeed | Self::Duplicate)
    }
}

/// What became of one item, and what the destination said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemVerdict {
    /// The item.
    pub reference: String,
    /// What becomes of it.
    pub action: Action,
    /// The destination's code, or one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the destination says of it, cut to a bearable length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the destination calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// What the destination remarks on it although it took it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What happens next.
    pub next: Next,
    /// Status of the answer; none when no complete answer came.
    pub status: Option<u16>,
    /// The answer's code, where it has one for the whole request.
    pub code: Option<String>,
    /// What it says of the whole request.
    pub message: Option<String>,
    /// What a person should look at.
    pub alarms: Vec<String>,
    /// Codes that no rule knows.
    pub unknown: Vec<String>,
    /// Results that belong to no item of the request.
    pub strays: usize,
}

/// What happens after an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Each item has its verdict, in the order sent.
    Settled(Vec<ItemVerdict>),
    /// The whole batch goes again.
    Repeat {
        /// After so long.
        wait: Duration,
        /// Whether it is known that nothing was done. If not, the same bytes go under the same
        /// key.
        known: bool,
        /// Whether all calls to the destination wait so long.
        pause: bool,
        /// With what counts by then.
        attempt: Attempt,
    },
    /// It goes again in halves.
    Split,
    /// The credential is fetched anew and the same call sent again.
    Refresh {
        /// With what counts by then.
        attempt: Attempt,
    },
    /// Nothing more is sent to the destination until somebody has looked.
    Stop {
        /// Why.
        reason: String,
    },
    /// The destination works on it; it is asked again.
    Job {
        /// What to ask for.
        job: Job,
        /// After so long.
        wait: Duration,
    },
}

/// A batch that follows from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its operation.
    pub operation: OperationName,
    /// Its items, in the order sent.
    pub references: Vec<String>,
    /// How long it waits.
    pub wait: Duration,
    /// How often its items were already tried.
    pub attempt: Attempt,
}
