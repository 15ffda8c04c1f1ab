//! How often a source may be called: `HTTPAPIBudget` and its policies.

mod pace;

use std::num::NonZeroU32;
use std::time::Duration;

use model::Timestamp;
use ports::{Request, Response};
use request::component::{Component, Faults};
use request::datetime::Period;
use request::interpolation::Context;
use request::matcher::RequestMatcher;

use crate::part::BuildError;
pub(crate) use pace::Paced;

/// The call rates that a manifest states. The first policy that matches a request is for it.
#[derive(Debug)]
pub struct ApiBudget {
    policies: Vec<Policy>,
    remaining_header: String,
    reset_header: String,
    hits: Vec<u16>,
}

/// What one group of requests is held to.
#[derive(Debug)]
struct Policy {
    matchers: Vec<RequestMatcher>,
    window: Window,
    rates: Vec<Rate>,
}

/// How the windows of a policy's rates lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// One after the other.
    Fixed,
    /// Each ends at the present.
    Moving,
}

/// So many calls in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls.
    pub calls: NonZeroU32,
    /// Length of the window.
    pub per: Duration,
}

/// What an answer says of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Told {
    /// Calls that are left.
    remaining: Option<u32>,
    /// When the window ends.
    reset: Option<Timestamp>,
}

impl ApiBudget {
    pub(crate) fn build(component: &Component, context: &Context<'_>) -> Result<Self, BuildError> {
        component.only(&[
            "policies",
            "ratelimit_reset_header",
            "ratelimit_remaining_header",
            "status_codes_for_ratelimit_hit",
        ]);
        let header = |field: &str, usual: &str| {
            component.text(field).filter(|name| !name.is_empty()).unwrap_or(usual).to_owned()
        };
        let policies = component.children("policies");
        let policies = policies.iter().filter_map(|policy| Policy::build(policy, context));
        let budget = Self {
            policies: policies.collect(),
            remaining_header: header("ratelimit_remaining_header", "ratelimit-remaining"),
            reset_header: header("ratelimit_reset_header", "ratelimit-reset"),
            hits: statuses(component, "status_codes_for_ratelimit_hit"),
        };
        match component.faults().take().into_iter().next() {
            Some(fault) => Err(fault.into()),
            None => Ok(budget),
        }
    }

    /// The policy that a request is held to, by its place in the manifest, and how many calls the
    /// request counts as; none when it is held to none.
    pub fn policy(&self, request: &Request) -> Option<(usize, u32)> {
        self.policies
            .iter()
            .enumerate()
            .find_map(|(at, policy)| Some((at, policy.weight(request)?)))
    }

    /// The rates of a policy, none for one that does not limit.
    pub fn rates(&self, policy: usize) -> &[Rate] {
        self.policies.get(policy).map_or(&[], |policy| &policy.rates)
    }

    /// How many policies there are.
    pub fn policies(&self) -> usize {
        self.policies.len()
    }

    /// How long no call is left for, as an answer's header fields say it under the names that the
    /// manifest gives them.
    pub fn spent_for(&self, response: &Response, now: Timestamp) -> Option<Duration> {
        let Told { remaining, reset } = self.told(response);
        let wait = reset.filter(|_| remaining == Some(0))?.duration_since(now);
        Duration::try_from(wait).ok().filter(|wait| !wait.is_zero())
    }

    fn told(&self, response: &Response) -> Told {
        let number = |name: &str| response.header(name)?.trim().parse::<i64>().ok();
        let left = number(&self.remaining_header);
        let hit = self.hits.contains(&response.status).then_some(0);
        Told {
            remaining: left.or(hit).map(|left| u32::try_from(left.max(0)).unwrap_or(u32::MAX)),
            reset: number(&self.reset_header).and_then(|at| Timestamp::from_second(at).ok()),
        }
    }
}

impl Policy {
    fn build(component: &Component, context: &Context<'_>) -> Option<Self> {
        let (window, rates) = match component.kind() {
            "FixedWindowCallRatePolicy" => {
                component.only(&["period", "call_limit", "matchers"]);
                (Window::Fixed, vec![rate(component, ("call_limit", "period"), context)?])
            }
            "MovingWindowCallRatePolicy" => {
                component.only(&["rates", "matchers"]);
                let rates = component.children("rates");
                if rates.is_empty() {
                    component.fault_at("rates", "needs at least one");
                }
                let rates = rates.iter().filter_map(|r| rate(r, ("limit", "interval"), context));
                (Window::Moving, rates.collect())
            }
            "UnlimitedCallRatePolicy" => {
                component.only(&["matchers"]);
                (Window::Moving, Vec::new())
            }
            _ => {
                component.unknown_kind(&[
                    "FixedWindowCallRatePolicy",
                    "MovingWindowCallRatePolicy",
                    "UnlimitedCallRatePolicy",
                ]);
                return None;
            }
        };
        let matchers = component.children("matchers");
        let matchers: Vec<_> =
            matchers.iter().map(|matcher| RequestMatcher::build(matcher, Some(context))).collect();
        let lowest = rates.iter().map(|rate: &Rate| rate.calls.get()).min().unwrap_or(u32::MAX);
        if matchers.iter().any(|matcher| matcher.weight() > lowest) {
            component.fault_at("matchers", format!("a weight is larger than the limit {lowest}"));
        }
        Some(Self { matchers, window, rates })
    }

    /// How many calls a request counts as; none when the policy is not for it.
    fn weight(&self, request: &Request) -> Option<u32> {
        if self.matchers.is_empty() {
            return Some(1);
        }
        let matcher = self.matchers.iter().find(|matcher| matcher.matches(request));
        matcher.map(RequestMatcher::weight)
    }
}

/// A rate, from the fields that state its limit and its length.
fn rate(
    component: &Component,
    (limit, length): (&str, &str),
    context: &Context<'_>,
) -> Option<Rate> {
    let calls = component.required(limit, component.string(limit))?;
    let calls = calls.eval(context).ok().and_then(|value| value.to_string().trim().parse().ok());
    if calls.is_none() {
        component.fault_at(limit, "must be a whole number of at least 1");
    }
    let per = component.required(length, component.text(length))?;
    let per = Period::parse(per).ok().and_then(|period| period.duration().ok());
    let per = per.and_then(|per| Duration::try_from(per).ok()).filter(|per| !per.is_zero());
    if per.is_none() {
        component.fault_at(length, "must be a length of time, such as PT1M");
    }
    Some(Rate { calls: calls?, per: per? })
}

/// A list of statuses; 429 when it is empty.
fn statuses(component: &Component, field: &str) -> Vec<u16> {
    let list = component.field(field).and_then(serde_json::Value::as_array);
    let Some(list) = list.filter(|list| !list.is_empty()) else { return vec![429] };
    let codes: Vec<u16> = list.iter().filter_map(|code| code.as_u64()?.try_into().ok()).collect();
    if codes.len() < list.len() {
        component.fault_at(field, "must be a list of statuses");
    }
    codes
}

/// The budget of a manifest's `api_budget`.
pub(crate) fn of(json: serde_json::Value, context: &Context<'_>) -> Result<ApiBudget, BuildError> {
    let faults = Faults::default();
    let line = json.get("$line").and_then(serde_json::Value::as_u64);
    let line = line.and_then(|line| line.try_into().ok()).unwrap_or_default();
    ApiBudget::build(&Component::new(json, "api_budget", line, &faults), context)
}

#[cfg(test)]
mod tests;
