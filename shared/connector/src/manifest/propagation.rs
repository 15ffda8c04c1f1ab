//! Types that the place implies, and `$parameters` handed down.

use model::document::{Node, NodeKey, NodeValue};

use super::vocabulary;

type Parameters = Vec<(NodeKey, Node)>;

const PARAMETERS: &str = "$parameters";

/// Adds missing types and writes parameters into the components below them: the nearest wins, a
/// field that is set (and not empty) stays.
pub(super) fn propagate(root: Node) -> Node {
    component("", root, &Vec::new(), Wins::Nearest)
}

/// The same once more for a stream made of a template.
pub(super) fn propagate_made(stream: Node, wins: Wins) -> Node {
    component("DynamicDeclarativeStream.stream_template", stream, &Vec::new(), wins)
}

/// Which of two parameters of one name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wins {
    /// The component's own.
    Nearest,
    /// That of the components around it.
    Outermost,
}

fn component(place: &str, mut node: Node, inherited: &Parameters, wins: Wins) -> Node {
    let (line, column) = (node.line, node.column);
    let NodeValue::Mapping(fields) = &mut node.value else { return node };
    if field(fields, "type").is_none()
        && let Some(kind) = vocabulary::implied(place, field(fields, "class_name").is_some())
    {
        let key = NodeKey { text: "type".into(), line, column };
        fields.push((key, made(NodeValue::String(kind.into()), line, column)));
    }
    let mut parameters = inherited.clone();
    if let Some(at) = fields.iter().position(|(key, _)| key.text == PARAMETERS)
        && let NodeValue::Mapping(own) = fields.remove(at).1.value
    {
        for entry in own {
            let taken = inherited.iter().any(|(key, _)| key.text == entry.0.text);
            if wins == Wins::Nearest || !taken {
                set(&mut parameters, entry);
            }
        }
    }
    let kind = match field(fields, "type").map(|node| &node.value) {
        Some(NodeValue::String(kind)) if kind != "object" => kind.clone(),
        // A type that is `object`, a union or a mapping makes this a JSON schema.
        Some(NodeValue::String(_) | NodeValue::Sequence(_) | NodeValue::Mapping(_)) => return node,
        _ => {
            nested(place, fields, &parameters, wins);
            return node;
        }
    };
    for (key, value) in &parameters {
        match fields.iter_mut().find(|(k, _)| k.text == key.text) {
            Some((_, held)) if is_empty(held) => *held = value.clone(),
            Some(_) => {}
            None => fields.push((key.clone(), value.clone())),
        }
    }
    for (key, value) in fields.iter_mut() {
        let inner = without(&parameters, &key.text);
        descend(&format!("{kind}.{}", key.text), value, &inner, wins);
    }
    if !parameters.is_empty() {
        let key = NodeKey { text: PARAMETERS.into(), line, column };
        fields.push((key, made(NodeValue::Mapping(parameters), line, column)));
    }
    node
}

/// A mapping that is no component may still hold components (query properties among request
/// parameters): these get the parameters, the mapping itself does not.
fn nested(place: &str, fields: &mut [(NodeKey, Node)], parameters: &Parameters, wins: Wins) {
    for (_, value) in fields {
        if value.get("type").is_some_and(|kind| !is_empty(kind)) {
            descend(place, value, parameters, wins);
        }
    }
}

fn descend(place: &str, node: &mut Node, parameters: &Parameters, wins: Wins) {
    match &mut node.value {
        NodeValue::Mapping(_) => {
            let empty = made(NodeValue::Null, node.line, node.column);
            let owned = std::mem::replace(node, empty);
            *node = component(place, owned, parameters, wins);
        }
        NodeValue::Sequence(items) => {
            let components = |item: &&mut Node| matches!(item.value, NodeValue::Mapping(_));
            items.iter_mut().filter(components).for_each(|i| descend(place, i, parameters, wins));
        }
        _ => {}
    }
}

/// A parameter named like the field that is being entered is withheld: it would meet itself there.
fn without(parameters: &Parameters, name: &str) -> Parameters {
    parameters.iter().filter(|(key, _)| key.text != name).cloned().collect()
}

fn set(parameters: &mut Parameters, entry: (NodeKey, Node)) {
    match parameters.iter_mut().find(|(key, _)| key.text == entry.0.text) {
        Some(slot) => *slot = entry,
        None => parameters.push(entry),
    }
}

fn field<'a>(fields: &'a [(NodeKey, Node)], name: &str) -> Option<&'a Node> {
    fields.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
}

fn made(value: NodeValue, line: u32, column: u32) -> Node {
    Node { value, line, column, date: false }
}

/// Python's falsehood.
fn is_empty(node: &Node) -> bool {
    match &node.value {
        NodeValue::Null => true,
        NodeValue::Bool(b) => !b,
        NodeValue::Number(token) => token.parse::<f64>().is_ok_and(|n| n == 0.0),
        NodeValue::String(text) => text.is_empty(),
        NodeValue::Sequence(items) => items.is_empty(),
        NodeValue::Mapping(fields) => fields.is_empty(),
    }
}
