//! Files reach APIs of four kinds by the push function and a shipped file each: a verdict for each
//! item, many statuses, errors by index, jobs. What is told of them is what the servers hold.

#[path = "pushes/ground.rs"]
mod ground;

use std::collections::BTreeMap;
use std::sync::Arc;

use ground::{Ground, apply, failed, person, spoilt};
use lake::delivery::{FileEnd, Verdict};
use ports::{Clock as _, Method};
use sandbox::{Running, Seed, Size, World};
use serde_json::{Value, json};
use testkit::ManualClock;

/// A server and a function that sends to it, at one time.
struct Place {
    running: Running,
    ground: Ground,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn new(destination: &str, at: &str, mut settings: Value, secret: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at("2026-01-02T03:00:00Z".parse().unwrap());
        let world =
            World::open(folder.path(), Seed(7), &Size::tiny(), Arc::new(clock.clone())).unwrap();
        let running = Running::start(world, "127.0.0.1:0").unwrap();
        settings["base_url"] = json!(format!("{}{at}", running.url()));
        let ground = Ground::new(&clock, destination, settings, secret).await;
        Self { running, ground, _folder: folder }
    }

    async fn admin(&self, path: &str, body: Value) {
        let url = format!("{}/__admin{path}", self.running.url());
        self.ground.call(Method::Post, &url, ("", Some(body))).await;
    }

    /// What the server holds, one a line.
    async fn rows(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/__admin{path}", self.running.url());
        let body = self.ground.call(Method::Get, &url, ("", None)).await;
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// First names by e-mail address, as the server holds them.
    async fn names(&self, path: &str, name: &str) -> BTreeMap<String, String> {
        let rows = self.rows(path).await;
        let people = rows.iter().filter(|row| row.get("email").is_some());
        let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        people.map(|row| (text(row, "email"), text(row, name))).collect()
    }

    /// Two files of people, the second with new ones, changed ones and ones that cannot be taken:
    /// what is told of them, line by line, is what the server holds.
    async fn tells_what_it_holds(&self, path: &str, name: &str) {
        let first: Vec<Value> = (0..120)
            .map(|n| if n % 50 == 9 { spoilt(n, "first") } else { person(n, "first") })
            .collect();
        let (done, ends) = self.ground.push("user", "1.csv", &first).await;
        assert_eq!((done.outcome, failed(&ends)), (FileEnd::Partial, vec![11, 61, 111]));
        let mut held = BTreeMap::new();
        apply(&mut held, &first, &ends);
        assert_eq!(self.names(path, name).await, held);
        let second: Vec<Value> = (60..180)
            .map(|n| if n % 70 == 0 { spoilt(n, "second") } else { person(n, "second") })
            .collect();
        let (done, ends) = self.ground.push("user", "2.csv", &second).await;
        assert_eq!((done.outcome, failed(&ends)), (FileEnd::Partial, vec![12, 82]));
        apply(&mut held, &second, &ends);
        let names = self.names(path, name).await;
        assert_eq!(names, held);
        assert_eq!(
            (names["p070@x.test"].as_str(), names["p071@x.test"].as_str()),
            ("first", "second")
        );
    }
}

#[tokio::test]
async fn a_verdict_for_each_item_is_told_as_the_server_holds_it() {
    let settings = json!({
        "client_id": "heron-crm-71d0", "client_secret": "heron-crm-secret-5e02c8",
        "api_key": "heron-crm-key-a41f",
    });
    let place = Place::new("crm", "", settings, "client_secret").await;
    place.tells_what_it_holds("/crm/heron/customers", "first_name").await;
    let mut taken = person(200, "third");
    taken["email"] = json!("p001@x.test");
    let (_, ends) = place.ground.push("user", "3.csv", &[taken, person(201, "third")]).await;
    assert_eq!(ends[&2], (Verdict::Failed, "8008".to_owned()));
    let sale = |id: &str, customer: &str| {
        json!({
            "trx_id": id, "external_id": customer, "bill_number": format!("b-{id}"),
            "billing_date": "2026-01-02T03:04:05Z", "amount": 12.50, "currency": "EUR",
        })
    };
    place.admin("/crm/faults", json!({"kind": "committed_then", "status": 500, "times": 2})).await;
    let sales = [sale("t-1", "p-001"), sale("t-2", "p-070"), sale("t-3", "p-999")];
    let (_, ends) = place.ground.push("transaction", "t.csv", &sales).await;
    assert_eq!(ends[&4], (Verdict::Failed, "8015".to_owned()));
    let (_, again) = place.ground.push("transaction", "again.csv", &sales[..1]).await;
    assert_eq!(again[&2].0, Verdict::Duplicate);
    let ids: Vec<Value> = place
        .rows("/crm/heron/transactions")
        .await
        .iter()
        .map(|row| row["trx_id"].clone())
        .collect();
    assert_eq!(ids, ["t-1", "t-2"]);
    place.ground.holds().await;
}

#[tokio::test]
async fn an_api_of_many_statuses_is_told_as_it_holds_it() {
    let settings = json!({"access_token": "heron-hubspot-token-8d20"});
    let place = Place::new("hubspot", "/hubspot", settings, "access_token").await;
    place.tells_what_it_holds("/apis/hubspot/stored", "firstname").await;
    // Somebody else writes this one during the first two calls; this address comes twice.
    let mut busy = person(300, "third");
    busy["email"] = json!("busy-300@x.test");
    let records = [person(1, "third"), busy, person(1, "fourth")];
    let (done, _) = place.ground.push("user", "3.csv", &records).await;
    assert_eq!((done.outcome, done.counts.ok), (FileEnd::Success, 3));
    let names = place.names("/apis/hubspot/stored", "firstname").await;
    assert_eq!(
        (names["p001@x.test"].as_str(), names["busy-300@x.test"].as_str()),
        ("fourth", "third")
    );
    place.ground.holds().await;
}

#[tokio::test]
async fn an_api_of_indexed_errors_is_told_as_it_holds_it() {
    let settings = json!({"api_key": "heron-braze-key-6a17"});
    let place = Place::new("braze", "/braze", settings, "api_key").await;
    place.tells_what_it_holds("/apis/braze/stored", "first_name").await;
    let bought = |id: &str| {
        json!({
            "trx_id": id, "external_id": "p-001", "bill_number": format!("b-{id}"),
            "billing_date": "2026-01-02T03:04:05Z", "amount": 3, "currency": "EUR",
        })
    };
    let mut half = bought("t-2");
    half.as_object_mut().unwrap().remove("currency");
    let (done, ends) = place.ground.push("transaction", "t.csv", &[bought("t-1"), half]).await;
    assert_eq!((done.outcome, failed(&ends)), (FileEnd::Partial, vec![3]));
    // What may have counted is not sent again, as nothing would tell.
    let fault = json!({"status": 500, "times": 1, "committed": true});
    place.admin("/apis/braze/faults", fault).await;
    let (_, ends) = place.ground.push("transaction", "u.csv", &[bought("t-3")]).await;
    assert_eq!(ends[&2].0, Verdict::Unknown);
    let tracked = place.rows("/apis/braze/stored").await;
    let bought: Vec<&Value> = tracked.iter().filter_map(|row| row.get("product_id")).collect();
    assert_eq!(bought, ["b-t-1", "b-t-3"]);
    place.ground.holds().await;
}

#[tokio::test]
async fn an_api_of_jobs_is_told_as_it_holds_it() {
    let settings = json!({"api_key": "heron-klaviyo-key-c5b9"});
    let place = Place::new("klaviyo", "/klaviyo", settings, "api_key").await;
    place.tells_what_it_holds("/apis/klaviyo/stored", "first_name").await;
    // A job that was taken although the answer said no; then errors of three pages.
    let fault = json!({"status": 503, "times": 1, "retry_after": 1, "committed": true});
    place.admin("/apis/klaviyo/faults", fault).await;
    let records: Vec<Value> = (200..400)
        .map(|n| if n % 4 == 0 { spoilt(n, "third") } else { person(n, "third") })
        .collect();
    let began = place.ground.clock.now();
    let (done, ends) = place.ground.push("user", "3.csv", &records).await;
    assert_eq!((done.counts.ok, done.counts.failed), (150, 50));
    assert!(failed(&ends).iter().all(|line| (line - 2) % 4 == 0));
    assert!(place.ground.clock.now() > began, "a job takes time");
    let held = place.names("/apis/klaviyo/stored", "first_name").await;
    assert_eq!(held.values().filter(|name| *name == "third").count(), 150);
    let mut cancelled = person(500, "fourth");
    cancelled["external_id"] = json!("cancel-1");
    let (done, _) = place.ground.push("user", "4.csv", &[cancelled, person(501, "fourth")]).await;
    assert_eq!(done.outcome, FileEnd::Failed);
    let held = place.names("/apis/klaviyo/stored", "first_name").await;
    assert!(!held.contains_key("p501@x.test"));
    place.ground.holds().await;
}
