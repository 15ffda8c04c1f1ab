//! `/__admin/crm`: what the CRM holds, who called how often, and switches.

use std::sync::PoisonError;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Value, json};

use super::accounts::{CrmAccount, crm_accounts, of_tenant};
use super::books::Kind;
use super::fault::Switch;
use super::settings::Settings;
use super::{Crm, hold};
use crate::params::Params;
use crate::server::Shared;

/// Records of one chunk of an answer.
const CHUNK: usize = 1_000;

pub(crate) fn router() -> Router<Shared> {
    // With and without a slash at its end.
    Router::new().route("/crm/", get(overview).delete(reset)).nest("/crm", below())
}

fn below() -> Router<Shared> {
    Router::new()
        .route("/", get(overview).delete(reset))
        .route("/settings", get(settings).post(set))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/calls", get(calls).delete(clear_calls))
        .route("/tokens", axum::routing::delete(end_tokens))
        .route("/{tenant}/customers", get(customers))
        .route("/{tenant}/transactions", get(transactions))
        .route("/{tenant}/carried", get(carried))
        .route("/{tenant}/customers/{id}/erase", post(erase))
}

/// What the admin endpoints cannot do.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

fn bad(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, error.to_string())
}

fn find(tenant: &str) -> Result<&'static CrmAccount, Refusal> {
    let unknown = || Refusal(StatusCode::NOT_FOUND, format!("no CRM account of `{tenant}`"));
    of_tenant(tenant).ok_or_else(unknown)
}

async fn overview(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let mut all = Vec::new();
    for account in crm_accounts() {
        let totals = shared.crm.books.totals(account.tenant)?;
        all.push(json!({ "tenant": account.tenant, "holds": totals }));
    }
    let settings = shared.crm.settings();
    Ok(axum::Json(json!({ "settings": settings, "accounts": all })).into_response())
}

/// Forgets entities, answers and calls; `?tenant=` those of one tenant.
async fn reset(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    let params = Params::of(query.as_deref());
    let tenant = params.get("tenant").map(find).transpose()?;
    shared.crm.books.empty(tenant.map(|account| account.tenant))?;
    if tenant.is_none() {
        forget_calls(&shared.crm);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn forget_calls(crm: &Crm) {
    hold(&crm.log).clear();
    hold(&crm.meter).clear();
}

async fn settings(State(shared): State<Shared>) -> Response {
    axum::Json(shared.crm.settings()).into_response()
}

/// Sets what the body names and leaves the rest; `{}` changes nothing.
async fn set(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let changes: serde_json::Map<String, Value> = serde_json::from_slice(&body).map_err(bad)?;
    let mut settings = shared.crm.settings.write().unwrap_or_else(PoisonError::into_inner);
    let mut all = serde_json::to_value(&*settings).map_err(bad)?;
    if let Some(fields) = all.as_object_mut() {
        fields.extend(changes);
    }
    *settings = serde_json::from_value::<Settings>(all).map_err(bad)?;
    Ok(axum::Json(&*settings).into_response())
}

async fn faults(State(shared): State<Shared>) -> Response {
    axum::Json(hold(&shared.crm.faults).list()).into_response()
}

async fn add_fault(State(shared): State<Shared>, body: Bytes) -> Result<StatusCode, Refusal> {
    let switch: Switch = serde_json::from_slice(&body).map_err(bad)?;
    if let Some(tenant) = &switch.tenant {
        find(tenant).map_err(|Refusal(_, text)| bad(text))?;
    }
    if let Some(complaint) = switch.complaint() {
        return Err(bad(complaint));
    }
    hold(&shared.crm.faults).add(switch);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    hold(&shared.crm.faults).clear();
    StatusCode::NO_CONTENT
}

/// The calls in numbers, by tenant.
async fn calls(State(shared): State<Shared>) -> Response {
    let window = Duration::from_millis(shared.crm.settings().rate_millis);
    axum::Json(hold(&shared.crm.log).summary(window)).into_response()
}

async fn clear_calls(State(shared): State<Shared>) -> StatusCode {
    forget_calls(&shared.crm);
    StatusCode::NO_CONTENT
}

/// Ends all tokens before their time.
async fn end_tokens(State(shared): State<Shared>) -> StatusCode {
    hold(&shared.crm.tokens).end_all();
    StatusCode::NO_CONTENT
}

async fn erase(
    State(shared): State<Shared>,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let account = find(&tenant)?;
    let done = shared.crm.books.transact(account.tenant, |page| page.erase_customer(&id))?;
    Ok(if done { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

async fn customers(
    State(shared): State<Shared>,
    Path(tenant): Path<String>,
) -> Result<Response, Refusal> {
    Ok(records(shared, find(&tenant)?, Kind::Customers))
}

async fn transactions(
    State(shared): State<Shared>,
    Path(tenant): Path<String>,
) -> Result<Response, Refusal> {
    Ok(records(shared, find(&tenant)?, Kind::Transactions))
}

/// All records, one a line, in the order in which they were made.
fn records(shared: Shared, account: &'static CrmAccount, kind: Kind) -> Response {
    lines(stream::try_unfold(Some(0), move |from| {
        let shared = Shared::clone(&shared);
        async move {
            let Some(after) = from else { return Ok(None) };
            let rows = shared.crm.books.read(account.tenant, kind, after, CHUNK)?;
            let next = if rows.len() == CHUNK { rows.last().map(|row| row.0) } else { None };
            let text: String = rows.into_iter().map(|row| row.1 + "\n").collect();
            Ok::<_, rusqlite::Error>(Some((text, next)))
        }
    }))
}

/// How often each entity was carried; `?entity=` only that one.
async fn carried(
    State(shared): State<Shared>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let account = find(&tenant)?;
    if let Some(entity) = Params::of(query.as_deref()).get("entity") {
        let rows = shared.crm.books.carried_of(account.tenant, entity)?;
        return Ok(axum::Json(rows).into_response());
    }
    let first = Some((String::new(), String::new()));
    Ok(lines(stream::try_unfold(first, move |from| {
        let shared = Shared::clone(&shared);
        async move {
            let Some((operation, entity)) = from else { return Ok(None) };
            let place = (operation.as_str(), entity.as_str());
            let rows = shared.crm.books.carried(account.tenant, place, CHUNK)?;
            let full = rows.len() == CHUNK;
            let last = rows.last().map(|row| (row.operation.clone(), row.entity.clone()));
            let text: String = rows.iter().map(line).collect();
            Ok::<_, rusqlite::Error>(Some((text, last.filter(|_| full))))
        }
    })))
}

fn line(row: &impl Serialize) -> String {
    serde_json::to_string(row).unwrap_or_default() + "\n"
}

fn lines<S>(chunks: S) -> Response
where
    S: stream::Stream<Item = Result<String, rusqlite::Error>> + Send + 'static,
{
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response()
}
