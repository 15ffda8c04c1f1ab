//! The endpoints under `/__admin`: the truth, the world's course, and trouble on demand.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use futures_util::stream;
use serde_json::json;

use crate::account::{Account, Stream, accounts};
use crate::fault::Switch;
use crate::notices::Notice;
use crate::params::Params;
use crate::server::Shared;
use crate::tick::Tick;
use crate::world::{Filter, Sort, World, WorldError};

const CHUNK: i64 = 1_000;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/world", get(world))
        .route("/truth/{account}/{stream}", get(truth))
        .route("/mutate", post(mutate))
        .route("/ready/{account}", post(ready))
        .route("/rows/{account}/{stream}/{id}", delete(remove))
        .route("/rows/{account}/{stream}/{id}/touch", post(touch))
        .route("/rows/{account}/{stream}/{id}/recreate", post(recreate))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/limits", post(limits))
        .route("/latency", post(latency))
        .route("/metrc", post(personality))
        .route("/hosts", post(manners))
        .route("/webhook", post(webhook))
        .route("/requests", get(requests).delete(clear_requests))
        .nest("/apis", crate::apis::admin_router())
        .merge(crate::crm::admin_router())
        .nest("/partner", crate::partner::router())
}

/// What the admin endpoints cannot do.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<WorldError> for Refusal {
    fn from(error: WorldError) -> Self {
        let status = match error {
            WorldError::Missing { .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

fn bad(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, format!("{error}"))
}

fn missing(error: impl std::fmt::Display) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, error.to_string())
}

fn find(account: &str, stream: &str) -> Result<(&'static Account, Stream), Refusal> {
    let account = Account::named(account).map_err(missing)?;
    let stream: Stream = stream.parse().map_err(missing)?;
    if !account.streams.contains(&stream) {
        return Err(missing(format!("`{}` has no `{stream}`", account.name)));
    }
    Ok((account, stream))
}

async fn world(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let mut all = Vec::new();
    for account in accounts() {
        let mut rows = serde_json::Map::new();
        for stream in account.streams {
            rows.insert(stream.name().into(), shared.world.count(account, *stream)?.into());
        }
        all.push(json!({
            "account": account.name, "tenant": account.tenant, "connection": account.connection,
            "source": account.source, "base_path": account.base_path, "rows": rows,
        }));
    }
    let since = shared.world.since().to_string();
    let seed = shared.world.seed().0;
    Ok(axum::Json(json!({ "seed": seed, "since": since, "accounts": all })).into_response())
}

/// The rows as they are now, one a line, as the API gives each of them.
async fn truth(
    State(shared): State<Shared>,
    Path((account, stream)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (account, stream) = find(&account, &stream)?;
    let first = Some((Tick::MIN, String::new()));
    let chunks = stream::try_unfold(first, move |from| {
        let shared = std::sync::Arc::clone(&shared);
        async move {
            let Some((at, id)) = from else {
                return Ok::<_, WorldError>(None);
            };
            chunk(&shared.world, account, stream, (at, &id)).map(Some)
        }
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response())
}

type Place = Option<(Tick, String)>;

fn chunk(
    world: &World,
    account: &'static Account,
    stream: Stream,
    (at, id): (Tick, &str),
) -> Result<(String, Place), WorldError> {
    let filter = Filter::all(account, stream);
    let from = (at > Tick::MIN).then_some((at, id));
    let mut rows = world.by_change(&filter, Sort::OldestFirst, from, CHUNK + 1)?;
    let full = rows.len() > usize::try_from(CHUNK).unwrap_or(usize::MAX);
    let next = if full { rows.pop().map(|row| (row.updated, row.id)) } else { None };
    let lines = rows.into_iter().map(|row| row.body + "\n").collect();
    Ok((lines, next))
}

async fn mutate(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let params = Params::of(query.as_deref());
    let account = params.get("account").map(Account::named).transpose().map_err(missing)?;
    let stream = params.get("stream").map(str::parse::<Stream>).transpose().map_err(missing)?;
    let changes = shared.mutate(account.map(|account| account.name), stream).await?;
    Ok(axum::Json(json!({ "changes": changes })).into_response())
}

async fn ready(
    State(shared): State<Shared>,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let account = Account::named(&account).map_err(missing)?;
    let ready = match Params::of(query.as_deref()).get("ready") {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => return Err(bad(format!("ready is true or false, not `{other}`"))),
    };
    shared.world.set_ready(account, ready)?;
    Ok(axum::Json(json!({ "account": account.name, "ready": ready })).into_response())
}

type Place3 = Path<(String, String, String)>;

async fn touch(State(shared): State<Shared>, path: Place3) -> Result<StatusCode, Refusal> {
    let Path((account, stream, id)) = path;
    let (account, stream) = find(&account, &stream)?;
    shared.change(|world| world.touch(account, stream, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(shared): State<Shared>, path: Place3) -> Result<StatusCode, Refusal> {
    let Path((account, stream, id)) = path;
    let (account, stream) = find(&account, &stream)?;
    shared.change(|world| world.delete(account, stream, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn recreate(State(shared): State<Shared>, path: Place3) -> Result<StatusCode, Refusal> {
    let Path((account, stream, id)) = path;
    let (account, stream) = find(&account, &stream)?;
    shared.change(|world| world.recreate(account, stream, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn faults(State(shared): State<Shared>) -> Response {
    axum::Json(shared.faults.list()).into_response()
}

async fn add_fault(State(shared): State<Shared>, body: Bytes) -> Result<StatusCode, Refusal> {
    let switch: Switch = serde_json::from_slice(&body).map_err(bad)?;
    if let Some(account) = &switch.account {
        Account::named(account).map_err(bad)?;
    }
    if let Some(stream) = &switch.stream {
        stream.parse::<Stream>().map_err(bad)?;
    }
    shared.faults.add(switch);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.faults.clear();
    StatusCode::NO_CONTENT
}

fn flag(params: &Params, name: &str) -> Result<Option<bool>, Refusal> {
    match params.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(bad(format!("{name} is true or false, not `{other}`"))),
    }
}

/// `?enforced=false` lets every call pass.
async fn limits(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    let enforced = flag(&Params::of(query.as_deref()), "enforced")?;
    shared.limiter.enforce(enforced.unwrap_or(true));
    Ok(StatusCode::NO_CONTENT)
}

/// `?millis=50`: what every call to a provider takes at least.
async fn latency(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    let params = Params::of(query.as_deref());
    let millis = params.get("millis").unwrap_or("0").parse().map_err(bad)?;
    shared.latency.store(millis, Ordering::SeqCst);
    Ok(StatusCode::NO_CONTENT)
}

/// `?unpaged_gives_all=…&limits_span=…`: which report from the field Metrc follows.
async fn personality(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    let params = Params::of(query.as_deref());
    let (all, span) = (flag(&params, "unpaged_gives_all")?, flag(&params, "limits_span")?);
    let mut personality = shared.personality.write().unwrap_or_else(PoisonError::into_inner);
    personality.unpaged_gives_all = all.unwrap_or(personality.unpaged_gives_all);
    personality.limits_span = span.unwrap_or(personality.limits_span);
    Ok(StatusCode::NO_CONTENT)
}

/// `?cap=…&ends_in_error=…`: how many hosts a page has at most, and what stands behind the last.
async fn manners(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refusal> {
    let params = Params::of(query.as_deref());
    let cap = params.get("cap").map(str::parse).transpose().map_err(bad)?;
    let error = flag(&params, "ends_in_error")?;
    let mut manners = shared.manners.write().unwrap_or_else(PoisonError::into_inner);
    manners.cap = cap.unwrap_or(manners.cap).max(1);
    manners.ends_in_error = error.unwrap_or(manners.ends_in_error);
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a notice, as often as it says; gives the statuses that came back.
async fn webhook(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let notice: Notice = serde_json::from_slice(&body).map_err(bad)?;
    let account = Account::named(&notice.account).map_err(bad)?;
    let statuses = notice.send(account, shared.now()).await.map_err(bad)?;
    Ok(axum::Json(json!({ "statuses": statuses })).into_response())
}

/// The log in numbers; `?entries=true` adds the calls.
async fn requests(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let with = Params::of(query.as_deref()).get("entries") == Some("true");
    let entries = with.then(|| shared.journal.entries());
    axum::Json(json!({ "summary": shared.journal.summary(), "entries": entries })).into_response()
}

async fn clear_requests(State(shared): State<Shared>) -> StatusCode {
    shared.journal.clear();
    StatusCode::NO_CONTENT
}
