//! A CRM in memory: batches of customers and transactions, a verdict for each item, tokens that
//! expire, idempotency keys, a limit of calls in any minute, and mishaps on command.

mod books;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use ports::{Clock, Http, HttpError, Ids, Request, Response};
use serde_json::{Value, json};

use crate::clock::locked;
pub use books::{Applied, Books};

/// The one client that it knows.
pub const CLIENT: [&str; 2] = ["client", "crm-secret"];

/// The key that every call needs.
pub const API_KEY: &str = "api-key";

/// Where it is.
pub const URL: &str = "https://crm.simulated.test";

/// How it misbehaves: probabilities for each call.
#[derive(Debug, Clone, Default)]
pub struct Mishaps {
    /// It does what it is asked for and answers 500.
    pub committed_then_500: f64,
    /// It answers 500 and does nothing.
    pub refused_500: f64,
    /// It answers 429 although the limit is not reached.
    pub storm_429: f64,
    /// It does what it is asked for and the answer is lost.
    pub lost: f64,
    /// A result is missing from the answer.
    pub missing: f64,
    /// The longest that it takes to answer.
    pub latency: Duration,
}

/// How it is set up.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How long a token is good.
    pub token: Duration,
    /// Calls in any minute.
    pub calls: usize,
    /// Mishaps.
    pub mishaps: Mishaps,
    /// Whether it refuses everything with 403.
    pub closed: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            token: Duration::from_mins(5),
            calls: 1000,
            mishaps: Mishaps::default(),
            closed: false,
        }
    }
}

/// A batch call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// Path.
    pub path: String,
    /// Items.
    pub items: usize,
    /// Status of the answer.
    pub status: u16,
}

#[derive(Debug, Default)]
struct State {
    books: Books,
    tokens: BTreeMap<String, Timestamp>,
    answers: BTreeMap<String, (u64, Response)>,
    window: VecDeque<Timestamp>,
    arrivals: Vec<Arrival>,
    forgotten: BTreeMap<String, usize>,
    over: usize,
}

/// The CRM.
#[derive(Debug)]
pub struct Crm {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    rules: Mutex<Rules>,
    state: Mutex<State>,
}

impl Crm {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, rules: Rules) -> Self {
        Self { clock, ids, rules: Mutex::new(rules), state: Mutex::default() }
    }

    /// Changes how it behaves.
    pub fn set(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut locked(&self.rules));
    }

    /// What it holds.
    pub fn books(&self) -> Books {
        locked(&self.state).books.clone()
    }

    /// The batch calls that arrived.
    pub fn arrivals(&self) -> Vec<Arrival> {
        locked(&self.state).arrivals.clone()
    }

    /// How often it took an item over and left its result out of the answer, by the items' names.
    pub fn forgotten(&self) -> BTreeMap<String, usize> {
        locked(&self.state).forgotten.clone()
    }

    /// Calls that arrived beyond the limit.
    pub fn over(&self) -> usize {
        locked(&self.state).over
    }

    fn odds(&self, probability: f64) -> bool {
        probability > 0.0 && self.ids.chance() < probability
    }

    fn token(&self, request: &Request, rules: &Rules) -> Response {
        let body = request.body.clone().unwrap_or_default();
        let text = String::from_utf8_lossy(&body).into_owned();
        if !CLIENT.iter().all(|part| text.contains(part)) {
            return answer(401, &json!({"code": "INVALID_CLIENT"}));
        }
        let token = self.ids.fresh();
        let until = self.clock.now() + rules.token;
        locked(&self.state).tokens.insert(format!("Bearer {token}"), until);
        let seconds = rules.token.as_secs();
        let given = json!({"access_token": token, "token_type": "Bearer", "expires_in": seconds});
        answer(200, &given)
    }

    /// The answer to a batch call, and whether it was carried out.
    fn batch(&self, request: &Request, rules: &Rules) -> Response {
        let now = self.clock.now();
        let header = |name: &str| {
            let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
            request.headers.iter().find(named).map(|(_, value)| value.clone())
        };
        let state = &mut *locked(&self.state);
        if rules.closed || header("x-api-key").as_deref() != Some(API_KEY) {
            return answer(403, &json!({"code": "FORBIDDEN"}));
        }
        let token = header("authorization").and_then(|token| state.tokens.get(&token).copied());
        if token.is_none_or(|until| until <= now) {
            return answer(401, &json!({"code": "TOKEN_EXPIRED"}));
        }
        state.window.retain(|at| *at + Duration::from_mins(1) > now);
        if state.window.len() >= rules.calls {
            state.over += 1;
            return too_many(
                state.window.front().map_or(now, |at| *at + Duration::from_mins(1)),
                now,
            );
        }
        state.window.push_back(now);
        if self.odds(rules.mishaps.storm_429) {
            return too_many(now + Duration::from_secs(3), now);
        }
        let body = request.body.clone().unwrap_or_default();
        let Some(key) = header("idempotency-key") else {
            return answer(400, &json!({"code": "NO_IDEMPOTENCY_KEY"}));
        };
        let mut hasher = DefaultHasher::new();
        (&body[..], &request.url).hash(&mut hasher);
        let digest = hasher.finish();
        if let Some((known, response)) = state.answers.get(&key) {
            let same = *known == digest;
            return if same {
                response.clone()
            } else {
                answer(409, &json!({"code": "IDEMPOTENCY_MISMATCH"}))
            };
        }
        if self.odds(rules.mishaps.refused_500) {
            return answer(500, &json!({"code": "INTERNAL"}));
        }
        let mut response = state.books.carry_out(&request.url, &body);
        if response.status != 200 {
            return response;
        }
        if self.odds(rules.mishaps.missing) {
            let (rest, left_out) = without_last(response);
            response = rest;
            if let Some(reference) = left_out {
                *state.forgotten.entry(reference).or_default() += 1;
            }
        }
        state.answers.insert(key, (digest, response.clone()));
        if self.odds(rules.mishaps.committed_then_500) {
            return answer(500, &json!({"code": "INTERNAL"}));
        }
        response
    }
}

fn too_many(until: Timestamp, now: Timestamp) -> Response {
    let seconds = until.duration_since(now).as_secs() + 1;
    let mut response = answer(429, &json!({"code": "RATE_LIMIT"}));
    response.headers.push(("Retry-After".to_owned(), seconds.to_string()));
    response
}

/// The answer without its last result, and the item that this was about if it was taken over.
fn without_last(response: Response) -> (Response, Option<String>) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else {
        return (response, None);
    };
    let results = body.get_mut("results").and_then(Value::as_array_mut);
    let last = results.and_then(Vec::pop).unwrap_or_default();
    let taken = last.get("status").and_then(Value::as_u64) == Some(200);
    let reference = last.get("ref").and_then(Value::as_str).filter(|_| taken);
    (answer(200, &body), reference.map(str::to_owned))
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: Bytes::from(body.to_string()) }
}

#[async_trait]
impl Http for Crm {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let rules = locked(&self.rules).clone();
        let latency = rules.mishaps.latency.mul_f64(self.ids.chance());
        if request.url.contains("/oauth/token") {
            return Ok(self.token(&request, &rules));
        }
        let response = self.batch(&request, &rules);
        let body = request.body.clone().unwrap_or_default();
        let items = serde_json::from_slice::<Value>(&body).ok();
        let items = items.and_then(|body| Some(body.get("items")?.as_array()?.len()));
        let path = request.url.split("/crm/v2/").last().unwrap_or_default().to_owned();
        let (at, status) = (self.clock.now(), response.status);
        let arrival = Arrival { at, path, items: items.unwrap_or_default(), status };
        locked(&self.state).arrivals.push(arrival);
        if latency >= request.timeout {
            self.clock.sleep(request.timeout).await;
            return Err(HttpError::TimedOut { host: URL.to_owned(), after: request.timeout });
        }
        self.clock.sleep(latency).await;
        if status == 200 && self.odds(rules.mishaps.lost) {
            return Err(HttpError::TimedOut { host: URL.to_owned(), after: request.timeout });
        }
        Ok(response)
    }
}
