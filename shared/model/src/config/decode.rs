//! Reading nodes into types while faults are collected instead of stopping at the first.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::document::{Document, Fault, Node, NodeKey, NodeValue, suggest};

/// A node and the path that leads to it.
#[derive(Debug, Clone)]
pub struct At<'n> {
    /// What stands there.
    pub node: &'n Node,
    /// The path, as faults show it; empty for the file itself.
    pub path: String,
}

impl At<'_> {
    /// The entry of that name, unless it is absent or null.
    pub fn field(&self, name: &str) -> Option<Self> {
        let node = self.node.get(name).filter(|node| !node.is_null())?;
        Some(Self { node, path: self.below(name) })
    }

    /// The path of an entry.
    pub fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The items of a list.
    fn items(&self) -> Option<Vec<Self>> {
        let item = |(n, node)| Self { node, path: format!("{}[{n}]", self.path) };
        Some(self.node.items()?.iter().enumerate().map(item).collect())
    }
}

/// Collects the faults of one document.
#[derive(Debug)]
pub struct Decoder<'d> {
    document: &'d Document,
    faults: Vec<Fault>,
}

impl<'d> Decoder<'d> {
    /// Begins with the fields that stand in the document twice.
    pub fn new(document: &'d Document) -> Self {
        let again = |key: &NodeKey| Fault {
            file: document.file.clone(),
            line: key.line,
            column: key.column,
            field: key.text.clone(),
            message: "this field stands here twice".to_owned(),
        };
        Self { document, faults: document.repeated.iter().map(again).collect() }
    }

    /// The document's own mapping, names checked; an empty file is an empty mapping.
    pub fn root(&mut self, accepted: &[&'static str]) -> At<'d> {
        let root = At { node: &self.document.root, path: String::new() };
        if !root.node.is_null() {
            self.names(&root, accepted);
        }
        root
    }

    /// Notes what is wrong at a place.
    pub fn fault(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.faults.push(self.document.fault(at.node, &at.path, message));
    }

    /// The place of a node, for a message that is yet to be found.
    pub fn place(&self, at: &At<'_>) -> Fault {
        self.document.fault(at.node, &at.path, String::new())
    }

    /// The value, or all faults in the order of their places.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<Fault>> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => {
                self.faults.sort_by_key(|fault| (fault.line, fault.column));
                Err(self.faults)
            }
        }
    }

    /// Checks that a node is a mapping and has no other names than these.
    pub fn names(&mut self, at: &At<'_>, accepted: &[&'static str]) -> bool {
        let Some(entries) = at.node.entries() else {
            let message = format!("{} stands here; accepted is a mapping", at.node.kind());
            self.fault(at, message);
            return false;
        };
        for (key, _) in entries {
            if accepted.contains(&key.text.as_str()) {
                continue;
            }
            let meant = match suggest(&key.text, accepted) {
                Some(name) => format!(", did you mean `{name}`?"),
                None => String::new(),
            };
            self.faults.push(Fault {
                file: self.document.file.clone(),
                line: key.line,
                column: key.column,
                field: at.below(&key.text),
                message: format!("unknown field{meant}; accepted: {}", accepted.join(", ")),
            });
        }
        true
    }

    /// The entry of that name, which must be there.
    pub fn required<'n>(&mut self, at: &At<'n>, name: &str) -> Option<At<'n>> {
        let found = at.field(name);
        if found.is_none() && (at.node.entries().is_some() || at.node.is_null()) {
            self.fault(at, format!("`{name}` is missing"));
        }
        found
    }

    /// Items of a list.
    pub fn list<'n>(&mut self, at: &At<'n>) -> Vec<At<'n>> {
        at.items().unwrap_or_else(|| {
            let message = format!("{} stands here; accepted is a list", at.node.kind());
            self.fault(at, message);
            Vec::new()
        })
    }

    /// A text; a number is taken as its text where `PyYAML` made one of it.
    pub fn text(&mut self, at: &At<'_>) -> Option<String> {
        match &at.node.value {
            NodeValue::String(text) if !text.is_empty() => Some(text.clone()),
            NodeValue::Number(token) => Some(token.clone()),
            _ => {
                let message = format!("{} stands here; accepted is a text", at.node.kind());
                self.fault(at, message);
                None
            }
        }
    }

    /// A text that parses.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, at: &At<'_>) -> Option<T> {
        let text = self.text(at)?;
        self.kept(at, text.parse::<T>())
    }

    /// The value of a result, whose error becomes a fault.
    pub fn kept<T>(&mut self, at: &At<'_>, result: Result<T, impl Display>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(at, error.to_string());
                None
            }
        }
    }

    /// A truth value.
    pub fn truth(&mut self, at: &At<'_>) -> Option<bool> {
        if let NodeValue::Bool(truth) = at.node.value {
            return Some(truth);
        }
        let message = format!("{} stands here; accepted: true, false", at.node.kind());
        self.fault(at, message);
        None
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, at: &At<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match &at.node.value {
            NodeValue::Number(token) => token.parse().ok().filter(|n| range.contains(n)),
            _ => None,
        };
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            let message = if *high == u64::MAX {
                format!("accepted is a whole number of at least {low}")
            } else {
                format!("accepted is a whole number from {low} to {high}")
            };
            self.fault(at, message);
        }
        number
    }

    /// One of several words.
    pub fn word<T: Copy>(&mut self, at: &At<'_>, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(at)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let accepted: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let meant = match suggest(&text, &accepted) {
            Some(word) => format!(", did you mean `{word}`?"),
            None => String::new(),
        };
        self.fault(at, format!("unknown value `{text}`{meant}; accepted: {}", accepted.join(", ")));
        None
    }
}
