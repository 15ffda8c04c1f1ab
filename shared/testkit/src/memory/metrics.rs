//! Measurements, added up.

use std::collections::BTreeMap;
use std::sync::Mutex;

use model::Metric;
use ports::{Dimension, Metrics};

use crate::clock::locked;

/// [`Metrics`] that add up what they are given.
#[derive(Debug, Default)]
pub struct MemoryMetrics(Mutex<BTreeMap<Metric, f64>>);

impl MemoryMetrics {
    /// The sum of all that was emitted under a metric, whatever its dimensions.
    pub fn sum(&self, metric: Metric) -> f64 {
        locked(&self.0).get(&metric).copied().unwrap_or_default()
    }
}

impl Metrics for MemoryMetrics {
    fn emit(&self, metric: Metric, value: f64, _: &[Dimension]) {
        *locked(&self.0).entry(metric).or_default() += value;
    }
}
