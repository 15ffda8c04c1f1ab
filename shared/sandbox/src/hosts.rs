//! Three vendors' host inventories as one service gives them: `POST` with a token, pages of two at
//! most, and an error at the end.

use std::sync::PoisonError;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::account::{Account, Credentials, Stream, accounts};
use crate::fault::{Fault, meet, send};
use crate::journal::Caller;
use crate::json::{Object, array};
use crate::params::Params;
use crate::server::{Sandbox, Shared};
use crate::world::{Filter, Row, WorldError};

const BEYOND: &str = "Error invalid skip/limit combo (>number of hosts)";

/// What differs between one installation and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manners {
    /// Most hosts of one page, whatever is asked for.
    pub(crate) cap: i64,
    /// Whether a page behind the last host, or across it, is an error; else it is short or empty.
    pub(crate) ends_in_error: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { cap: 2, ends_in_error: true }
    }
}

pub(crate) fn router() -> Router<Shared> {
    Router::new().route(
        "/api/{vendor}/hosts/get",
        post(hosts).fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found") }),
    )
}

/// A refusal: always plain text.
struct Refusal(StatusCode, String);

impl Refusal {
    fn new(status: StatusCode, message: &str) -> Self {
        Self(status, message.to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, [("content-type", "text/plain; charset=utf-8")], self.1).into_response()
    }
}

impl From<WorldError> for Refusal {
    fn from(_: WorldError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }
}

async fn hosts(
    State(shared): State<Shared>,
    Path(vendor): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let account = match account(&headers, &vendor) {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = answer(&shared, account, &Params::of(query.as_deref())).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    let caller = Caller { account: Some(account.name), scope: Some(account.name.to_owned()) };
    response.extensions_mut().insert(caller);
    response
}

fn account(headers: &HeaderMap, vendor: &str) -> Result<&'static Account, Refusal> {
    let given = headers.get("token").and_then(|token| token.to_str().ok());
    let known = |account: &&Account| matches!(account.credentials, Credentials::Hosts { token } if Some(token) == given);
    let mut own = accounts().iter().filter(known).peekable();
    if own.peek().is_none() {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    own.find(|account| account.source == vendor)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "404 page not found"))
}

async fn answer(
    sandbox: &Sandbox,
    account: &'static Account,
    params: &Params,
) -> Result<Response, Refusal> {
    let fault = sandbox.faults.take(account, Stream::Hosts);
    if let Some(fault) = &fault {
        if let Some(response) = meet(sandbox, fault, (account, Stream::Hosts)).await {
            return Ok(response);
        }
        refuse(fault)?;
    }
    let _shared = sandbox.gate.read().await;
    let manners = *sandbox.manners.read().unwrap_or_else(PoisonError::into_inner);
    let body = if account.source == "tenable" {
        by_cursor(sandbox, account, (params, manners), fault.as_ref())?
    } else {
        by_count(sandbox, account, (params, manners))?
    };
    Ok(send(fault.as_ref(), body))
}

fn refuse(fault: &Fault) -> Result<(), Refusal> {
    let status = match fault {
        Fault::PlatformLimit => StatusCode::TOO_MANY_REQUESTS,
        Fault::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        Fault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Fault::ExpiredToken => StatusCode::UNAUTHORIZED,
        _ => return Ok(()),
    };
    Err(Refusal::new(status, "not now"))
}

fn number(params: &Params, name: &str) -> Result<i64, Refusal> {
    let text = params
        .get(name)
        .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, &format!("{name} is required")))?;
    let number = text.parse().ok().filter(|number| (0..=i64::from(i32::MAX)).contains(number));
    number.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, &format!("{name} is no number")))
}

fn rows(
    sandbox: &Sandbox,
    account: &'static Account,
    (skip, limit): (i64, i64),
) -> Result<(Vec<Row>, i64), WorldError> {
    sandbox.world.by_number(&Filter::all(account, Stream::Hosts), skip, limit)
}

fn list(rows: &[Row]) -> String {
    let bodies: Vec<String> = rows.iter().map(|row| row.body.clone()).collect();
    array(&bodies)
}

/// `?skip=&limit=`: a bare list.
fn by_count(
    sandbox: &Sandbox,
    account: &'static Account,
    (params, manners): (&Params, Manners),
) -> Result<String, Refusal> {
    let (skip, limit) = (number(params, "skip")?, number(params, "limit")?.min(manners.cap));
    let (rows, total) = rows(sandbox, account, (skip, limit))?;
    if manners.ends_in_error && skip + limit > total {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, BEYOND));
    }
    Ok(list(&rows))
}

/// `?cursor=`: hosts, and the cursor of the next page, which behind the last one is not valid.
fn by_cursor(
    sandbox: &Sandbox,
    account: &'static Account,
    (params, manners): (&Params, Manners),
    fault: Option<&Fault>,
) -> Result<String, Refusal> {
    let invalid = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Invalid cursor");
    let given = params.get("cursor");
    let skip = given.map_or(Some(0), place).ok_or_else(invalid)?;
    let (rows, total) = rows(sandbox, account, (skip, manners.cap))?;
    if manners.ends_in_error && given.is_some() && skip >= total {
        return Err(invalid());
    }
    let taken = i64::try_from(rows.len()).unwrap_or(0);
    let next = match fault {
        Some(Fault::RepeatedCursor) => skip,
        _ => skip + taken,
    };
    let object = Object::new().raw("hosts", list(&rows));
    Ok(object.text("cursor", &URL_SAFE_NO_PAD.encode(format!("after:{next}"))).close())
}

fn place(cursor: &str) -> Option<i64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("after:")?.parse().ok()
}
