//! Stashstock: Metrc's plants in another shape, grouped by facility.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{LINK, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::account::{Account, Credentials, Facility, Stream, accounts};
use crate::fault::{Fault, meet, send};
use crate::journal::Caller;
use crate::json::{Object, array};
use crate::limiter::Rate;
use crate::params::{Params, bearer};
use crate::server::{Sandbox, Shared};
use crate::tick::Tick;
use crate::world::{Filter, Row, WorldError};

const RATE: Rate = Rate { calls: 50, per: Duration::from_secs(1) };
const PAGE: i64 = 100;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/{state}/metrc/plants", get(plants))
}

/// A refusal as Stashstock words it.
struct Refusal(StatusCode, &'static str, String);

impl Refusal {
    fn response(self) -> Response {
        let Self(status, code, message) = self;
        let error = Object::new().text("code", code).text("message", &message).close();
        let body = Object::new().raw("error", error).close();
        let mut response = (status, [("content-type", "application/json")], body).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<WorldError> for Refusal {
    fn from(_: WorldError) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "something went wrong".to_owned())
    }
}

async fn plants(
    State(shared): State<Shared>,
    Path(state): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::of(query.as_deref());
    let account = match account(&headers) {
        Ok(account) => account,
        Err(refusal) => return refusal.response(),
    };
    let answer = answer(&shared, account, (&state, &headers), &params).await;
    let mut response = answer.unwrap_or_else(Refusal::response);
    let caller = Caller { account: Some(account.name), scope: Some(account.name.to_owned()) };
    response.extensions_mut().insert(caller);
    response
}

fn account(headers: &HeaderMap) -> Result<&'static Account, Refusal> {
    let denied =
        || Refusal(StatusCode::UNAUTHORIZED, "INVALID_KEY", "the key is not valid".to_owned());
    let key = bearer(headers).ok_or_else(denied)?;
    let known = |account: &&Account| matches!(account.credentials, Credentials::Stashstock { api_key, .. } if api_key == key);
    accounts().iter().find(known).ok_or_else(denied)
}

async fn answer(
    sandbox: &Sandbox,
    account: &'static Account,
    (state, headers): (&str, &HeaderMap),
    params: &Params,
) -> Result<Response, Refusal> {
    let enabled =
        matches!(account.credentials, Credentials::Stashstock { state: s, .. } if s == state);
    if !enabled {
        let message = format!("the key does not open `{state}`");
        return Err(Refusal(StatusCode::FORBIDDEN, "STATE_NOT_ENABLED", message));
    }
    if !sandbox.limiter.admits(account.name, RATE, sandbox.now()) {
        let message = "too many calls".to_owned();
        return Err(Refusal(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message));
    }
    let fault = sandbox.faults.take(account, Stream::Plants);
    if let Some(fault) = &fault {
        if let Some(response) = meet(sandbox, fault, (account, Stream::Plants)).await {
            return Ok(response);
        }
        refuse(fault)?;
    }
    let _shared = sandbox.gate.read().await;
    let rows = matching(sandbox, account, params)?;
    let page = page_number(params)?;
    let start = usize::try_from((page - 1) * PAGE).unwrap_or(usize::MAX);
    let size = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let shown: Vec<&Row> = rows.iter().skip(start).take(size).collect();
    let more = rows.len() > start.saturating_add(size) || fault == Some(Fault::EndlessPages);
    let items: Vec<String> =
        account.facilities.iter().map(|facility| group(sandbox, facility, &shown)).collect();
    let mut response = send(fault.as_ref(), array(&items));
    if more {
        let again = fault == Some(Fault::RepeatedCursor);
        let next = if again { page } else { page + 1 };
        let link = next_link(headers, state, &params.with("page", &next.to_string()));
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn refuse(fault: &Fault) -> Result<(), Refusal> {
    let (status, code) = match fault {
        Fault::PlatformLimit => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Fault::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
        Fault::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "METRC_UPSTREAM_UNAVAILABLE"),
        Fault::ExpiredToken => (StatusCode::UNAUTHORIZED, "INVALID_KEY"),
        _ => return Ok(()),
    };
    Err(Refusal(status, code, "not now".to_owned()))
}

/// The plants of all facilities that changed in the span. A bare date is the start of that day
/// in each facility's own zone.
fn matching(
    sandbox: &Sandbox,
    account: &'static Account,
    params: &Params,
) -> Result<Vec<Row>, Refusal> {
    let mut rows = Vec::new();
    for facility in account.facilities {
        let bound = |name: &str, otherwise: Tick| match params.get(name) {
            Some(text) => instant(facility, text),
            None => Ok(otherwise),
        };
        let mut filter = Filter::all(account, Stream::Plants);
        filter.facility = Some(facility.license);
        filter.updated =
            (bound("lastModifiedStart", Tick::MIN)?, bound("lastModifiedEnd", Tick::MAX)?);
        rows.extend(sandbox.world.by_number(&filter, 0, i64::from(i32::MAX))?.0);
    }
    Ok(rows)
}

fn instant(facility: &Facility, text: &str) -> Result<Tick, Refusal> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Tick::of(at));
    }
    let midnight = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let zoned = midnight.and_then(|date| date.to_zoned(facility.time_zone()).ok());
    zoned.map(|zoned| Tick::of(zoned.timestamp())).ok_or_else(|| {
        let message = format!("`{text}` is neither a date nor an instant");
        Refusal(StatusCode::UNPROCESSABLE_ENTITY, "BAD_DATE", message)
    })
}

fn page_number(params: &Params) -> Result<i64, Refusal> {
    let Some(text) = params.get("page") else {
        return Ok(1);
    };
    let page = text.parse().ok().filter(|page| (1..=i64::from(i32::MAX)).contains(page));
    page.ok_or_else(|| {
        let message = format!("`{text}` is not a page");
        Refusal(StatusCode::UNPROCESSABLE_ENTITY, "BAD_PAGE", message)
    })
}

fn group(sandbox: &Sandbox, facility: &Facility, rows: &[&Row]) -> String {
    let of = Object::new()
        .text("license", facility.license)
        .text("name", facility.name)
        .text("timezone", facility.zone)
        .close();
    let own = rows.iter().filter(|row| row.facility == facility.license);
    let plants: Vec<String> = own.map(|row| row.body.clone()).collect();
    Object::new()
        .raw("facility", of)
        .text("syncedAt", &sandbox.now().millis_text())
        .raw("plants", array(&plants))
        .close()
}

fn next_link(headers: &HeaderMap, state: &str, query: &str) -> HeaderValue {
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = format!("/stashstock/api/v1/{state}/metrc/plants");
    let link = format!("<http://{host}{path}?{query}>; rel=\"next\"");
    HeaderValue::from_str(&link).unwrap_or(HeaderValue::from_static(""))
}
