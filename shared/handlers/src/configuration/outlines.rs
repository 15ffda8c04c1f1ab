//! The streams of a source, over all connections that use it.

use connector::{Outline, Stream};
use model::SourceName;
use serde_json::Value;

use super::{Configuration, Error, trial};

impl Configuration {
    /// The outlines of a source's streams: those of its manifest, and those that the
    /// configurations of its connections ask for. Streams that only an API can name are none.
    pub async fn outlines(&self, name: &SourceName) -> Result<Vec<Outline>, Error> {
        let source = self.source(name).await?;
        let fault = |error: connector::Error| {
            let fault = model::document::Fault {
                file: source.manifest.file().to_owned(),
                line: 1,
                column: 1,
                field: String::new(),
                message: error.to_string(),
            };
            Error::Faults(vec![fault])
        };
        let mut outlines = source.manifest.outlines().map_err(fault)?;
        if source.manifest.has_fixed_streams() {
            return Ok(outlines);
        }
        for tenant in self.tenants().await? {
            let file = self.tenant(&tenant).await?;
            for connection in file.connections.values().filter(|c| c.source == *name) {
                // A connection that does not fit its source is told where it is checked.
                let Ok(made) = trial(&Value::Object(connection.config.clone()), &source) else {
                    continue;
                };
                for outline in made.streams().iter().map(Stream::outline) {
                    if !outlines.iter().any(|known| known.name == outline.name) {
                        outlines.push(outline);
                    }
                }
            }
        }
        Ok(outlines)
    }
}
