//! Lists of rows, one facility and at most one day of changes at a time.

use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::gate::{Refusal, begin, facility, mark, person};
use crate::account::{Account, Facility, Stream};
use crate::fault::{Fault, meet, send};
use crate::json::{Object, array};
use crate::params::Params;
use crate::server::{Sandbox, Shared};
use crate::tick::Tick;
use crate::world::Filter;

const MOST: i64 = 20;
const DAY: Duration = Duration::from_hours(24);

/// What reports from the field disagree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Personality {
    /// A call without page parameters gives everything; else the first 20 rows in silence.
    pub(crate) unpaged_gives_all: bool,
    /// Spans of more than 24 hours are refused.
    pub(crate) limits_span: bool,
}

impl Default for Personality {
    fn default() -> Self {
        Self { unpaged_gives_all: false, limits_span: true }
    }
}

/// `GET /facilities/v2/`: a bare list.
pub(super) async fn facilities(
    State(shared): State<Shared>,
    Path(state): Path<String>,
    headers: HeaderMap,
) -> Response {
    let listed = person(&headers, &state).and_then(|account| {
        let _under_way = begin(&shared, account, None)?;
        let all: Vec<String> = account.facilities.iter().map(describe).collect();
        Ok(mark(send(None, array(&all)), account, "facilities"))
    });
    listed.unwrap_or_else(Refusal::response)
}

fn describe(facility: &Facility) -> String {
    let kind = Object::new()
        .raw("CanGrowPlants", facility.grows)
        .raw("CanHarvestPlants", facility.grows)
        .raw("CanSellToConsumers", !facility.grows)
        .close();
    let license = Object::new()
        .text("Number", facility.license)
        .text("StartDate", "2021-01-01")
        .text("EndDate", "2099-12-31")
        .text("LicenseType", if facility.grows { "Producer" } else { "Retailer" })
        .close();
    Object::new()
        .text("Name", facility.name)
        .text("Alias", facility.name)
        .text("CredentialedDate", "2021-01-01")
        .raw("FacilityType", kind)
        .raw("License", license)
        .close()
}

/// `GET /unitsofmeasure/v2/active`: the cheapest proof of good keys.
pub(super) async fn units(
    State(shared): State<Shared>,
    Path(state): Path<String>,
    headers: HeaderMap,
) -> Response {
    let listed = person(&headers, &state).and_then(|account| {
        let _under_way = begin(&shared, account, None)?;
        let unit = Object::new()
            .text("QuantityType", "WeightBased")
            .text("Name", "Grams")
            .text("Abbreviation", "g");
        Ok(mark(send(None, array(&[unit.close()])), account, "unitsofmeasure"))
    });
    listed.unwrap_or_else(Refusal::response)
}

/// `GET /{area}/v2/{list}`, or one row by its id.
pub(super) async fn rows(
    State(shared): State<Shared>,
    Path((state, area, list)): Path<(String, String, String)>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::of(query.as_deref());
    let account = match person(&headers, &state) {
        Ok(account) => account,
        Err(refusal) => return refusal.response(),
    };
    let license = params.get("licenseNumber").unwrap_or("none");
    let answer = answer(&shared, account, (&area, &list), &params).await;
    mark(answer.unwrap_or_else(Refusal::response), account, license)
}

async fn answer(
    sandbox: &Sandbox,
    account: &'static Account,
    (area, list): (&str, &str),
    params: &Params,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("No {area}/v2/{list} here."));
    let stream: Stream = area.parse().map_err(|_| unknown())?;
    if !account.streams.contains(&stream) {
        return Err(unknown());
    }
    let facility = facility(account, params.get("licenseNumber"), stream)?;
    let _under_way = begin(sandbox, account, Some(facility.license))?;
    let fault = sandbox.faults.take(account, stream);
    if let Some(fault) = &fault {
        if let Some(response) = meet(sandbox, fault, (account, stream)).await {
            return Ok(response);
        }
        refuse(fault)?;
    }
    let _shared = sandbox.gate.read().await;
    if !list.is_empty() && list.bytes().all(|byte| byte.is_ascii_digit()) {
        let row = sandbox.world.one(account, stream, list)?;
        let row = row.filter(|row| row.facility == facility.license).ok_or_else(unknown)?;
        return Ok(send(fault.as_ref(), row.body));
    }
    let list = *stream.lists().iter().find(|known| **known == list).ok_or_else(unknown)?;
    let mut filter = Filter::all(account, stream);
    (filter.facility, filter.list) = (Some(facility.license), Some(list));
    filter.updated = window(sandbox, facility, params)?;
    let body = page(sandbox, &filter, params, fault.as_ref())?;
    Ok(send(fault.as_ref(), body))
}

fn refuse(fault: &Fault) -> Result<(), Refusal> {
    let (status, message) = match fault {
        Fault::PlatformLimit => (StatusCode::TOO_MANY_REQUESTS, "Too many requests."),
        Fault::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "An error has occurred."),
        Fault::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "The service is unavailable."),
        Fault::ExpiredToken => (StatusCode::UNAUTHORIZED, "Authorization has been denied."),
        _ => return Ok(()),
    };
    Err(Refusal::new(status, message))
}

/// The span of changes: both ends are inside. Without both bounds it is the last day, unsaid.
fn window(
    sandbox: &Sandbox,
    facility: &Facility,
    params: &Params,
) -> Result<(Tick, Tick), Refusal> {
    let bounds = (params.get("lastModifiedStart"), params.get("lastModifiedEnd"));
    let (Some(start), Some(end)) = bounds else {
        let now = sandbox.now();
        return Ok((now.plus_millis(-86_400_000), now));
    };
    let (start, end) = (instant(facility, start)?, instant(facility, end)?);
    let personality =
        *sandbox.personality.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    if personality.limits_span && end.since(start) > DAY {
        let message = "The last modified filter range cannot be longer than 24 hours.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    Ok((start, end))
}

/// An instant with an offset, a civil time in the facility's zone, or the start of a day there.
fn instant(facility: &Facility, text: &str) -> Result<Tick, Refusal> {
    let fault = || Refusal::new(StatusCode::BAD_REQUEST, format!("'{text}' is not a valid date."));
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Tick::of(at));
    }
    let civil = match text.len() {
        10 => text.parse::<Date>().map_err(|_| fault())?.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().map_err(|_| fault())?,
    };
    let zoned = civil.to_zoned(facility.time_zone()).map_err(|_| fault())?;
    Ok(Tick::of(zoned.timestamp()))
}

fn page(
    sandbox: &Sandbox,
    filter: &Filter<'_>,
    params: &Params,
    fault: Option<&Fault>,
) -> Result<String, Refusal> {
    let personality =
        *sandbox.personality.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let paged = params.get("pageNumber").is_some() || params.get("pageSize").is_some();
    let number = positive(params, "pageNumber", 1)?;
    let size = match positive(params, "pageSize", MOST)? {
        _ if !paged && personality.unpaged_gives_all => i64::from(i32::MAX),
        size if size > MOST => {
            let message = "The pageSize cannot be more than 20.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
        size => size,
    };
    let endless = fault == Some(&Fault::EndlessPages);
    let stuck = endless || fault == Some(&Fault::RepeatedCursor);
    let offset = if stuck { 0 } else { (number - 1) * size };
    let (rows, found) = sandbox.world.by_number(filter, offset, size)?;
    let bodies: Vec<String> = rows.into_iter().map(|row| row.body).collect();
    let on_page = i64::try_from(bodies.len()).unwrap_or(0);
    // Without page parameters the rest is lost without a word.
    let total = if paged { found } else { on_page };
    let last = if endless { number + 1 } else { (total + size - 1) / size };
    Ok(Object::new()
        .raw("Data", array(&bodies))
        .raw("Total", total)
        .raw("TotalRecords", total)
        .raw("PageSize", size.min(on_page.max(MOST)))
        .raw("RecordsOnPage", on_page)
        .raw("Page", number)
        .raw("CurrentPage", number)
        .raw("TotalPages", last)
        .close())
}

fn positive(params: &Params, name: &str, otherwise: i64) -> Result<i64, Refusal> {
    let Some(text) = params.get(name) else {
        return Ok(otherwise);
    };
    let number = text.parse().ok().filter(|number| (1..=i64::from(i32::MAX)).contains(number));
    number.ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, format!("The {name} must be a positive number."))
    })
}
