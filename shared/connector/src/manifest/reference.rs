//! `$ref` and `#/…`: every reference replaced by what it names.

use model::document::{Fault, Node, NodeKey, NodeValue};

use super::Place;

/// Fields whose values belong to configurations, not to the manifest: copied as they are.
const VERBATIM: [&str; 1] = ["config_overrides"];

/// How deep a resolved manifest may nest, and how many nodes it may have: references multiply,
/// and a small file can name itself into a huge one.
const DEEPEST: usize = 120;
const MOST_NODES: usize = 2_000_000;

/// Resolves all references of a manifest.
pub(super) fn resolve(file: &str, root: &Node) -> Result<Node, Fault> {
    let mut resolver = Resolver { file, root, open: Vec::new(), nodes: 0 };
    resolver.evaluate(root, &Place::default(), 0)
}

struct Resolver<'a> {
    file: &'a str,
    root: &'a Node,
    /// The references being followed, so that a circle is seen.
    open: Vec<String>,
    nodes: usize,
}

impl Resolver<'_> {
    fn evaluate(&mut self, node: &Node, place: &Place, depth: usize) -> Result<Node, Fault> {
        self.nodes += 1;
        if depth > DEEPEST || self.nodes > MOST_NODES {
            return Err(self.fault(node, place, "references make this manifest too large".into()));
        }
        match &node.value {
            NodeValue::Mapping(entries) => self.mapping(node, entries, place, depth),
            NodeValue::Sequence(items) => {
                let items = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.evaluate(item, &place.index(i), depth + 1))
                    .collect::<Result<_, _>>()?;
                Ok(with(node, NodeValue::Sequence(items)))
            }
            NodeValue::String(text) if text.starts_with("#/") => {
                self.follow(node, text, place, depth)
            }
            _ => Ok(node.clone()),
        }
    }

    fn mapping(
        &mut self,
        node: &Node,
        entries: &[(NodeKey, Node)],
        place: &Place,
        depth: usize,
    ) -> Result<Node, Fault> {
        let mut own = Vec::with_capacity(entries.len());
        let mut reference = None;
        for (key, value) in entries {
            if key.text == "$ref" {
                reference = Some(value);
            } else if VERBATIM.contains(&key.text.as_str()) {
                own.push((key.clone(), value.clone()));
            } else {
                let value = self.evaluate(value, &place.field(&key.text), depth + 1)?;
                own.push((key.clone(), value));
            }
        }
        let Some(reference) = reference else {
            return Ok(with(node, NodeValue::Mapping(own)));
        };
        let mut target = self.evaluate(reference, place, depth + 1)?;
        let NodeValue::Mapping(merged) = &mut target.value else { return Ok(target) };
        for (key, value) in own {
            match merged.iter_mut().find(|(k, _)| k.text == key.text) {
                Some(slot) => *slot = (key, value),
                None => merged.push((key, value)),
            }
        }
        Ok(target)
    }

    fn follow(
        &mut self,
        node: &Node,
        text: &str,
        place: &Place,
        depth: usize,
    ) -> Result<Node, Fault> {
        if self.open.iter().any(|seen| seen == text) {
            return Err(self.fault(
                node,
                place,
                format!("reference `{text}` leads back to itself"),
            ));
        }
        let path = text.trim_start_matches("#/");
        let Some(target) = look_up(self.root, path) else {
            return Err(self.fault(node, place, format!("reference `{text}` names nothing")));
        };
        self.open.push(text.to_owned());
        let found = self.evaluate(target, place, depth + 1);
        self.open.pop();
        found
    }

    fn fault(&self, node: &Node, place: &Place, message: String) -> Fault {
        Fault {
            file: self.file.to_owned(),
            line: node.line,
            column: node.column,
            field: place.to_string(),
            message,
        }
    }
}

fn with(node: &Node, value: NodeValue) -> Node {
    Node { value, line: node.line, column: node.column, date: node.date }
}

/// A path is ambiguous on purpose: the whole of what remains is tried as one key first.
fn look_up<'a>(root: &'a Node, path: &str) -> Option<&'a Node> {
    let (mut node, mut rest) = (root, path);
    while !rest.is_empty() {
        if let Some(found) = node.get(rest) {
            return Some(found);
        }
        let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
        node = match &node.value {
            NodeValue::Sequence(items) => items.get(head.parse::<usize>().ok()?)?,
            _ => node.get(head)?,
        };
        rest = tail;
    }
    Some(node)
}
