use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::*;

#[derive(Debug)]
struct Noon;

#[async_trait]
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn emf() -> (Emf<Paper>, Paper) {
    let paper = Paper::default();
    (Emf::new("extract", Arc::new(Noon), paper.clone()), paper)
}

const NAMES: [&str; 31] = [
    "d00", "d01", "d02", "d03", "d04", "d05", "d06", "d07", "d08", "d09", "d10", "d11", "d12",
    "d13", "d14", "d15", "d16", "d17", "d18", "d19", "d20", "d21", "d22", "d23", "d24", "d25",
    "d26", "d27", "d28", "d29", "d30",
];

#[test]
fn a_flush_writes_one_line_a_dimension_set() {
    let (emf, paper) = emf();
    let source = [Dimension { name: "Source", value: "rutter".to_owned() }];
    emf.emit(Metric::PagesFetched, 1.0, &[]);
    emf.emit(Metric::PagesFetched, 1.0, &[]);
    emf.emit(Metric::RecordsExtracted, 500.0, &source);
    assert!(paper.lines().is_empty());
    emf.flush();
    let lines = paper.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0],
        json!({
            "_aws": {
                "Timestamp": 1_767_268_800_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Headwater",
                    "Dimensions": [["Function"]],
                    "Metrics": [{"Name": "PagesFetched", "Unit": "Count"}],
                }],
            },
            "Function": "extract",
            "PagesFetched": 2.0,
        })
    );
    assert_eq!(lines[1]["Source"], "rutter");
    let sets = &lines[1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    assert_eq!(*sets, json!([["Function"], ["Function", "Source"]]));
    assert_eq!(lines[1]["RecordsExtracted"], 500.0);
}

#[test]
fn a_line_holds_at_most_one_hundred_values_of_a_metric() {
    let (emf, paper) = emf();
    for _ in 0..=MAX_VALUES {
        emf.emit(Metric::FreshnessSeconds, 1.0, &[]);
    }
    drop(emf);
    let counts: Vec<_> = paper.lines().iter().map(|l| l["FreshnessSeconds"].clone()).collect();
    assert_eq!(counts[0].as_array().unwrap().len(), MAX_VALUES);
    assert_eq!(counts[1], 1.0);
}

#[test]
fn a_line_holds_at_most_one_hundred_metrics() {
    let (emf, paper) = emf();
    for metric in Metric::ALL {
        emf.emit(*metric, 1.0, &[]);
    }
    emf.flush();
    for line in paper.lines() {
        let metrics = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
        assert!(metrics.as_array().unwrap().len() <= MAX_METRICS);
    }
}

#[test]
fn dimensions_beyond_twenty_nine_stay_plain_fields() {
    let (emf, paper) = emf();
    let many: Vec<_> = NAMES.iter().map(|name| Dimension { name, value: "x".to_owned() }).collect();
    emf.emit(Metric::RunsFailed, 1.0, &many);
    emf.flush();
    let line = &paper.lines()[0];
    let named = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][1].as_array().unwrap().len();
    assert_eq!(named, 1 + MAX_DIMENSIONS);
    assert_eq!(line["d30"], "x");
}

#[test]
fn what_is_not_a_number_is_left_out() {
    let (emf, paper) = emf();
    emf.emit(Metric::FreshnessSeconds, f64::NAN, &[]);
    emf.flush();
    assert!(paper.lines().is_empty());
}
