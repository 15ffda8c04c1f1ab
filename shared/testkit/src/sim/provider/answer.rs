//! What the provider answers.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ports::{HttpError, Method, Request, Response};

use super::history::{History, Row};
use super::{TOKEN, URL_BASE};

type Parameters = BTreeMap<String, String>;

/// A whole and right answer.
pub(super) fn answer(history: &History, request: &Request) -> Result<Response, HttpError> {
    let fault = || HttpError::Url { url: URL_BASE.to_owned() };
    let url = url::Url::parse(&request.url).map_err(|_| fault())?;
    let bearer = format!("Bearer {TOKEN}");
    let named = |name: &str| name.eq_ignore_ascii_case("authorization");
    if !request.headers.iter().any(|(name, value)| named(name) && *value == bearer) {
        return Ok(json(401, r#"{"error":"unauthorized"}"#.to_owned()));
    }
    let parameters: Parameters = url.query_pairs().into_owned().collect();
    let path = request.url.split(['?', '#']).next().unwrap_or_default();
    let answer = match path.strip_prefix(URL_BASE) {
        _ if request.method != Method::Get => None,
        Some("/items") => items(history, &parameters),
        Some("/kinds") => kinds(history, &parameters),
        _ => return Ok(json(404, r#"{"error":"no such path"}"#.to_owned())),
    };
    Ok(answer.unwrap_or_else(|| json(400, r#"{"error":"bad parameter"}"#.to_owned())))
}

/// Slow down, for this long.
pub(super) fn too_many(wait: Duration) -> Response {
    let mut response = json(429, r#"{"error":"too many requests"}"#.to_owned());
    response.headers.push(("Retry-After".to_owned(), wait.as_secs().max(1).to_string()));
    response
}

/// What a broken proxy says.
pub(super) fn broken(status: u16) -> Response {
    Response {
        status,
        headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
        body: Bytes::from_static(b"<html>upstream failed</html>"),
    }
}

fn json(status: u16, body: String) -> Response {
    let content_type = ("Content-Type".to_owned(), "application/json".to_owned());
    Response { status, headers: vec![content_type], body: body.into() }
}

fn items(history: &History, parameters: &Parameters) -> Option<Response> {
    let bound = |name: &str| match parameters.get(name) {
        Some(text) => text.parse::<Timestamp>().ok().map(Some),
        None => Some(None),
    };
    let (from, until) = (bound("updated_at_min")?, bound("updated_at_max")?);
    let after = match parameters.get("cursor") {
        Some(text) => Some(parse_cursor(text)?),
        None => None,
    };
    let place = |row: &Row| (row.updated_at.as_millisecond(), row.id);
    let mut rows: Vec<&Row> = history
        .items()
        .filter(|row| from.is_none_or(|from| from <= row.updated_at))
        .filter(|row| until.is_none_or(|until| row.updated_at <= until))
        .filter(|row| after.is_none_or(|after| place(row) < after))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(place(row)));
    let limit = limit(parameters)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map_or("null".to_owned(), |row| {
        format!("\"after-{}-{}\"", row.updated_at.as_millisecond(), row.id)
    });
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    Some(json(200, format!("{{\"items\": [{}], \"next_cursor\": {next}}}", texts.join(", "))))
}

/// A cursor that no template language takes for a number: `1.10` would come back as `1.1`.
fn parse_cursor(text: &str) -> Option<(i64, u64)> {
    let (at, id) = text.strip_prefix("after-")?.split_once('-')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

fn kinds(history: &History, parameters: &Parameters) -> Option<Response> {
    let offset = parameters.get("offset").map_or(Some(0), |text| text.parse().ok())?;
    let page = history.kinds.values().skip(offset).take(limit(parameters)?);
    let texts: Vec<&str> = page.map(String::as_str).collect();
    Some(json(200, format!("{{\"kinds\": [{}]}}", texts.join(", "))))
}

fn limit(parameters: &Parameters) -> Option<usize> {
    let limit = parameters.get("limit").map_or(Some(50), |text| text.parse().ok())?;
    (1..=100).contains(&limit).then_some(limit)
}
