//! Requests assembled from a manifest's parts.

mod body;
mod encode;
mod options;
mod url;

use std::sync::Arc;

use ports::{Method, Request};

use crate::authenticator::{Authenticator, Caller};
use crate::component::Component;
use crate::error::Error;
use crate::error_handler::ErrorHandler;
use crate::interpolation::{Context, InterpolatedString};

pub(crate) use body::form_text;
pub use encode::{quote, quote_plus};
pub use options::Options;
use options::Provider;
pub use url::{join, origin, with_params, without_query};
pub(crate) use url::{parameters, url_path};

/// An `HttpRequester`: where to, how, with which credentials, and what answers mean.
#[derive(Debug)]
pub struct Requester {
    method: Method,
    url_base: Option<InterpolatedString>,
    url: Option<InterpolatedString>,
    path: Option<InterpolatedString>,
    provider: Provider,
    authenticator: Authenticator,
    error_handler: ErrorHandler,
}

impl Requester {
    /// Builds a requester; what is wrong with it goes to the component's faults.
    pub fn build(component: &Component) -> Self {
        if component.kind() != "HttpRequester" && !component.kind().is_empty() {
            component.unknown_kind(&["HttpRequester"]);
        }
        component.only(&[
            "url",
            "url_base",
            "path",
            "http_method",
            "authenticator",
            "error_handler",
            "request_parameters",
            "request_headers",
            "request_body",
            "request_body_data",
            "request_body_json",
            "use_cache",
            "fetch_properties_from_endpoint",
            "query_properties",
        ]);
        for unsupported in ["fetch_properties_from_endpoint", "query_properties"] {
            if component.field(unsupported).is_some() {
                component.fault_at(unsupported, "is not supported");
            }
        }
        let (url_base, url) = (component.string("url_base"), component.string("url"));
        if url_base.is_none() && url.is_none() {
            component.fault("needs `url` or `url_base`");
        }
        Self {
            method: method(component),
            url_base,
            url,
            path: component.string("path"),
            provider: Provider::build(component),
            authenticator: component
                .child("authenticator")
                // A legacy session logs in below the requester's own URL.
                .map(|inner| match inner.kind() {
                    "LegacySessionTokenAuthenticator" => {
                        inner.with_default("api_url", component.field("url_base"))
                    }
                    _ => inner,
                })
                .map_or(Authenticator::None, |inner| Authenticator::build(&inner)),
            error_handler: component
                .child("error_handler")
                .map_or_else(ErrorHandler::default, |inner| ErrorHandler::build(&inner)),
        }
    }

    /// What its answers mean.
    pub fn error_handler(&self) -> &ErrorHandler {
        &self.error_handler
    }

    /// Its credentials.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// The whole request for one page. `extra` are the options that paginator, partition and
    /// cursor set; `next` is the path or URL of the page, where the paginator knows one.
    pub async fn request(
        &self,
        caller: &Caller,
        context: &Context<'_>,
        extra: Options,
        next: Option<&str>,
    ) -> Result<Request, Error> {
        let own = self.provider.eval(context)?;
        let credentials = self.authenticator.options(caller, context).await?;
        let auth_headers = credentials.headers.clone();
        let options = own.merge(credentials)?.merge(extra)?;
        let (url, allowed) = self.url(context, next)?;
        let mut headers = options::header_list(&options.headers, &auth_headers);
        let body = match self.method {
            Method::Delete | Method::Head => None,
            Method::Get | Method::Post | Method::Put | Method::Patch => {
                body::encode(&options, &mut headers)?
            }
        };
        let mut request = Request {
            method: self.method,
            url: with_params(&url, &options.params)?,
            headers,
            body,
            timeout: caller.timeout,
            max_body: caller.max_body,
            redirect_hosts: Arc::from([allowed]),
        };
        self.authenticator.sign(&mut request, caller, context).await?;
        Ok(request)
    }

    /// The URL before parameters, and the host that the manifest names.
    fn url(&self, context: &Context<'_>, next: Option<&str>) -> Result<(String, String), Error> {
        let text = |part: &Option<InterpolatedString>| -> Result<Option<String>, Error> {
            Ok(part.as_ref().map(|part| part.text(context)).transpose()?)
        };
        let base = match text(&self.url_base)?.filter(|base| !base.is_empty()) {
            Some(base) => base,
            None => text(&self.url)?.unwrap_or_default(),
        };
        let named = match next.filter(|next| !next.is_empty()) {
            None => {
                let path = text(&self.path)?.unwrap_or_default();
                let whole = join(&base, path.trim_start_matches('/'));
                return Ok((whole.clone(), origin(&whole)?.1));
            }
            Some(next) => join(&base, next),
        };
        let (found, allowed) = (origin(&named)?, origin(&base)?);
        if found != allowed {
            // The manifest's own path may name another host than its base.
            let path = text(&self.path)?.unwrap_or_default();
            let own = origin(&join(&base, path.trim_start_matches('/')))?;
            if found != own {
                return Err(Error::ForeignHost {
                    found: format!("{}://{}", found.0, found.1),
                    allowed: format!("{}://{}", allowed.0, allowed.1),
                });
            }
        }
        Ok((named, found.1))
    }
}

fn method(component: &Component) -> Method {
    match component.text("http_method") {
        None | Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("PATCH") => Method::Patch,
        Some("DELETE") => Method::Delete,
        Some("HEAD") => Method::Head,
        Some(_) => {
            component.fault_at("http_method", "must be one of GET, POST, PUT, PATCH, DELETE, HEAD");
            Method::Get
        }
    }
}

#[cfg(test)]
mod tests;
