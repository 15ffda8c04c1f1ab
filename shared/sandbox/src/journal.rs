//! What was asked of the providers, when, and how much of it at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use crate::server::Shared;
use crate::tick::Tick;

const KEPT: usize = 200_000;

/// One call. Keys and tokens are never part of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    #[serde(serialize_with = "as_text")]
    at: Tick,
    path: String,
    status: u16,
    milliseconds: u64,
    /// The account, when the call got as far as being known.
    account: Option<&'static str>,
    /// What the provider counts the call against.
    scope: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn as_text<S: serde::Serializer>(at: &Tick, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.millis_text())
}

/// Whose call it was: handlers leave it in the response.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) account: Option<&'static str>,
    pub(crate) scope: Option<String>,
}

/// The log since the process began, or since it was cleared.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Mutex<VecDeque<Entry>>,
    under_way: AtomicUsize,
    peak: AtomicUsize,
}

/// The log in numbers.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    calls: usize,
    peak_concurrency: usize,
    statuses: BTreeMap<u16, usize>,
    accounts: BTreeMap<&'static str, usize>,
    /// By scope: the most calls, refused ones included, that any window saw.
    most_in_any_second: BTreeMap<String, usize>,
    most_in_any_10_seconds: BTreeMap<String, usize>,
}

impl Journal {
    pub(crate) fn clear(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.peak.store(self.under_way.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn summary(&self) -> Summary {
        let entries = self.entries();
        let (mut statuses, mut accounts) = (BTreeMap::new(), BTreeMap::new());
        for entry in &entries {
            *statuses.entry(entry.status).or_default() += 1;
            if let Some(account) = entry.account {
                *accounts.entry(account).or_default() += 1;
            }
        }
        Summary {
            calls: entries.len(),
            peak_concurrency: self.peak.load(Ordering::SeqCst),
            statuses,
            accounts,
            most_in_any_second: most_in_any(&entries, Duration::from_secs(1)),
            most_in_any_10_seconds: most_in_any(&entries, Duration::from_secs(10)),
        }
    }

    fn begin(&self) {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(now, Ordering::SeqCst);
    }

    fn end(&self, entry: Entry) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }
}

/// By scope, the most calls that arrived within one window of that length.
fn most_in_any(entries: &[Entry], window: Duration) -> BTreeMap<String, usize> {
    let mut arrivals: BTreeMap<&str, Vec<Tick>> = BTreeMap::new();
    for entry in entries {
        if let Some(scope) = &entry.scope {
            arrivals.entry(scope).or_default().push(entry.at);
        }
    }
    let most = |mut at: Vec<Tick>| {
        at.sort_unstable();
        let (mut held, mut most) = (VecDeque::new(), 0);
        for call in at {
            held.push_back(call);
            while held.front().is_some_and(|first| call.since(*first) >= window) {
                held.pop_front();
            }
            most = most.max(held.len());
        }
        most
    };
    arrivals.into_iter().map(|(scope, at)| (scope.to_owned(), most(at))).collect()
}

/// Writes each call to a provider into the journal.
pub(crate) async fn observe(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    if path.starts_with("/__admin") {
        return next.run(request).await;
    }
    shared.journal.begin();
    let at = shared.now();
    match shared.latency.load(Ordering::SeqCst) {
        // Calls that have come meanwhile are under way too.
        0 => tokio::task::yield_now().await,
        millis => shared.world.clock().sleep(Duration::from_millis(millis)).await,
    }
    let response = next.run(request).await;
    let caller = response.extensions().get::<Caller>().cloned();
    let (account, scope) = caller.map_or((None, None), |caller| (caller.account, caller.scope));
    let milliseconds = u64::try_from(shared.now().since(at).as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    shared.journal.end(Entry { at, path, status, milliseconds, account, scope });
    response
}
