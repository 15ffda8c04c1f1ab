//! Rutter's unified API: the legacy root, and `/versioned` with its header.

mod connections;
mod list;
mod reply;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};

use crate::account::{Account, Credentials, Organisation, Stream, accounts};
use crate::fault::{Fault, meet};
use crate::limiter::Rate;
use crate::params::{Params, basic};
use crate::server::{Sandbox, Shared};
use reply::Refusal;

/// Per organisation, over all its connections.
const RATE: Rate = Rate { calls: 500, per: std::time::Duration::from_secs(10) };
const VERSIONS: [&str; 6] =
    ["2023-02-07", "2023-03-14", "2024-04-30", "2024-08-31", "2025-02-28", "unstable"];

pub(crate) fn router() -> Router<Shared> {
    data(Root::Legacy).nest("/versioned", data(Root::Versioned))
}

/// The two ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// Ignores the version header.
    Legacy,
    /// Requires it.
    Versioned,
}

fn data(root: Root) -> Router<Shared> {
    let lists = [
        ("/orders", Stream::Orders),
        ("/customers", Stream::Customers),
        ("/products", Stream::Products),
        ("/transactions", Stream::Transactions),
        ("/accounting/invoices", Stream::Invoices),
    ];
    let mut router = Router::new()
        .route("/connections", get(connections::list))
        .route("/connections/status", get(connections::status))
        .route("/connections/access_token", get(connections::of_token))
        .route("/item/public_token/exchange", post(connections::exchange));
    for (path, stream) in lists {
        let many = async move |state: State<Shared>, headers: HeaderMap, query: RawQuery| {
            answer(&state.0, &Call::of(root, stream, headers, query)).await
        };
        let one = async move |state: State<Shared>,
                              Path(id): Path<String>,
                              headers: HeaderMap,
                              query: RawQuery| {
            answer_one(&state.0, &Call::of(root, stream, headers, query), &id)
        };
        router = router.route(path, get(many)).route(&format!("{path}/{{id}}"), get(one));
    }
    router
}

/// A call for rows.
struct Call {
    root: Root,
    stream: Stream,
    headers: HeaderMap,
    params: Params,
}

impl Call {
    fn of(root: Root, stream: Stream, headers: HeaderMap, RawQuery(query): RawQuery) -> Self {
        Self { root, stream, headers, params: Params::of(query.as_deref()) }
    }
}

async fn answer(sandbox: &Sandbox, call: &Call) -> Response {
    let caller = match admit(sandbox, call) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.response(None, organisation(&call.headers)),
    };
    let fault = sandbox.faults.take(caller, call.stream);
    if let Some(fault) = &fault
        && let Some(response) = meet(sandbox, fault, (caller, call.stream)).await
    {
        return reply::mark(response, Some(caller), organisation(&call.headers));
    }
    let _shared = sandbox.gate.read().await;
    let page = match refused_by(fault.as_ref()) {
        Some(refusal) => Err(refusal),
        None => list::page(sandbox, caller, call, fault.as_ref()),
    };
    match page {
        Ok(body) => {
            let response = crate::fault::send(fault.as_ref(), body);
            reply::mark(response, Some(caller), organisation(&call.headers))
        }
        Err(refusal) => refusal.response(Some(caller), organisation(&call.headers)),
    }
}

fn answer_one(sandbox: &Sandbox, call: &Call, id: &str) -> Response {
    let known = organisation(&call.headers);
    let found = admit(sandbox, call).and_then(|caller| {
        let row = sandbox.world.one(caller, call.stream, id).map_err(Refusal::from)?;
        let row = row.ok_or_else(|| Refusal::gone(id))?;
        Ok((caller, list::single(caller, call.stream, &row)))
    });
    match found {
        Ok((caller, body)) => reply::mark(crate::fault::send(None, body), Some(caller), known),
        Err(refusal) => refusal.response(None, known),
    }
}

/// Whose call it is, if Rutter would take it at all.
fn admit(sandbox: &Sandbox, call: &Call) -> Result<&'static Account, Refusal> {
    let organisation = organisation(&call.headers).ok_or_else(Refusal::credentials)?;
    if !sandbox.limiter.admits(organisation.client_id, RATE, sandbox.now()) {
        return Err(Refusal::rate_limited());
    }
    if call.root == Root::Versioned {
        let version = call.headers.get("x-rutter-version").and_then(|value| value.to_str().ok());
        match version {
            None => return Err(Refusal::missing("X-Rutter-Version")),
            Some(version) if !VERSIONS.contains(&version) => {
                return Err(Refusal::invalid("X-Rutter-Version is not a known version"));
            }
            Some(_) => (),
        }
    }
    let token = call.params.get("access_token").ok_or_else(|| Refusal::missing("access_token"))?;
    let caller = connection(organisation, token).ok_or_else(Refusal::credentials)?;
    if !caller.streams.contains(&call.stream) {
        return Err(Refusal::unsupported(call.stream));
    }
    Ok(caller)
}

/// The organisation that the Basic authorisation names.
fn organisation(headers: &HeaderMap) -> Option<&'static Organisation> {
    let (id, secret) = basic(headers)?;
    organisations().find(|known| known.client_id == id && known.client_secret == secret)
}

fn organisations() -> impl Iterator<Item = &'static Organisation> {
    accounts().iter().filter_map(|account| match account.credentials {
        Credentials::Rutter { organisation, .. } => Some(organisation),
        Credentials::Metrc { .. } | Credentials::Stashstock { .. } | Credentials::Hosts { .. } => {
            None
        }
    })
}

/// The connection that a token opens for an organisation.
fn connection(organisation: &Organisation, token: &str) -> Option<&'static Account> {
    accounts().iter().find(|account| match account.credentials {
        Credentials::Rutter { organisation: owner, access_token, .. } => {
            owner == organisation && access_token == token
        }
        Credentials::Metrc { .. } | Credentials::Stashstock { .. } | Credentials::Hosts { .. } => {
            false
        }
    })
}

fn refused_by(fault: Option<&Fault>) -> Option<Refusal> {
    match fault? {
        Fault::PlatformLimit => Some(Refusal::platform_limit()),
        Fault::ServerError => Some(Refusal::broken(StatusCode::INTERNAL_SERVER_ERROR)),
        Fault::Unavailable => Some(Refusal::broken(StatusCode::SERVICE_UNAVAILABLE)),
        Fault::ExpiredToken => Some(Refusal::credentials()),
        _ => None,
    }
}
