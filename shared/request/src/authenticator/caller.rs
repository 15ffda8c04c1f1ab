//! What authenticators need to fetch tokens, and the tokens they fetched.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Http, Request, Response};

use super::grants::{Claim, Grants, Rotation};
use super::quota::Tokens as Counts;
use crate::error::Error;
use crate::requester::without_query;

/// Who makes calls: the port, the clock, limits, and the tokens fetched so far.
///
/// One caller serves all streams of a connection, so that they share tokens and never fetch the
/// same one twice at once: some providers revoke a grant whose refresh token is used twice.
#[derive(Debug)]
pub struct Caller {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    /// Whole-call time-out.
    pub timeout: Duration,
    /// Largest body accepted, in bytes.
    pub max_body: u64,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    grants: Option<Arc<dyn Grants>>,
    quotas: Mutex<HashMap<String, Arc<QuotaSlot>>>,
    /// Longest wait for tokens that have calls left; none: as long as the manifest says.
    longest: Option<Duration>,
}

/// One token, locked while it is fetched.
pub(super) type Slot = Mutex<Kept>;

/// The counts of one group of tokens.
pub(super) type QuotaSlot = Mutex<Counts>;

/// What is known about one token.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) token: Option<Held>,
    /// The refresh token that replaced the configuration's.
    pub(super) refresh: Option<String>,
    /// New tokens that are not kept yet.
    pub(super) unkept: Option<Box<(Claim, Rotation)>>,
}

/// A token and how long it is good.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) token: String,
    /// None: until it is refused.
    pub(super) expires: Option<Timestamp>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.token.is_some() { "Kept(token)" } else { "Kept(no token)" })
    }
}

impl Caller {
    /// A caller without tokens.
    pub fn new(
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
        max_body: u64,
    ) -> Self {
        Self {
            http,
            clock,
            timeout,
            max_body,
            slots: Mutex::default(),
            grants: None,
            quotas: Mutex::default(),
            longest: None,
        }
    }

    /// The caller, with what keeps the tokens that a refresh replaces.
    #[must_use]
    pub fn keeping(self, grants: Option<Arc<dyn Grants>>) -> Self {
        Self { grants, ..self }
    }

    /// The caller, waiting for tokens that have calls left no longer than that.
    #[must_use]
    pub fn waiting(self, longest: Option<Duration>) -> Self {
        Self { longest, ..self }
    }

    pub(super) fn longest(&self) -> Duration {
        self.longest.unwrap_or(Duration::MAX)
    }

    pub(super) fn grants(&self) -> Option<&Arc<dyn Grants>> {
        self.grants.as_ref()
    }

    pub(super) async fn pause(&self, pause: Duration) {
        self.clock.sleep(pause).await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The slot of a token, by what identifies its grant.
    pub(super) async fn slot(&self, key: &str) -> Arc<Slot> {
        Arc::clone(self.slots.lock().await.entry(key.to_owned()).or_default())
    }

    /// The counts of a group of tokens, by what identifies it.
    pub(super) async fn quota(&self, key: &str) -> Arc<QuotaSlot> {
        Arc::clone(self.quotas.lock().await.entry(key.to_owned()).or_default())
    }

    /// Sends a request whose answer the caller judges.
    pub(super) async fn send(&self, request: Request) -> Result<Response, Error> {
        self.http.send(request).await.map_err(Error::TokenCall)
    }

    /// Sends a token request; only an answer of success passes.
    pub(super) async fn fetch(&self, request: Request) -> Result<Response, Error> {
        let endpoint = without_query(&request.url);
        Self::judged(self.send(request).await?, &endpoint)
    }

    /// An answer of success; any other says whether the endpoint may answer later.
    pub(super) fn judged(response: Response, endpoint: &str) -> Result<Response, Error> {
        let endpoint = endpoint.to_owned();
        match response.status {
            200..=399 => Ok(response),
            status @ (429 | 500..) => Err(Error::TokenUnavailable {
                endpoint,
                reason: format!("status {status}"),
                wait: wait(&response),
            }),
            status => {
                let code = error_code(&response.body).map(|code| format!(", {code}"));
                let reason = format!("status {status}{}", code.unwrap_or_default());
                Err(Error::TokenRefused { endpoint, reason })
            }
        }
    }
}

/// How long `Retry-After` asks to wait, up to a day.
fn wait(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(86_400)))
}

/// The `error` code of RFC 6749, if it looks like one: it is safe to show.
fn error_code(body: &[u8]) -> Option<String> {
    let answer = crate::value::Value::from_json(body).ok()?;
    let code = answer.get("error")?.as_str()?;
    let plain = code.len() <= 40 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    plain.then(|| code.to_owned())
}

impl Kept {
    /// Keeps new tokens that could not be kept before.
    pub(super) async fn settle(&mut self, caller: &Caller) -> Result<(), Error> {
        if let (Some(unkept), Some(grants)) = (&self.unkept, caller.grants()) {
            let (claim, rotation) = unkept.as_ref();
            grants.keep(claim, rotation).await?;
            self.unkept = None;
        }
        Ok(())
    }
}

impl Held {
    /// Whether it is still good.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|at| now < at)
    }
}

/// An instant so many seconds from now.
pub(super) fn in_seconds(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
