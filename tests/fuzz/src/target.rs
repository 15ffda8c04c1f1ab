//! What is fuzzed.

mod words;

use connector::protocol::{Messages, Selected, read, states};
use connector::{Manifest, Source};
use model::config::Overlay;
use model::document::Document;
use request::datetime::{DateTime, Format, Period, isoparse};
use request::interpolation::{Context, InterpolatedBoolean, Template, Types};
use request::value::Value;
use serde_json::json;

use words::{DATETIME_WORDS, DPATH_WORDS, MANIFEST_WORDS, STATE_WORDS, STATEFUL, TEMPLATE_WORDS};

use crate::standard_model;
use crate::world::{World, now, ready, runtime};

/// A reader of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Manifests, from text to a source with streams.
    Manifest,
    /// Templates, from text to their values.
    Interpolation,
    /// Formats of dates and texts of dates and durations.
    Datetime,
    /// Paths to records, and the bodies that they lead into.
    Dpath,
    /// States that a read starts from.
    State,
    /// Standard models, and the records that they read.
    Model,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Manifest,
        Self::Interpolation,
        Self::Datetime,
        Self::Dpath,
        Self::State,
        Self::Model,
    ];

    /// The folder of its corpus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Interpolation => "interpolation",
            Self::Datetime => "datetime",
            Self::Dpath => "dpath",
            Self::State => "state",
            Self::Model => "model",
        }
    }

    /// What its texts are made of.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Manifest => MANIFEST_WORDS,
            Self::Interpolation => TEMPLATE_WORDS,
            Self::Datetime => DATETIME_WORDS,
            Self::Dpath => DPATH_WORDS,
            Self::State => STATE_WORDS,
            Self::Model => standard_model::WORDS,
        }
    }

    /// Takes a text; gives what was said of it. Texts of which something new is said are worth
    /// keeping.
    pub fn take(self, text: &str) -> String {
        match self {
            Self::Manifest => manifest(text),
            Self::Interpolation => interpolation(text),
            Self::Datetime => datetime(text),
            Self::Dpath => dpath(text),
            Self::State => state(text),
            Self::Model => standard_model::take(text),
        }
    }
}

fn manifest(text: &str) -> String {
    let parsed = match Manifest::parse("m.yaml", text) {
        Ok(manifest) => manifest,
        Err(faults) => {
            return faults
                .into_iter()
                .map(|fault| fault.message)
                .take(2)
                .collect::<Vec<_>>()
                .join("; ");
        }
    };
    let world = World("[]".to_owned());
    let config = json!({"base_url": "https://a.example/", "start_date": "2024-01-01T00:00:00Z"});
    match Source::build(&parsed, &Overlay::default(), &config, runtime(&world)) {
        Ok(source) => format!("{} streams", source.streams().len()),
        Err(error) => error.to_string(),
    }
}

fn interpolation(text: &str) -> String {
    let record =
        json!({"id": 7, "name": "x", "at": "2024-01-02T03:04:05Z", "list": [1, 2, {"a": null}]});
    let context = Context::new(Value::from(&json!({"key": "k", "n": 3, "list": ["a"]})), now())
        .with("record", Value::from(&record))
        .with("response", Value::from(&record));
    let condition = InterpolatedBoolean::new(text, &Value::empty_dict());
    let holds = condition.map(|condition| condition.eval(&context).is_ok());
    let template = match Template::new(text, &Value::empty_dict()) {
        Ok(template) => template,
        Err(error) => return error.to_string(),
    };
    let any = template.eval(&context, Types::Any);
    let float = template.eval(&context, Types::Float).is_ok();
    match any {
        Ok(value) => {
            format!("{} {float} {holds:?}", value.repr().chars().take(3).collect::<String>())
        }
        Err(error) => error.to_string(),
    }
}

/// The first line is a format, the rest a text of that format.
fn datetime(text: &str) -> String {
    let (format, value) = text.split_once('\n').unwrap_or((text, text));
    let format = Format::new(format);
    let parsed = format.parse_text(value).or_else(|_| isoparse(value));
    let period = Period::parse(value);
    let at = match &parsed {
        Ok(at) => *at,
        Err(_) => DateTime::utc(now()),
    };
    let written = format.format(at);
    let again = format.parse_text(&written).is_ok();
    let moved =
        period.as_ref().ok().map(|period| at.plus(*period).and_then(|at| at.minus(*period)));
    let shifted = at.at_offset(-3_600).is_ok();
    format!(
        "{:?} {:?} {again} {shifted} {:?}",
        parsed.map(|_| ()).map_err(|error| error.to_string()),
        period.map(|_| ()).map_err(|error| error.to_string()),
        moved.map(|moved| moved.is_ok()),
    )
}

/// The first line is a path as YAML, the rest a body.
fn dpath(text: &str) -> String {
    let (path, body) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(path) = Document::parse("p.yaml", path) else { return "no YAML".to_owned() };
    let manifest = json!({
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["a"]},
        "streams": [{
            "type": "DeclarativeStream",
            "name": "a",
            "primary_key": ["id"],
            "retriever": {
                "type": "SimpleRetriever",
                "requester": {"type": "HttpRequester", "url_base": "https://a.example", "path": "a"},
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": path.root.to_json()},
                },
            },
            "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object"}},
        }],
    });
    walk(&manifest.to_string(), body, &json!([]))
}

fn state(text: &str) -> String {
    let Ok(messages) = serde_json::from_str(text) else { return "no JSON".to_owned() };
    let body = r#"{"data": [{"id": 1, "at": "2024-01-02T00:00:00Z"}, {"id": 2, "at": null}]}"#;
    STATEFUL.iter().map(|manifest| walk(manifest, body, &messages)).collect::<Vec<_>>().join(" / ")
}

/// Reads the streams of a manifest from a state; gives what was said.
fn walk(manifest: &str, body: &str, messages: &serde_json::Value) -> String {
    let known = match states(messages) {
        Ok(known) => known,
        Err(message) => return message,
    };
    let parsed = match Manifest::parse("m.yaml", manifest) {
        Ok(manifest) => manifest,
        Err(faults) => return faults.into_iter().map(|fault| fault.message).take(1).collect(),
    };
    let world = World(body.to_owned());
    let source = Source::build(&parsed, &Overlay::default(), &json!({}), runtime(&world));
    let source = match source {
        Ok(source) => source,
        Err(error) => return error.to_string(),
    };
    let selected = Selected(source.streams().iter().map(|s| s.name().to_string()).collect());
    let mut out = Vec::new();
    let done = ready(read(&source, &selected, &known, &mut Messages::new(&mut out)));
    let said = String::from_utf8_lossy(&out);
    let error = said.lines().rfind(|line| line.contains(r#""type":"ERROR""#));
    let kind = done.map(|done| done.map(|summary| summary.failed.len()).is_ok());
    format!("{kind:?} {}", error.unwrap_or_default())
}
