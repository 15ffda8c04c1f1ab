//! What a manifest says of its streams without any configuration.

use model::StreamName;
use serde_json::Value as Json;

use crate::error::Error;
use crate::manifest::Manifest;
use crate::part::{BuildError, Part};
use crate::schema;

/// A stream as its manifest describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Its name.
    pub name: StreamName,
    /// Paths of the fields that identify a record; none when the manifest gives none.
    pub primary_key: Vec<Vec<String>>,
    /// Whether it can be read from where the last read ended.
    pub incremental: bool,
    /// The JSON schema of its records; an open object where there is none.
    pub schema: Json,
}

impl Manifest {
    /// The streams, in order.
    pub fn outlines(&self) -> Result<Vec<Outline>, Error> {
        let components = self.stream_components();
        let outlines = components.iter().enumerate().map(|(i, json)| {
            let part = Part::new(json, format!("streams[{i}]"), 0);
            let name = json.get("name").and_then(Json::as_str).unwrap_or_default();
            outline(&part, name).map_err(|source| Error::Stream { stream: name.to_owned(), source })
        });
        outlines.collect()
    }
}

fn outline(part: &Part<'_>, name: &str) -> Result<Outline, BuildError> {
    Ok(Outline {
        name: name.parse().map_err(|error| part.fault(format!("name: {error}")))?,
        primary_key: schema::primary_key(part)?,
        incremental: part.child("incremental_sync").is_some(),
        schema: schema::of(part),
    })
}
