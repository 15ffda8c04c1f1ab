//! Ways in which providers fail.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use crate::account::{Account, Stream};
use crate::server::Sandbox;

/// One way to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The platform behind the provider limits it (Rutter's 452; 429 elsewhere).
    PlatformLimit,
    /// 500.
    ServerError,
    /// 503.
    Unavailable,
    /// 401 for credentials that were good.
    ExpiredToken,
    /// The body ends in the middle of its JSON.
    Truncated,
    /// The connection breaks in the middle of the body.
    Disconnect,
    /// HTML where JSON was promised.
    Malformed,
    /// Every page points to itself as the next one.
    RepeatedCursor,
    /// There is always one more page.
    EndlessPages,
    /// Rows change before this page is given.
    MutateMidWalk,
    /// The answer comes late.
    Slow {
        /// By so much.
        millis: u64,
    },
    /// 302.
    Redirect {
        /// To there.
        to: String,
    },
    /// A body of that size.
    HugeBody {
        /// How many bytes.
        bytes: u64,
    },
}

/// A fault that lies in wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// What will happen.
    #[serde(flatten)]
    pub fault: Fault,
    /// To this account; to all when absent.
    #[serde(default)]
    pub account: Option<String>,
    /// In this stream; in all when absent.
    #[serde(default)]
    pub stream: Option<String>,
    /// After this many calls have passed unharmed.
    #[serde(default)]
    pub skip: u32,
    /// So many times; until it is cleared when absent.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Switch {
    fn concerns(&self, account: &Account, stream: Stream) -> bool {
        self.account.as_deref().is_none_or(|name| name == account.name)
            && self.stream.as_deref().is_none_or(|name| name == stream.name())
    }
}

/// The faults that lie in wait.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Switch>>);

impl Faults {
    pub(crate) fn add(&self, switch: Switch) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(switch);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn list(&self) -> Vec<Switch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fault that this call meets, if any.
    pub(crate) fn take(&self, account: &Account, stream: Stream) -> Option<Fault> {
        let mut switches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = switches.iter().position(|switch| switch.concerns(account, stream))?;
        let switch = switches.get_mut(at)?;
        if switch.skip > 0 {
            switch.skip -= 1;
            return None;
        }
        let fault = switch.fault.clone();
        if let Some(times) = &mut switch.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                switches.remove(at);
            }
        }
        Some(fault)
    }
}

/// Meets the faults that are alike at every provider: those that only delay let the call go on,
/// others give the whole answer.
pub(crate) async fn meet(
    sandbox: &Sandbox,
    fault: &Fault,
    (account, stream): (&'static Account, Stream),
) -> Option<Response> {
    match fault {
        Fault::Slow { millis } => {
            sandbox.world.clock().sleep(Duration::from_millis(*millis)).await;
            None
        }
        Fault::MutateMidWalk => sandbox
            .mutate(Some(account.name), Some(stream))
            .await
            .err()
            .map(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()),
        Fault::Redirect { to } => {
            let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
            Some((StatusCode::FOUND, [(LOCATION, to)]).into_response())
        }
        Fault::Malformed => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            Some(([(CONTENT_TYPE, "text/html")], page).into_response())
        }
        Fault::HugeBody { bytes } => Some(json(huge(*bytes))),
        Fault::PlatformLimit
        | Fault::ServerError
        | Fault::Unavailable
        | Fault::ExpiredToken
        | Fault::Truncated
        | Fault::Disconnect
        | Fault::RepeatedCursor
        | Fault::EndlessPages => None,
    }
}

/// Sends a body, or as much of it as the fault lets through.
pub(crate) fn send(fault: Option<&Fault>, body: String) -> Response {
    let half = Bytes::from(body.clone()).slice(..body.len() / 2);
    match fault {
        Some(Fault::Truncated) => json(Body::from(half)),
        Some(Fault::Disconnect) => {
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            json(Body::from_stream(stream::iter([Ok(half), Err(broken)])))
        }
        _ => json(Body::from(body)),
    }
}

fn json(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// JSON that goes on for that many bytes, made as it is read.
fn huge(bytes: u64) -> Body {
    let row = r#"{"id":"00000000-0000-4000-8000-000000000000","note":"more"},"#;
    let chunk = Bytes::from(row.repeat(1_000));
    let first = Bytes::from_static(b"{\"orders\":[");
    let whole = u64::try_from(chunk.len()).unwrap_or(1);
    let chunks = bytes.div_ceil(whole);
    let rest = stream::unfold(0, move |sent| {
        let chunk = chunk.clone();
        async move { (sent < chunks).then(|| (Ok::<_, std::io::Error>(chunk), sent + 1)) }
    });
    Body::from_stream(futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest))
}
