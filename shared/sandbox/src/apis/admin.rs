//! `/__admin/apis/<name>`: what a stand-in holds, how it was called, and faults.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::gate::Switch;
use super::{Api, Apis, braze, hold, hubspot, klaviyo};
use crate::params::Params;
use crate::server::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/{api}", get(overview).delete(reset))
        .route("/{api}/stored", get(stored))
        .route("/{api}/faults", post(fault))
        .route("/{api}/limits", post(limits))
}

fn find(name: &str) -> Option<Api> {
    Api::ALL.into_iter().find(|api| api.name() == name)
}

fn unknown(name: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("no stand-in `{name}`")).into_response()
}

fn held(apis: &Apis, api: Api) -> Vec<Value> {
    match api {
        Api::HubSpot => hold(&apis.hubspot).all(),
        Api::Braze => hold(&apis.braze).all(),
        Api::Klaviyo => hold(&apis.klaviyo).all(),
    }
}

async fn overview(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let Some(api) = find(&name) else { return unknown(&name) };
    let stored = held(&shared.apis, api).len();
    let calls = hold(&shared.apis.gates).calls(api);
    axum::Json(json!({ "stored": stored, "calls": calls })).into_response()
}

/// Everything it holds, one a line.
async fn stored(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let Some(api) = find(&name) else { return unknown(&name) };
    let lines = held(&shared.apis, api);
    let lines = lines.iter().flat_map(|value| [value.to_string(), "\n".to_owned()]);
    ([(CONTENT_TYPE, "application/x-ndjson")], lines.collect::<String>()).into_response()
}

/// Forgets records, calls and faults.
async fn reset(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let Some(api) = find(&name) else { return unknown(&name) };
    match api {
        Api::HubSpot => *hold(&shared.apis.hubspot) = hubspot::Contacts::default(),
        Api::Braze => *hold(&shared.apis.braze) = braze::Users::default(),
        Api::Klaviyo => *hold(&shared.apis.klaviyo) = klaviyo::Profiles::default(),
    }
    hold(&shared.apis.gates).clear(api);
    StatusCode::NO_CONTENT.into_response()
}

async fn fault(State(shared): State<Shared>, Path(name): Path<String>, body: Bytes) -> Response {
    let Some(api) = find(&name) else { return unknown(&name) };
    match serde_json::from_slice::<Switch>(&body) {
        Ok(switch) if (400..600).contains(&switch.status) => {
            hold(&shared.apis.gates).add(api, switch);
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(_) => (StatusCode::BAD_REQUEST, "status is from 400 to 599").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// `?enforced=false` lets every call pass.
async fn limits(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(api) = find(&name) else { return unknown(&name) };
    let lifted = Params::of(query.as_deref()).get("enforced") == Some("false");
    hold(&shared.apis.gates).lift(api, lifted);
    StatusCode::NO_CONTENT.into_response()
}
