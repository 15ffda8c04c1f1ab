//! Small stand-ins for APIs of other kinds than the CRM's: answers of many statuses, errors by
//! index, and jobs that are done later. They hold what they are given in memory.
//!
//! `/hubspot`, `/braze` and `/klaviyo` are their roots; `/__admin/apis/<name>` tells what they hold
//! and makes them fail.

mod admin;
mod braze;
mod gate;
mod hubspot;
mod klaviyo;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::server::Shared;
use gate::Gates;

pub(crate) use admin::router as admin_router;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Api {
    HubSpot,
    Braze,
    Klaviyo,
}

/// What all of them hold.
#[derive(Debug, Default)]
pub(crate) struct Apis {
    gates: Mutex<Gates>,
    hubspot: Mutex<hubspot::Contacts>,
    braze: Mutex<braze::Users>,
    klaviyo: Mutex<klaviyo::Profiles>,
}

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .nest("/hubspot", hubspot::router())
        .nest("/braze", braze::router())
        .nest("/klaviyo", klaviyo::router())
}

/// Locks, whatever became of the last owner: nothing behind these locks is ever half done.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn json(status: StatusCode, body: Value) -> Response {
    (status, axum::Json(body)).into_response()
}

/// The text under a key, if there is one and it is not empty.
fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}
