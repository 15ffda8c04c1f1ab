//! The Airbyte protocol: `spec`, `check`, `discover` and `read`, as the reference speaks it.

mod control;
mod files;
mod message;
mod staging;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::file_uploader::FileUploader;
use crate::manifest::Manifest;
use crate::retriever::Record;
use crate::run::{Event, StreamRun};
use crate::slice::Partition;
use crate::source::Source;
use crate::stream::Stream;

pub use control::Announced;
pub use files::Files;
pub use message::{Messages, Sink, Status};
pub use staging::{FileReference, Staging};

/// The states of streams, by name.
pub type States = BTreeMap<String, Map<String, Value>>;

/// Which streams a read is to read, in order: the names in a configured catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Catalog")]
pub struct Selected(pub Vec<String>);

#[derive(Deserialize)]
struct Catalog {
    streams: Vec<Configured>,
}

#[derive(Deserialize)]
struct Configured {
    stream: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl From<Catalog> for Selected {
    fn from(catalog: Catalog) -> Self {
        Self(catalog.streams.into_iter().map(|configured| configured.stream.name).collect())
    }
}

/// The states in a list of state messages, as the protocol hands them in: one message a stream,
/// or a single global one without shared state.
pub fn states(messages: &Value) -> Result<States, String> {
    let list = match messages {
        Value::Null => return Ok(States::new()),
        Value::Array(list) => list,
        _ => return Err("a state is a list of state messages".to_owned()),
    };
    let mut states = States::new();
    for message in list {
        let message = message.get("state").unwrap_or(message);
        if let Some(global) = message.get("global").filter(|global| !global.is_null()) {
            states.extend(global_states(global)?);
            continue;
        }
        let named = message.get("stream").and_then(stream_state_in);
        states.extend([named.ok_or(
            "a state message needs `stream.stream_descriptor.name`; states of the kind LEGACY \
             are not read",
        )?]);
    }
    Ok(states)
}

fn global_states(global: &Value) -> Result<States, String> {
    let shared = global.get("shared_state").and_then(Value::as_object);
    if shared.is_some_and(|shared| !shared.is_empty()) {
        return Err("a global state must not hold `shared_state`: no source shares one".to_owned());
    }
    let streams = global.get("stream_states").and_then(Value::as_array).map(Vec::as_slice);
    let named = |stream| {
        stream_state_in(stream).ok_or("a stream's state needs `stream_descriptor.name`".to_owned())
    };
    streams.unwrap_or_default().iter().map(named).collect()
}

fn stream_state_in(stream: &Value) -> Option<(String, Map<String, Value>)> {
    let name = stream.get("stream_descriptor")?.get("name")?.as_str()?.to_owned();
    let state = stream.get("stream_state").and_then(Value::as_object);
    Some((name, state.cloned().unwrap_or_default()))
}

/// Writes what a connection's configuration must look like.
pub fn spec(manifest: &Manifest, out: &mut dyn Write) -> Result<(), Error> {
    let spec = manifest.spec();
    let mut message = Map::new();
    let schema = spec.get("connection_specification").cloned().unwrap_or_else(|| json!({}));
    message.insert("connectionSpecification".into(), schema);
    for (field, name) in
        [("documentation_url", "documentationUrl"), ("advanced_auth", "advanced_auth")]
    {
        if let Some(value) = spec.get(field).filter(|value| !value.is_null()) {
            message.insert(name.into(), value.clone());
        }
    }
    Messages::new(out).write(&json!({"type": "SPEC", "spec": message}))
}

/// Writes whether the source answers with this configuration; gives what stands in the way.
pub async fn check(source: &Source, out: &mut (dyn Write + Send)) -> Result<(), Error> {
    let checked = source.check().await;
    match &checked {
        Ok(()) => status(&json!({"status": "SUCCEEDED"}), out)?,
        Err(error) => unusable(&error.to_string(), out)?,
    }
    checked
}

/// Writes that a check failed before the source could be asked.
pub fn unusable(message: &str, out: &mut dyn Write) -> Result<(), Error> {
    status(&json!({"status": "FAILED", "message": message}), out)
}

fn status(status: &Value, out: &mut dyn Write) -> Result<(), Error> {
    Messages::new(out).write(&json!({"type": "CONNECTION_STATUS", "connectionStatus": status}))
}

/// Writes the catalogue.
pub async fn discover(source: &Source, out: &mut (dyn Write + Send)) -> Result<(), Error> {
    let mut streams = Vec::new();
    for stream in source.streams() {
        streams.push(described(stream, stream.json_schema().await?));
    }
    Messages::new(out).write(&json!({"type": "CATALOG", "catalog": {"streams": streams}}))
}

fn described(stream: &Stream, schema: &Value) -> Value {
    let incremental = stream.is_incremental();
    let modes: &[&str] =
        if incremental { &["full_refresh", "incremental"] } else { &["full_refresh"] };
    let mut described = json!({
        "name": stream.name().as_str(),
        "json_schema": schema,
        "supported_sync_modes": modes,
        "is_resumable": incremental,
    });
    if let Some(fields) = described.as_object_mut() {
        if stream.has_files() {
            fields.insert("is_file_based".into(), json!(true));
        }
        if let Some(cursor) = stream.cursor_field() {
            fields.insert("source_defined_cursor".into(), json!(!stream.cursor_is_chosen()));
            fields.insert("default_cursor_field".into(), json!([cursor]));
        }
        if !stream.primary_key().is_empty() {
            fields.insert("source_defined_primary_key".into(), json!(stream.primary_key()));
        }
    }
    described
}

/// What became of a read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records of each stream.
    pub records: BTreeMap<String, u64>,
    /// Streams that were not read whole.
    pub failed: Vec<String>,
}

/// Reads streams one after the other, from their states. A stream that fails, or that the source
/// does not have, does not stop the others.
pub async fn read(
    source: &Source,
    selected: &Selected,
    states: &States,
    sink: &mut (dyn Sink + Send),
) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let empty = Map::new();
    let clock = source.clock();
    source.keep_pages();
    for name in &selected.0 {
        let mut records = 0;
        let read = match named(source, name) {
            Ok(stream) => {
                sink.status(name, Status::Started, clock.now())?;
                one(stream, states.get(name).unwrap_or(&empty), sink, &mut records).await
            }
            Err(error) => Err(error),
        };
        summary.records.insert(name.clone(), records);
        match read {
            Ok(()) => sink.status(name, Status::Complete, clock.now())?,
            Err(error @ Error::Output(_)) => return Err(error),
            // Nothing failed and nothing moves: the state stays as it was.
            Err(error @ (Error::NotReady { .. } | Error::Unsupported { .. })) => {
                sink.note(name, &error.to_string())?;
                sink.status(name, Status::Complete, clock.now())?;
            }
            Err(error) => {
                sink.error(name, &error, clock.now())?;
                sink.status(name, Status::Incomplete, clock.now())?;
                summary.failed.push(name.clone());
            }
        }
    }
    Ok(summary)
}

fn named<'s>(source: &'s Source, name: &str) -> Result<&'s Stream, Error> {
    let known = |stream: &&Stream| stream.name().as_str() == name;
    source.streams().iter().find(known).ok_or_else(|| Error::NoStream {
        name: name.to_owned(),
        known: source.streams().iter().map(|stream| stream.name().to_string()).collect(),
    })
}

async fn one(
    stream: &Stream,
    state: &Map<String, Value>,
    sink: &mut (dyn Sink + Send),
    records: &mut u64,
) -> Result<(), Error> {
    let name = stream.name().as_str();
    let clock = &stream.0.shared.runtime.clock;
    let level = stream.0.shared.side_by_side;
    let mut run = StreamRun::new(&stream.0, state)?.side_by_side(level);
    stream.json_schema().await?;
    let mut since = 0;
    while let Some(event) = run.next().await? {
        match event {
            Event::Records(page, partition) => {
                let now = clock.now();
                for record in &page {
                    let file = match run.files() {
                        Some(files) => staged(files, record, &partition, sink).await?,
                        None => None,
                    };
                    if *records == 0 {
                        sink.status(name, Status::Running, now)?;
                    }
                    sink.record(name, &record.raw, file.as_ref(), now)?;
                    *records += 1;
                }
                since += page.len() as u64;
            }
            Event::Closed if run.checkpoints() => {
                sink.state(name, &run.state(), std::mem::take(&mut since))?;
            }
            Event::Closed => {}
        }
    }
    sink.state(name, &run.state(), since)
}

/// Fetches the file of a record and has it kept.
async fn staged(
    files: &FileUploader,
    record: &Record,
    partition: &Partition,
    sink: &mut (dyn Sink + Send),
) -> Result<Option<FileReference>, Error> {
    let Some(file) = files.fetch(&record.raw, partition).await? else { return Ok(None) };
    let kept = sink.file(&file.path, &file.content);
    kept.map(Some).map_err(|source| Error::File { at: files.at(partition), source })
}
