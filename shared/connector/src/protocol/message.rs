//! Airbyte protocol messages, one JSON object a line.

use std::io::{self, ErrorKind, Write};

use model::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::staging::{FileReference, Staging};
use crate::error::Error;
use crate::file_uploader::FilePath;

/// How a stream of a read stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Its first request is about to be made.
    Started,
    /// Its first record came.
    Running,
    /// It was read whole.
    Complete,
    /// It was not.
    Incomplete,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Running => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Incomplete => "INCOMPLETE",
        }
    }
}

/// Takes what a read gives.
pub trait Sink {
    /// One record, as JSON, and where its file is.
    fn record(
        &mut self,
        stream: &str,
        record: &[u8],
        file: Option<&FileReference>,
        at: Timestamp,
    ) -> Result<(), Error>;
    /// The file of the record that comes next; it is kept, and says where.
    fn file(&mut self, path: &FilePath, content: &[u8]) -> io::Result<FileReference>;
    /// A stream's state, and how many records came since the last one.
    fn state(
        &mut self,
        stream: &str,
        state: &Map<String, Value>,
        records: u64,
    ) -> Result<(), Error>;
    /// A change of how a stream stands.
    fn status(&mut self, stream: &str, status: Status, at: Timestamp) -> Result<(), Error>;
    /// Something worth knowing that is no failure.
    fn note(&mut self, stream: &str, text: &str) -> Result<(), Error>;
    /// Why a stream was not read whole.
    fn error(&mut self, stream: &str, error: &Error, at: Timestamp) -> Result<(), Error>;
}

/// Writes what a read gives as Airbyte messages.
#[derive(Debug)]
pub struct Messages<W> {
    out: W,
    line: Vec<u8>,
    staging: Option<Staging>,
}

#[derive(Serialize)]
struct RecordMessage<'a> {
    r#type: &'static str,
    record: Record<'a>,
}

#[derive(Serialize)]
struct Record<'a> {
    stream: &'a str,
    data: &'a RawValue,
    emitted_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_reference: Option<&'a FileReference>,
}

impl<W: Write> Messages<W> {
    /// To a writer.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new(), staging: None }
    }

    /// With a place for the files of records; streams that have files fail without one.
    #[must_use]
    pub fn staging(self, staging: Staging) -> Self {
        Self { staging: Some(staging), ..self }
    }

    /// Writes one message.
    pub fn write(&mut self, message: &impl Serialize) -> Result<(), Error> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, message).map_err(io::Error::from)?;
        self.line.push(b'\n');
        // In one write: others may write lines to the same place.
        self.out.write_all(&self.line)?;
        Ok(())
    }

    /// Writes that a command failed before or beside its streams; `failure_type` is the
    /// protocol's word for who has to act.
    pub fn failure(
        &mut self,
        message: &str,
        failure_type: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let error = json!({"message": message, "failure_type": failure_type});
        self.write(&trace("ERROR", "error", error, at))
    }

    /// Writes a message that a reader acts on: it must not wait in a buffer.
    fn deliver(&mut self, message: &impl Serialize) -> Result<(), Error> {
        self.write(message)?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> Sink for Messages<W> {
    fn record(
        &mut self,
        stream: &str,
        record: &[u8],
        file: Option<&FileReference>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let data = serde_json::from_slice(record).map_err(io::Error::from)?;
        let emitted_at = at.as_millisecond();
        let record = Record { stream, data, emitted_at, file_reference: file };
        self.write(&RecordMessage { r#type: "RECORD", record })
    }

    fn file(&mut self, path: &FilePath, content: &[u8]) -> io::Result<FileReference> {
        match &self.staging {
            Some(staging) => staging.keep(path, content),
            None => Err(no_place("there is no place for it")),
        }
    }

    fn state(
        &mut self,
        stream: &str,
        state: &Map<String, Value>,
        records: u64,
    ) -> Result<(), Error> {
        let mut message = stream_state(stream, state);
        if let Some(state) = message.get_mut("state").and_then(Value::as_object_mut) {
            state.insert("sourceStats".into(), json!({"recordCount": records}));
        }
        self.deliver(&message)
    }

    fn status(&mut self, stream: &str, status: Status, at: Timestamp) -> Result<(), Error> {
        let status = json!({
            "stream_descriptor": {"name": stream},
            "status": status.name(),
        });
        self.deliver(&trace("STREAM_STATUS", "stream_status", status, at))
    }

    fn note(&mut self, stream: &str, text: &str) -> Result<(), Error> {
        let message = format!("{stream}: {text}");
        self.write(&json!({"type": "LOG", "log": {"level": "WARN", "message": message}}))
    }

    fn error(&mut self, stream: &str, error: &Error, at: Timestamp) -> Result<(), Error> {
        let error = json!({
            "message": error.to_string(),
            "failure_type": error.failure_type(),
            "stream_descriptor": {"name": stream},
        });
        self.deliver(&trace("ERROR", "error", error, at))
    }
}

/// Files cannot be kept here.
pub(super) fn no_place(reason: &'static str) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, reason)
}

fn trace(kind: &str, field: &str, what: Value, at: Timestamp) -> Value {
    let mut trace = json!({"type": kind, "emitted_at": at.as_millisecond()});
    if let Some(fields) = trace.as_object_mut() {
        fields.insert(field.to_owned(), what);
    }
    json!({"type": "TRACE", "trace": trace})
}

/// A stream's state as the protocol has it.
pub(super) fn stream_state(stream: &str, state: &Map<String, Value>) -> Value {
    json!({"type": "STATE", "state": {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": stream}, "stream_state": state},
    }})
}
