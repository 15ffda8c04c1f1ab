//! Schedules: EventBridge Scheduler, or a loop in the process.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use model::{Classify, Retry};
use serde::{Deserialize, Serialize};

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// At this interval: whole minutes, at least one.
    Every(Duration),
    /// By the six fields of an EventBridge cron expression (`0 6 * * ? *`), in a time zone.
    Cron {
        /// The six fields.
        expression: String,
        /// IANA name.
        timezone: String,
    },
}

/// A schedule: fires at least once each time, sometimes twice, within its jitter window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Name: `[0-9A-Za-z-_.]{1,64}`.
    pub name: String,
    /// When.
    pub cadence: Cadence,
    /// May fire this much later, so that a herd spreads out: whole minutes.
    pub jitter: Duration,
    /// The event it delivers: JSON text.
    pub input: String,
    /// Whether it fires at all.
    pub enabled: bool,
    /// For the in-process loop: first firing not before this instant.
    pub start: Option<Timestamp>,
}

/// Why a schedule operation failed.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The schedule itself is wrong.
    #[error("schedule `{name}` refused: {reason}")]
    Refused {
        /// Schedule.
        name: String,
        /// Why, and what is accepted.
        reason: String,
    },
    /// No answer.
    #[error("the scheduler is unavailable")]
    Unavailable {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for SchedulerError {
    fn retry(&self) -> Retry {
        match self {
            Self::Refused { .. } => Retry::Never,
            Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// Keeps schedules.
#[async_trait]
pub trait Scheduler: Debug + Send + Sync + 'static {
    /// Creates or replaces a schedule by name.
    async fn put(&self, schedule: &Schedule) -> Result<(), SchedulerError>;

    /// Removes one; one that is absent is removed already.
    async fn delete(&self, name: &str) -> Result<(), SchedulerError>;

    /// All whose names start with the prefix, by name.
    async fn list(&self, prefix: &str) -> Result<Vec<Schedule>, SchedulerError>;
}
