//! Limits and faults of the stand-ins.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Api, hold, json as answer};
use crate::journal::Caller;
use crate::server::Sandbox;
use crate::tick::Tick;

impl Api {
    pub(super) const ALL: [Self; 3] = [Self::HubSpot, Self::Braze, Self::Klaviyo];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HubSpot => "hubspot",
            Self::Braze => "braze",
            Self::Klaviyo => "klaviyo",
        }
    }

    /// So many calls in any such window, the longest last: the lowest that the vendors document.
    fn limits(self) -> &'static [(usize, Duration)] {
        match self {
            Self::HubSpot => const { &[(100, Duration::from_secs(10))] },
            Self::Braze => const { &[(3_000, Duration::from_secs(3))] },
            Self::Klaviyo => {
                const { &[(10, Duration::from_secs(1)), (150, Duration::from_mins(1))] }
            }
        }
    }

    fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::HubSpot => ("x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining"),
            Self::Braze => ("x-ratelimit-limit", "x-ratelimit-remaining"),
            Self::Klaviyo => ("ratelimit-limit", "ratelimit-remaining"),
        }
    }

    fn too_many(self) -> Response {
        let body = match self {
            Self::HubSpot => json!({
                "status": "error", "message": "You have reached your ten_secondly_rolling limit.",
                "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING",
            }),
            Self::Braze => json!({ "message": "Rate limit exceeded" }),
            Self::Klaviyo => json!({ "errors": [{
                "status": 429, "code": "throttled", "title": "Request was throttled.",
                "detail": "Request was throttled. Expected available in 1 second.",
            }] }),
        };
        answer(StatusCode::TOO_MANY_REQUESTS, body)
    }
}

/// A fault that lies in wait.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// What is answered.
    pub(super) status: u16,
    /// So many times.
    times: u32,
    /// `Retry-After`, in seconds.
    #[serde(default)]
    retry_after: Option<u32>,
    /// Whether the call is carried out nevertheless.
    #[serde(default)]
    committed: bool,
}

/// Who called how often.
#[derive(Debug, Default)]
pub(super) struct Gates(BTreeMap<Api, Gate>);

#[derive(Debug, Default)]
struct Gate {
    calls: VecDeque<Tick>,
    statuses: BTreeMap<u16, usize>,
    faults: VecDeque<Switch>,
    lifted: bool,
}

/// What is known of one stand-in's calls.
#[derive(Debug, Serialize)]
pub(super) struct Calls {
    statuses: BTreeMap<u16, usize>,
}

impl Gates {
    fn gate(&mut self, api: Api) -> &mut Gate {
        self.0.entry(api).or_default()
    }

    pub(super) fn add(&mut self, api: Api, switch: Switch) {
        self.gate(api).faults.push_back(switch);
    }

    pub(super) fn lift(&mut self, api: Api, lifted: bool) {
        self.gate(api).lifted = lifted;
    }

    pub(super) fn calls(&mut self, api: Api) -> Calls {
        Calls { statuses: self.gate(api).statuses.clone() }
    }

    pub(super) fn clear(&mut self, api: Api) {
        self.0.remove(&api);
    }
}

impl Gate {
    /// Counts a call, or says how long to wait for it.
    fn count(&mut self, api: Api, now: Tick) -> Result<usize, Duration> {
        let limits = api.limits();
        let longest = limits.last().map_or(Duration::ZERO, |(_, window)| *window);
        while self.calls.front().is_some_and(|call| now.since(*call) >= longest) {
            self.calls.pop_front();
        }
        let mut left = usize::MAX;
        for (most, window) in limits {
            let within = |call: &&Tick| now.since(**call) < *window;
            let calls = self.calls.iter().rev().take_while(within).count();
            if calls >= *most && !self.lifted {
                let oldest = self.calls.iter().rev().nth(most - 1).copied().unwrap_or(now);
                return Err(window.saturating_sub(now.since(oldest)));
            }
            left = left.min(most.saturating_sub(calls + 1));
        }
        self.calls.push_back(now);
        Ok(left)
    }

    fn fault(&mut self) -> Option<Switch> {
        let first = self.faults.front_mut()?;
        first.times = first.times.saturating_sub(1);
        if first.times == 0 { self.faults.pop_front() } else { Some(first.clone()) }
    }
}

/// Lets a call through its limits and faults.
pub(super) fn through(
    sandbox: &Sandbox,
    api: Api,
    act: impl FnOnce(&Sandbox) -> Response,
) -> Response {
    let now = sandbox.now();
    let (counted, fault) = {
        let mut gates = hold(&sandbox.apis.gates);
        let gate = gates.gate(api);
        let counted = gate.count(api, now);
        let fault = if counted.is_ok() { gate.fault() } else { None };
        (counted, fault)
    };
    let mut response = match (counted, fault) {
        (Err(wait), _) => {
            let seconds = wait.as_millis().div_ceil(1_000).max(1).to_string();
            with(api.too_many(), "retry-after", &seconds)
        }
        (Ok(_), Some(fault)) => failed(sandbox, &fault, act),
        (Ok(_), None) => act(sandbox),
    };
    let (limit, remaining) = api.headers();
    let most = api.limits().last().map_or(0, |(most, _)| *most);
    response = with(response, limit, &most.to_string());
    response = with(response, remaining, &counted.unwrap_or(0).to_string());
    let status = response.status().as_u16();
    *hold(&sandbox.apis.gates).gate(api).statuses.entry(status).or_default() += 1;
    let caller = Caller { account: None, scope: Some(api.name().to_owned()) };
    response.extensions_mut().insert(caller);
    response
}

fn failed(sandbox: &Sandbox, fault: &Switch, act: impl FnOnce(&Sandbox) -> Response) -> Response {
    if fault.committed {
        // Its answer is what the fault takes away.
        drop(act(sandbox));
    }
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = answer(status, json!({ "message": "not now" }));
    match fault.retry_after {
        Some(seconds) => with(response, "retry-after", &seconds.to_string()),
        None => response,
    }
}

fn with(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
