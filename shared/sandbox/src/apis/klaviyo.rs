//! Profiles by jobs: handed in, asked for until they are complete, with errors page by page.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::gate::through;
use super::{Api, hold, json as answer, text};
use crate::params::Params;
use crate::server::{Sandbox, Shared};

/// Its only key.
const KEY: &str = "Klaviyo-API-Key heron-klaviyo-key-c5b9";
const MOST: usize = 10_000;
const MOST_BYTES: usize = 5_000_000;
const MOST_PROFILE: usize = 100_000;
/// Errors of one page.
const PAGE: usize = 20;
/// A job with such a profile is cancelled, and nothing of it is taken.
const CANCELS: &str = "cancel-";

/// Profiles by external id or e-mail address, and jobs by number.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    held: BTreeMap<String, Map<String, Value>>,
    jobs: Vec<Job>,
}

#[derive(Debug, Default)]
struct Job {
    total: usize,
    errors: Vec<Value>,
    cancelled: bool,
    /// How often it was asked for: it is done at the second time.
    asked: u32,
}

impl Profiles {
    pub(super) fn all(&self) -> Vec<Value> {
        self.held.values().cloned().map(Value::Object).collect()
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/profile-bulk-import-jobs", post(submit))
        .route("/api/profile-bulk-import-jobs/{id}", get(job))
        .route("/api/profile-bulk-import-jobs/{id}/import-errors", get(errors))
        .layer(axum::extract::DefaultBodyLimit::max(2 * MOST_BYTES))
}

fn refused(status: StatusCode, code: &str, detail: &str) -> Response {
    let number = status.as_u16();
    answer(status, json!({ "errors": [{ "status": number, "code": code, "detail": detail }] }))
}

/// Key and revision, which every call carries.
fn check(headers: &HeaderMap) -> Result<(), (StatusCode, &'static str, &'static str)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("authorization") != Some(KEY) {
        return Err((StatusCode::UNAUTHORIZED, "not_authenticated", "Missing or invalid key"));
    }
    let is_date = |text: &str| text.parse::<jiff::civil::Date>().is_ok();
    if !header("revision").is_some_and(is_date) {
        let detail = "The revision header is a date, YYYY-MM-DD";
        return Err((StatusCode::BAD_REQUEST, "invalid", detail));
    }
    Ok(())
}

async fn submit(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err((status, code, detail)) = check(&headers) {
        return refused(status, code, detail);
    }
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/vnd.api+json")) {
        let detail = "Content-Type is application/vnd.api+json";
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    }
    through(&shared, Api::Klaviyo, |sandbox| taken(sandbox, &body))
}

fn taken(sandbox: &Sandbox, body: &[u8]) -> Response {
    let invalid = |detail: &str| refused(StatusCode::BAD_REQUEST, "invalid", detail);
    if body.len() > MOST_BYTES {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "5 MB at most");
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return invalid("Invalid JSON");
    };
    let profiles = body.pointer("/data/attributes/profiles/data").and_then(Value::as_array);
    let Some(profiles) = profiles.filter(|all| (1..=MOST).contains(&all.len())) else {
        return invalid("profiles has from 1 to 10000 entries");
    };
    let mut all = hold(&sandbox.apis.klaviyo);
    let cancelled = profiles.iter().any(|profile| {
        profile
            .pointer("/attributes/external_id")
            .and_then(Value::as_str)
            .is_some_and(|id| id.starts_with(CANCELS))
    });
    let mut job = Job { total: profiles.len(), cancelled, ..Job::default() };
    if !cancelled {
        let put = |(index, profile)| all.put(index, profile).err();
        job.errors = profiles.iter().enumerate().filter_map(put).collect();
    }
    all.jobs.push(job);
    let number = all.jobs.len();
    let body = all.jobs.last().map(|job| told(number, job, "queued"));
    answer(StatusCode::ACCEPTED, body.unwrap_or_default())
}

impl Profiles {
    /// Takes the profile, or gives its error. What is null stays as it was.
    fn put(&mut self, index: usize, profile: &Value) -> Result<(), Value> {
        let error = |field: &str, detail: &str| {
            let pointer = format!("/data/attributes/profiles/data/{index}/attributes{field}");
            json!({ "type": "import-error", "id": format!("error-{index}"), "attributes": {
                "code": "invalid", "title": "Invalid input.", "detail": detail,
                "source": { "pointer": pointer }, "original_payload": profile,
            } })
        };
        let nothing = Value::Null;
        let attributes = profile.get("attributes").unwrap_or(&nothing);
        let found =
            ["external_id", "email", "phone_number"].iter().find_map(|key| text(attributes, key));
        let Some(key) = found else {
            return Err(error("", "One of email, phone_number, external_id is required"));
        };
        if text(attributes, "email").is_some_and(|email| !email.contains('@')) {
            return Err(error("/email", "Invalid email address"));
        }
        if profile.to_string().len() > MOST_PROFILE {
            return Err(error("", "A profile has at most 100 KB"));
        }
        let fields = attributes.as_object().into_iter().flatten();
        let fields = fields.filter(|(_, value)| !value.is_null());
        let fields = fields.map(|(key, value)| (key.clone(), value.clone()));
        self.held.entry(key.to_owned()).or_default().extend(fields);
        Ok(())
    }
}

fn told(number: usize, job: &Job, status: &str) -> Value {
    let (done, failed) = match status {
        "complete" => (job.total - job.errors.len(), job.errors.len()),
        _ => (0, 0),
    };
    json!({ "data": { "type": "profile-bulk-import-job", "id": number.to_string(), "attributes": {
        "status": status, "total_count": job.total, "completed_count": done,
        "failed_count": failed,
    } } })
}

fn found<'a>(jobs: &'a mut [Job], id: &str) -> Option<(usize, &'a mut Job)> {
    let number: usize = id.parse().ok()?;
    jobs.get_mut(number.checked_sub(1)?).map(|job| (number, job))
}

fn unknown() -> Response {
    refused(StatusCode::NOT_FOUND, "not_found", "A job with this id does not exist")
}

async fn job(State(shared): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err((status, code, detail)) = check(&headers) {
        return refused(status, code, detail);
    }
    through(&shared, Api::Klaviyo, |sandbox| {
        let mut all = hold(&sandbox.apis.klaviyo);
        let Some((number, job)) = found(&mut all.jobs, &id) else { return unknown() };
        job.asked += 1;
        let status = match (job.asked, job.cancelled) {
            (0 | 1, _) => "processing",
            (_, true) => "cancelled",
            _ => "complete",
        };
        answer(StatusCode::OK, told(number, job, status))
    })
}

async fn errors(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Err((status, code, detail)) = check(&headers) {
        return refused(status, code, detail);
    }
    let from = Params::of(query.as_deref()).get("page[cursor]").map_or(Ok(0), str::parse::<usize>);
    let Ok(from) = from else {
        return refused(StatusCode::BAD_REQUEST, "invalid", "Invalid page cursor");
    };
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let here = format!("http://{host}/klaviyo/api/profile-bulk-import-jobs/{id}/import-errors");
    through(&shared, Api::Klaviyo, |sandbox| {
        let mut all = hold(&sandbox.apis.klaviyo);
        let Some((_, job)) = found(&mut all.jobs, &id) else { return unknown() };
        let page: Vec<Value> = job.errors.iter().skip(from).take(PAGE).cloned().collect();
        let more = from + PAGE < job.errors.len();
        let next = more.then(|| format!("{here}?page%5Bcursor%5D={}", from + PAGE));
        let links = json!({ "self": here, "next": next, "prev": null });
        answer(StatusCode::OK, json!({ "data": page, "links": links }))
    })
}
