//! Metrics as log lines: CloudWatch's embedded metric format.
//!
//! Measurements are gathered by their dimensions and written as one line a set when a line is
//! full, on [`Emf::flush`], and when the writer is dropped. See
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Metric, Unit};
use ports::{Clock, Dimension, Metrics};
use serde_json::{Map, Value, json};

/// CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Headwater";

/// Most metrics of one line.
pub const MAX_METRICS: usize = 100;

/// Most values of one metric in one line.
pub const MAX_VALUES: usize = 100;

/// Most dimensions of a line beside `Function`; CloudWatch takes thirty in all.
pub const MAX_DIMENSIONS: usize = 29;

/// Values by metric.
type Gathered = BTreeMap<Metric, Vec<f64>>;

/// Writes measurements of one function as embedded-metric lines.
pub struct Emf<W: Write + Send + 'static> {
    function: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State<W>>,
}

struct State<W> {
    writer: W,
    gathered: BTreeMap<Vec<Dimension>, Gathered>,
}

impl<W: Write + Send> fmt::Debug for Emf<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emf").field("function", &self.function).finish_non_exhaustive()
    }
}

impl<W: Write + Send + 'static> Emf<W> {
    /// Writes to `writer`, under the dimension `Function` = `function`.
    pub fn new(function: &str, clock: Arc<dyn Clock>, writer: W) -> Self {
        let state = State { writer, gathered: BTreeMap::new() };
        Self { function: function.to_owned(), clock, state: Mutex::new(state) }
    }

    /// Writes all that is gathered. Hosts call it at the end of an invocation, before the process
    /// may be frozen. A writer that fails loses the lines: numbers must never stop the work.
    pub fn flush(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (dimensions, gathered) in std::mem::take(&mut state.gathered) {
            if gathered.is_empty() {
                continue;
            }
            self.write(&mut state.writer, &dimensions, &gathered);
        }
        let _lost = state.writer.flush().is_err();
    }

    fn write(&self, writer: &mut W, dimensions: &[Dimension], gathered: &Gathered) {
        let line = line(&self.function, self.clock.now().as_millisecond(), dimensions, gathered);
        let _lost = writeln!(writer, "{line}").is_err();
    }
}

impl<W: Write + Send + 'static> Metrics for Emf<W> {
    fn emit(&self, metric: Metric, value: f64, dimensions: &[Dimension]) {
        if !value.is_finite() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dimensions = dimensions.to_vec();
        dimensions.sort();
        dimensions.dedup_by(|a, b| a.name == b.name);
        let gathered = state.gathered.entry(dimensions.clone()).or_default();
        let values = gathered.entry(metric).or_default();
        match (metric.unit(), values.first_mut()) {
            // Of what is counted only the sum is ever asked for.
            (Unit::Count | Unit::Bytes, Some(sum)) => *sum += value,
            _ => values.push(value),
        }
        if values.len() >= MAX_VALUES || gathered.len() >= MAX_METRICS {
            let full = std::mem::take(gathered);
            self.write(&mut state.writer, &dimensions, &full);
        }
    }
}

impl<W: Write + Send + 'static> Drop for Emf<W> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// One line: each metric by function alone, so that dashboards and alarms always find it, and by
/// all dimensions when there are others. Dimensions beyond the limit stay as plain fields, found
/// by queries but not billed.
fn line(function: &str, millis: i64, dimensions: &[Dimension], gathered: &Gathered) -> Value {
    let mut fields = Map::new();
    let mut sets = vec![vec!["Function"]];
    if !dimensions.is_empty() {
        let names = dimensions.iter().take(MAX_DIMENSIONS).map(|dimension| dimension.name);
        sets.push(std::iter::once("Function").chain(names).collect());
    }
    let units: Vec<Value> = gathered
        .keys()
        .map(|metric| json!({"Name": metric.name(), "Unit": metric.unit().name()}))
        .collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": units});
    fields
        .insert("_aws".to_owned(), json!({"Timestamp": millis, "CloudWatchMetrics": [directive]}));
    fields.insert("Function".to_owned(), json!(function));
    for Dimension { name, value } in dimensions {
        fields.insert((*name).to_owned(), json!(value));
    }
    for (metric, values) in gathered {
        let value = if let [one] = values.as_slice() { json!(one) } else { json!(values) };
        fields.insert(metric.name().to_owned(), value);
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests;
