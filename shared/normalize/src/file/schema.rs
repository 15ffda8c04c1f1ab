//! The JSON Schema of a model file, for editors.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::convert::STEPS;
use crate::identity::{FieldRule, Rules};
use crate::kind::JSON_TYPES;

/// The JSON Schema of a model file.
pub fn schema() -> Schema {
    let mut generator = SchemaGenerator::default();
    let rules = generator.subschema_for::<Rules>();
    let merge = generator.subschema_for::<FieldRule>();
    let policy = json!({"enum": ["quarantine", "null", "fail"]});
    let names = json!({
        "description": "The fields that identify a row; each must be required.",
        "type": "array", "minItems": 1, "items": {"type": "string"}
    });
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ModelFile",
        "description": "A standard model: its fields, and where each source keeps them.",
        "type": "object",
        "additionalProperties": false,
        "required": ["version", "fields", "sources"],
        "anyOf": [{"required": ["identity"]}, {"required": ["key"]}],
        "properties": {
            "version": {
                "description": "Rows that another version made are made anew.",
                "type": "integer", "minimum": 1, "maximum": 1_000_000
            },
            "description": {"type": "string"},
            "fields": {
                "description": "The columns of its rows, in order.",
                "type": "object", "minProperties": 1,
                "propertyNames": {
                    "pattern": "^[a-z][a-z0-9_]{0,62}$",
                    "not": {"enum": super::field::PARTITIONS},
                },
                "additionalProperties": field(&policy)
            },
            "key": names,
            "identity": {
                "description": "The fields that identify a row, or by what rows of several sources are known to be the same thing; then `key` names the fields.",
                "anyOf": [names, rules]
            },
            "sources": {
                "description": "What it is made from, as `<source>/<stream>`.",
                "type": "object", "minProperties": 1,
                "propertyNames": {"pattern": "/"},
                "additionalProperties": source()
            },
            "merge": {
                "description": "Which value a field takes where rows that are one thing differ, by the field's name or a pattern such as `cloud_*`.",
                "type": "object", "additionalProperties": merge
            },
            "extra": {
                "description": "What becomes of all that no field takes: kept as JSON text in `_extra`, or left out.",
                "enum": ["json", "drop"]
            },
            "on_violation": policy
        },
        "$defs": generator.definitions()
    })
}

fn field(policy: &Value) -> Value {
    let kind = json!({
        "type": "string",
        "pattern": "^(string|integer|decimal(\\([0-9]+(, ?[0-9]+)?\\))?|boolean|timestamp|date|json|list)$"
    });
    let bound = json!({"type": ["string", "number"]});
    json!({"anyOf": [kind, {
        "type": "object",
        "additionalProperties": false,
        "required": ["type"],
        "properties": {
            "type": kind,
            "required": {"description": "Every row has it.", "type": "boolean"},
            "enum": {"type": "array", "items": {"type": ["string", "number"]}},
            "pattern": {"description": "A regular expression that the text matches.", "type": "string"},
            "range": {
                "type": "object", "additionalProperties": false,
                "properties": {"min": bound, "max": bound}
            },
            "description": {"type": "string"},
            "on_violation": policy
        }
    }]})
}

fn source() -> Value {
    let path = json!({
        "description": "Names joined by dots; `[]` is every item of a list, `^` begins at the record around an exploded row, `.` is the row itself, `#` its place, a last `?` says that it may be absent.",
        "type": "string"
    });
    let mapping = mapping(&path);
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["fields"],
        "properties": {
            "explode": {"description": "The list whose items become rows, as in `line_items[]`.", "type": "string"},
            "timezone": {"description": "IANA name of the zone of times that name none.", "type": "string"},
            "fields": {
                "description": "Where each field's value stands; of several places the first that has one.",
                "type": "object",
                "additionalProperties": {"anyOf": [
                    path, mapping, {"type": "array", "items": {"anyOf": [path, mapping]}}
                ]}
            },
            "known": {
                "description": "Paths that no field takes and that are no news.",
                "type": "array", "items": path
            }
        }
    })
}

fn mapping(path: &Value) -> Value {
    let steps: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
    let types: Vec<&str> = JSON_TYPES.iter().map(|one| one.as_str()).collect();
    let one_or_more = |item: Value| json!({"anyOf": [item, {"type": "array", "items": item}]});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "path": one_or_more(path.clone()),
            "const": {"description": "The same value in every row."},
            "pick": {"description": "Which of several values counts.", "enum": ["first", "min", "max"]},
            "as": one_or_more(json!({"enum": steps})),
            "none": one_or_more(json!({"description": "Texts that mean nothing.", "type": "string"})),
            "map": {"description": "Texts that mean another.", "type": "object"},
            "split": {"description": "A regular expression; its first group is taken.", "type": "string"},
            "take": {"description": "The group that is taken instead, by name or number.", "type": ["string", "integer"]},
            "timezone": {"type": "string"},
            "format": one_or_more(json!({"description": "A format of times, as in strftime.", "type": "string"})),
            "is": one_or_more(json!({"description": "The JSON types in which it comes.", "enum": types}))
        }
    })
}
