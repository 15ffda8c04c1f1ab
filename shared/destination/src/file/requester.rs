//! The section `requester`, and `api_budget`.

use std::time::Duration;

use model::config::{At, parse_duration};
use model::document::{Node, NodeValue};
use request::authenticator::Authenticator;
use request::component::{Component, Faults};
use request::datetime::Period;
use request::interpolation::{InterpolatedMapping, InterpolatedString, Template};
use request::value::Value;
use serde_json::Value as Json;

use super::template::{CONFIG, Reader, SENDING, find};
use crate::destination::{BudgetHeaders, Pace};

/// What all requests have in common.
pub(super) struct Common {
    pub(super) base: Option<InterpolatedString>,
    pub(super) headers: InterpolatedMapping,
    pub(super) parameters: InterpolatedMapping,
    pub(super) authenticator: Authenticator,
}

/// The section `api_budget`.
#[derive(Default)]
pub(super) struct Budget {
    pub(super) rates: Vec<Pace>,
    pub(super) headers: BudgetHeaders,
}

/// Tokens that go with a request by what it counts as: their bookkeeping is that of sources.
const QUOTAS: &str = "RateLimitedMultipleTokenAuthenticator";

impl Reader<'_, '_> {
    pub(super) fn requester(&mut self, at: &At<'_>) -> Option<Common> {
        let known = &["type", "url_base", "authenticator", "request_headers", "request_parameters"];
        if !self.d.names(at, known) {
            return None;
        }
        if let Some(kind) = at.field("type") {
            self.d.word(&kind, &[("HttpRequester", ())]);
        }
        let base = self.d.required(at, "url_base");
        let mapping = |reader: &mut Self, name: &str| {
            at.field(name).map(|at| reader.mapping(&at, SENDING)).unwrap_or_default()
        };
        Some(Common {
            base: base.and_then(|at| self.string(&at, CONFIG)),
            headers: mapping(self, "request_headers"),
            parameters: mapping(self, "request_parameters"),
            authenticator: match at.field("authenticator") {
                Some(at) => self.authenticator(&at),
                None => Authenticator::None,
            },
        })
    }

    fn authenticator(&mut self, at: &At<'_>) -> Authenticator {
        self.credentials(at);
        let faults = Faults::default();
        let component = Component::new(located(at.node), &at.path, at.node.line, &faults);
        if component.kind() == QUOTAS {
            component.fault_at("type", format!("`{QUOTAS}` is not supported here"));
            return self.told(&faults, Authenticator::None);
        }
        let authenticator = Authenticator::build(&component);
        self.told(&faults, authenticator)
    }

    /// Notes what components found, unknown fields included.
    fn told<T>(&mut self, faults: &Faults, value: T) -> T {
        for fault in faults.take().into_iter().chain(faults.take_warnings()) {
            let node = find(&self.document.root, &fault.path);
            self.d.fault(&At { node, path: fault.path }, fault.message);
        }
        value
    }

    /// Notes templates of an authenticator that read fields of the configuration that there are
    /// none of, and places of a credential that would change a stored body.
    fn credentials(&mut self, at: &At<'_>) {
        match &at.node.value {
            NodeValue::String(text) => {
                if let Ok(template) = Template::new(text, &Value::empty_dict())
                    && let Some(read) = template.reads().of("config")
                {
                    self.fields(at, read, SENDING);
                }
                let place = at.path.ends_with("inject_into");
                if place && matches!(text.as_str(), "body_json" | "body_data") {
                    let message = "a credential goes into a `header` or a `request_parameter`, as \
                                   bodies are stored before they are sent";
                    self.d.fault(at, message);
                }
            }
            NodeValue::Sequence(items) => {
                for (n, node) in items.iter().enumerate() {
                    self.credentials(&At { node, path: format!("{}[{n}]", at.path) });
                }
            }
            NodeValue::Mapping(entries) => {
                for (key, node) in entries {
                    self.credentials(&At { node, path: at.below(&key.text) });
                }
            }
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => {}
        }
    }

    pub(super) fn budget(&mut self, at: &At<'_>) -> Budget {
        let known = &["type", "rates", "ratelimit_remaining_header", "ratelimit_reset_header"];
        if !self.d.names(at, known) {
            return Budget::default();
        }
        if let Some(kind) = at.field("type") {
            self.d.word(&kind, &[("HTTPAPIBudget", ())]);
        }
        let header =
            |reader: &mut Self, name: &str| at.field(name).and_then(|at| reader.d.text(&at));
        Budget {
            headers: BudgetHeaders {
                remaining: header(self, "ratelimit_remaining_header"),
                reset: header(self, "ratelimit_reset_header"),
            },
            rates: at.field("rates").map(|at| self.rates(&at)).unwrap_or_default(),
        }
    }

    /// `[{limit: 1000, interval: PT1M}]`
    pub(super) fn rates(&mut self, at: &At<'_>) -> Vec<Pace> {
        let items = self.d.list(at);
        items.iter().filter_map(|item| self.pace(item)).collect()
    }

    fn pace(&mut self, at: &At<'_>) -> Option<Pace> {
        if !self.d.names(at, &["limit", "interval"]) {
            return None;
        }
        let limit = self.d.required(at, "limit");
        let limit = limit.and_then(|at| {
            if let NodeValue::Number(_) = at.node.value {
                self.d.whole(&at, 1..=u64::from(u32::MAX))?;
            }
            self.template(&at, CONFIG)
        });
        let interval = self.d.required(at, "interval")?;
        let text = self.d.text(&interval)?;
        let per = parse_duration(&text).ok().or_else(|| iso(&text)).filter(|per| !per.is_zero());
        if per.is_none() {
            let message =
                "accepted is a span of time such as `1m`, or `PT1M` as manifests write it";
            self.d.fault(&interval, message);
        }
        Some(Pace { limit: limit?, per: per? })
    }
}

/// An ISO 8601 duration without months.
fn iso(text: &str) -> Option<Duration> {
    Period::parse(text).ok()?.duration().ok()?.try_into().ok()
}

/// A component's JSON, with the line of each component in it.
fn located(node: &Node) -> Json {
    match &node.value {
        NodeValue::Mapping(entries) => {
            let mut fields = serde_json::Map::new();
            if node.get("type").is_some() {
                fields.insert("$line".into(), node.line.into());
            }
            for (key, node) in entries {
                fields.insert(key.text.clone(), located(node));
            }
            Json::Object(fields)
        }
        NodeValue::Sequence(items) => items.iter().map(located).collect(),
        _ => node.to_json(),
    }
}
