//! The templates' YAML as JSON: short tags become their long forms.

use std::path::Path;

use saphyr::{LoadableYamlNode as _, ScalarOwned, YamlOwned};
use serde_json::{Map, Value, json};

use crate::Fault;

/// Reads one file under the project's root.
pub(super) fn read(root: &Path, file: &str) -> Result<Value, Fault> {
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).map_err(Fault::file(path))?;
    let fault = |reason: String| Fault::Template { file: file.to_owned(), reason };
    let documents = YamlOwned::load_from_str(&text).map_err(|error| fault(error.to_string()))?;
    match documents.as_slice() {
        [one] => Ok(value(one)),
        _ => Err(fault(format!("{} documents instead of one", documents.len()))),
    }
}

fn value(node: &YamlOwned) -> Value {
    match node {
        YamlOwned::Value(scalar_value) => scalar(scalar_value),
        YamlOwned::Representation(text, ..) => json!(text),
        YamlOwned::Sequence(items) => items.iter().map(value).collect(),
        YamlOwned::Mapping(pairs) => {
            let pair = |(name, inner): (&YamlOwned, &YamlOwned)| (text(name), value(inner));
            Value::Object(pairs.iter().map(pair).collect())
        }
        YamlOwned::Tagged(tag, inner) => tagged(&tag.suffix, value(inner)),
        YamlOwned::Alias(_) | YamlOwned::BadValue => Value::Null,
    }
}

fn scalar(scalar: &ScalarOwned) -> Value {
    match scalar {
        ScalarOwned::Null => Value::Null,
        ScalarOwned::Boolean(value) => json!(value),
        ScalarOwned::Integer(value) => json!(value),
        ScalarOwned::FloatingPoint(value) => json!(value.into_inner()),
        ScalarOwned::String(value) => json!(value),
    }
}

fn text(node: &YamlOwned) -> String {
    match value(node) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// `!Ref X` is `{"Ref": X}`, `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`, and so on.
fn tagged(tag: &str, inner: Value) -> Value {
    let (name, inner) = match (tag, inner) {
        ("Ref" | "Condition", inner) => (tag.to_owned(), inner),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            ("Fn::GetAtt".to_owned(), json!([resource, attribute]))
        }
        (_, inner) => (format!("Fn::{tag}"), inner),
    };
    Value::Object(Map::from_iter([(name, inner)]))
}
