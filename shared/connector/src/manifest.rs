//! A source's file: an Airbyte declarative manifest, read, resolved and checked.

mod check;
mod propagation;
mod reference;
mod vocabulary;

use std::fmt;

use model::document::{Document, Fault, Node, NodeValue};
use serde_json::{Map, Value};
use vocabulary::Kind;

/// A manifest whose every component runs here.
#[derive(Debug, Clone)]
pub struct Manifest {
    file: String,
    root: Node,
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
        if faults.is_empty() { Ok(Self { file: file.to_owned(), root }) } else { Err(faults) }
    }

    /// Name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The names of the streams, in order.
    pub fn stream_names(&self) -> impl Iterator<Item = &str> {
        self.streams().filter_map(|node| node.get("name").and_then(Node::text))
    }

    /// What a connection's configuration must look like: the `spec`, as the manifest has it.
    pub fn spec(&self) -> Value {
        self.root.get("spec").map_or(Value::Null, Node::to_json)
    }

    /// The streams that `check` reads, by name.
    pub(crate) fn checked(&self) -> Vec<&str> {
        let names = self.root.get("check").and_then(|check| check.get("stream_names"));
        names.and_then(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect()
    }

    /// The streams as JSON, in order; each component in them notes its line as `$line`.
    pub(crate) fn stream_components(&self) -> Vec<Value> {
        self.streams().map(|node| located(node, vocabulary::find("DeclarativeStream"))).collect()
    }

    fn streams(&self) -> impl Iterator<Item = &Node> {
        self.root.get("streams").and_then(Node::items).unwrap_or_default().iter()
    }
}

/// A component's JSON, with the line of each component in it.
fn located(node: &Node, kind: Option<&Kind>) -> Value {
    let (Some(kind), Some(entries)) = (kind, node.entries()) else { return node.to_json() };
    let mut fields = Map::new();
    fields.insert("$line".into(), Value::from(node.line));
    let component = |node: &Node| {
        located(node, node.get("type").and_then(Node::text).and_then(vocabulary::find))
    };
    for (key, node) in entries {
        let holds_components = kind.children.iter().any(|(field, _)| *field == key.text);
        let value = match &node.value {
            NodeValue::Sequence(items) if holds_components => items.iter().map(component).collect(),
            NodeValue::Mapping(_) if holds_components => component(node),
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
