//! A call as API Gateway's HTTP API and function URLs hand it over (payload format 2.0), and its
//! answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{ConnectionId, TenantId};
use serde::{Deserialize, Serialize};

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    raw_path: String,
    /// Names in lower case.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RequestContext {
    http: Call,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Call {
    method: String,
}

impl Event {
    /// A call, as a front of our own takes it.
    pub fn new(
        (method, path): (&str, &str),
        headers: impl IntoIterator<Item = (String, String)>,
        body: &[u8],
    ) -> Self {
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        Self {
            raw_path: path.to_owned(),
            headers: headers.into_iter().map(lower).collect(),
            body: Some(STANDARD.encode(body)),
            is_base64_encoded: true,
            request_context: RequestContext { http: Call { method: method.to_owned() } },
        }
    }

    /// Its path; queries, which may hold tokens, are not part of it.
    pub(super) fn path(&self) -> &str {
        &self.raw_path
    }

    pub(super) fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// A header by its name, in whatever case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The bytes that were sent; none when they are too many, or no bytes.
    pub(super) fn body(&self, most: usize) -> Option<Cow<'_, [u8]>> {
        let text = self.body.as_deref().unwrap_or_default();
        if !self.is_base64_encoded {
            return (text.len() <= most).then_some(Cow::Borrowed(text.as_bytes()));
        }
        // Four characters stand for three bytes.
        if text.len() / 4 * 3 > most.saturating_add(3) {
            return None;
        }
        let bytes = STANDARD.decode(text).ok()?;
        (bytes.len() <= most).then_some(Cow::Owned(bytes))
    }

    /// `…/webhooks/<tenant>/<connection>`.
    pub(super) fn target(&self) -> Option<(TenantId, ConnectionId)> {
        let mut parts = self.raw_path.trim_end_matches('/').rsplit('/');
        let (connection, tenant) = (parts.next()?, parts.next()?);
        (parts.next()? == "webhooks").then_some(())?;
        Some((tenant.parse().ok()?, connection.parse().ok()?))
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Status.
    pub status_code: u16,
    headers: BTreeMap<&'static str, &'static str>,
    /// A line of plain text.
    pub body: String,
}

impl Answer {
    pub(super) fn new(status_code: u16, text: &str) -> Self {
        let headers = BTreeMap::from([("content-type", "text/plain; charset=utf-8")]);
        Self { status_code, headers, body: format!("{text}\n") }
    }
}
