//! What a test says of a stream.

use connector::Stream;
use serde_json::{Value, json};

use super::redaction::Redactor;
use super::sample::Sample;
use super::schema::{Difference, Kind, Observed, differences};
use super::tape::{From, Made, Tape};
use crate::console::Console;
use crate::failure::Failure;

/// Longest line of a preview, in characters.
const WIDTH: usize = 160;

/// A stream, as it was found.
#[derive(Debug)]
pub(super) struct Report {
    stream: String,
    sample: Sample,
    requests: Vec<(Made, Option<String>)>,
    preview: Vec<String>,
    keyless: usize,
    observed: Observed,
    pub(super) differences: Vec<Difference>,
}

impl Report {
    pub(super) fn new(
        stream: &Stream,
        sample: Sample,
        tape: &Tape,
        redactor: &Redactor,
        shown: usize,
    ) -> Self {
        let values: Vec<Value> =
            sample.records.iter().filter_map(|raw| serde_json::from_slice(raw).ok()).collect();
        let mut observed = Observed::default();
        for value in &values {
            observed.add(value);
        }
        let nearest = |made: Made| {
            let nearest = (made.from == From::Nowhere).then(|| tape.nearest(&made.asked)).flatten();
            (made, nearest)
        };
        let text = |raw: &bytes::Bytes| redactor.body(&String::from_utf8_lossy(raw));
        let keyed = |value: &Value| {
            let found = |path: &Vec<String>| {
                path.iter().try_fold(value, |at, name| at.get(name)).is_some_and(|v| !v.is_null())
            };
            stream.primary_key().iter().all(found)
        };
        Self {
            stream: stream.name().to_string(),
            requests: tape.made().into_iter().map(nearest).collect(),
            preview: sample.records.iter().take(shown).map(text).collect(),
            keyless: values.iter().filter(|value| !keyed(value)).count(),
            differences: differences(&sample.schema, &observed),
            observed,
            sample,
        }
    }

    /// Whether the stream was read without an error.
    pub(super) fn is_sound(&self) -> bool {
        self.sample.error.is_none()
    }

    pub(super) fn tell(&self, console: Console) -> Result<(), Failure> {
        console.emit(&self.json())?;
        let Sample { records, slices, pages, more, error, .. } = &self.sample;
        let more = if *more { ", and there is more" } else { "" };
        let verdict = if error.is_some() { "FAILED" } else { "ok" };
        console.say(format!(
            "{}: {verdict}: {} records on {pages} pages of {slices} slices{more}",
            self.stream,
            records.len()
        ))?;
        if let Some(error) = error {
            console.say(format!("  {error}"))?;
        }
        console.say("  requests")?;
        for (made, nearest) in &self.requests {
            console.say(format!("    {}", request(made)))?;
            if let Some(nearest) = nearest {
                console.say(format!("      the nearest on the cassette: {nearest}"))?;
            }
        }
        console.say("  first records")?;
        for record in &self.preview {
            console.say(format!("    {}", cut(record)))?;
        }
        if self.keyless > 0 {
            console.say(format!("  {} records lack a part of the primary key", self.keyless))?;
        }
        console.say(if self.differences.is_empty() {
            "  schema: as the manifest says"
        } else {
            "  schema: differs from the manifest's"
        })?;
        self.differences.iter().try_for_each(|found| console.say(format!("    {}", line(found))))
    }

    fn json(&self) -> Value {
        let request = |(made, nearest): &(Made, Option<String>)| {
            json!({
                "method": made.asked.method,
                "url": made.asked.url,
                "headers": made.asked.headers,
                "body": made.asked.body,
                "status": made.status,
                "from": origin(made.from),
                "nearest": nearest,
            })
        };
        let preview: Vec<Value> =
            self.preview.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        json!({
            "stream": self.stream,
            "ok": self.is_sound(),
            "error": self.sample.error.as_ref().map(ToString::to_string),
            "records": self.sample.records.len(),
            "pages": self.sample.pages,
            "slices": self.sample.slices,
            "more": self.sample.more,
            "requests": self.requests.iter().map(request).collect::<Vec<_>>(),
            "preview": preview,
            "without_primary_key": self.keyless,
            "schema": self.observed.schema(),
            "differences": self.differences,
        })
    }
}

fn origin(from: From) -> &'static str {
    match from {
        From::Api => "api",
        From::Cassette => "cassette",
        From::Nowhere => "nowhere",
    }
}

fn request(made: &Made) -> String {
    let status = made.status.map_or_else(|| "---".to_owned(), |status| status.to_string());
    let from = match made.from {
        From::Api => "",
        From::Cassette => "  (cassette)",
        From::Nowhere => "  (not on the cassette)",
    };
    let body = made.asked.body.as_ref().map(|body| format!("  {}", cut(body))).unwrap_or_default();
    format!("{status}  {} {}{body}{from}", made.asked.method, made.asked.url)
}

fn line(found: &Difference) -> String {
    let seen = found.seen.iter().map(|(name, count)| format!("{name} ({count})"));
    let seen = seen.collect::<Vec<_>>().join(", ");
    let declared: Vec<&str> = found.declared.iter().map(String::as_str).collect();
    let declared = declared.join(", ");
    let field = if found.field.is_empty() { "(record)" } else { &found.field };
    match found.kind {
        Kind::Undeclared => format!("+ {field}: {seen}; the manifest does not name it"),
        Kind::Type => format!("! {field}: {seen}; the manifest says {declared}"),
        Kind::Absent => format!("- {field}: in no record; the manifest says {declared}"),
    }
}

/// A text that fits a line.
fn cut(text: &str) -> String {
    let line: String = text.chars().filter(|c| !c.is_control()).take(WIDTH).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}
