//! Users tracked in batches; errors name the place of an object in its array.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Map, Value, json};

use super::gate::through;
use super::{Api, hold, json as answer, text};
use crate::params::bearer;
use crate::server::{Sandbox, Shared};

/// Its only key.
const KEY: &str = "heron-braze-key-6a17";
/// Attributes, events and purchases of one call, together.
const MOST: usize = 75;
const ARRAYS: [&str; 3] = ["attributes", "events", "purchases"];

/// Attributes by user, and everything that was tracked.
#[derive(Debug, Default)]
pub(super) struct Users {
    attributes: BTreeMap<String, Map<String, Value>>,
    tracked: Vec<Value>,
}

impl Users {
    /// Users, then what was tracked: each call tracks anew.
    pub(super) fn all(&self) -> Vec<Value> {
        let users = self.attributes.values().cloned().map(Value::Object);
        users.chain(self.tracked.iter().cloned()).collect()
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/users/track", post(track))
}

async fn track(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if bearer(&headers) != Some(KEY) {
        let body = json!({ "message": "Invalid API key" });
        return answer(StatusCode::UNAUTHORIZED, body);
    }
    through(&shared, Api::Braze, |sandbox| batch(sandbox, &body))
}

fn batch(sandbox: &Sandbox, body: &[u8]) -> Response {
    let fatal = |message: &str| answer(StatusCode::BAD_REQUEST, json!({ "message": message }));
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return fatal("Invalid JSON");
    };
    let of = |array: &str| body.get(array).and_then(Value::as_array).cloned().unwrap_or_default();
    let all = ARRAYS.map(|array| (array, of(array)));
    let count: usize = all.iter().map(|(_, objects)| objects.len()).sum();
    if count == 0 {
        return fatal(
            "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.",
        );
    }
    if count > MOST {
        return fatal("Too many objects: 75 attributes, events and purchases at most");
    }
    let mut users = hold(&sandbox.apis.braze);
    let mut errors = Vec::new();
    let mut answered = json!({ "message": "success" });
    for (array, objects) in all {
        let mut processed = 0;
        for (index, object) in objects.iter().enumerate() {
            match users.take(array, object) {
                Ok(()) => processed += 1,
                Err(kind) => {
                    errors.push(json!({ "type": kind, "input_array": array, "index": index }));
                }
            }
        }
        if let (Some(fields), true) = (answered.as_object_mut(), processed > 0) {
            fields.insert(format!("{array}_processed"), processed.into());
        }
    }
    if let (Some(fields), false) = (answered.as_object_mut(), errors.is_empty()) {
        fields.insert("errors".to_owned(), errors.into());
    }
    answer(StatusCode::CREATED, answered)
}

impl Users {
    fn take(&mut self, array: &str, object: &Value) -> Result<(), &'static str> {
        let user = text(object, "external_id").or_else(|| text(object, "email"));
        let user = user.ok_or("'external_id', 'braze_id', 'user_alias' or 'email' is required")?;
        let is_mail = text(object, "email").is_none_or(|email| email.contains('@'));
        match array {
            "attributes" if !is_mail => return Err("'email' is not a valid email address"),
            "attributes" => {
                let fields = object.as_object().cloned().unwrap_or_default();
                self.attributes.entry(user.to_owned()).or_default().extend(fields);
                return Ok(());
            }
            "events" => required(object, &["name", "time"])?,
            _ => {
                required(object, &["product_id", "currency", "time"])?;
                if !object.get("price").is_some_and(Value::is_number) {
                    return Err("'price' is not a valid number");
                }
            }
        }
        self.tracked.push(object.clone());
        Ok(())
    }
}

fn required(object: &Value, keys: &[&str]) -> Result<(), &'static str> {
    let is_there = |key: &&str| text(object, key).is_some();
    if keys.iter().all(is_there) { Ok(()) } else { Err("a required field is missing") }
}
