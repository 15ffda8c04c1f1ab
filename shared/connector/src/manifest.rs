//! A source's file: an Airbyte declarative manifest, read, resolved and checked.

mod check;
pub(crate) mod edit;
mod propagation;
mod reference;
mod vocabulary;

use std::fmt;
use std::sync::Arc;

use model::document::{Document, Fault, Node, NodeValue};
pub(crate) use propagation::Wins;
use serde_json::{Map, Value};
use vocabulary::Kind;

/// A manifest whose every component runs here.
#[derive(Debug, Clone)]
pub struct Manifest {
    file: String,
    root: Arc<Node>,
}

/// A stream that stands in the manifest.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its JSON; each component in it notes its line as `$line`.
    pub(crate) json: Value,
    /// Where it stands.
    pub(crate) path: String,
    /// The `ConditionalStreams` that it is one of.
    pub(crate) condition: Option<Value>,
}

impl Manifest {
    /// Reads a manifest: references resolved, implied types and `$parameters` written into the
    /// components, and every component checked, so that what does not run is refused by name and
    /// line before anything runs.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let document = Document::parse(file, text).map_err(|fault| vec![fault])?;
        let resolved = reference::resolve(file, &document.root).map_err(|fault| vec![fault])?;
        let root = propagation::propagate(resolved);
        let faults = check::check(file, &root);
        if faults.is_empty() {
            Ok(Self { file: file.to_owned(), root: Arc::new(root) })
        } else {
            Err(faults)
        }
    }

    /// The component types that run, by name, each with the fields of it that hold components and
    /// whether these run; they are refused otherwise.
    pub fn vocabulary() -> impl Iterator<Item = (&'static str, Vec<(&'static str, bool)>)> {
        let fields = |kind: &Kind| {
            kind.children.iter().map(|(field, accepted)| (*field, !accepted.is_empty())).collect()
        };
        vocabulary::KINDS.iter().map(move |kind| (kind.name, fields(kind)))
    }

    /// Name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The names of the streams that stand in it, in order, those under a condition among them.
    pub fn stream_names(&self) -> impl Iterator<Item = &str> {
        let names = self.streams().map(|(_, node, _)| node.get("name").and_then(Node::text));
        names.flatten()
    }

    /// Whether the configuration or the API itself names streams beside those.
    pub fn makes_streams(&self) -> bool {
        self.dynamic_streams().next().is_some()
    }

    /// Whether every connection has the streams that stand in it, and no others.
    pub fn has_fixed_streams(&self) -> bool {
        !self.makes_streams() && self.streams().all(|(_, _, condition)| condition.is_none())
    }

    /// Whether the API has to be asked which streams there are.
    pub fn asks_for_streams(&self) -> bool {
        let resolver =
            |node: &Node| node.get("components_resolver")?.get("type")?.text().map(str::to_owned);
        let known = ["ConfigComponentsResolver", "ParametrizedComponentsResolver"];
        self.dynamic_streams()
            .any(|node| !resolver(node).is_some_and(|kind| known.contains(&kind.as_str())))
    }

    /// How many jobs may run at the source at once, as the manifest says it.
    pub(crate) fn most_jobs(&self) -> Value {
        self.root.get("max_concurrent_async_job_count").map_or(Value::Null, Node::to_json)
    }

    /// How many slices a read has side by side by default, and at most, as the manifest says it.
    pub(crate) fn side_by_side(&self) -> [Value; 2] {
        let level = self.root.get("concurrency_level");
        let number = |name| level.and_then(|level| level.get(name));
        ["default_concurrency", "max_concurrency"]
            .map(|name| number(name).map_or(Value::Null, Node::to_json))
    }

    /// What a connection's configuration must look like: the `spec`, as the manifest has it.
    pub fn spec(&self) -> Value {
        self.root.get("spec").map_or(Value::Null, Node::to_json)
    }

    /// The `spec` as a component.
    pub(crate) fn spec_component(&self) -> Value {
        self.root.get("spec").map_or(Value::Null, located_component)
    }

    /// How often the source may be called.
    pub(crate) fn api_budget(&self) -> Option<Value> {
        self.root.get("api_budget").filter(|node| !node.is_null()).map(located_component)
    }

    /// What is checked.
    pub(crate) fn check(&self) -> Value {
        self.root.get("check").map_or(Value::Null, located_component)
    }

    /// The groups of streams that are not read side by side: their names and those of the streams.
    pub(crate) fn stream_groups(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let groups = self.root.get("stream_groups").and_then(Node::entries).unwrap_or_default();
        groups.iter().map(|(name, group)| {
            let streams = group.get("streams").and_then(Node::items).unwrap_or_default();
            let named = streams.iter().filter_map(|stream| stream.get("name")?.text());
            (name.text.as_str(), named.collect())
        })
    }

    /// Whether any component of it writes into the configuration.
    pub(crate) fn writes_configuration(&self) -> bool {
        writes_configuration(&self.root)
    }

    /// The streams that stand in it, in order.
    pub(crate) fn listed(&self) -> impl Iterator<Item = Listed> {
        self.streams().map(|(path, node, group)| Listed {
            json: located_component(node),
            path,
            condition: group.map(located_component),
        })
    }

    /// The definitions of streams that the configuration or the API names, in order.
    pub(crate) fn dynamic_streams(&self) -> impl Iterator<Item = &Node> {
        self.root.get("dynamic_streams").and_then(Node::items).unwrap_or_default().iter()
    }

    /// A stream made of a template: parameters handed down, checked, as JSON.
    pub(crate) fn made(&self, stream: Node, wins: Wins, place: &str) -> Result<Value, Vec<Fault>> {
        let stream = propagation::propagate_made(stream, wins);
        let faults = check::check_made(&self.file, &stream, place);
        if faults.is_empty() { Ok(located_component(&stream)) } else { Err(faults) }
    }

    /// Place, component and condition of each stream.
    fn streams(&self) -> impl Iterator<Item = (String, &Node, Option<&Node>)> {
        let all = self.root.get("streams").and_then(Node::items).unwrap_or_default();
        all.iter().enumerate().flat_map(|(i, node)| {
            if node.get("type").and_then(Node::text) != Some("ConditionalStreams") {
                return vec![(format!("streams[{i}]"), node, None)];
            }
            let inner = node.get("streams").and_then(Node::items).unwrap_or_default();
            let place = |j| format!("streams[{i}].streams[{j}]");
            inner.iter().enumerate().map(|(j, inner)| (place(j), inner, Some(node))).collect()
        })
    }
}

/// Whether a component below is given a place in the configuration for its tokens.
fn writes_configuration(node: &Node) -> bool {
    let below = match &node.value {
        NodeValue::Mapping(entries) => entries.iter().any(|(_, child)| writes_configuration(child)),
        NodeValue::Sequence(items) => items.iter().any(writes_configuration),
        _ => false,
    };
    let own = node.get("refresh_token_updater").is_some_and(|updater| !updater.is_null());
    below || (own && node.get("type").and_then(Node::text) == Some("OAuthAuthenticator"))
}

/// A component's JSON by its own type.
pub(crate) fn located_component(node: &Node) -> Value {
    located(node, node.get("type").and_then(Node::text).and_then(vocabulary::find))
}

/// A component's JSON, with the line of each component in it.
fn located(node: &Node, kind: Option<&Kind>) -> Value {
    let (Some(kind), Some(entries)) = (kind, node.entries()) else { return node.to_json() };
    let mut fields = Map::new();
    fields.insert("$line".into(), Value::from(node.line));
    for (key, node) in entries {
        let holds_components = kind.children.iter().any(|(field, _)| *field == key.text);
        let value = match &node.value {
            NodeValue::Sequence(items) if holds_components => {
                items.iter().map(located_component).collect()
            }
            NodeValue::Mapping(_) if holds_components => located_component(node),
            _ => node.to_json(),
        };
        fields.insert(key.text.clone(), value);
    }
    Value::Object(fields)
}

/// Where in the resolved manifest something stands: `streams[0].retriever`.
#[derive(Debug, Clone, Default)]
struct Place(String);

impl Place {
    fn field(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    fn index(&self, i: usize) -> Self {
        Self(format!("{}[{i}]", self.0))
    }

    fn ends_with(&self, names: &[&str]) -> bool {
        self.0.rsplit('.').next().is_some_and(|last| names.contains(&last))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
