//! A cassette: the calls of a test and their answers, in one file, without secrets.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::Timestamp;
use ports::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redaction::Redactor;
use crate::failure::Failure;

/// What this edition writes and reads.
const FORMAT: u32 = 1;

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cassette {
    format: u32,
    /// The present of the recording: a replay asks for the same windows.
    pub(super) now: Timestamp,
    /// The configuration, without its secrets.
    pub(super) config: Value,
    /// Calls in order.
    pub(super) calls: Vec<Call>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) request: Asked,
    pub(super) response: Answered,
}

/// A request without secrets. Two are the same when method, address and body are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}

impl Asked {
    /// Whether it asks for the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.method, &self.url, &self.body) == (&other.method, &other.url, &other.body)
    }
}

/// An answer without secrets: as text, or as Base64 where it is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    /// Whether it held secrets: only a replay can use it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) redacted: bool,
}

impl Answered {
    /// As it came.
    pub(super) fn response(&self) -> Response {
        let encoded = self.base64.as_deref().map(|text| STANDARD.decode(text).unwrap_or_default());
        let plain = || self.body.clone().unwrap_or_default().into_bytes();
        let body = Bytes::from(encoded.unwrap_or_else(plain));
        Response { status: self.status, headers: self.headers.clone(), body }
    }
}

impl Cassette {
    /// An empty one.
    pub(super) fn new(now: Timestamp, config: Value) -> Self {
        Self { format: FORMAT, now, config, calls: Vec::new() }
    }

    /// From a file; none when there is no file.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Failure> {
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::Input(format!("cassette {}: {error}", path.display()))
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&error)),
        };
        let cassette: Self = serde_json::from_str(&text).map_err(|error| unusable(&error))?;
        if cassette.format != FORMAT {
            return Err(unusable(&format!("format {} is not known", cassette.format)));
        }
        Ok(Some(cassette))
    }

    /// Into a file, whole or not at all; refused when a secret would stand in it.
    pub(super) fn save(&self, path: &Path, redactor: &Redactor) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::of(format!("cassette {} not written", path.display()), error)
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        let leaks = redactor.leaks(&text);
        if !leaks.is_empty() {
            let leaks = leaks.join(", ");
            let reason = format!("the values of {leaks} would stand in it");
            return Err(failed(std::io::Error::other(reason)));
        }
        let draft = path.with_extension("draft");
        fs::write(&draft, text + "\n").map_err(failed)?;
        fs::rename(&draft, path).map_err(failed)
    }
}

/// Where the cassette of a manifest lies when nothing else is said: beside it.
pub(super) fn beside(manifest: &Path) -> PathBuf {
    manifest.with_extension("cassette.json")
}
