use std::sync::Mutex;

use connector::Manifest;
use model::Timestamp;
use ports::{Clock, Method};
use serde_json::json;
use store::{Store, Timing};
use testkit::{ManualClock, MemoryTable, SeededIds};

use super::*;

/// A source that notes when it is called, and answers with these header fields.
#[derive(Debug)]
struct Called(ManualClock, Mutex<Vec<Timestamp>>, Vec<(String, String)>);

#[async_trait]
impl Http for Called {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        self.1.lock().unwrap().push(self.0.now());
        Ok(Response { status: 200, headers: self.2.clone(), body: bytes::Bytes::new() })
    }
}

const MANIFEST: &str = r"
version: 6.0.0
check: {stream_names: [a]}
api_budget:
  type: HTTPAPIBudget
  policies:
    - type: UnlimitedCallRatePolicy
      matchers: [{url_path_pattern: ^/free}]
    - type: MovingWindowCallRatePolicy
      rates: [{limit: 3, interval: PT1M}]
      matchers: [{url_path_pattern: ^/heavy, weight: 2}, {}]
streams:
  - name: a
    retriever:
      requester: {url_base: 'https://h.example'}
      record_selector: {extractor: {field_path: []}}
";

/// Workers of a connection, and what they call.
struct World {
    clock: ManualClock,
    store: Store,
    manifest: Manifest,
    called: Arc<Called>,
}

impl World {
    fn new(manifest: &str, headers: Vec<(String, String)>) -> Self {
        let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
        let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
        let ids = Arc::new(SeededIds::new(7));
        let store = Store::new(table, Arc::new(clock.clone()), ids, Timing::default());
        let manifest = Manifest::parse("m.yaml", manifest).unwrap();
        let called = Arc::new(Called(clock.clone(), Mutex::default(), headers));
        Self { clock, store, manifest, called }
    }

    fn worker(&self) -> Rated {
        let rates = self.manifest.call_rates(&json!({}), self.clock.now());
        Rated {
            name: "source#acme/shop".to_owned(),
            tenant: "acme".parse().unwrap(),
            rates: Arc::new(rates.unwrap().unwrap()),
            budgets: Budgets::new(self.store.clone()),
            timeout: Duration::from_secs(10),
            patience: Patience { longest: Duration::ZERO, waits: None },
            http: Arc::clone(&self.called) as _,
            clock: Arc::new(self.clock.clone()),
        }
    }

    /// How many calls arrived.
    fn calls(&self) -> usize {
        self.called.1.lock().unwrap().len()
    }
}

async fn call(worker: &Rated, path: &str) -> Result<Response, HttpError> {
    let request = Request {
        method: Method::Get,
        url: format!("https://h.example{path}"),
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_secs(10),
        max_body: 0,
        redirect_hosts: Arc::from([]),
    };
    worker.send(request).await
}

#[tokio::test]
async fn workers_of_a_connection_share_the_rates_of_its_manifest() {
    let world = World::new(MANIFEST, Vec::new());
    let (one, two) = (world.worker(), world.worker());
    call(&one, "/heavy").await.unwrap();
    call(&world.worker(), "/free").await.unwrap();
    let spent = call(&two, "/heavy").await.unwrap_err();
    assert!(matches!(spent, HttpError::Budget { .. }), "{spent}");
    call(&world.worker(), "/free").await.unwrap();
    assert_eq!(world.calls(), 3);
}

#[tokio::test]
async fn what_answers_say_under_the_manifests_names_holds_up_all_workers() {
    let named = "type: HTTPAPIBudget\n  ratelimit_remaining_header: X-Left\n  \
                 ratelimit_reset_header: X-Until";
    let manifest = MANIFEST.replace("type: HTTPAPIBudget", named);
    let until: Timestamp = "2026-03-01T00:00:40Z".parse().unwrap();
    let headers = vec![
        ("x-left".to_owned(), "0".to_owned()),
        ("x-until".to_owned(), until.as_second().to_string()),
    ];
    let world = World::new(&manifest, headers.clone());
    let answer = call(&world.worker(), "/light").await.unwrap();
    assert_eq!(answer.headers, headers);
    match call(&world.worker(), "/light").await.unwrap_err() {
        HttpError::Budget { wait, .. } => assert!(wait > Duration::from_secs(30), "{wait:?}"),
        other => panic!("{other}"),
    }
    assert_eq!(world.calls(), 1);
}
