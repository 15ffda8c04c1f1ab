//! What a manifest says of its streams without any configuration.

use model::StreamName;
use serde_json::Value as Json;

use crate::error::Error;
use crate::manifest::{Listed, Manifest};
use crate::part::{BuildError, Part};
use crate::schema;
use crate::stream::Stream;

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
    /// The streams that stand in it, in order, those under a condition among them.
    pub fn outlines(&self) -> Result<Vec<Outline>, Error> {
        let outlines = self.listed().map(|Listed { json, path, .. }| {
            let name = json.get("name").and_then(Json::as_str).unwrap_or_default();
            let outline = outline(&Part::new(&json, path, 0), name);
            outline.map_err(|source| Error::Stream { stream: name.to_owned(), source })
        });
        outlines.collect()
    }
}

/// A stream's outline; one that depends on its state is told by how it is first read.
pub(crate) fn outline(part: &Part<'_>, name: &str) -> Result<Outline, BuildError> {
    let first = part.child("full_refresh_stream");
    let told = first.as_ref().unwrap_or(part);
    let incremental = part.child("incremental_stream");
    let syncs = |part: &Part<'_>| part.child("incremental_sync").is_some();
    Ok(Outline {
        name: name.parse().map_err(|error| part.fault(format!("name: {error}")))?,
        primary_key: schema::primary_key(told)?,
        incremental: syncs(told) || incremental.as_ref().is_some_and(syncs),
        schema: schema::outline(told),
    })
}

impl Stream {
    /// Its outline, as this configuration makes it.
    pub fn outline(&self) -> Outline {
        let delegated = self.0.delegated.as_ref();
        let schema = self.0.schema.loaded();
        Outline {
            name: self.name().clone(),
            primary_key: self.primary_key().to_vec(),
            incremental: self.is_incremental()
                || delegated.is_some_and(|delegated| delegated.incremental.cursor.is_some()),
            schema: match schema.get("properties") {
                Some(_) => schema.clone(),
                None => schema::open(),
            },
        }
    }
}
