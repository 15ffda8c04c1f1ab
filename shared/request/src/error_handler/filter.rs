//! Response filters.

use std::sync::OnceLock;

use ports::Response;

use super::{Action, Failure, Resolution, by_status};
use crate::component::Component;
use crate::interpolation::{Context, EvalError, InterpolatedBoolean, InterpolatedString, Template};
use crate::requester::without_query;
use crate::value::{Dict, Selection, Value};

/// An `HttpResponseFilter`.
#[derive(Debug)]
pub(super) struct Filter {
    action: Option<Action>,
    failure: Option<Failure>,
    codes: Vec<u16>,
    contains: Option<String>,
    predicate: Option<InterpolatedBoolean>,
    message: Option<InterpolatedString>,
}

/// An answer as filters look at it; its body is read when one asks.
#[derive(Debug)]
pub struct Answer<'a> {
    response: &'a Response,
    url: String,
    text: OnceLock<Option<String>>,
}

impl Filter {
    pub(super) fn build(component: &Component) -> Option<Self> {
        if !matches!(component.kind(), "HttpResponseFilter" | "") {
            component.unknown_kind(&["HttpResponseFilter"]);
            return None;
        }
        component.only(&[
            "action",
            "failure_type",
            "http_codes",
            "error_message_contains",
            "predicate",
            "error_message",
        ]);
        let action = component.text("action").and_then(|name| {
            let action = Action::parse(name);
            if action.is_none() {
                component.fault_at(
                    "action",
                    "must be one of SUCCESS, RETRY, FAIL, IGNORE, RATE_LIMITED, \
                     REFRESH_TOKEN_THEN_RETRY, RESET_PAGINATION, REDUCE_PAGE_SIZE, \
                     SPLIT_REQUEST_WINDOW",
                );
            }
            action
        });
        let failure = component.text("failure_type").and_then(|name| match name {
            "config_error" => Some(Failure::Config),
            "transient_error" => Some(Failure::Transient),
            "system_error" => Some(Failure::System),
            _ => {
                let names = "must be one of config_error, transient_error, system_error";
                component.fault_at("failure_type", names);
                None
            }
        });
        let predicate = match component.text("predicate") {
            Some("") | None => None,
            Some(_) => component.condition("predicate"),
        };
        Some(Self {
            action,
            failure,
            codes: codes(component),
            contains: component
                .text("error_message_contains")
                .filter(|text| !text.is_empty())
                .map(ToOwned::to_owned),
            predicate,
            message: component.string("error_message"),
        })
    }

    /// What the filter says about an answer; none when it does not match.
    pub(super) fn judge(
        &self,
        answer: &Answer<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Resolution>, EvalError> {
        let matches = self.codes.contains(&answer.response.status)
            || self.predicate(answer, context)?
            || self.contains.as_ref().is_some_and(|text| answer.mentions(text));
        let (true, Some(action)) = (matches, self.action) else { return Ok(None) };
        let status = answer.response.status;
        let default = by_status(status);
        let known = matches!(status, 400 | 401 | 403..=405 | 408 | 429 | 500 | 502..=504);
        let failure = match self.failure {
            Some(failure) if action == Action::Fail => failure,
            _ if known => default.failure,
            _ => Failure::System,
        };
        let own = match &self.message {
            Some(template) => {
                let reads = template.template().reads();
                answer.eval(context, reads.of("response"), reads.of("headers"), |scope| {
                    template.text(scope)
                })?
            }
            None => String::new(),
        };
        let message = if own.is_empty() { default.message } else { own };
        Ok(Some(Resolution { action, failure, message }))
    }

    fn predicate(&self, answer: &Answer<'_>, context: &Context<'_>) -> Result<bool, EvalError> {
        let Some(predicate) = &self.predicate else { return Ok(false) };
        let reads = predicate.template().map(Template::reads);
        let of = |name| reads.and_then(|reads| reads.of(name));
        // Predicates see no configuration.
        let bare = Context::new(Value::None, context.now());
        answer.eval(&bare, of("response"), of("headers"), |scope| predicate.eval(scope))
    }
}

fn codes(component: &Component) -> Vec<u16> {
    let items = component.field("http_codes").and_then(serde_json::Value::as_array);
    let codes: Vec<u16> = items
        .into_iter()
        .flatten()
        .filter_map(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()))
        .filter_map(|code| u16::try_from(code).ok())
        .collect();
    if codes.len() < items.map_or(0, Vec::len) {
        component.fault_at("http_codes", "must be a list of statuses");
    }
    codes
}

impl<'a> Answer<'a> {
    pub(super) fn new(response: &'a Response, url: &str) -> Self {
        Self { response, url: without_query(url), text: OnceLock::new() }
    }

    pub(super) fn status(&self) -> u16 {
        self.response.status
    }

    /// Evaluates with `response`, `headers` and `request_url`; of the body only what is read is
    /// built, and nothing when nothing is.
    fn eval<T>(
        &self,
        context: &Context<'_>,
        body: Option<&Selection>,
        headers: Option<&Selection>,
        eval: impl FnOnce(&Context<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let all = Selection::All;
        let body = || {
            let found = Value::select_json(&self.response.body, body.unwrap_or(&all));
            found.unwrap_or_else(|_| Value::empty_dict())
        };
        let headers = || headers_value(&self.response.headers, headers);
        let scope = Context::within(context)
            .lazily("response", &body)
            .lazily("headers", &headers)
            .with("request_url", Value::from(self.url.as_str()));
        eval(&scope)
    }

    /// Whether the answer's own error message holds a text.
    fn mentions(&self, text: &str) -> bool {
        let message = self.text.get_or_init(|| match Value::from_json(&self.response.body) {
            Ok(json) => error_message(&json),
            Err(_) => String::from_utf8(self.response.body.to_vec()).ok(),
        });
        message.as_ref().is_some_and(|message| message.contains(text))
    }
}

/// Where APIs put their error messages, by the reference's list.
const MESSAGE_FIELDS: [&str; 12] = [
    "message",
    "messages",
    "error",
    "errors",
    "failures",
    "failure",
    "detail",
    "err",
    "error_message",
    "msg",
    "reason",
    "status_message",
];

fn error_message(json: &Value) -> Option<String> {
    match json {
        Value::Str(text) => Some(text.to_string()),
        Value::List(items) => {
            let texts: Vec<String> = items.iter().filter_map(error_message).collect();
            Some(texts.join(", "))
        }
        Value::Dict(dict) => {
            let found = MESSAGE_FIELDS.iter().filter_map(|name| dict.get(name));
            error_message(found.into_iter().find(|value| value.is_truthy())?)
        }
        _ => None,
    }
}

/// Headers as a mapping for templates: under the names they came by, in their usual spelling
/// (`Retry-After`), and under the names that the template reads.
pub fn headers_value(headers: &[(String, String)], read: Option<&Selection>) -> Value {
    let mut dict = Dict::default();
    for (name, value) in headers {
        for spelling in [name.clone(), usual(name)] {
            dict.insert(spelling.as_str(), Value::from(value.as_str()));
        }
    }
    if let Some(Selection::Fields(names)) = read {
        for name in names.keys() {
            let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            if let Some((_, value)) = found {
                dict.insert(name.as_str(), Value::from(value.as_str()));
            }
        }
    }
    Value::from(dict)
}

/// `retry-after` as `Retry-After`.
fn usual(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut chars = word.chars();
        let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
        first + &chars.as_str().to_lowercase()
    });
    words.collect::<Vec<_>>().join("-")
}
