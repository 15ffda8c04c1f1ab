//! A provider in memory, and a clock that does not wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use model::Timestamp;
use ports::{Clock, Http, HttpError, Ids, Request, Response};

use crate::{Limits, Runtime};

/// Answers requests in the order of its script, and remembers them.
#[derive(Debug, Clone, Default)]
pub(super) struct Provider(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Response>,
    calls: Vec<Request>,
    waits: Vec<Duration>,
}

impl Provider {
    /// Bodies, each with status 200.
    pub(super) fn answering<const N: usize>(bodies: [&str; N]) -> Self {
        let provider = Self::default();
        for body in bodies {
            provider.add(200, &[], body);
        }
        provider
    }

    /// One more answer.
    pub(super) fn add(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let response = Response { status, headers, body: body.to_owned().into() };
        self.0.lock().unwrap().answers.push_back(response);
    }

    /// The waits that were made.
    pub(super) fn waits(&self) -> Vec<Duration> {
        self.0.lock().unwrap().waits.clone()
    }

    /// The URLs that were asked for.
    pub(super) fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.iter().map(|call| call.url.clone()).collect()
    }
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut script = self.0.lock().unwrap();
        let limit = request.max_body;
        script.calls.push(request);
        let answer = script.answers.pop_front().expect("a call that the test does not know of");
        if answer.body.len() as u64 > limit {
            return Err(HttpError::TooLarge { host: "api.example.com".into(), limit });
        }
        Ok(answer)
    }
}

#[async_trait]
impl Clock for Provider {
    fn now(&self) -> Timestamp {
        "2024-01-06T00:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, wait: Duration) {
        self.0.lock().unwrap().waits.push(wait);
    }
}

impl Ids for Provider {
    fn fresh(&self) -> String {
        "0".repeat(32)
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// A runtime on a provider.
pub(super) fn runtime(provider: &Provider) -> Runtime {
    Runtime {
        http: Arc::new(provider.clone()),
        clock: Arc::new(provider.clone()),
        ids: Arc::new(provider.clone()),
        now: provider.now(),
        max_backoff: None,
        max_wait: None,
        limits: Limits { max_body: 1 << 20, ..Limits::default() },
    }
}
