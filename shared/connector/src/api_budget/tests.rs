use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ports::{Clock, Http, HttpError, Method};
use request::value::Value;
use serde_json::{Value as Json, json};

use super::*;

/// Time that passes by waiting only, and a source that says how many calls are left.
#[derive(Debug)]
struct World {
    now: Mutex<Timestamp>,
    calls: Mutex<Vec<i64>>,
    headers: Vec<(String, String)>,
    status: u16,
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, wait: Duration) {
        *self.now.lock().unwrap() += wait;
    }
}

#[async_trait]
impl Http for World {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        self.calls.lock().unwrap().push(self.now().as_second());
        let headers = self.headers.clone();
        Ok(Response { status: self.status, headers, body: bytes::Bytes::new() })
    }
}

fn world() -> World {
    let (now, calls) = (Mutex::new(Timestamp::UNIX_EPOCH), Mutex::default());
    World { now, calls, headers: Vec::new(), status: 200 }
}

fn request(path: &str) -> Request {
    Request {
        method: Method::Get,
        url: format!("https://h.example{path}"),
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_secs(1),
        max_body: 0,
        redirect_hosts: Arc::from([]),
    }
}

fn budget(policies: &Json) -> Result<ApiBudget, BuildError> {
    let config = json!({"calls": "2"});
    let context = Context::new(Value::from(&config), Timestamp::UNIX_EPOCH);
    let json = json!({"type": "HTTPAPIBudget", "policies": policies});
    of(json, &context)
}

/// The seconds at which calls of these paths are made.
async fn seconds(world: World, policies: Json, paths: &[&str]) -> Vec<i64> {
    let world = Arc::new(world);
    let budget = budget(&policies).unwrap();
    let paced = Paced::new((Arc::clone(&world) as _, Arc::clone(&world) as _), budget, None);
    for path in paths {
        paced.send(request(path)).await.unwrap();
    }
    let calls = world.calls.lock().unwrap();
    calls.clone()
}

#[tokio::test]
async fn moving_windows_hold_every_rate() {
    let policies = json!([{"type": "MovingWindowCallRatePolicy", "matchers": [], "rates": [
        {"limit": "{{ config['calls'] }}", "interval": "PT1S"},
        {"limit": 5, "interval": "PT1M"},
    ]}]);
    assert_eq!(seconds(world(), policies, &["/"; 8]).await, [0, 0, 1, 1, 2, 60, 60, 61]);
}

#[tokio::test]
async fn fixed_windows_begin_with_their_first_call() {
    let policy = json!([{
        "type": "FixedWindowCallRatePolicy", "period": "PT1M", "call_limit": 3, "matchers": [],
    }]);
    assert_eq!(seconds(world(), policy, &["/"; 7]).await, [0, 0, 0, 60, 60, 60, 120]);
}

#[tokio::test]
async fn the_first_policy_that_matches_counts_with_the_weight_of_its_matcher() {
    let policies = json!([
        {"type": "UnlimitedCallRatePolicy", "matchers": [{"url_path_pattern": "^/free"}]},
        {"type": "MovingWindowCallRatePolicy",
         "matchers": [{"url_path_pattern": "^/heavy", "weight": 2}, {}],
         "rates": [{"limit": 2, "interval": "PT10S"}]},
    ]);
    let paths = ["/free", "/heavy", "/free", "/light", "/free", "/light", "/heavy"];
    assert_eq!(seconds(world(), policies, &paths).await, [0, 0, 0, 10, 10, 10, 20]);
}

#[tokio::test]
async fn what_the_source_says_of_its_own_count_is_heeded() {
    let moving = json!([{"type": "MovingWindowCallRatePolicy", "matchers": [],
        "rates": [{"limit": 9, "interval": "PT10S"}]}]);
    let refusing = World { status: 429, ..world() };
    assert_eq!(seconds(refusing, moving, &["/"; 2]).await, [0, 10]);
    let fixed = json!([{
        "type": "FixedWindowCallRatePolicy", "period": "PT1H", "call_limit": 9, "matchers": [],
    }]);
    let headers = [("ratelimit-remaining", "0"), ("RateLimit-Reset", "30")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let telling = World { headers, ..world() };
    assert_eq!(seconds(telling, fixed, &["/"; 2]).await, [0, 30]);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_instead() {
    let policy = json!([{
        "type": "FixedWindowCallRatePolicy", "period": "PT1H", "call_limit": 1, "matchers": [],
    }]);
    let world = Arc::new(world());
    let most = Some(Duration::from_secs(30));
    let ports = (Arc::clone(&world) as _, Arc::clone(&world) as _);
    let paced = Paced::new(ports, budget(&policy).unwrap(), most);
    paced.send(request("/")).await.unwrap();
    let error = paced.send(request("/")).await.unwrap_err();
    assert!(matches!(error, HttpError::Budget { wait, .. } if wait == Duration::from_hours(1)));
}

#[test]
fn what_is_no_rate_is_refused_by_its_place() {
    let wrong = json!([{"type": "MovingWindowCallRatePolicy", "matchers": [],
        "rates": [{"limit": 0, "interval": "PT1M"}]}]);
    let error = budget(&wrong).unwrap_err().to_string();
    assert!(error.contains("api_budget.policies[0].rates[0].limit"), "{error}");
    let heavy = json!([{"type": "FixedWindowCallRatePolicy", "period": "PT1M", "call_limit": 2,
        "matchers": [{"weight": "3"}]}]);
    assert!(budget(&heavy).unwrap_err().to_string().contains("larger than the limit 2"));
}
