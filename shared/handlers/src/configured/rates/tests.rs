use std::sync::Mutex;

use connector::Manifest;
use model::Timestamp;
use ports::{Clock, Method};
use serde_json::json;
use store::{Store, Timing};
use testkit::{ManualClock, MemoryTable, SeededIds};

use super::*;

/// A source that notes when it is called.
#[derive(Debug)]
struct Called(ManualClock, Mutex<Vec<Timestamp>>);

#[async_trait]
impl Http for Called {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        self.1.lock().unwrap().push(self.0.now());
        Ok(Response { status: 200, headers: Vec::new(), body: bytes::Bytes::new() })
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

#[tokio::test]
async fn workers_of_a_connection_share_the_rates_of_its_manifest() {
    let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
    let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
    let ids = Arc::new(SeededIds::new(7));
    let store = Store::new(table, Arc::new(clock.clone()), ids, Timing::default());
    let manifest = Manifest::parse("m.yaml", MANIFEST).unwrap();
    let called = Arc::new(Called(clock.clone(), Mutex::default()));
    let worker = || Rated {
        name: "source#acme/shop".to_owned(),
        rates: manifest.call_rates(&json!({}), clock.now()).unwrap().unwrap(),
        budgets: Budgets::new(store.clone()),
        timeout: Duration::from_secs(10),
        patience: Patience { longest: Duration::ZERO, waits: None },
        http: Arc::clone(&called) as _,
    };
    let call = |worker: Rated, path: &str| {
        let request = Request {
            method: Method::Get,
            url: format!("https://h.example{path}"),
            headers: Vec::new(),
            body: None,
            timeout: Duration::from_secs(10),
            max_body: 0,
            redirect_hosts: Arc::from([]),
        };
        async move { worker.send(request).await }
    };
    let one = worker();
    let two = worker();
    call(one, "/heavy").await.unwrap();
    call(worker(), "/free").await.unwrap();
    let spent = call(two, "/heavy").await.unwrap_err();
    assert!(matches!(spent, HttpError::Budget { .. }), "{spent}");
    call(worker(), "/free").await.unwrap();
    assert_eq!(called.1.lock().unwrap().len(), 3);
}
