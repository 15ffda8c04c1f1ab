//! A source: a manifest, its overlay and a configuration, ready to be read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use model::config::Overlay;
use model::{StreamName, Timestamp};
use ports::{Clock, Http, Ids};
use request::authenticator::Caller;
use request::interpolation::Context;
use request::value::Value;
use serde_json::Value as Json;

use crate::error::Error;
use crate::manifest::Manifest;
use crate::part::{BuildError, Part};
use crate::retriever::Rules;
use crate::stream::{Core, Stream};

/// What a source runs on.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Sends the calls.
    pub http: Arc<dyn Http>,
    /// Waits, and says when requests start.
    pub clock: Arc<dyn Clock>,
    /// For templates that ask for identifiers, and for jitter.
    pub ids: Arc<dyn Ids>,
    /// The instant that templates and cursors take for the present, fixed for the whole run.
    pub now: Timestamp,
    /// No wait between attempts is longer; none: as long as the manifest says.
    pub max_backoff: Option<Duration>,
    /// A wait that would be longer is not made: the error says how long it is.
    pub max_wait: Option<Duration>,
    /// What stops a walk that does not stop.
    pub limits: Limits,
}

/// What stops a walk that does not stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pages of one slice.
    pub max_pages: u64,
    /// Slices of one partition.
    pub max_slices: usize,
    /// Bytes of one answer, decoded.
    pub max_body: u64,
    /// Time of one call.
    pub timeout: Duration,
}

impl Default for Limits {
    /// 100,000 pages of 64 MiB, 20,000 slices, five minutes a call.
    fn default() -> Self {
        Self {
            max_pages: 100_000,
            max_slices: 20_000,
            max_body: 64 << 20,
            timeout: Duration::from_mins(5),
        }
    }
}

/// What the streams of a source share.
pub(crate) struct Shared {
    pub(crate) runtime: Runtime,
    pub(crate) overlay: Overlay,
    pub(crate) rules: Rules,
    pub(crate) caller: Caller,
    config: Value,
}

impl fmt::Debug for Shared {
    /// Without the configuration: it holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}

impl Shared {
    /// What every template sees.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(self.config.clone(), self.runtime.now).ids(self.runtime.ids.as_ref())
    }

    /// The zone of texts that name none, if the overlay says which.
    pub(crate) fn zone(&self, part: &Part<'_>) -> Result<Option<TimeZone>, BuildError> {
        let zone = self.overlay.timezone.as_deref().map(TimeZone::get).transpose();
        zone.map_err(|error| part.fault(format!("the overlay's time zone: {error}")))
    }
}

/// A source with a configuration: its streams can be read.
#[derive(Debug, Clone)]
pub struct Source {
    streams: Vec<Stream>,
    checked: Vec<String>,
    spec: Json,
}

impl Source {
    /// Builds every stream: what does not fit this configuration is said before any call.
    pub fn build(
        manifest: &Manifest,
        overlay: &Overlay,
        config: &Json,
        runtime: Runtime,
    ) -> Result<Self, Error> {
        let rules = Rules::new(overlay).map_err(|source| Error::Overlay { source })?;
        let Limits { timeout, max_body, .. } = runtime.limits;
        let (http, clock) = (Arc::clone(&runtime.http), Arc::clone(&runtime.clock));
        let shared = Arc::new(Shared {
            caller: Caller::new(http, clock, timeout, max_body),
            overlay: overlay.clone(),
            config: Value::from(config),
            rules,
            runtime,
        });
        let mut streams = Vec::new();
        for (i, json) in manifest.stream_components().iter().enumerate() {
            let part = Part::new(json, format!("streams[{i}]"), 0);
            let core = Core::build(&part, &shared).map_err(|source| Error::Stream {
                stream: json.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(),
                source,
            })?;
            streams.push(Stream(Arc::new(core)));
        }
        let checked = manifest.checked().into_iter().map(str::to_owned).collect();
        Ok(Self { streams, checked, spec: manifest.spec() })
    }

    /// What a connection's configuration must look like.
    pub fn spec(&self) -> &Json {
        &self.spec
    }

    /// The streams, in the manifest's order.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The stream of a name.
    pub fn stream(&self, name: &StreamName) -> Result<&Stream, Error> {
        self.streams.iter().find(|stream| stream.name() == name).ok_or_else(|| Error::NoStream {
            name: name.to_string(),
            known: self.streams.iter().map(|stream| stream.name().to_string()).collect(),
        })
    }

    /// Reads one record of each stream that the manifest names for it, so that credentials and
    /// addresses are known to work.
    pub async fn check(&self) -> Result<(), Error> {
        for name in &self.checked {
            let name: StreamName = name.parse().map_err(|_| Error::NoStream {
                name: name.clone(),
                known: self.streams.iter().map(|stream| stream.name().to_string()).collect(),
            })?;
            self.stream(&name)?.check().await?;
        }
        Ok(())
    }
}
