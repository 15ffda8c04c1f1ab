//! What a manifest says of a stream's records: their schema and what identifies them.

use serde_json::{Value as Json, json};

use crate::part::{BuildError, Part};

/// The inline schema; an open object where there is none.
pub(crate) fn of(stream: &Part<'_>) -> Json {
    let loaders = stream.children("schema_loader");
    let inline = loaders.iter().filter_map(|loader| loader.child("schema"));
    let mut schemas = inline.filter(|schema| schema.json.is_object()).map(|s| s.json.clone());
    let Some(mut schema) = schemas.next() else {
        return json!({"type": "object", "properties": {}});
    };
    // Several loaders add their properties to each other.
    for other in schemas {
        let more = other.get("properties").and_then(Json::as_object).cloned();
        if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
            properties.extend(more.unwrap_or_default());
        }
    }
    schema
}

/// The primary key as paths: a name, a list of names, or a list of paths.
pub(crate) fn primary_key(stream: &Part<'_>) -> Result<Vec<Vec<String>>, BuildError> {
    let fault = |part: &Part<'_>| part.fault("a primary key is names, or lists of names".into());
    let text = |part: &Part<'_>| part.json.as_str().map(str::to_owned).ok_or_else(|| fault(part));
    let mut key = Vec::new();
    for part in stream.children("primary_key") {
        let Json::Array(names) = part.json else {
            key.push(vec![text(&part)?]);
            continue;
        };
        let names: Option<Vec<_>> = names.iter().map(|n| n.as_str().map(str::to_owned)).collect();
        key.push(names.ok_or_else(|| fault(&part))?);
    }
    key.retain(|path| path.iter().any(|name| !name.is_empty()));
    Ok(key)
}
