//! The JSON Schema of a destination's file, for editors.

use schemars::{Schema, json_schema};
use serde_json::{Value, json};

/// The JSON Schema of a destination's file.
pub fn schema() -> Schema {
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "DestinationFile",
        "description": "An API that items are pushed to: its requests, and what its answers mean.",
        "type": "object",
        "additionalProperties": false,
        "required": ["requester", "operations"],
        "properties": {
            "description": {"type": "string"},
            "spec": {
                "description": "What a push has to say: a JSON Schema, as in a manifest. Fields with `airbyte_secret` are never stored with requests.",
                "type": "object", "additionalProperties": false,
                "required": ["connection_specification"],
                "properties": {"connection_specification": {"type": "object"}, "documentation_url": {"type": "string"}}
            },
            "requester": requester(),
            "api_budget": {
                "description": "How often it may be called, all operations together.",
                "type": "object", "additionalProperties": false,
                "properties": {
                    "type": {"const": "HTTPAPIBudget"},
                    "rates": rates(),
                    "ratelimit_remaining_header": {"type": "string"},
                    "ratelimit_reset_header": {"description": "Seconds, or the second since 1970.", "type": "string"}
                }
            },
            "timeout": span("How long a call may take; 30s unless said."),
            "concurrency": {"description": "Calls under way at once; 8 unless said.", "type": "integer", "minimum": 1, "maximum": 1000},
            "batch": batch(),
            "retry": backoff(),
            "yield": pause(),
            "defer": defer(),
            "idempotency": idempotency(),
            "error": error(),
            "accepts": {
                "description": "The operation for files of a kind, or for rows of a model.",
                "type": "object", "additionalProperties": {"type": "string"}
            },
            "operations": {
                "type": "object", "minProperties": 1,
                "additionalProperties": operation()
            },
            "rules": rules("Rules of all operations, or of those that they name; an operation's own come first.")
        }
    })
}

fn requester() -> Value {
    json!({
        "description": "Where requests go and what is added when they are sent: credentials stand here only.",
        "type": "object", "additionalProperties": false,
        "required": ["url_base"],
        "properties": {
            "type": {"const": "HttpRequester"},
            "url_base": {"type": "string"},
            "authenticator": {"description": "An authenticator of the manifest language.", "type": "object", "required": ["type"]},
            "request_headers": texts(),
            "request_parameters": texts()
        }
    })
}

fn operation() -> Value {
    let any = json!({"description": "JSON with templates; one expression alone gives its value as it is."});
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["path"],
        "properties": {
            "description": {"type": "string"},
            "http_method": {"enum": ["POST", "PUT", "PATCH", "DELETE", "GET"]},
            "path": {"description": "Below `url_base`; values in it are percent-encoded.", "type": "string"},
            "request_headers": texts(),
            "request_parameters": texts(),
            "item": any,
            "body": any,
            "nulls": {"description": "What becomes of fields of `item` and `body` that are null.", "enum": ["omit", "send"]},
            "entity": {"description": "What an item is about: items of one entity go one after the other.", "type": "string"},
            "batch": batch(),
            "rates": rates(),
            "idempotency": idempotency(),
            "error": error(),
            "results": {"anyOf": [results(), {"type": "array", "minItems": 1, "items": results()}]},
            "absent": outcome("What becomes of items that no list of results names; `retry` unless said."),
            "rules": rules("Its own rules; they come before those of the file."),
            "waits_for": {"anyOf": [
                names(),
                {
                    "type": "object", "additionalProperties": false, "required": ["operations"],
                    "properties": {"operations": names(), "most": span("For how long at most; 4h unless said.")}
                }
            ]},
            "async": asynchronous()
        }
    })
}

fn results() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["path"],
        "properties": {
            "path": path("Where the list is; `.` is the answer itself."),
            "ref": path("Where an entry names its items by their references."),
            "index": path("Where an entry holds its item's place in the request, from 0."),
            "pattern": {"description": "A regular expression whose first group is the place.", "type": "string"},
            "by": {"description": "Entries stand in the order of the request, or are about all of it.", "enum": ["position", "whole"]},
            "only": {"description": "Fields that an entry has for it to count.", "type": "object", "additionalProperties": {"type": ["string", "number"]}},
            "status": path("Where an entry holds a status."),
            "code": paths(),
            "message": paths(),
            "entity_id": path("Where an entry says what the API calls the entity."),
            "warnings": path("Where an entry holds remarks."),
            "then": outcome("What its entries mean; rules say it otherwise.")
        }
    })
}

fn rules(description: &str) -> Value {
    let status = json!({"type": ["string", "integer"], "pattern": "^([1-5][0-9]{2}(-[1-5][0-9]{2})?|[1-5]xx|none)$"});
    let code = json!({"type": ["string", "number"]});
    let one_or_more = |item: &Value| json!({"anyOf": [item, {"type": "array", "items": item}]});
    json!({
        "description": description,
        "type": "array",
        "items": {
            "type": "object", "additionalProperties": false,
            "required": ["level", "then"],
            "properties": {
                "level": {"enum": ["request", "item", "job"]},
                "operations": one_or_more(&json!({"type": "string"})),
                "status": one_or_more(&status),
                "code": one_or_more(&code),
                "body": {"description": "A regular expression that the answer, or the entry, matches.", "type": "string"},
                "predicate": {"description": "A condition over `response`, of an item over `item`, and `config`.", "type": ["string", "boolean"]},
                "then": then(),
                "nothing_done": {"description": "Whether the answer says that nothing was done; its status tells unless said.", "type": "boolean"},
                "alarm": {"description": "Whether somebody should look.", "type": "boolean"}
            }
        }
    })
}

fn then() -> Value {
    let one = |name: &str, schema: &Value| json!({"type": "object", "additionalProperties": false, "required": [name], "properties": {name: schema}});
    let reroute = json!({"anyOf": [{"type": "string"}, {
        "type": "object", "additionalProperties": false, "required": ["to"],
        "properties": {"to": {"type": "string"}, "most": {"type": "integer", "minimum": 0, "maximum": 1000}}
    }]});
    json!({"anyOf": [
        {"enum": ["succeed", "duplicate", "fail", "retry", "yield", "defer", "split", "bisect", "refresh_token", "stop"]},
        one("retry", &backoff()),
        one("yield", &pause()),
        one("defer", &defer()),
        one("reroute", &reroute)
    ]})
}

fn asynchronous() -> Value {
    let states =
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
    json!({
        "description": "How a request is followed that the API works on after it has answered.",
        "type": "object", "additionalProperties": false,
        "required": ["job", "poll", "status", "running", "done"],
        "properties": {
            "job": path("Where the first answer names the job."),
            "poll": {"description": "Where it is asked for.", "type": "string"},
            "every": span("How often; 5s unless said."),
            "most": span("For how long at most; 24h unless said."),
            "status": path("Where the answer says how it stands."),
            "running": states,
            "done": states,
            "fetch": {
                "description": "Where its results are, when it is done.",
                "type": "object", "additionalProperties": false, "required": ["path"],
                "properties": {
                    "path": {"type": "string"},
                    "next": path("Where a page names the next one."),
                    "max_pages": {"type": "integer", "minimum": 1, "maximum": 100_000}
                }
            }
        }
    })
}

fn batch() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "max_items": {"type": "integer", "minimum": 1, "maximum": 10_000},
            "max_bytes": {"type": "integer", "minimum": 1024, "maximum": 33_554_432},
            "max_item_bytes": {"type": "integer", "minimum": 64, "maximum": 33_554_432},
            "linger": span("How long a batch that is not full waits for more; 2s unless said.")
        }
    })
}

fn rates() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object", "additionalProperties": false, "required": ["limit", "interval"],
            "properties": {
                "limit": {"description": "Calls; may be a template over `config`.", "type": ["integer", "string"]},
                "interval": {"description": "In any window of this length: `1m` or `PT1M`.", "type": "string"}
            }
        }
    })
}

fn idempotency() -> Value {
    json!({
        "description": "What makes it safe to send the same request again: a header that the API knows requests by, keys of the items themselves, or nothing.",
        "anyOf": [
            {"enum": ["natural_key", "none"]},
            {"type": "object", "additionalProperties": false, "required": ["header"], "properties": {"header": {"type": "string"}}}
        ]
    })
}

fn error() -> Value {
    json!({
        "description": "Where an answer says what is wrong with the whole request.",
        "type": "object", "additionalProperties": false,
        "properties": {"code": paths(), "message": paths()}
    })
}

fn backoff() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "most": {"type": "integer", "minimum": 0, "maximum": 1000},
            "base": span("The first wait; each further one is twice as long."),
            "cap": span("The longest wait.")
        }
    })
}

fn defer() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {"most": {"type": "integer", "minimum": 0, "maximum": 1000}, "wait": span("How long each time.")}
    })
}

fn pause() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {"wait": span("How long, where the answer does not say.")}
    })
}

fn outcome(description: &str) -> Value {
    json!({"description": description, "enum": ["succeed", "duplicate", "retry", "fail"]})
}

fn span(description: &str) -> Value {
    json!({"description": description, "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|min|h|d|w)$"})
}

fn path(description: &str) -> Value {
    json!({"description": description, "type": "string"})
}

fn paths() -> Value {
    json!({
        "description": "A path, or several of which the first that leads to something counts.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    })
}

fn names() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn texts() -> Value {
    json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
}
