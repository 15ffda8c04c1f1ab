//! Numbers about what happened.

use std::fmt::Debug;

use model::Metric;

/// A dimension: few values, never a tenant by default.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimension {
    /// Name.
    pub name: &'static str,
    /// Value.
    pub value: String,
}

/// Takes measurements; never fails and never waits.
pub trait Metrics: Debug + Send + Sync + 'static {
    /// Adds one measurement.
    fn emit(&self, metric: Metric, value: f64, dimensions: &[Dimension]);

    /// Adds a number of things; of none, nothing is told.
    fn count(&self, metric: Metric, number: u64) {
        if number > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a metric")]
            self.emit(metric, number as f64, &[]);
        }
    }
}
