//! The JSON Schema of a feed file, for editors.

use schemars::{Schema, json_schema};
use serde_json::{Value, json};

/// The JSON Schema of a feed file.
pub fn schema() -> Schema {
    let texts = json!({"anyOf": [
        {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    ]});
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "FeedFile",
        "description": "How the files of a kind of partner are named, told apart, read and checked.",
        "type": "object",
        "additionalProperties": false,
        "required": ["kinds"],
        "properties": {
            "description": {"type": "string"},
            "pattern": {
                "description": "A regular expression of the files' names; its groups client, entity, ts, seq and total are read.",
                "type": "string"
            },
            "unmatched": {
                "description": "What becomes of files whose names do not match: header and tags tell what they are, or they are left alone.",
                "enum": ["classify", "ignore"]
            },
            "kinds": {
                "description": "What files can be, in the order in which files of one look are accepted.",
                "type": "object", "minProperties": 1,
                "propertyNames": {"pattern": "^[a-z0-9_-]{1,64}$"},
                "additionalProperties": kind(&texts)
            },
            "format": format(&texts),
            "columns": {
                "description": "What is known of columns, by the name in the header.",
                "type": "object",
                "additionalProperties": {"anyOf": [
                    {"description": "What it is called in records.", "type": "string"}, column()
                ]}
            },
            "complete": complete(&texts),
            "limits": limits(),
            "expect": {
                "description": "How often a file is expected.",
                "type": "object", "additionalProperties": false, "required": ["every"],
                "properties": {"every": span(), "late_after": span()}
            },
            "encryption": encryption(),
            "verify": verify(),
            "after": {
                "description": "What becomes of the source.",
                "anyOf": [
                    {"enum": ["delete", "leave"]},
                    {"type": "object", "additionalProperties": false, "required": ["move"], "properties": {"move": {"type": "string"}}}
                ]
            },
            "corrections": {
                "description": "What becomes of other content under a name that was taken already.",
                "enum": ["process", "reject"]
            }
        }
    })
}

fn encryption() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "pgp": {"description": "Whether files that are not encrypted are refused.", "enum": ["accepted", "required"]},
            "signed": {"description": "Files without the partner's signature are refused.", "type": "boolean"}
        }
    })
}

fn verify() -> Value {
    json!({
        "description": "What is compared before anything is accepted.",
        "type": "object", "additionalProperties": false,
        "properties": {
            "header": {"description": "First field of a header record, such as H.", "type": ["string", "number"]},
            "trailer": {"description": "First field of the trailer: then come the count of records and their total.", "type": ["string", "number"]},
            "trailer_required": {"type": "boolean"}
        }
    })
}

fn span() -> Value {
    json!({
        "description": "A span of time, such as 90s, 15m, 24h, 7d.",
        "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|min|h|d|w)$"
    })
}

fn size() -> Value {
    json!({
        "description": "A number, or one with a unit, such as 5000, 10MiB, 2GB.",
        "type": ["string", "integer"], "pattern": "^[0-9]+ ?(KiB|MiB|GiB|kB|MB|GB)?$", "minimum": 0
    })
}

fn kind(texts: &Value) -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "anyOf": [{"required": ["entities"]}, {"required": ["columns"]}, {"required": ["tags"]}],
        "properties": {
            "entities": {"description": "Values of the pattern's group `entity` that mean it.", "anyOf": texts["anyOf"]},
            "columns": {"description": "Columns by which a header is known, and which it must have.", "anyOf": texts["anyOf"]},
            "tags": {
                "description": "Tags, or fields of the control file, that mean it.",
                "type": "object", "additionalProperties": {"type": ["string", "number"]}
            },
            "total": {"description": "The column whose sum the trailer or the control file announces.", "type": "string"}
        }
    })
}

fn format(texts: &Value) -> Value {
    let character = json!({
        "description": "One ASCII character, `tab` or `\\x01`.", "type": ["string", "number"]
    });
    json!({
        "description": "How files are written; what is not said is told by their names and first bytes.",
        "type": "object", "additionalProperties": false,
        "properties": {
            "type": {"enum": ["csv", "json", "ndjson"]},
            "encoding": {"enum": ["utf-8", "utf-16le", "utf-16be", "windows-1252"]},
            "delimiter": character,
            "quote": {"description": "Around fields; `none` where quotes mean nothing.", "type": "string"},
            "escape": character,
            "header": {
                "description": "`first_row`, or the columns where files have no header.",
                "anyOf": [{"const": "first_row"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]
            },
            "nulls": {"description": "Texts that mean nothing.", "type": "array", "items": {"type": ["string", "null"]}},
            "trim": {"description": "Whether blanks around unquoted fields are left out.", "type": "boolean"},
            "records": {"description": "Names that lead to the list of records of a JSON file.", "anyOf": texts["anyOf"]}
        }
    })
}

fn column() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "name": {"description": "What it is called in records.", "type": "string"},
            "required": {"description": "Every row has a value in it.", "type": "boolean"},
            "decimal": {"description": "How its numbers are written.", "enum": ["point", "comma"]},
            "date": {"description": "How its dates are written, as in strftime: %d.%m.%Y.", "type": "string"}
        }
    })
}

fn complete(texts: &Value) -> Value {
    json!({
        "description": "When a file has arrived whole.",
        "type": "object", "additionalProperties": false,
        "properties": {
            "stable_for": {"description": "Size and time have not changed for so long, seen at two looks; 0s is at once.", "type": "string"},
            "markers": {"description": "Endings of the file that says so, such as .done, .ok, .ctl.", "anyOf": texts["anyOf"]},
            "ignore": {"description": "Names that are never looked at, such as *.part.", "anyOf": texts["anyOf"]},
            "marker_alone": span(),
            "file_alone": span()
        }
    })
}

fn limits() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "min_bytes": size(), "max_bytes": size(), "max_unpacked_bytes": size(),
            "max_ratio": {"description": "Most bytes that one packed byte may become.", "type": "integer", "minimum": 1},
            "max_records": {"type": "integer", "minimum": 1},
            "max_record_bytes": size(),
            "max_error_pct": {"description": "Most faulty rows of a hundred.", "type": "number", "minimum": 0, "maximum": 100},
            "max_errors": {"type": "integer", "minimum": 0}
        }
    })
}
