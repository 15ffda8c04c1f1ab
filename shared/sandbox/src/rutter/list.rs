//! Pages of rows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::reply::Refusal;
use super::{Call, Sandbox};
use crate::account::{Account, Credentials, Stream};
use crate::fault::Fault;
use crate::json::{Object, array, quoted};
use crate::params::Params;
use crate::tick::Tick;
use crate::world::{Filter, Row, Sort};

const DEFAULT_LIMIT: i64 = 50;
const MOST: i64 = 500;

/// The page that a call asks for.
pub(super) fn page(
    sandbox: &Sandbox,
    caller: &'static Account,
    call: &Call,
    fault: Option<&Fault>,
) -> Result<String, Refusal> {
    let (stream, params) = (call.stream, &call.params);
    let (filter, sort, limit) = (filter(caller, call)?, sort(stream, params), limit(params)?);
    let filter = readable(sandbox, filter, params)?;
    let place = params.get("cursor").map(decode).transpose()?;
    let from = place.as_ref().map(|(at, id)| (*at, id.as_str()));
    let mut rows = sandbox.world.by_change(&filter, sort, from, limit + 1)?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    let mut next = if more { rows.pop().map(|row| encode(&row)) } else { None };
    match fault {
        Some(Fault::RepeatedCursor) => next = rows.first().map(encode),
        Some(Fault::EndlessPages) => next = Some(endless(place.as_ref())),
        _ => (),
    }
    let bodies = rows.into_iter().map(|row| dress(sandbox, caller, call, row)).collect();
    let bodies: Vec<String> = Result::from_iter::<Vec<_>>(bodies)?;
    Ok(Object::new()
        .raw(stream.name(), array(&bodies))
        .maybe("next_cursor", next.as_deref())
        .raw("connection", connection(caller))
        .close())
}

/// One row with its connection.
pub(super) fn single(caller: &Account, stream: Stream, row: &Row) -> String {
    let name = stream.name().strip_suffix('s').unwrap_or(stream.name());
    Object::new().raw(name, &row.body).raw("connection", connection(caller)).close()
}

fn connection(caller: &Account) -> String {
    let Credentials::Rutter { organisation, connection_id, platform, .. } = caller.credentials
    else {
        return "null".to_owned();
    };
    Object::new()
        .text("id", connection_id)
        .text("orgId", organisation.id)
        .text("platform", platform)
        .close()
}

/// The windows that the stream knows; others are passed over in silence.
fn filter(caller: &'static Account, call: &Call) -> Result<Filter<'static>, Refusal> {
    let by_creation =
        matches!(call.stream, Stream::Orders | Stream::Products | Stream::Transactions);
    let mut filter = Filter::all(caller, call.stream);
    filter.updated = span(&call.params, "updated_at_min", "updated_at_max")?;
    if by_creation {
        filter.created = span(&call.params, "created_at_min", "created_at_max")?;
    }
    Ok(filter)
}

fn span(params: &Params, min: &str, max: &str) -> Result<(Tick, Tick), Refusal> {
    let millis = |name: &str| -> Result<Option<i64>, Refusal> {
        let fault = |_| Refusal::invalid(&format!("{name} must be milliseconds since the epoch"));
        params.get(name).map(|text| text.parse().map_err(fault)).transpose()
    };
    let from = millis(min)?.map_or(Tick::MIN, Tick::from_millis);
    Ok((from, millis(max)?.map_or(Tick::MAX, Tick::end_of_milli)))
}

fn limit(params: &Params) -> Result<i64, Refusal> {
    let Some(text) = params.get("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Refusal::invalid("limit must be a number from 1 to 500"))
}

fn sort(stream: Stream, params: &Params) -> Sort {
    match (stream, params.get("sort")) {
        (Stream::Transactions, Some("asc")) | (Stream::Invoices, Some("updated_at ASC")) => {
            Sort::OldestFirst
        }
        _ => Sort::NewestFirst,
    }
}

/// Refuses what is still in its first sync; forced, it gives the older half.
fn readable<'a>(
    sandbox: &Sandbox,
    mut filter: Filter<'a>,
    params: &Params,
) -> Result<Filter<'a>, Refusal> {
    if sandbox.world.is_ready(filter.account)? {
        return Ok(filter);
    }
    let can_force = matches!(filter.stream, Stream::Orders | Stream::Transactions);
    if !can_force || params.get("force_fetch") != Some("true") {
        return Err(Refusal::not_ready());
    }
    let (oldest, newest) = sandbox.world.span(filter.account, filter.stream)?;
    let middle = Tick::from_millis(oldest.millis().midpoint(newest.millis()));
    filter.updated.1 = filter.updated.1.min(middle);
    Ok(filter)
}

/// The row with what the call wants added, and without what it does not want.
fn dress(
    sandbox: &Sandbox,
    caller: &'static Account,
    call: &Call,
    row: Row,
) -> Result<String, Refusal> {
    if call.stream != Stream::Orders {
        return Ok(row.body);
    }
    let mut body = row.body;
    let expand = call.params.get("expand").unwrap_or_default();
    if expand.split(',').any(|name| name == "transactions") {
        let transactions = sandbox.world.transactions_of(caller, &row.id)?;
        let bare = body.strip_suffix('}').unwrap_or(&body);
        body = format!("{bare},{}:{}}}", quoted("transactions"), array(&transactions));
    }
    let Some(properties) = call.params.get("properties") else {
        return Ok(body);
    };
    let fields: IndexMap<String, &RawValue> = serde_json::from_str(&body)
        .map_err(|_| Refusal::broken(axum::http::StatusCode::INTERNAL_SERVER_ERROR))?;
    let wanted = |name: &str| properties.split(',').any(|wanted| wanted == name);
    let kept = fields.iter().filter(|(name, _)| wanted(name));
    Ok(kept.fold(Object::new(), |object, (name, value)| object.raw(name, value.get())).close())
}

/// A cursor names the first row of the next page by its instant and id.
fn encode(row: &Row) -> String {
    STANDARD.encode(format!("{}|{}", row.updated.millis(), row.id))
}

fn decode(cursor: &str) -> Result<(Tick, String), Refusal> {
    let fault = || Refusal::invalid("cursor is not one of ours");
    let bytes = STANDARD.decode(cursor).map_err(|_| fault())?;
    let text = String::from_utf8(bytes).map_err(|_| fault())?;
    let (millis, id) = text.split_once('|').ok_or_else(fault)?;
    Ok((Tick::from_millis(millis.parse().map_err(|_| fault())?), id.to_owned()))
}

/// A cursor that has not been given before and behind which there are rows for ever.
fn endless(place: Option<&(Tick, String)>) -> String {
    let millis = place.map_or(4_102_444_800_000, |(at, _)| at.millis() + 1);
    STANDARD.encode(format!("{millis}|z"))
}
