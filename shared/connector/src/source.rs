//! A source: a manifest, its overlay and a configuration, ready to be read.

mod check;
mod prepare;
mod single;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use model::config::Overlay;
use model::{StreamName, Timestamp};
use ports::{Clock, Http, Ids};
use request::authenticator::{Caller, Grants};
use request::interpolation::{Context, InterpolatedBoolean, InterpolatedString};
use request::value::Value;
use serde_json::Value as Json;

use crate::catalog::Catalog;
use crate::dynamic::{Dynamic, Made};
use crate::error::Error;
use crate::manifest::{Listed, Manifest};
use crate::part::{BuildError, Part};
use crate::retriever::{Cache, Rules, Slots};
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

/// What a host does for a source, beyond its calls.
#[derive(Debug, Clone, Default)]
pub struct Hosting {
    /// Keeps the tokens that a refresh replaces; without it they live as long as the source.
    pub grants: Option<Arc<dyn Grants>>,
    /// What the reader wants of the streams.
    pub catalog: Catalog,
    /// Who holds calls to the rates that the manifest states.
    pub rates: Rates,
}

/// Who holds calls to the rates that a manifest states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rates {
    /// The source, for the calls that it makes itself.
    #[default]
    Source,
    /// The host, for all who call.
    Host,
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
    /// Room for jobs at the source.
    pub(crate) jobs: Arc<Slots>,
    /// Slices that a read has side by side.
    pub(crate) side_by_side: usize,
    /// What the reader wants of the streams.
    pub(crate) catalog: Catalog,
    /// Answers that streams share.
    pub(crate) cache: Cache,
    /// Names of the streams that others take their partitions from.
    parents: HashSet<String>,
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

    /// Whether other streams take their partitions from the stream of that name.
    pub(crate) fn is_parent(&self, stream: &str) -> bool {
        self.parents.contains(stream)
    }

    /// The zone of texts that name none, if the overlay says which.
    pub(crate) fn zone(&self, part: &Part<'_>) -> Result<Option<TimeZone>, BuildError> {
        let zone = self.overlay.timezone.as_deref().map(TimeZone::get).transpose();
        zone.map_err(|error| part.fault(format!("the overlay's time zone: {error}")))
    }
}

/// A number that a manifest states, or makes of the configuration.
fn whole_number(said: &Json, config: &Json, now: Timestamp) -> Option<usize> {
    let number = match said.as_str() {
        None => said.as_u64(),
        Some(text) => InterpolatedString::new(text, &Value::empty_dict()).ok().and_then(|text| {
            text.text(&Context::new(Value::from(config), now)).ok()?.trim().parse().ok()
        }),
    };
    number.and_then(|number| usize::try_from(number).ok())
}

/// Slices read side by side, unless the manifest says how many.
const SIDE_BY_SIDE: usize = 1;

/// More of them help nobody.
const MOST_SIDE_BY_SIDE: usize = 64;

/// How many slices a read has side by side.
fn side_by_side(manifest: &Manifest, config: &Json, now: Timestamp) -> usize {
    let [level, most] = manifest.side_by_side().map(|said| whole_number(&said, config, now));
    let most = most.unwrap_or(MOST_SIDE_BY_SIDE).min(MOST_SIDE_BY_SIDE);
    level.unwrap_or(SIDE_BY_SIDE).clamp(1, most.max(1))
}

/// A source with a configuration: its streams can be read.
#[derive(Debug, Clone)]
pub struct Source {
    manifest: Manifest,
    shared: Arc<Shared>,
    streams: Vec<Stream>,
    /// The names of the streams that each definition of `dynamic_streams` made, by its own name.
    made: Vec<(String, Vec<StreamName>)>,
}

impl Source {
    /// Builds every stream that manifest and configuration name: what does not fit this
    /// configuration is said before any call. Streams that only the API can name are left out.
    pub fn build(
        manifest: &Manifest,
        overlay: &Overlay,
        config: &Json,
        runtime: Runtime,
    ) -> Result<Self, Error> {
        let hosting = Hosting::default();
        let (config, runtime) = prepare::prepared(manifest, config, runtime, hosting.rates)?;
        let mut source = Self::listed(manifest, overlay, &config, (runtime, hosting))?;
        for dynamic in source.dynamic().collect::<Vec<_>>() {
            if let Some(components) = dynamic.known()? {
                source.add(&dynamic.name, &dynamic.streams(&components)?)?;
            }
        }
        source.check_groups()?;
        Ok(source)
    }

    /// Builds every stream; the API is asked for those that only it can name.
    pub async fn open(
        manifest: &Manifest,
        overlay: &Overlay,
        config: &Json,
        runtime: Runtime,
    ) -> Result<Self, Error> {
        Self::hosted(manifest, overlay, config, (runtime, Hosting::default())).await
    }

    /// As [`Source::open`], by a host that does more for it.
    pub async fn hosted(
        manifest: &Manifest,
        overlay: &Overlay,
        config: &Json,
        (runtime, hosting): (Runtime, Hosting),
    ) -> Result<Self, Error> {
        prepare::validated(manifest, config, runtime.now)?;
        let (config, runtime) = prepare::prepared(manifest, config, runtime, hosting.rates)?;
        Self::assembled(manifest, overlay, &config, (runtime, hosting)).await
    }

    /// With a configuration in its last form.
    async fn assembled(
        manifest: &Manifest,
        overlay: &Overlay,
        config: &Json,
        hosted: (Runtime, Hosting),
    ) -> Result<Self, Error> {
        let mut source = Self::listed(manifest, overlay, config, hosted)?;
        for dynamic in source.dynamic().collect::<Vec<_>>() {
            let components = match dynamic.known()? {
                Some(components) => components,
                None => dynamic.asked().await?,
            };
            source.add(&dynamic.name, &dynamic.streams(&components)?)?;
        }
        source.check_groups()?;
        Ok(source)
    }

    /// The streams that stand in the manifest.
    fn listed(
        manifest: &Manifest,
        overlay: &Overlay,
        config: &Json,
        (runtime, hosting): (Runtime, Hosting),
    ) -> Result<Self, Error> {
        let rules = Rules::new(overlay).map_err(|source| Error::Overlay { source })?;
        let Limits { timeout, max_body, .. } = runtime.limits;
        let (http, clock) = (Arc::clone(&runtime.http), Arc::clone(&runtime.clock));
        let listed: Vec<Listed> = manifest.listed().collect();
        let shared = Arc::new(Shared {
            caller: Caller::new(http, clock, timeout, max_body)
                .keeping(hosting.grants)
                .waiting(runtime.max_wait),
            jobs: Slots::new(whole_number(&manifest.most_jobs(), config, runtime.now).unwrap_or(1)),
            side_by_side: side_by_side(manifest, config, runtime.now),
            catalog: hosting.catalog,
            cache: Cache::default(),
            parents: parents(&listed),
            overlay: overlay.clone(),
            config: Value::from(config),
            rules,
            runtime,
        });
        let mut streams = Vec::new();
        for Listed { json, path, condition } in listed {
            let part = Part::new(&json, path, 0);
            let build = || {
                if !is_wanted(condition.as_ref(), &part, &shared)? {
                    return Ok(None);
                }
                Core::build(&part, &shared).map(Some)
            };
            let name = json.get("name").and_then(Json::as_str).unwrap_or_default();
            let core = build().map_err(|source| Error::Stream { stream: name.to_owned(), source });
            streams.extend(core?.map(|core| Stream(Arc::new(core))));
        }
        Ok(Self { manifest: manifest.clone(), shared, streams, made: Vec::new() })
    }

    /// The definitions of streams that the configuration or the API names.
    fn dynamic(&self) -> impl Iterator<Item = Dynamic> {
        let nodes = self.manifest.dynamic_streams().enumerate();
        nodes.filter_map(|(i, node)| Dynamic::new(&self.manifest, node, i, &self.shared))
    }

    /// Builds the streams that a definition made.
    fn add(&mut self, name: &str, made: &[Made]) -> Result<(), Error> {
        let mut names = Vec::with_capacity(made.len());
        for Made { json, path } in made {
            let part = Part::new(json, path.clone(), 0);
            let fault = |source| Error::Stream { stream: name.to_owned(), source };
            let core = Core::build(&part, &self.shared).map_err(fault)?;
            if self.streams.iter().any(|stream| stream.name() == &core.name) {
                let message = format!("there are two streams of the name `{}`", core.name);
                return Err(fault(part.fault(message)));
            }
            names.push(core.name.clone());
            self.streams.push(Stream(Arc::new(core)));
        }
        self.made.push((name.to_owned(), names));
        Ok(())
    }

    /// A stream must not wait for a stream that waits for it.
    fn check_groups(&self) -> Result<(), Error> {
        for (group, members) in self.manifest.stream_groups() {
            for stream in self.streams.iter().filter(|s| members.contains(&s.name().as_str())) {
                let parents = stream.0.ancestors();
                if let Some(parent) = parents.iter().find(|name| members.contains(&name.as_str())) {
                    return Err(Error::Group {
                        stream: stream.name().to_string(),
                        parent: parent.to_string(),
                        group: group.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Says what time it is.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.shared.runtime.clock.as_ref()
    }

    /// Keeps the pages that streams share from now on: several are about to be read.
    pub(crate) fn keep_pages(&self) {
        self.shared.cache.open();
    }

    /// What a connection's configuration must look like.
    pub fn spec(&self) -> Json {
        self.manifest.spec()
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

    /// The streams that must not be read while this one is: those of its groups, each with the
    /// name of its group.
    pub fn apart(&self, stream: &StreamName) -> Vec<(&str, &StreamName)> {
        let groups = self.manifest.stream_groups();
        let mine = groups.filter(|(_, members)| members.contains(&stream.as_str()));
        let others = mine.flat_map(|(group, members)| {
            let streams = self.streams.iter().map(Stream::name);
            let others =
                streams.filter(move |name| *name != stream && members.contains(&name.as_str()));
            others.map(move |other| (group, other))
        });
        others.collect()
    }
}

/// Whether the condition that a stream stands under holds.
fn is_wanted(group: Option<&Json>, part: &Part<'_>, shared: &Shared) -> Result<bool, BuildError> {
    let Some(group) = group else { return Ok(true) };
    let group = part.around(group);
    let fault = |message: String| group.fault(message);
    let text = group.text("condition")?.unwrap_or_default();
    let condition = InterpolatedBoolean::new(text, &Value::empty_dict());
    let condition = condition.map_err(|error| fault(error.to_string()))?;
    condition.eval(&shared.context()).map_err(|error| fault(error.to_string()))
}

/// The names of the streams within others, at any depth.
fn parents(listed: &[Listed]) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut open: Vec<&Json> = listed.iter().map(|listed| &listed.json).collect();
    while let Some(json) = open.pop() {
        match json {
            Json::Object(fields) => {
                let configs = fields.get("parent_stream_configs").and_then(Json::as_array);
                let found = configs.into_iter().flatten().filter_map(|c| c.pointer("/stream/name"));
                names.extend(found.filter_map(Json::as_str).map(str::to_owned));
                open.extend(fields.values());
            }
            Json::Array(items) => open.extend(items),
            _ => {}
        }
    }
    names
}
