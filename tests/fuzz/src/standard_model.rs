//! Standard models and records: whatever a file says, its records end as rows or refusals.

use model::document::Document;
use normalize::{Model, Refusal, Row, Sink};
use serde::de::IgnoredAny;

/// The records stand below this line, one a line.
const RECORDS: &str = "\n=====\n";

/// Takes a model file and records; gives what was said.
pub(crate) fn take(text: &str) -> String {
    let (file, records) = text.split_once(RECORDS).unwrap_or((text, "{}"));
    let document = match Document::parse("m.yaml", file) {
        Ok(document) => document,
        Err(fault) => return fault.message,
    };
    let model = match Model::parse(&document) {
        Ok(model) => model,
        Err(faults) => {
            return faults.into_iter().map(|f| f.message).take(2).collect::<Vec<_>>().join("; ");
        }
    };
    let mut said = String::new();
    for source in &model.sources {
        let Some(mut reader) = model.reader(source.source.as_str(), source.stream.as_str()) else {
            continue;
        };
        let mut sink = Held { model: &model, said: String::new() };
        for record in records.lines() {
            if reader.rows(record.as_bytes(), &mut sink).is_err() {
                sink.said.push_str(" stopped");
            }
        }
        for fact in reader.drift() {
            sink.said.push_str(fact.kind.as_str());
        }
        said.push_str(&sink.said);
    }
    said
}

/// Holds rows against what the model promises.
struct Held<'m> {
    model: &'m Model,
    said: String,
}

impl Sink for Held<'_> {
    fn row(&mut self, row: &Row<'_>) {
        for (field, cell) in self.model.fields.iter().zip(row.cells) {
            assert!(!field.required || !cell.is_null(), "{} is null", field.name);
            self.said.push_str(if cell.is_null() { " none" } else { " some" });
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(row.extra) {
            assert!(error.to_string().contains("recursion"), "{}: {error}", row.extra);
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        assert!(!refusal.violations.is_empty(), "a refusal has a reason");
        for violation in &refusal.violations {
            self.said.push_str(violation.rule.as_str());
        }
    }
}

pub(crate) const WORDS: &[&str] = &[
    "version: 1",
    "fields: ",
    "identity: [id]",
    "key: [id]",
    "sources: ",
    "explode: a[]",
    "known: [",
    "on_violation: ",
    "required: true",
    "type: ",
    "string",
    "integer",
    "decimal(18,4)",
    "boolean",
    "timestamp",
    "date",
    "json",
    "list",
    "path: ",
    "const: ",
    "as: ",
    "hostname",
    "mac",
    "private_ip",
    "epoch_ms",
    "split: '(.)'",
    "take: ",
    "pick: max",
    "none: ",
    "map: {",
    "format: \"%Y\"",
    "timezone: UTC",
    "range: {min: 1}",
    "enum: [a]",
    "pattern: '.'",
    "^id",
    "\"#\"",
    "a[].b",
    "?",
    "null",
    "\n=====\n",
    "{\"id\":\"x\",",
    "\"a\":[",
    "{\"$date\":",
    "{\"$numberLong\":\"7\"}",
    "\"2024-05-01T07:15:22.1234567Z\"",
    "\"0001-01-01T00:00:00+00:00\"",
    "1e400",
    "-0.0",
    "12345678901234567890",
    "NaN",
    "\\ud800",
    "\"id\":",
    "}",
    "]",
];
