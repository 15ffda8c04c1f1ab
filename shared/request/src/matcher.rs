//! Which requests a rule is for: `HttpRequestRegexMatcher`.

use ports::{Method, Request};
use regex::Regex;

use crate::component::Component;
use crate::interpolation::Context;
use crate::requester::{origin, parameters, url_path};
use crate::value::Value;

/// Matches requests by method, host, path, parameters and headers; what it does not say, it does
/// not ask for.
#[derive(Debug)]
pub struct RequestMatcher {
    method: Option<String>,
    base: Option<String>,
    path: Option<Regex>,
    params: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    weight: Option<u32>,
}

impl RequestMatcher {
    /// Builds a matcher; what is wrong with it goes to the component's faults.
    /// Without a context its weight is not read.
    pub fn build(component: &Component, context: Option<&Context<'_>>) -> Self {
        component.only(&["method", "url_base", "url_path_pattern", "params", "headers", "weight"]);
        let set = |field: &str| component.text(field).filter(|text| !text.is_empty());
        let path = set("url_path_pattern").and_then(|pattern| {
            let unsupported = |_| {
                component.fault_at("url_path_pattern", "is not a supported expression");
            };
            Regex::new(pattern).map_err(unsupported).ok()
        });
        Self {
            method: set("method").map(str::to_ascii_uppercase),
            base: set("url_base").map(|base| base.trim_end_matches('/').to_owned()),
            path,
            params: pairs(component, "params"),
            headers: pairs(component, "headers")
                .into_iter()
                .map(|(name, value)| (name.to_lowercase(), value))
                .collect(),
            weight: context.and_then(|context| weight(component, context)),
        }
    }

    /// Whether a request is one of those that it is for.
    pub fn matches(&self, request: &Request) -> bool {
        if self.method.as_ref().is_some_and(|wanted| wanted != method(request.method)) {
            return false;
        }
        if let Some(base) = &self.base
            && origin(&request.url).map(|(scheme, host)| format!("{scheme}://{host}")).ok().as_ref()
                != Some(base)
        {
            return false;
        }
        if let Some(path) = &self.path
            && !path.is_match(url_path(&request.url).trim_end_matches('/'))
        {
            return false;
        }
        let query = parameters(&request.url);
        let header = |(name, value): &(String, String)| {
            request.headers.iter().any(|(n, v)| n.to_lowercase() == *name && v == value)
        };
        self.params.iter().all(|pair| query.contains(pair)) && self.headers.iter().all(header)
    }

    /// How many calls a request counts as.
    pub fn weight(&self) -> u32 {
        self.weight.unwrap_or(1)
    }
}

fn weight(component: &Component, context: &Context<'_>) -> Option<u32> {
    let value = component.string("weight")?.eval(context);
    let weight = value.ok().and_then(|value| whole(&value)).filter(|weight| *weight >= 1);
    if weight.is_none() {
        component.fault_at("weight", "must be a whole number of at least 1");
    }
    weight
}

/// A whole number, or a text of one.
fn whole(value: &Value) -> Option<u32> {
    value.to_string().trim().parse().ok()
}

/// A mapping's texts, as Python prints them.
fn pairs(component: &Component, field: &str) -> Vec<(String, String)> {
    let Some(json) = component.field(field) else { return Vec::new() };
    let Some(fields) = json.as_object() else {
        component.fault_at(field, "must be a mapping");
        return Vec::new();
    };
    let text = |(name, value): (&String, &serde_json::Value)| {
        (name.clone(), Value::from(value).to_string())
    };
    fields.iter().filter(|(name, _)| !name.starts_with('$')).map(text).collect()
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Head => "HEAD",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::component::Faults;

    fn matches(manifest: serde_json::Value, url: &str) -> bool {
        let faults = Faults::default();
        let component = Component::new(manifest, "matcher", 1, &faults);
        let now = "2024-01-06T00:00:00Z".parse().unwrap();
        let context = Context::new(Value::None, now);
        let matcher = RequestMatcher::build(&component, Some(&context));
        assert_eq!(faults.take(), []);
        matcher.matches(&Request {
            method: Method::Get,
            url: url.to_owned(),
            headers: vec![("X-Kind".to_owned(), "a".to_owned())],
            body: None,
            timeout: Duration::ZERO,
            max_body: 0,
            redirect_hosts: Arc::from([]),
        })
    }

    #[test]
    fn a_request_is_matched_by_what_the_matcher_names() {
        let url = "https://h.example/v1/items/?a=1&b=x+y";
        assert!(matches(json!({}), url));
        assert!(matches(json!({"method": "get", "url_base": "https://h.example/"}), url));
        assert!(!matches(json!({"method": "POST"}), url));
        assert!(!matches(json!({"url_base": "https://h.example/v1"}), url));
        assert!(matches(json!({"url_path_pattern": "items$"}), url));
        assert!(!matches(json!({"url_path_pattern": "^items"}), url));
        assert!(matches(json!({"params": {"a": 1, "b": "x y"}}), url));
        assert!(!matches(json!({"params": {"a": 2}}), url));
        assert!(matches(json!({"headers": {"x-kind": "a"}}), url));
        assert!(!matches(json!({"headers": {"x-kind": "b"}}), url));
    }
}
