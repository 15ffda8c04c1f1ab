//! Who hears of what happens during a run.

use std::fmt::Debug;
use std::sync::Arc;

use model::{Metric, Timestamp};
use ports::Metrics;
use store::{Counts, Purpose, RunStatus, StreamKey};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A run works on a plan.
    Started {
        /// What the plan reads.
        purpose: Purpose,
    },
    /// A page was fetched.
    Page {
        /// Its rows.
        rows: u64,
    },
    /// A part was stored.
    Part {
        /// Its bytes.
        bytes: u64,
    },
    /// A slice became data.
    Committed {
        /// Its rows.
        rows: u64,
    },
    /// The run waits, or its continuation does.
    Waiting {
        /// For what.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// The run ended.
    Ended {
        /// How.
        status: RunStatus,
        /// What it counted.
        counts: Counts,
    },
}

/// Hears of facts; never fails and never waits.
pub trait Progress: Debug + Send + Sync {
    /// Something happened to a stream.
    fn tell(&self, stream: &StreamKey, fact: Fact);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _: &StreamKey, _: Fact) {}
}

/// Who hears of a run: numbers for dashboards, facts for whoever looks on.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
    /// Facts.
    pub progress: Arc<dyn Progress>,
}

impl Watch {
    pub(super) fn tell(&self, stream: &StreamKey, fact: Fact) {
        self.progress.tell(stream, fact);
    }

    pub(super) fn count(&self, metric: Metric, number: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        self.metrics.emit(metric, number as f64, &[]);
    }
}
