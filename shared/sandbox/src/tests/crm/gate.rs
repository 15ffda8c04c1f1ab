//! Keys, tokens, limits, and what a request has to be.

use std::time::Duration;

use serde_json::json;

use super::super::{Place, send};
use super::{Crm, HERON, batch, customer, statuses, token};

#[test]
fn a_token_is_good_until_it_expires() {
    let mut crm = Crm::new();
    crm.tell("/settings", &json!({ "token_seconds": 5 }));
    crm.token = token(&crm.place);
    assert_eq!(crm.add(&[customer("c1")]).status, 200);
    crm.place.clock.pass(Duration::from_secs(5));
    let refused = crm.add(&[customer("c2")]);
    assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("TOKEN_EXPIRED")));
    crm.token = token(&crm.place);
    assert_eq!(crm.add(&[customer("c2")]).status, 200);
    crm.admin("DELETE", "/tokens");
    assert_eq!(crm.add(&[customer("c3")]).status, 401);
}

#[test]
fn wrong_clients_have_no_token_and_wrong_keys_no_entry() {
    let crm = Crm::new();
    let to = crm.place.running.address();
    let form = "grant_type=client_credentials&client_id=heron-crm-71d0&client_secret=guess";
    assert_eq!(send(to, ("POST", "/crm/oauth/token"), &[], form).status, 401);
    assert_eq!(send(to, ("POST", "/crm/oauth/token"), &[], "grant_type=password").status, 400);
    let bearer = format!("Bearer {}", crm.token);
    let call = |key: &str| {
        let headers = [("authorization", bearer.as_str()), ("x-api-key", key)];
        send(to, ("POST", "/crm/v2/customers:batchAdd"), &headers, "").status
    };
    assert_eq!(call("guess"), 403);
    assert_eq!(call("ibis-crm-key-c8e2"), 401, "a token opens its own tenant's records only");
    assert_eq!(call(HERON), 415);
}

#[test]
fn calls_beyond_the_limit_are_refused_until_the_window_has_slid() {
    let crm = Crm::new();
    crm.tell("/settings", &json!({ "rate_calls": 3 }));
    let answers = [(); 4].map(|()| crm.add(&[customer("c1")]));
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 200, 200, 429]);
    let remaining =
        answers.each_ref().map(|a| a.header("x-ratelimit-remaining").unwrap().to_owned());
    assert_eq!(remaining, ["2", "1", "0", "0"]);
    let wait: u64 = answers[3].header("retry-after").unwrap().parse().unwrap();
    assert!((59..=60).contains(&wait), "{wait}");
    crm.place.clock.pass(Duration::from_secs(wait));
    assert_eq!(crm.add(&[customer("c1")]).status, 200);
    let log = crm.admin("GET", "/calls").json();
    let heron = &log["heron"];
    assert_eq!((&heron["calls"], &heron["counted"]), (&json!(5), &json!(4)));
    assert_eq!(heron["most_in_any_window"], 3);
    assert_eq!(heron["statuses"], json!({ "200": 4, "429": 1 }));
}

#[test]
fn a_limit_that_is_lifted_still_counts() {
    let crm = Crm::new();
    crm.tell("/settings", &json!({ "rate_calls": 2, "enforced": false }));
    assert!([(); 5].iter().all(|()| crm.add(&[customer("c1")]).status == 200));
    assert_eq!(crm.admin("GET", "/calls").json()["heron"]["most_in_any_window"], 5);
}

#[test]
fn the_same_key_replays_and_another_body_is_a_mismatch() {
    let crm = Crm::new();
    let body = batch("customer", &[customer("c1")]);
    let first = crm.post("customers:batchAdd", "k", &body);
    let again = crm.post("customers:batchAdd", "k", &body);
    assert_eq!(first.header("idempotent-replay"), None);
    assert_eq!(again.header("idempotent-replay"), Some("true"));
    assert_eq!(first.body, again.body);
    let other = crm.post("customers:batchAdd", "k", &batch("customer", &[customer("c2")]));
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("IDEMPOTENCY_MISMATCH")));
    assert_eq!(crm.post("customers:batchUpdate", "k", &body).status, 409);
    crm.place.clock.pass(Duration::from_hours(24));
    let mut crm = crm;
    crm.token = token(&crm.place);
    assert_eq!(statuses(&crm.post("customers:batchAdd", "k", &body)), [8006]);
}

#[test]
fn what_cannot_be_a_batch_is_refused_whole() {
    let crm = Crm::new();
    let many: Vec<_> = (0..101).map(|n| customer(&format!("c{n}"))).collect();
    let answer = crm.add(&many);
    assert_eq!((answer.status, &answer.json()["error_code"]), (413, &json!(1060)));
    let large = batch("customer", &[json!({ "external_id": "x".repeat(1 << 20) })]);
    assert_eq!(crm.fresh("customers:batchAdd", &large).json()["code"], "BODY_TOO_LARGE");
    let twice = r#"{"items":[{"ref":"a","customer":{}},{"ref":"a","customer":{}}]}"#;
    for bad in ["{", "{\"items\":[]}", "{\"items\":[{\"ref\":\"a\"}]}", twice] {
        assert_eq!(crm.fresh("customers:batchAdd", bad).status, 400, "{bad}");
    }
    assert_eq!(crm.post("customers:batchAdd", "", "{}").json()["code"], "IDEMPOTENCY_KEY_REQUIRED");
    assert_eq!(crm.fresh("customers:merge", "{}").status, 404);
    assert_eq!(crm.place.get("/crm/v2/customers:batchAdd", &[]).status, 405);
    assert!(crm.held("customers").is_empty());
}

#[test]
fn records_outlive_the_process_and_end_with_a_reset() {
    let crm = Crm::new();
    crm.add(&[customer("c1")]);
    let place = crm.place;
    drop(place.running);
    let clock = std::sync::Arc::<super::super::Glance>::clone(&place.clock);
    let size = crate::Size::tiny();
    let world = crate::World::open(place.folder.path(), crate::Seed(7), &size, clock).unwrap();
    let running = crate::Running::start(world, "127.0.0.1:0").unwrap();
    let place = Place { running, clock: place.clock, folder: place.folder };
    let token = token(&place);
    let crm = Crm { place, token, keys: 10.into() };
    assert_eq!(crm.held("customers"), [customer("c1")]);
    assert_eq!(crm.admin("DELETE", "?tenant=heron").status, 204);
    assert!(crm.held("customers").is_empty());
    assert_eq!(statuses(&crm.add(&[customer("c1")])), [200]);
    assert_eq!(crm.admin("DELETE", "/?tenant=heron").status, 204);
    assert!(crm.held("customers").is_empty());
}
