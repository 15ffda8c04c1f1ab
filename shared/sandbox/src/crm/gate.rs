//! The way in: keys, tokens, and the limit of calls.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::accounts::{CrmAccount, of_client, with_key};
use super::settings::Settings;
use super::{Crm, hold};
use crate::dice::Dice;
use crate::params::{Params, bearer};
use crate::server::Shared;
use crate::tick::Tick;

/// The tokens that are good.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    good: HashMap<String, (&'static str, Tick)>,
    given: i64,
}

impl Tokens {
    fn give(&mut self, seed: u64, account: &CrmAccount, (now, until): (Tick, Tick)) -> String {
        self.good.retain(|_, (_, end)| *end > now);
        self.given += 1;
        let mut dice = Dice::of(seed, account.client_id, &[now.raw(), self.given]);
        let token = format!("{}{}", dice.uuid(), dice.uuid()).replace('-', "");
        self.good.insert(token.clone(), (account.tenant, until));
        token
    }

    fn opens(&self, token: &str, tenant: &str, now: Tick) -> bool {
        self.good.get(token).is_some_and(|(owner, until)| *owner == tenant && *until > now)
    }

    /// Ends one token.
    pub(super) fn end(&mut self, token: &str) {
        self.good.remove(token);
    }

    /// Ends all tokens.
    pub(super) fn end_all(&mut self) {
        self.good.clear();
    }
}

/// When each credential called within the last window.
#[derive(Debug, Default)]
pub(super) struct Meter(HashMap<&'static str, VecDeque<Tick>>);

/// Where a credential stands after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) is_admitted: bool,
    limit: usize,
    remaining: usize,
    /// When the oldest counted call leaves the window.
    reset: Tick,
    now: Tick,
}

impl Meter {
    /// Counts the call if it keeps to the limit, or if nobody enforces it.
    pub(super) fn count(
        &mut self,
        tenant: &'static str,
        now: Tick,
        settings: &Settings,
    ) -> Reading {
        let window = Duration::from_millis(settings.rate_millis);
        let calls = self.0.entry(tenant).or_default();
        while calls.front().is_some_and(|call| now.since(*call) >= window) {
            calls.pop_front();
        }
        let is_admitted = calls.len() < settings.rate_calls || !settings.enforced;
        if is_admitted {
            calls.push_back(now);
        }
        let oldest = calls.front().copied().unwrap_or(now);
        let millis = i64::try_from(settings.rate_millis).unwrap_or(i64::MAX);
        Reading {
            is_admitted,
            limit: settings.rate_calls,
            remaining: settings.rate_calls.saturating_sub(calls.len()),
            reset: oldest.plus_millis(millis),
            now,
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Reading {
    /// Writes `X-RateLimit-*`, and `Retry-After` when the call was one too many.
    pub(super) fn mark(self, mut response: Response) -> Response {
        let seconds = self.reset.millis().div_euclid(1_000) + 1;
        let mut set = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        set("x-ratelimit-limit", self.limit.to_string());
        set("x-ratelimit-remaining", self.remaining.to_string());
        set("x-ratelimit-reset", seconds.to_string());
        if !self.is_admitted {
            let wait = self.reset.since(self.now).as_millis().div_ceil(1_000).max(1);
            set("retry-after", wait.to_string());
        }
        response
    }
}

/// A request-level refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
    number: Option<u16>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), number: None }
    }

    /// With the code that the vendor's documentation gives.
    pub(super) fn numbered(self, number: u16) -> Self {
        Self { number: Some(number), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let (Some(number), Some(fields)) = (self.number, body.as_object_mut()) {
            fields.insert("error_code".to_owned(), number.into());
        }
        (self.status, axum::Json(body)).into_response()
    }
}

/// Whose call it is.
pub(super) fn key(headers: &HeaderMap) -> Result<&'static CrmAccount, Refusal> {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let unknown = || Refusal::new(StatusCode::FORBIDDEN, "INVALID_API_KEY", "no such API key");
    with_key(key).ok_or_else(unknown)
}

/// Whether its token is good.
pub(super) fn check(
    crm: &Crm,
    headers: &HeaderMap,
    account: &CrmAccount,
    now: Tick,
) -> Result<(), Refusal> {
    let token = bearer(headers).unwrap_or_default();
    if hold(&crm.tokens).opens(token, account.tenant, now) {
        return Ok(());
    }
    Err(expired())
}

pub(super) fn expired() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "TOKEN_EXPIRED", "the token is not valid any more")
}

/// `grant_type=client_credentials`: a token for a client and its secret.
pub(super) async fn token(State(shared): State<Shared>, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body);
    let params = Params::of(Some(&text));
    if params.get("grant_type") != Some("client_credentials") {
        let error = json!({ "error": "unsupported_grant_type" });
        return (StatusCode::BAD_REQUEST, axum::Json(error)).into_response();
    }
    let client = params.get("client_id").unwrap_or_default();
    let secret = params.get("client_secret").unwrap_or_default();
    let Some(account) = of_client(client, secret) else {
        let error = json!({ "error": "invalid_client" });
        return (StatusCode::UNAUTHORIZED, axum::Json(error)).into_response();
    };
    let seconds = shared.crm.settings().token_seconds;
    let now = shared.now();
    let until = now.plus_millis(i64::from(seconds) * 1_000);
    let seed = shared.world.seed().0;
    let token = hold(&shared.crm.tokens).give(seed, account, (now, until));
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds });
    axum::Json(body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_in_a_window_that_slides() {
        let settings = Settings { rate_calls: 2, rate_millis: 1_000, ..Settings::default() };
        let mut meter = Meter::default();
        let mut at = |millis| meter.count("heron", Tick::from_millis(millis), &settings);
        assert!(at(0).is_admitted && at(600).is_admitted);
        let refused = at(999);
        assert!(!refused.is_admitted);
        assert_eq!((refused.remaining, refused.reset.millis()), (0, 1_000));
        assert!(at(1_000).is_admitted && !at(1_599).is_admitted && at(1_600).is_admitted);
    }
}
