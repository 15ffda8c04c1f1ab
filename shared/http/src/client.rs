//! The client: one call, its redirects, and its body under a cap.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Http, HttpError, Request, Response};
use tokio::sync::OnceCell;
use url::Url;

use crate::policy::{Forbidden, Policy, host_name};
use crate::redirect::{MAX_REDIRECTS, follow, target};
use crate::resolver::{Guarded, System, verdict};

/// Longest wait for a connection; the call's own time-out holds as well.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections are dropped after this long without use: a frozen process must not come back to
/// one that the server has closed meanwhile.
const IDLE: Duration = Duration::from_secs(20);

/// Largest buffer reserved on the word of a `Content-Length` alone.
const RESERVED: u64 = 1 << 20;

/// Sends requests over HTTP/1.1 and HTTP/2. Cheap to build: connections, certificates and all
/// else are made at the first call that needs them.
#[derive(Debug)]
pub struct Client {
    policy: Policy,
    tls: OnceCell<reqwest::Client>,
    plain: OnceCell<reqwest::Client>,
}

impl Client {
    /// A client that goes where the policy lets it.
    pub fn new(policy: Policy) -> Self {
        Self { policy, tls: OnceCell::new(), plain: OnceCell::new() }
    }

    /// The inner client for a scheme. The one for plain http loads no certificates, so local
    /// calls neither pay for them nor need the machine to have any.
    async fn inner(&self, url: &Url) -> Result<&reqwest::Client, reqwest::Error> {
        let tls = url.scheme() == "https";
        let cell = if tls { &self.tls } else { &self.plain };
        cell.get_or_try_init(|| async {
            // A provider that is installed already is as good.
            let _installed = rustls::crypto::ring::default_provider().install_default().is_ok();
            let builder = reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE)
                .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(Guarded {
                    policy: self.policy.clone(),
                    names: Arc::new(System),
                }));
            if tls { builder.build() } else { builder.tls_certs_only([]).build() }
        })
        .await
    }

    async fn follow(&self, mut request: Request) -> Result<Response, HttpError> {
        let mut url = parse(&request.url)?;
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.call(&request, &url).await?;
            let status = answer.status().as_u16();
            let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
            let Some(next) = target(&url, status, location) else {
                return read(answer, &request, &url).await;
            };
            request = follow(request, &url, &next, status).map_err(|why| refused(&url, &why))?;
            url = next;
        }
        Err(refused(&url, &Forbidden(format!("more than {MAX_REDIRECTS} redirects"))))
    }

    /// One call, up to the head of its answer.
    async fn call(&self, request: &Request, url: &Url) -> Result<reqwest::Response, HttpError> {
        self.policy.judge_url(url).map_err(|why| refused(url, &why))?;
        let failed = |error: reqwest::Error| failure(url, error);
        let method = reqwest::Method::from_bytes(request.method.as_str().as_bytes())
            .map_err(|error| unreachable(url, error.into()))?;
        let mut call = self.inner(url).await.map_err(failed)?.request(method, url.clone());
        for (name, value) in &request.headers {
            call = call.header(name.as_str(), value.as_str());
        }
        if let Some(body) = &request.body {
            call = call.body(body.clone());
        }
        call.send().await.map_err(failed)
    }
}

#[async_trait]
impl Http for Client {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let host = parse(&request.url)?.host_str().unwrap_or_default().to_owned();
        let after = request.timeout;
        match tokio::time::timeout(after, self.follow(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(HttpError::TimedOut { host, after }),
        }
    }
}

fn parse(text: &str) -> Result<Url, HttpError> {
    let bare = || text.split(['?', '#']).next().unwrap_or_default().to_owned();
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(_) | Err(_) => Err(HttpError::Url { url: bare() }),
    }
}

/// Reads the whole body, decoded, and stops at the first byte over the cap.
async fn read(
    mut answer: reqwest::Response,
    request: &Request,
    url: &Url,
) -> Result<Response, HttpError> {
    let limit = request.max_body;
    let too_large = || HttpError::TooLarge { host: host_name(url), limit };
    let announced = match request.method {
        ports::Method::Head => 0,
        _ => answer.content_length().unwrap_or(0),
    };
    if announced > limit {
        return Err(too_large());
    }
    let status = answer.status().as_u16();
    let field = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = answer.headers().iter().map(field).collect();
    let mut body = Vec::with_capacity(usize::try_from(announced.min(RESERVED)).unwrap_or(0));
    let mut size = 0_u64;
    while let Some(chunk) = answer.chunk().await.map_err(|error| failure(url, error))? {
        size = size.saturating_add(chunk.len() as u64);
        if size > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body: Bytes::from(body) })
}

fn failure(url: &Url, error: reqwest::Error) -> HttpError {
    match verdict(&error) {
        Some(why) => refused(url, why),
        None => unreachable(url, error.without_url().into()),
    }
}

fn refused(url: &Url, why: &Forbidden) -> HttpError {
    HttpError::Refused { host: host_name(url), reason: why.0.clone() }
}

fn unreachable(url: &Url, source: Box<dyn std::error::Error + Send + Sync>) -> HttpError {
    HttpError::Unreachable { host: host_name(url), source }
}

#[cfg(test)]
mod tests;
