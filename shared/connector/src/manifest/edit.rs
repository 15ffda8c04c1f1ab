//! Values put into a template, by paths as the `dpath` library reads them.

use model::document::{Node, NodeKey, NodeValue};
use serde_json::Value as Json;

use crate::dpath;

/// A position beyond this is not filled up to.
const LONGEST_LIST: usize = 10_000;

/// Sets everything that stands at a path with globs; gives in how many places.
pub(crate) fn set(node: &mut Node, path: &[String], value: &Json) -> usize {
    let Some((first, rest)) = path.split_first() else {
        *node = made(value, node.line, node.column);
        return 1;
    };
    if first == "**" {
        if rest.is_empty() {
            return children(node).map(|(_, child)| set(child, &[], value)).sum();
        }
        let below: usize = children(node).map(|(_, child)| set(child, path, value)).sum();
        return below + set(node, rest, value);
    }
    let matching = children(node).filter(|(name, _)| dpath::matches(name, first));
    matching.map(|(_, child)| set(child, rest, value)).sum()
}

/// Sets what stands at a path without globs, making what is missing on the way; none where
/// something in the way has no parts.
pub(crate) fn create(node: &mut Node, path: &[String], value: &Json) -> Option<()> {
    let (line, column) = (node.line, node.column);
    let Some((first, rest)) = path.split_first() else {
        *node = made(value, line, column);
        return Some(());
    };
    let slot = match &mut node.value {
        NodeValue::Mapping(entries) => {
            let known = entries.iter().position(|(key, _)| key.text == *first);
            let at = known.unwrap_or(entries.len());
            if known.is_none() {
                let key = NodeKey { text: first.clone(), line, column };
                entries.push((key, made(&between(rest), line, column)));
            }
            &mut entries.get_mut(at)?.1
        }
        NodeValue::Sequence(items) => {
            let at: usize = first.parse().ok().filter(|at| *at < LONGEST_LIST)?;
            while items.len() < at {
                items.push(made(&Json::Null, line, column));
            }
            if items.len() == at {
                items.push(made(&between(rest), line, column));
            }
            items.get_mut(at)?
        }
        _ => return None,
    };
    create(slot, rest, value)
}

/// What is made on the way: a list where a position comes next.
fn between(rest: &[String]) -> Json {
    match rest.first() {
        Some(next) if !next.is_empty() && next.bytes().all(|b| b.is_ascii_digit()) => {
            Json::Array(Vec::new())
        }
        _ => Json::Object(serde_json::Map::new()),
    }
}

/// A value with a place.
pub(crate) fn made(value: &Json, line: u32, column: u32) -> Node {
    let value = match value {
        Json::Null => NodeValue::Null,
        Json::Bool(truth) => NodeValue::Bool(*truth),
        Json::Number(number) => NodeValue::Number(number.to_string()),
        Json::String(text) => NodeValue::String(text.clone()),
        Json::Array(items) => {
            NodeValue::Sequence(items.iter().map(|item| made(item, line, column)).collect())
        }
        Json::Object(fields) => {
            let key = |text: &String| NodeKey { text: text.clone(), line, column };
            NodeValue::Mapping(
                fields.iter().map(|(k, v)| (key(k), made(v, line, column))).collect(),
            )
        }
    };
    Node { value, line, column, date: false }
}

fn children(node: &mut Node) -> Box<dyn Iterator<Item = (String, &mut Node)> + '_> {
    match &mut node.value {
        NodeValue::Mapping(entries) => {
            Box::new(entries.iter_mut().map(|(key, child)| (key.text.clone(), child)))
        }
        NodeValue::Sequence(items) => {
            Box::new(items.iter_mut().enumerate().map(|(i, child)| (i.to_string(), child)))
        }
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use model::document::Document;
    use serde_json::json;

    use super::*;

    fn node(text: &str) -> Node {
        Document::parse("t.yaml", text).unwrap().root
    }

    fn path(segments: &[&str]) -> Vec<String> {
        segments.iter().map(|segment| (*segment).to_owned()).collect()
    }

    #[test]
    fn only_what_stands_there_is_set_and_globs_set_many() {
        let mut template = node("{a: {x: 1}, b: {x: 2, y: [{x: 3}]}}");
        assert_eq!(set(&mut template, &path(&["c", "x"]), &json!(0)), 0);
        assert_eq!(set(&mut template, &path(&["*", "x"]), &json!(0)), 2);
        assert_eq!(set(&mut template, &path(&["b", "y", "0", "x"]), &json!([4])), 1);
        assert_eq!(template.to_json(), json!({"a": {"x": 0}, "b": {"x": 0, "y": [{"x": [4]}]}}));
        assert_eq!(set(&mut template, &path(&["**", "x"]), &json!(9)), 3);
        assert_eq!(template.to_json(), json!({"a": {"x": 9}, "b": {"x": 9, "y": [{"x": 9}]}}));
    }

    #[test]
    fn what_is_missing_on_the_way_is_made() {
        let mut template = node("{a: 1}");
        assert_eq!(create(&mut template, &path(&["b", "1", "c"]), &json!("v")), Some(()));
        assert_eq!(template.to_json(), json!({"a": 1, "b": [null, {"c": "v"}]}));
        assert_eq!(create(&mut template, &path(&["a", "b"]), &json!("v")), None);
        assert_eq!(create(&mut template, &path(&["b", "99999999"]), &json!("v")), None);
    }
}
