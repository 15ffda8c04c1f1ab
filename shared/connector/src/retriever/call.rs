//! A request from its parts: address, parameters, headers.

use std::sync::Arc;

use ports::Method;
use request::component::Component;
use request::interpolation::{Context, EvalError, InterpolatedMapping, InterpolatedString, Types};
use request::value::{Dict, Value};
use url::Url;

use crate::source::Limits;

/// What a request carries beside what every request of its stream does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) params: Dict,
    pub(crate) headers: Dict,
    pub(crate) body_data: Dict,
    pub(crate) body_json: Dict,
}

/// A request that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A template failed.
    #[error(transparent)]
    Template(#[from] EvalError),
    /// Two parts write the same place.
    #[error("`{0}` is set twice")]
    Collision(String),
    /// The address is not one.
    #[error("the address of the request is not a URL")]
    Url(#[from] url::ParseError),
}

impl Options {
    /// Adds others; nothing may be set twice.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), RequestError> {
        for (own, other) in [
            (&mut self.params, other.params),
            (&mut self.headers, other.headers),
            (&mut self.body_data, other.body_data),
            (&mut self.body_json, other.body_json),
        ] {
            for (key, value) in other.iter() {
                if own.insert(key.clone(), value.clone()).is_some() {
                    return Err(RequestError::Collision(key.value().to_string()));
                }
            }
        }
        Ok(())
    }
}

/// Makes the requests of a stream.
#[derive(Debug)]
pub(crate) struct Requester {
    base: Option<InterpolatedString>,
    path: Option<InterpolatedString>,
    params: InterpolatedMapping,
    headers: InterpolatedMapping,
}

impl Requester {
    pub(crate) fn build(component: &Component) -> Self {
        for field in ["authenticator", "request_body", "request_body_json", "request_body_data"] {
            if component.field(field).is_some() {
                component.fault_at(field, "is not supported");
            }
        }
        if component.text("http_method").is_some_and(|method| method != "GET") {
            component.fault_at("http_method", "only GET is supported");
        }
        Self {
            base: component.string("url_base").or_else(|| component.string("url")),
            path: component.string("path"),
            params: component.mapping("request_parameters").unwrap_or_default(),
            headers: component.mapping("request_headers").unwrap_or_default(),
        }
    }

    pub(crate) fn request(
        &self,
        context: &Context<'_>,
        mut options: Options,
        path: Option<&str>,
        limits: Limits,
    ) -> Result<ports::Request, RequestError> {
        options.merge(Options {
            params: self.params.eval(context, Types::TextOrList)?,
            headers: self.headers.eval(context, Types::Any)?,
            ..Options::default()
        })?;
        let text = |template: &Option<InterpolatedString>| match template {
            Some(template) => template.text(context),
            None => Ok(String::new()),
        };
        let path = match path {
            Some(path) => path.to_owned(),
            None => text(&self.path)?.trim_start_matches('/').to_owned(),
        };
        let mut base = text(&self.base)?;
        if !path.is_empty() && !base.ends_with('/') {
            base.push('/');
        }
        let mut url = Url::parse(&base)?.join(&path)?;
        for (name, value) in options.params.iter().filter(|(_, value)| !value.is_nothing()) {
            let values = value.as_slice().unwrap_or(std::slice::from_ref(value));
            for value in values {
                let name = name.value().to_string();
                url.query_pairs_mut().append_pair(&name, &value.to_string());
            }
        }
        let header = |(name, value): (&request::value::Key, &Value)| {
            (name.value().to_string(), value.to_string())
        };
        Ok(ports::Request {
            method: Method::Get,
            url: url.into(),
            headers: options.headers.iter().filter(|(_, v)| !v.is_nothing()).map(header).collect(),
            body: None,
            timeout: limits.timeout,
            max_body: limits.max_body,
            redirect_hosts: Arc::from(Vec::new()),
        })
    }
}
