//! A YAML file as a tree that knows where everything stands.
//!
//! Plain scalars are read as `PyYAML`'s `safe_load` reads them (YAML 1.1: `yes` and `off` are
//! booleans, `0644` is octal, `1_000` and `1:30` are integers), because that is how the manifests
//! in the world are read. One exception: dates stay text, marked as such. JSON is YAML.

mod fault;
mod read;
mod scalar;

pub use fault::{Fault, suggest};
use serde_json::{Map, Number, Value};

/// A parsed file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Name of the file, as faults show it.
    pub file: String,
    /// What it holds; null when it is empty.
    pub root: Node,
    /// Keys that came before in their mapping.
    pub repeated: Vec<NodeKey>,
}

impl Document {
    /// Reads one YAML document.
    ///
    /// Aliases and merge keys are expanded. Of a key that comes twice the last one counts. Depth,
    /// size and alias expansion are bounded, so that no file of a stranger takes the process down.
    ///
    /// ```
    /// let document = model::document::Document::parse("a.yaml", "port: 8080\n")?;
    /// assert_eq!(document.root.to_json(), serde_json::json!({"port": 8080}));
    /// # Ok::<(), model::document::Fault>(())
    /// ```
    pub fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        let (root, repeated) = read::read(file, text)?;
        Ok(Self { file: file.to_owned(), root, repeated })
    }

    /// A fault of this file at a node.
    pub fn fault(&self, node: &Node, field: &str, message: impl Into<String>) -> Fault {
        Fault {
            file: self.file.clone(),
            line: node.line,
            column: node.column,
            field: field.to_owned(),
            message: message.into(),
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What stands there.
    pub value: NodeValue,
    /// Line, from 1. What an alias stands for keeps the place where it is written.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The text is a plain scalar that `PyYAML` would turn into a date or a date-time.
    pub date: bool,
}

/// What can stand at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// Nothing, or `~`, or `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as a JSON number token (`0x10` is `16` here, `1.50` stays `1.50`).
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Named values, in order; no name comes twice.
    Mapping(Vec<(NodeKey, Node)>),
}

/// The name of a mapping's entry and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeKey {
    /// The name; a number or truth value as JSON writes it.
    pub text: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Node {
    /// The value under a name, when this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entries()?.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The entries, when this is a mapping.
    pub fn entries(&self) -> Option<&[(NodeKey, Self)]> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, when this is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text, when this is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing stands here.
    pub fn is_null(&self) -> bool {
        self.value == NodeValue::Null
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "a truth value",
            NodeValue::Number(_) => "a number",
            NodeValue::String(_) => "a text",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(truth) => Value::Bool(*truth),
            NodeValue::Number(token) => number(token),
            NodeValue::String(text) => Value::String(text.clone()),
            NodeValue::Sequence(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Mapping(entries) => {
                let entry = |(key, node): &(NodeKey, Self)| (key.text.clone(), node.to_json());
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }
}

/// The number a token stands for; integers beyond 64 bits become floats, as JSON has no others.
fn number(token: &str) -> Value {
    serde_json::from_str::<Number>(token)
        .map_or_else(|_| Value::String(token.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests;
