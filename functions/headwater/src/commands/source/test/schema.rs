//! The schema that records really have, and where the manifest's schema says something else.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// Deeper values are not looked into.
const DEPTH: usize = 32;

/// An object of more fields is a map of unknown keys: the rest is not looked at.
const FIELDS: usize = 1_000;

/// What values were seen at one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    /// How often each type was seen.
    types: BTreeMap<&'static str, u64>,
    fields: IndexMap<String, Self>,
    items: Option<Box<Self>>,
}

impl Observed {
    /// Looks at a value.
    pub(super) fn add(&mut self, value: &Value) {
        self.look(value, 0);
    }

    fn look(&mut self, value: &Value, depth: usize) {
        *self.types.entry(type_of(value)).or_default() += 1;
        if depth == DEPTH {
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if self.fields.len() < FIELDS || self.fields.contains_key(name) {
                        self.fields.entry(name.clone()).or_default().look(value, depth + 1);
                    }
                }
            }
            Value::Array(items) => {
                let seen = self.items.get_or_insert_default();
                for item in items {
                    seen.look(item, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// As a JSON schema, the way manifests have it.
    pub(super) fn schema(&self) -> Value {
        let names: Vec<&str> = self.names();
        let mut schema = Map::new();
        match names.as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".into(), json!(one))),
            several => drop(schema.insert("type".into(), json!(several))),
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|(name, seen)| (name.clone(), seen.schema()));
            schema.insert("properties".into(), Value::Object(fields.collect()));
        }
        if let Some(items) = &self.items {
            schema.insert("items".into(), items.schema());
        }
        Value::Object(schema)
    }

    /// The types that were seen; integers are numbers where both were.
    fn names(&self) -> Vec<&'static str> {
        let has_number = self.types.contains_key("number");
        self.types.keys().copied().filter(|name| !(has_number && *name == "integer")).collect()
    }
}

/// In which way records and manifest differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Records have a field that the manifest does not name.
    Undeclared,
    /// Records have another type.
    Type,
    /// The manifest names a field that no record has.
    Absent,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Difference {
    /// Where: names joined by dots, `[]` for the items of a list.
    pub(super) field: String,
    pub(super) kind: Kind,
    /// Types in records, each with its count.
    pub(super) seen: BTreeMap<&'static str, u64>,
    /// Types in the manifest.
    pub(super) declared: BTreeSet<String>,
}

/// Where the manifest's schema says something else than records show.
pub(super) fn differences(schema: &Value, observed: &Observed) -> Vec<Difference> {
    let mut found = Vec::new();
    if !observed.types.is_empty() {
        compare(&[schema], observed, "", &mut found);
    }
    found
}

fn compare(schemas: &[&Value], observed: &Observed, path: &str, found: &mut Vec<Difference>) {
    let all: Vec<&Value> = schemas.iter().flat_map(|schema| alternatives(schema)).collect();
    let declared: BTreeSet<String> = all.iter().flat_map(|schema| declared(schema)).collect();
    let fits =
        |name: &str| declared.contains(name) || (name == "integer" && declared.contains("number"));
    if !declared.is_empty() && !observed.types.keys().all(|name| fits(name)) {
        found.push(Difference {
            field: path.to_owned(),
            kind: Kind::Type,
            seen: observed.types.clone(),
            declared,
        });
    }
    fields(&all, observed, path, found);
    let items: Vec<&Value> = all.iter().filter_map(|schema| schema.get("items")).collect();
    if let Some(observed) = observed.items.as_ref().filter(|_| !items.is_empty()) {
        compare(&items, observed, &format!("{path}[]"), found);
    }
}

fn fields(schemas: &[&Value], observed: &Observed, path: &str, found: &mut Vec<Difference>) {
    let declares = |schema: &&Value| {
        schema.get("properties").and_then(Value::as_object).is_some_and(|p| !p.is_empty())
    };
    // A schema without properties says nothing of fields.
    if !schemas.iter().any(declares) {
        return;
    }
    let of = |name: &str| -> Vec<&Value> {
        schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect()
    };
    let place =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, seen) in &observed.fields {
        let own = of(name);
        if own.is_empty() {
            found.push(Difference {
                field: place(name),
                kind: Kind::Undeclared,
                seen: seen.types.clone(),
                declared: BTreeSet::new(),
            });
        } else {
            compare(&own, seen, &place(name), found);
        }
    }
    if !observed.types.contains_key("object") {
        return;
    }
    let named: BTreeSet<&String> = schemas
        .iter()
        .filter_map(|s| s.get("properties")?.as_object())
        .flat_map(Map::keys)
        .collect();
    for name in named.into_iter().filter(|name| !observed.fields.contains_key(*name)) {
        found.push(Difference {
            field: place(name),
            kind: Kind::Absent,
            seen: BTreeMap::new(),
            declared: of(name).into_iter().flat_map(declared).collect(),
        });
    }
}

/// A schema and those that it is made of.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let lists = ["anyOf", "oneOf", "allOf"].iter().filter_map(|list| schema.get(*list)?.as_array());
    std::iter::once(schema).chain(lists.flatten().flat_map(alternatives)).collect()
}

fn declared(schema: &Value) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(records: &[Value]) -> Observed {
        let mut observed = Observed::default();
        for record in records {
            observed.add(record);
        }
        observed
    }

    #[test]
    fn the_schema_of_records_names_every_type_that_was_seen() {
        let observed = seen(&[
            json!({"id": 1, "tags": ["a"], "owner": {"name": "x"}}),
            json!({"id": 1.5, "tags": [], "owner": null}),
        ]);
        let expected = json!({"type": "object", "properties": {
            "id": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "owner": {"type": ["null", "object"], "properties": {"name": {"type": "string"}}},
        }});
        assert_eq!(observed.schema(), expected);
    }

    #[test]
    fn differences_tell_what_is_missing_on_either_side_and_which_types_differ() {
        let schema = json!({"type": "object", "properties": {
            "id": {"type": "integer"},
            "total": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "note": {"type": ["string", "null"]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
            "open": {"type": "object"},
        }});
        let records = [
            json!({"id": "7", "total": 1, "lines": [{"sku": null, "n": 1}], "open": {"a": 1}}),
            json!({"id": 8, "total": null, "lines": [], "open": {"b": 1}, "extra": true}),
        ];
        let found = differences(&schema, &seen(&records));
        let told: Vec<_> = found.iter().map(|d| (d.field.as_str(), d.kind)).collect();
        assert_eq!(
            told,
            [
                ("id", Kind::Type),
                ("lines[].sku", Kind::Type),
                ("lines[].n", Kind::Undeclared),
                ("extra", Kind::Undeclared),
                ("note", Kind::Absent),
            ]
        );
        assert_eq!(found[0].seen, BTreeMap::from([("integer", 1), ("string", 1)]));
        assert!(differences(&schema, &Observed::default()).is_empty(), "no record, no difference");
    }
}
