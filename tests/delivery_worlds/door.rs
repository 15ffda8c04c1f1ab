//! The CRM's door: what arrives there, and how long it was under way.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model::Timestamp;
use ports::{Clock, Http, HttpError, Request, Response};

/// The header that says when a call was sent.
const SENT: &str = "x-simulated-sent";

/// Says when a call is sent.
#[derive(Debug)]
pub struct Stamp {
    pub inner: Arc<dyn Http>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Http for Stamp {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        request.headers.push((SENT.to_owned(), self.clock.now().to_string()));
        self.inner.send(request).await
    }
}

/// The CRM's door: notes which calls arrive. A call that was under way for longer than a call may
/// take is beyond what any budget can promise.
#[derive(Debug)]
pub struct Door {
    pub inner: Arc<dyn Http>,
    pub arrivals: Arc<Mutex<Vec<Timestamp>>>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Http for Door {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let now = self.clock.now();
        let sent = request.headers.iter().find(|(name, _)| name == SENT);
        let sent: Option<Timestamp> = sent.and_then(|(_, at)| at.parse().ok());
        let in_time = sent.is_some_and(|at| now < at + request.timeout);
        if in_time && !request.url.contains("/oauth/") {
            self.arrivals.lock().unwrap().push(now);
        }
        self.inner.send(request).await
    }
}
