//! Contacts in batches, answered with 207 where only some are taken.

use std::collections::{BTreeMap, BTreeSet};

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

/// The token of its only app.
const TOKEN: &str = "heron-hubspot-token-8d20";
const MOST: usize = 100;
/// Contacts that somebody else writes during the first two calls.
const BUSY: &str = "busy-";

/// Contacts by e-mail address.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    held: BTreeMap<String, Map<String, Value>>,
    ids: BTreeMap<String, usize>,
    tried: BTreeMap<String, u32>,
}

impl Contacts {
    pub(super) fn all(&self) -> Vec<Value> {
        self.held.values().cloned().map(Value::Object).collect()
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/crm/v3/objects/contacts/batch/upsert", post(upsert))
}

async fn upsert(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if bearer(&headers) != Some(TOKEN) {
        let message = "Authentication credentials not found.";
        return refused(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", message);
    }
    through(&shared, Api::HubSpot, |sandbox| batch(sandbox, &body))
}

fn refused(status: StatusCode, category: &str, message: &str) -> Response {
    answer(status, json!({ "status": "error", "message": message, "category": category }))
}

fn batch(sandbox: &Sandbox, body: &[u8]) -> Response {
    let invalid = |message| refused(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message);
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return invalid("Invalid input JSON");
    };
    let Some(inputs) = body.get("inputs").and_then(Value::as_array) else {
        return invalid("inputs is required");
    };
    if inputs.is_empty() || inputs.len() > MOST {
        return invalid("inputs has from 1 to 100 entries");
    }
    if inputs.iter().any(|input| text(input, "idProperty") != Some("email")) {
        return invalid("idProperty is not a unique property of contacts");
    }
    let mut ids = BTreeSet::new();
    let is_new = |input: &Value| ids.insert(text(input, "id").map(str::to_lowercase));
    if !inputs.iter().all(is_new) {
        return invalid("Duplicate IDs found in batch input");
    }
    let mut contacts = hold(&sandbox.apis.hubspot);
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        match contacts.put(input) {
            Ok(result) => results.push(result),
            Err(error) => errors.push(error),
        }
    }
    // In no order that follows the request.
    results.reverse();
    if errors.is_empty() {
        return answer(StatusCode::OK, json!({ "status": "COMPLETE", "results": results }));
    }
    let count = errors.len();
    let body =
        json!({ "status": "COMPLETE", "results": results, "numErrors": count, "errors": errors });
    answer(StatusCode::MULTI_STATUS, body)
}

impl Contacts {
    /// The result, or the error, of one input.
    fn put(&mut self, input: &Value) -> Result<Value, Value> {
        let trace = input.get("objectWriteTraceId").cloned().unwrap_or_default();
        let error = |category: &str, message: &str| {
            let context = json!({ "objectWriteTraceId": [trace] });
            json!({ "status": "error", "category": category, "message": message, "context": context })
        };
        let email = text(input, "id").unwrap_or_default().to_lowercase();
        if !email.contains('@') {
            return Err(error("VALIDATION_ERROR", "Property values were not valid: email"));
        }
        let tried = self.tried.entry(email.clone()).or_default();
        *tried += 1;
        if email.starts_with(BUSY) && *tried <= 2 {
            return Err(error("CONFLICT", "Contact is being written by another request"));
        }
        let next = self.ids.len() + 1;
        let is_new = !self.ids.contains_key(&email);
        let id = *self.ids.entry(email.clone()).or_insert(next);
        let contact = self.held.entry(email).or_default();
        if let Some(properties) = input.get("properties").and_then(Value::as_object) {
            contact.extend(properties.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Ok(json!({
            "id": id.to_string(), "properties": contact, "new": is_new, "archived": false,
            "objectWriteTraceId": trace,
        }))
    }
}
