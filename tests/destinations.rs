//! Items reach APIs of every kind over HTTP by the shipped files alone, and end as they should.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says by panicking what went wrong")]

#[path = "destinations/driver.rs"]
mod driver;

use std::collections::BTreeMap;
use std::sync::Arc;

use destination::{Action, ItemVerdict};
use driver::{Driver, Skipping};
use http::{Client, Policy};
use ports::{Http, Method, Request};
use sandbox::{Running, Seed, Size, World};
use serde_json::{Value, json};

/// The sandbox, and who asks it for the truth.
struct Place {
    running: Running,
    http: Client,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Skipping::default());
        let world = World::open(folder.path(), Seed(7), &Size::tiny(), clock).unwrap();
        let running = Running::start(world, "127.0.0.1:0").unwrap();
        let http = Client::new(Policy::with_local(&["127.0.0.1".to_owned()]));
        Self { running, http, _folder: folder }
    }

    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> String {
        let request = Request {
            method,
            url: format!("{}/__admin{path}", self.running.url()),
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: body.map(|body| body.to_string().into()),
            timeout: std::time::Duration::from_secs(10),
            max_body: 1 << 24,
            redirect_hosts: Arc::from([]),
        };
        let answer = self.http.send(request).await.unwrap();
        assert!(answer.status < 300, "{path}: {}", answer.status);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// Rows of the truth, one a line.
    async fn rows(&self, path: &str) -> Vec<Value> {
        let body = self.admin(Method::Get, path, None).await;
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn crm(&self) -> Driver {
        Driver::new(
            "crm",
            &json!({
                "base_url": self.running.url(), "client_id": "heron-crm-71d0",
                "client_secret": "heron-crm-secret-5e02c8", "api_key": "heron-crm-key-a41f",
            }),
        )
    }
}

fn customer(id: &str) -> Value {
    json!({"external_id": id, "email": format!("{id}@x.test"), "source": "INSTORE"})
}

fn sale(id: &str, customer: &str) -> Value {
    json!({
        "trx_id": id, "external_id": customer, "bill_number": format!("b-{id}"),
        "billing_date": "2026-01-02T03:04:05Z", "amount": 12.50, "currency": "EUR",
    })
}

/// Action and code by place.
fn shown(verdicts: &[ItemVerdict]) -> Vec<(Action, String)> {
    let one = |v: &ItemVerdict| (v.action.clone(), v.code.clone().unwrap_or_default());
    verdicts.iter().map(one).collect()
}

fn count(verdicts: &[ItemVerdict]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(format!("{:?}", verdict.action)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn customers_end_as_the_action_table_says() {
    let place = Place::new();
    let mut crm = place.crm();
    let mut wrong = customer("c-wrong");
    wrong["source"] = json!("NOWHERE");
    let mut taken = customer("c-other");
    taken["email"] = json!("c-1@x.test");
    let first = [customer("c-1"), customer("half-1")];
    assert_eq!(count(&crm.push("ADD_CUST", &first).await), [("Succeed".to_owned(), 2)].into());
    let records = [
        customer("c-1"),
        customer("c-2"),
        wrong,
        taken,
        customer("lock-1"),
        customer("odd-1"),
        customer("erased-1"),
        customer("half-1"),
        customer("poison-1"),
        customer("warn-1"),
    ];
    let verdicts = crm.push("ADD_CUST", &records).await;
    let shown = shown(&verdicts);
    let codes: Vec<&str> = shown.iter().map(|(_, code)| code.as_str()).collect();
    let actions: Vec<Action> = shown.iter().map(|(action, _)| action.clone()).collect();
    let (yes, no) = (Action::Succeed, Action::Fail);
    assert_eq!(
        actions,
        [&yes, &yes, &no, &no, &yes, &no, &no, &no, &no, &yes].map(Action::clone),
        "{codes:?}"
    );
    assert_eq!(&codes[..4], ["200", "200", "3217", "8008"]);
    assert_eq!(crm.unknown, ["7742"]);
    assert_eq!(verdicts[9].warnings.len(), 1);
    // The customer that was there went through both operations, once each after its batch split.
    assert!(crm.sent.iter().any(|(operation, _)| operation == "UPD_CUST"));
    let customers = place.rows("/crm/heron/customers").await;
    let held = |id: &str| customers.iter().filter(|row| row.to_string().contains(id)).count();
    assert_eq!((held("\"c-1\""), held("\"c-2\""), held("\"poison-1\"")), (1, 1, 0));
}

#[tokio::test]
async fn a_failure_for_good_takes_one_call() {
    let place = Place::new();
    let mut crm = place.crm();
    let mut wrong = customer("c-wrong");
    wrong["source"] = json!("NOWHERE");
    crm.push("ADD_CUST", &[wrong]).await;
    let mut half = sale("t-half", "c-wrong");
    half.as_object_mut().unwrap().remove("amount");
    let verdicts = crm.push("ADD_TRX", &[half]).await;
    assert_eq!(shown(&verdicts), [(Action::Fail, "624".to_owned())]);
    assert_eq!(crm.sent.len(), 2);
    assert!(crm.unknown.is_empty());
}

#[tokio::test]
async fn transactions_wait_for_their_customers_and_are_sold_once() {
    let place = Place::new();
    let mut crm = place.crm();
    crm.push("ADD_CUST", &[customer("c-1")]).await;
    let records = [sale("t-1", "c-1"), sale("t-2", "c-none")];
    let verdicts = crm.push("ADD_TRX", &records).await;
    assert_eq!(verdicts[0].action, Action::Succeed);
    assert_eq!(verdicts[1].action, Action::Fail);
    assert!(verdicts[1].message.as_deref().unwrap().contains("given up after waiting 10 times"));
    let again = crm.push("ADD_TRX", &[sale("t-1", "c-1")]).await;
    assert_eq!(shown(&again), [(Action::Duplicate, "604".to_owned())]);
}

#[tokio::test]
async fn a_batch_that_was_taken_and_answered_with_an_error_is_there_once() {
    let place = Place::new();
    let mut crm = place.crm();
    crm.push("ADD_CUST", &[customer("c-1")]).await;
    for fault in [
        json!({"kind": "committed_then", "status": 500, "times": 2}),
        json!({"kind": "disconnect", "times": 1}),
        json!({"kind": "expired_token", "times": 1}),
        json!({"kind": "status", "status": 429, "retry_after": 1, "times": 2}),
        json!({"kind": "missing_ref", "times": 1}),
    ] {
        place.admin(Method::Post, "/crm/faults", Some(fault.clone())).await;
        let id =
            format!("t-{}-{}", fault["kind"].as_str().unwrap().replace('_', "-"), fault["times"]);
        let records = [sale(&id, "c-1"), sale(&format!("{id}-b"), "c-1")];
        let verdicts = crm.push("ADD_TRX", &records).await;
        assert!(
            verdicts.iter().all(|verdict| verdict.action.is_success()),
            "{fault}: {verdicts:?}"
        );
    }
    assert_eq!(place.rows("/crm/heron/transactions").await.len(), 10);
}

#[tokio::test]
async fn two_hundred_and_fifty_records_take_three_calls() {
    let place = Place::new();
    let mut crm = place.crm();
    let records: Vec<Value> = (0..250).map(|n| customer(&format!("c-{n}"))).collect();
    let verdicts = crm.push("ADD_CUST", &records).await;
    assert!(verdicts.iter().all(|verdict| verdict.action == Action::Succeed));
    let items: Vec<usize> = crm.sent.iter().map(|(_, items)| *items).collect();
    assert_eq!(items, [100, 100, 50]);
}

#[tokio::test]
async fn an_api_of_many_statuses_takes_all_but_the_bad_ones() {
    let place = Place::new();
    let config = json!({
        "base_url": format!("{}/hubspot", place.running.url()),
        "access_token": "heron-hubspot-token-8d20",
    });
    let mut hubspot = Driver::new("hubspot", &config);
    let mut records: Vec<Value> =
        (0..20).map(|n| json!({"email": format!("u{n}@x.test"), "first_name": "A"})).collect();
    records[3]["email"] = json!("nobody");
    records[7]["email"] = json!("busy-7@x.test");
    // The same address twice refuses a batch as a whole.
    records[12]["email"] = json!("u11@x.test");
    let verdicts = hubspot.push("UPSERT", &records).await;
    assert_eq!(count(&verdicts), [("Fail".to_owned(), 1), ("Succeed".to_owned(), 19)].into());
    assert_eq!(verdicts[3].code.as_deref(), Some("VALIDATION_ERROR"));
    assert!(verdicts[7].entity_id.is_some());
    assert!(hubspot.unknown.is_empty(), "{:?}", hubspot.unknown);
    assert_eq!(place.rows("/apis/hubspot/stored").await.len(), 18);
}

#[tokio::test]
async fn an_api_of_indexed_errors_takes_all_but_those() {
    let place = Place::new();
    let config = json!({
        "base_url": format!("{}/braze", place.running.url()),
        "api_key": "heron-braze-key-6a17",
    });
    let mut braze = Driver::new("braze", &config);
    let mut records: Vec<Value> = (0..100).map(|n| customer(&format!("u{n}"))).collect();
    records[80]["email"] = json!("nobody");
    let verdicts = braze.push("ATTRIBUTES", &records).await;
    assert_eq!(count(&verdicts), [("Fail".to_owned(), 1), ("Succeed".to_owned(), 99)].into());
    assert_eq!(verdicts[80].action, Action::Fail);
    assert!(braze.unknown.is_empty(), "{:?}", braze.unknown);
    let purchases = [sale("t-1", "u1"), json!({"external_id": "u1", "amount": 3})];
    let verdicts = braze.push("PURCHASES", &purchases).await;
    assert_eq!(verdicts[0].action, Action::Succeed);
    assert_eq!(verdicts[1].action, Action::Fail);
    // What may have counted is not sent again, as nothing would tell.
    let fault = json!({"status": 500, "times": 1, "committed": true});
    place.admin(Method::Post, "/apis/braze/faults", Some(fault)).await;
    let verdicts = braze.push("PURCHASES", &[sale("t-2", "u1")]).await;
    assert_eq!(verdicts[0].action, Action::Unknown);
}

#[tokio::test]
async fn an_api_of_jobs_is_followed_to_the_last_page_of_errors() {
    let place = Place::new();
    place.admin(Method::Post, "/apis/klaviyo/limits?enforced=false", None).await;
    let config = json!({
        "base_url": format!("{}/klaviyo", place.running.url()),
        "api_key": "heron-klaviyo-key-c5b9",
    });
    let mut klaviyo = Driver::new("klaviyo", &config);
    let mut records: Vec<Value> = (0..200).map(|n| customer(&format!("u{n}"))).collect();
    for bad in (0..200).step_by(4) {
        records[bad]["email"] = json!("nobody");
    }
    let fault = json!({"status": 503, "times": 1, "retry_after": 1, "committed": true});
    place.admin(Method::Post, "/apis/klaviyo/faults", Some(fault)).await;
    let verdicts = klaviyo.push("IMPORT", &records).await;
    for (n, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict.action == Action::Fail, n % 4 == 0, "{verdict:?}");
    }
    assert!(klaviyo.unknown.is_empty(), "{:?}", klaviyo.unknown);
    let cancelled = klaviyo.push("IMPORT", &[customer("cancel-1")]).await;
    assert_eq!(cancelled[0].action, Action::Fail);
    assert!(cancelled[0].message.as_deref().unwrap().contains("given up after 3 calls"));
}
