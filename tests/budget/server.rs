//! A provider that counts calls in a sliding window.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use host::{SystemClock, SystemIds};
use model::Timestamp;
use ports::{Clock as _, Ids as _};
use store::budget::most_in_any_window;

/// What it allows.
pub const CALLS: u32 = 1_000;

/// In any window of this length.
pub const PER: Duration = Duration::from_mins(1);

/// Shortest and longest call, in seconds.
const LATENCY: (f64, f64) = (0.05, 5.0);

/// Names the tenant of a call.
pub const TENANT: &str = "x-tenant";

#[derive(Debug, Default)]
struct Log {
    calls: Vec<(Timestamp, String, Duration)>,
    refused: usize,
}

/// The server, which runs as long as the process does.
pub struct Server {
    port: u16,
    log: Arc<Mutex<Log>>,
}

/// What it saw.
#[derive(Debug)]
pub struct Facts {
    pub calls: u64,
    pub refused: usize,
    pub most: usize,
    pub mean_latency: f64,
    /// Of N·W/(W + mean latency) calls a window.
    pub share: f64,
    /// Of N calls a window.
    pub used: f64,
    pub by_tenant: BTreeMap<String, usize>,
}

async fn call(State(log): State<Arc<Mutex<Log>>>, headers: HeaderMap) -> (StatusCode, HeaderMap) {
    let (least, most) = LATENCY;
    let takes = Duration::from_secs_f64(least + (most - least) * SystemIds.chance());
    let mut answer = HeaderMap::new();
    {
        let mut log = log.lock().unwrap();
        let now = SystemClock.now();
        let recent = log.calls.iter().rev().take_while(|(at, ..)| *at + PER > now).count();
        let left = (CALLS as usize).saturating_sub(recent);
        answer.insert("x-ratelimit-limit", CALLS.into());
        answer.insert("x-ratelimit-remaining", left.saturating_sub(1).into());
        if left == 0 {
            log.refused += 1;
            answer.insert("retry-after", 1.into());
            return (StatusCode::TOO_MANY_REQUESTS, answer);
        }
        let tenant = headers.get(TENANT).map(|name| name.to_str().unwrap().to_owned());
        log.calls.push((now, tenant.unwrap_or_default(), takes));
    }
    SystemClock.sleep(takes).await;
    (StatusCode::OK, answer)
}

impl Server {
    pub async fn start() -> Self {
        let log = Arc::<Mutex<Log>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/call", post(call)).with_state(Arc::clone(&log));
        #[expect(clippy::disallowed_methods, reason = "the server lives beside the test")]
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, log }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/call", self.port)
    }

    pub async fn first_call(&self) {
        while self.log.lock().unwrap().calls.is_empty() {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it saw since the first call.
    pub fn facts(&self) -> Facts {
        let log = self.log.lock().unwrap();
        let counted: Vec<Timestamp> = log.calls.iter().map(|(at, ..)| *at).collect();
        let took: f64 = log.calls.iter().map(|(_, _, took)| took.as_secs_f64()).sum();
        let calls = u32::try_from(counted.len()).unwrap();
        let mean_latency = took / f64::from(calls);
        let (per, cycle) = (PER.as_secs_f64(), cycle(&counted));
        let mut by_tenant = BTreeMap::new();
        for (_, tenant, _) in &log.calls {
            *by_tenant.entry(tenant.clone()).or_default() += 1;
        }
        Facts {
            calls: calls.into(),
            refused: log.refused,
            most: most_in_any_window(&counted, PER),
            mean_latency,
            share: (per + mean_latency) / cycle,
            used: per / cycle,
            by_tenant,
        }
    }
}

/// Seconds from a call to the one that is as many calls later as a window may hold, in the mean:
/// how often a slot is used, whenever the first and the last call were.
fn cycle(counted: &[Timestamp]) -> f64 {
    let later = counted.iter().skip(CALLS as usize);
    let cycles: Vec<f64> =
        later.zip(counted).map(|(later, call)| later.duration_since(*call).as_secs_f64()).collect();
    cycles.iter().sum::<f64>() / f64::from(u32::try_from(cycles.len()).unwrap())
}
