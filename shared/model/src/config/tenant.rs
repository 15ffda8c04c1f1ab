//! `tenants/<tenant>.yaml`: what a tenant has connected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::decode::{At, Decoder};
use super::delivery::Around;
use super::{Every, FeedUse, PushUse, Schedule};
use crate::document::{Document, Fault, Node, NodeKey, NodeValue};
use crate::{ConnectionId, FeedId, PushId, SecretRef, SourceName, StreamName, TenantId};

/// A tenant: its connections, and the secrets that it lets others use. The file's name is its id.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantFile {
    /// Its id, when the file repeats it; the file's name otherwise.
    #[schemars(with = "Option<TenantId>")]
    pub tenant: TenantId,
    /// The name people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// IANA name of the time zone of its schedules.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Which of its secrets other tenants may use: secret name to tenants.
    #[serde(default)]
    pub grants: BTreeMap<String, Vec<TenantId>>,
    /// What it has connected.
    #[serde(default)]
    pub connections: BTreeMap<ConnectionId, Connection>,
    /// Where its partners' files arrive.
    #[serde(default)]
    pub feeds: BTreeMap<FeedId, FeedUse>,
    /// Which of its records go to which APIs.
    #[serde(default)]
    pub pushes: BTreeMap<PushId, PushUse>,
    /// Where its file refers to secrets.
    #[schemars(skip)]
    pub secrets: Vec<SecretUse>,
}

/// A place of a tenant file that refers to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The connection, feed or push that it stands in: `shop`, `feeds.loyalty`, `pushes.crm`.
    pub of: String,
    /// What it refers to.
    pub reference: SecretRef,
    /// Its place, for messages.
    pub fault: Fault,
}

/// One account of one source.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The source: its file under `sources/`.
    pub source: SourceName,
    /// The source's own configuration. A value may be `{secret: <reference>}` at any depth.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// Which streams are pulled.
    #[serde(default)]
    pub streams: Streams,
    /// When; every 24 hours unless said otherwise.
    #[serde(default)]
    pub schedule: Schedule,
    /// Streams and slices pulled side by side, 1 to 16.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub parallel: u8,
    /// Whether it rests.
    #[serde(default)]
    pub paused: bool,
}

fn one() -> u8 {
    1
}

/// Which streams of a source are pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Streams {
    /// All that the manifest has.
    #[default]
    All,
    /// These.
    Listed(Vec<StreamConfig>),
}

impl Streams {
    /// What the file says of a stream; none when the stream is not pulled.
    pub fn config(&self, name: &StreamName) -> Option<StreamConfig> {
        match self {
            Self::All => Some(StreamConfig::named(name.clone())),
            Self::Listed(list) => list.iter().find(|config| &config.name == name).cloned(),
        }
    }

    /// The cursor fields that are wanted instead of the manifest's, by stream.
    pub fn cursors(&self) -> impl Iterator<Item = (&StreamName, &[String])> {
        let list = match self {
            Self::All => &[],
            Self::Listed(list) => list.as_slice(),
        };
        list.iter().filter_map(|config| Some((&config.name, config.cursor_field.as_deref()?)))
    }
}

impl JsonSchema for Streams {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Streams".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let stream = generator.subschema_for::<StreamConfig>();
        schemars::json_schema!({
            "description": "`all`, or a list of streams, each by name or with its settings.",
            "anyOf": [
                {"const": "all"},
                {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "string"}, stream]}}
            ]
        })
    }
}

/// What a tenant sets for one stream.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// Its name in the manifest.
    pub name: StreamName,
    /// How it is pulled; incrementally where the manifest allows, unless said otherwise.
    #[serde(default)]
    pub sync_mode: Option<SyncMode>,
    /// Paths of the fields that identify a record, instead of the manifest's.
    #[serde(default)]
    pub primary_key: Option<Vec<Vec<String>>>,
    /// Path of the field that orders versions, instead of the manifest's.
    #[serde(default)]
    pub cursor_field: Option<Vec<String>>,
    /// Its own schedule, beside the connection's.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// How often all ids are read, so that silent deletes are seen.
    #[serde(default)]
    pub reconcile: Option<Every>,
}

impl StreamConfig {
    /// A stream with nothing set.
    pub fn named(name: StreamName) -> Self {
        Self {
            name,
            sync_mode: None,
            primary_key: None,
            cursor_field: None,
            schedule: None,
            reconcile: None,
        }
    }
}

/// How a stream is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// What changed since the last time.
    Incremental,
    /// Everything, each time.
    FullRefresh,
}

const FIELDS: &[&str] = &["tenant", "name", "timezone", "grants", "connections", "feeds", "pushes"];
const CONNECTION: &[&str] = &["source", "config", "streams", "schedule", "parallel", "paused"];
const STREAM: &[&str] =
    &["name", "sync_mode", "primary_key", "cursor_field", "schedule", "reconcile"];

impl TenantFile {
    /// Reads the file of a tenant, or tells all that is wrong with it.
    pub fn parse(document: &Document, tenant: &TenantId) -> Result<Self, Vec<Fault>> {
        let mut decoder = Decoder::new(document);
        let d = &mut decoder;
        let root = d.root(FIELDS);
        if let Some(at) = root.field("tenant")
            && let Some(repeated) = d.parsed::<TenantId>(&at)
            && &repeated != tenant
        {
            d.fault(&at, format!("`{repeated}` is not the name of the file; accepted: {tenant}"));
        }
        let timezone = root.field("timezone").and_then(|zone| d.timezone(&zone));
        let mut secrets = Vec::new();
        let around = &mut Around { timezone: timezone.as_ref(), secrets: &mut secrets };
        let others = root.field("feeds").is_some() || root.field("pushes").is_some();
        let connections =
            if others { root.field("connections") } else { d.required(&root, "connections") };
        let connections = connections.map(|at| d.connections(&at, around));
        let feeds = root.field("feeds").map(|at| d.feeds(&at, around));
        let pushes = root.field("pushes").map(|at| d.pushes(&at, around));
        let file = Self {
            tenant: tenant.clone(),
            name: root.field("name").and_then(|name| d.text(&name)),
            grants: root.field("grants").map(|grants| d.grants(&grants)).unwrap_or_default(),
            connections: connections.unwrap_or_default(),
            feeds: feeds.unwrap_or_default(),
            pushes: pushes.unwrap_or_default(),
            timezone,
            secrets,
        };
        decoder.finish(Some(file))
    }
}

impl Decoder<'_> {
    fn grants(&mut self, at: &At<'_>) -> BTreeMap<String, Vec<TenantId>> {
        let mut grants = BTreeMap::new();
        let Some(entries) = at.node.entries() else {
            self.fault(at, "accepted is a mapping of secret names to lists of tenants");
            return grants;
        };
        for (key, node) in entries {
            let entry = At { node, path: at.below(&key.text) };
            if let Some(own) = self.kept(&entry, key.text.parse::<SecretRef>())
                && own.tenant().is_some()
            {
                self.fault(&entry, "only the tenant's own secrets can be granted, by their names");
            }
            let items = self.list(&entry);
            let tenants = items.iter().filter_map(|item| self.parsed(item)).collect();
            grants.insert(key.text.clone(), tenants);
        }
        grants
    }

    /// The entries of a mapping by their ids, each with its place.
    pub(super) fn named<'n, I: FromStr<Err: Display>>(
        &mut self,
        at: &At<'n>,
        accepted: &str,
    ) -> Vec<(Option<I>, At<'n>)> {
        let Some(entries) = at.node.entries() else {
            self.fault(at, format!("accepted is a mapping of {accepted}"));
            return Vec::new();
        };
        let entry = |(key, node): &'n (NodeKey, Node)| {
            let at = At { node, path: at.below(&key.text) };
            (self.kept(&at, key.text.parse()), at)
        };
        entries.iter().map(entry).collect()
    }

    /// Notes the secrets that a part's settings refer to.
    pub(super) fn noted(&mut self, at: &At<'_>, of: &str, found: &mut Vec<SecretUse>) {
        if let Some(config) = at.field("config") {
            self.secrets(&config, of, found);
        }
    }

    fn connections(
        &mut self,
        at: &At<'_>,
        around: &mut Around<'_>,
    ) -> BTreeMap<ConnectionId, Connection> {
        let mut connections = BTreeMap::new();
        for (id, at) in self.named::<ConnectionId>(at, "connection ids to connections") {
            let connection = self.connection(&at, around.timezone);
            let (Some(id), Some(connection)) = (id, connection) else { continue };
            self.noted(&at, id.as_str(), around.secrets);
            connections.insert(id, connection);
        }
        connections
    }

    /// Settings of any shape.
    pub(super) fn free_form(&mut self, at: &At<'_>) -> Option<Map<String, Value>> {
        if let Value::Object(map) = at.node.to_json() {
            return Some(map);
        }
        self.fault(at, format!("{} stands here; accepted is a mapping", at.node.kind()));
        None
    }

    fn connection(&mut self, at: &At<'_>, timezone: Option<&String>) -> Option<Connection> {
        if !self.names(at, CONNECTION) {
            return None;
        }
        let source = self.required(at, "source").and_then(|source| self.parsed(&source));
        let config = at.field("config").and_then(|config| self.free_form(&config));
        let streams = at.field("streams").map(|streams| self.streams(&streams, timezone));
        let schedule = at.field("schedule").and_then(|schedule| self.zoned(&schedule, timezone));
        let parallel = at.field("parallel").and_then(|at| self.whole(&at, 1..=16));
        let paused = at.field("paused").and_then(|at| self.truth(&at));
        Some(Connection {
            source: source?,
            config: config.unwrap_or_default(),
            streams: streams.unwrap_or_default(),
            schedule: schedule.unwrap_or_default(),
            parallel: parallel.and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
            paused: paused.unwrap_or(false),
        })
    }

    /// A schedule, in the tenant's time zone unless it names its own.
    pub(super) fn zoned(&mut self, at: &At<'_>, tenants: Option<&String>) -> Option<Schedule> {
        Some(match self.schedule(at)? {
            Schedule::Cron { cron, timezone } => {
                Schedule::Cron { cron, timezone: timezone.or_else(|| tenants.cloned()) }
            }
            every @ Schedule::Every { .. } => every,
        })
    }

    fn streams(&mut self, at: &At<'_>, timezone: Option<&String>) -> Streams {
        if at.node.text() == Some("all") {
            return Streams::All;
        }
        if at.node.items().is_none_or(<[_]>::is_empty) {
            self.fault(at, "accepted is `all`, or a list of at least one stream");
            return Streams::All;
        }
        let mut seen = BTreeSet::new();
        let mut list = Vec::new();
        for item in self.list(at) {
            let Some(stream) = self.stream(&item, timezone) else { continue };
            if !seen.insert(stream.name.clone()) {
                self.fault(&item, format!("stream `{}` is listed twice", stream.name));
            }
            list.push(stream);
        }
        Streams::Listed(list)
    }

    fn stream(&mut self, at: &At<'_>, timezone: Option<&String>) -> Option<StreamConfig> {
        if at.node.text().is_some() {
            return self.parsed(at).map(StreamConfig::named);
        }
        if !self.names(at, STREAM) {
            return None;
        }
        let modes =
            [("incremental", SyncMode::Incremental), ("full_refresh", SyncMode::FullRefresh)];
        let name = self.required(at, "name").and_then(|name| self.parsed(&name));
        let stream = StreamConfig {
            sync_mode: at.field("sync_mode").and_then(|mode| self.word(&mode, &modes)),
            primary_key: at.field("primary_key").map(|key| self.key(&key)),
            cursor_field: at.field("cursor_field").map(|path| self.path(&path)),
            schedule: at.field("schedule").and_then(|schedule| self.zoned(&schedule, timezone)),
            reconcile: at.field("reconcile").and_then(|every| self.every(&every)),
            ..StreamConfig::named(name?)
        };
        Some(stream)
    }

    /// One field, or a list of fields, each a name or a path.
    fn key(&mut self, at: &At<'_>) -> Vec<Vec<String>> {
        if at.node.items().is_none() {
            return vec![self.path(at)];
        }
        let items = self.list(at);
        items.iter().map(|item| self.path(item)).collect()
    }

    /// A field's name, or the names that lead to it.
    fn path(&mut self, at: &At<'_>) -> Vec<String> {
        if at.node.items().is_none() {
            return self.text(at).into_iter().collect();
        }
        let items = self.list(at);
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    /// Finds the references to secrets below a node.
    fn secrets(&mut self, at: &At<'_>, of: &str, found: &mut Vec<SecretUse>) {
        match &at.node.value {
            NodeValue::Mapping(entries) => {
                if let Some(reference) = at.field("secret").filter(|_| entries.len() == 1) {
                    let Some(parsed) = self.parsed(&reference) else { return };
                    let fault = self.place(&reference);
                    found.push(SecretUse { of: of.to_owned(), reference: parsed, fault });
                    return;
                }
                for (key, node) in entries {
                    let entry = At { node, path: at.below(&key.text) };
                    self.secrets(&entry, of, found);
                }
            }
            NodeValue::Sequence(_) => {
                for item in self.list(at) {
                    self.secrets(&item, of, found);
                }
            }
            _ => {}
        }
    }
}
