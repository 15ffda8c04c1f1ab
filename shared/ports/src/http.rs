//! Calls to providers.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Classify, Retry};

/// Request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the methods of RFC 9110")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
}

impl Method {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// One call, complete: nothing is added on the way but what HTTP itself needs.
#[derive(Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Absolute URL, query included. It may hold credentials: never log it whole.
    pub url: String,
    /// Header fields in order; names as the caller spells them.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Bytes>,
    /// Whole-call time-out.
    pub timeout: Duration,
    /// Largest body accepted, after content decoding, in bytes.
    pub max_body: u64,
    /// Hosts (`name` or `name:port`, lower case) a redirect may lead to, besides the URL's own.
    /// A redirect elsewhere is refused, because it would carry credentials along.
    pub redirect_hosts: Arc<[String]>,
}

impl Debug for Request {
    /// Shows method and URL up to the query; headers, query and body may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url)
            .finish_non_exhaustive()
    }
}

/// An answer, of whatever status.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields in order of arrival; names as the adapter received them.
    pub headers: Vec<(String, String)>,
    /// Body, content encoding (gzip) removed.
    pub body: Bytes,
}

impl Response {
    /// First value of a header field, by name without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer. No variant holds a query, a header or a body.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL is not one.
    #[error("`{url}` is not an absolute http or https URL")]
    Url {
        /// Without its query.
        url: String,
    },
    /// Policy: private, link-local, loopback or metadata address, foreign redirect, plain http.
    #[error("call to {host} refused: {reason}")]
    Refused {
        /// Host.
        host: String,
        /// What the policy says.
        reason: String,
    },
    /// The body is larger than the caller accepts.
    #[error("answer of {host} is larger than the {limit} bytes allowed")]
    TooLarge {
        /// Host.
        host: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// No complete answer in time.
    #[error("no complete answer of {host} within {after:?}")]
    TimedOut {
        /// Host.
        host: String,
        /// The time-out.
        after: Duration,
    },
    /// Connection refused, reset, cut off mid-body, TLS failure, name not found.
    #[error("{host} could not be reached")]
    Unreachable {
        /// Host.
        host: String,
        /// Cause, free of URL and secrets.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The shared call budget says: not now. No call was made.
    #[error("call budget {budget} is used up for the next {wait:?}")]
    Budget {
        /// Budget.
        budget: String,
        /// Until a slot is free.
        wait: Duration,
    },
}

impl Classify for HttpError {
    fn retry(&self) -> Retry {
        match self {
            Self::Url { .. } | Self::Refused { .. } | Self::TooLarge { .. } => Retry::Never,
            Self::TimedOut { .. } | Self::Unreachable { .. } => Retry::Backoff,
            Self::Budget { wait, .. } => Retry::After(*wait),
        }
    }
}

/// Sends requests. A status is an answer, not an error; retries are the caller's.
#[async_trait]
pub trait Http: Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer, up to `max_body`.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}
