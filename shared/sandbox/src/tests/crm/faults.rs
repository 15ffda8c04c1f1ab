//! The CRM fails when told to.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::{Crm, HERON, batch, customer, statuses, transaction};

#[test]
fn a_batch_that_was_carried_out_may_answer_500_and_replays_its_answer() {
    let crm = Crm::new();
    crm.fault(&json!({ "kind": "committed_then", "status": 500, "times": 1 }));
    let body = batch("customer", &[customer("c1")]);
    assert_eq!(crm.post("customers:batchAdd", "k", &body).status, 500);
    assert_eq!(crm.held("customers").len(), 1);
    let again = crm.post("customers:batchAdd", "k", &body);
    assert_eq!(again.header("idempotent-replay"), Some("true"));
    assert_eq!(statuses(&again), [200]);
    assert_eq!(crm.carried("c1"), [("ADD_CUST".to_owned(), 1)]);
}

#[test]
fn a_refused_call_leaves_nothing_behind() {
    let crm = Crm::new();
    for status in [403, 429, 500, 502, 503, 504] {
        crm.fault(&json!({ "kind": "status", "status": status, "times": 1, "retry_after": 7 }));
        let body = batch("customer", &[customer("c1")]);
        let answer = crm.post("customers:batchAdd", "k", &body);
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some("7")));
    }
    assert!(crm.held("customers").is_empty());
    assert_eq!(statuses(&crm.add(&[customer("c1")])), [200]);
}

#[test]
fn faults_are_meant_for_an_operation_a_tenant_and_a_time() {
    let crm = Crm::new();
    crm.fault(&json!({
        "kind": "status", "status": 503, "operation": "ADD_TRX", "tenant": "heron",
        "skip": 1, "times": 1,
    }));
    assert_eq!(crm.add(&[customer("c1")]).status, 200);
    let answers = [(); 3].map(|()| crm.buy(&[transaction("t1", "c1")]).status);
    assert_eq!(answers, [200, 503, 200]);
    crm.fault(&json!({ "kind": "status", "status": 503, "tenant": "ibis" }));
    assert_eq!(crm.add(&[customer("c2")]).status, 200);
    crm.admin("DELETE", "/faults");
    assert_eq!(crm.admin("GET", "/faults").body, "[]");
}

#[test]
fn a_storm_is_drawn_from_the_seed() {
    let storm = || {
        let crm = Crm::new();
        crm.fault(&json!({ "kind": "status", "status": 429, "retry_after": 1, "permille": 400 }));
        (0..50).map(|_| crm.add(&[customer("c1")]).status).collect::<Vec<_>>()
    };
    let drawn = storm();
    let refused = drawn.iter().filter(|status| **status == 429).count();
    assert!((10..30).contains(&refused), "{refused}");
    assert_eq!(drawn, storm());
}

#[test]
fn a_token_may_end_in_the_middle_of_a_run() {
    let mut crm = Crm::new();
    crm.fault(&json!({ "kind": "expired_token", "skip": 1, "times": 1 }));
    let answers = [(); 3].map(|()| crm.add(&[customer("c1")]).status);
    assert_eq!(answers, [200, 401, 401]);
    crm.token = super::token(&crm.place);
    assert_eq!(crm.add(&[customer("c1")]).status, 200);
}

#[test]
fn an_answer_may_leave_one_item_out_or_give_it_a_code_that_nobody_knows() {
    let crm = Crm::new();
    crm.fault(&json!({ "kind": "missing_ref", "times": 1 }));
    assert_eq!(statuses(&crm.add(&[customer("c1"), customer("c2")])).len(), 1);
    assert_eq!(crm.held("customers").len(), 2);
    crm.fault(&json!({ "kind": "unknown_code", "code": 9999, "times": 1 }));
    let mut said = statuses(&crm.add(&[customer("c3"), customer("c4")]));
    said.sort_unstable();
    assert_eq!(said, [200, 9999]);
    assert_eq!(crm.held("customers").len(), 3);
}

#[test]
fn bodies_break_after_the_batch_was_carried_out() {
    let crm = Crm::new();
    crm.fault(&json!({ "kind": "truncated", "times": 1 }));
    let answer = crm.add(&[customer("c1")]);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
    crm.fault(&json!({ "kind": "malformed", "times": 1 }));
    assert!(crm.add(&[customer("c2")]).body.starts_with("<html>"));
    assert_eq!(crm.held("customers"), [customer("c1")]);
    crm.fault(&json!({ "kind": "disconnect", "times": 1 }));
    let body = batch("customer", &[customer("c3")]);
    let mut stream = TcpStream::connect(crm.place.running.address()).unwrap();
    let head = format!(
        "POST /crm/v2/customers:batchAdd HTTP/1.1\r\nhost: crm\r\nx-api-key: {HERON}\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\nidempotency-key: k3\r\n\
         content-length: {}\r\n\r\n{body}",
        crm.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Whether the break shows as an error or as an end is the socket's affair.
    _ = stream.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("counts"));
    assert_eq!(crm.held("customers").len(), 2);
}

#[test]
fn a_late_answer_takes_the_time_it_was_told() {
    let crm = Crm::new();
    for committed in [false, true] {
        crm.fault(&json!({ "kind": "slow", "millis": 5000, "committed": committed, "times": 1 }));
        let before = ports::Clock::now(&*crm.place.clock);
        assert_eq!(crm.add(&[customer("c1")]).status, 200);
        let after = ports::Clock::now(&*crm.place.clock);
        assert!(after.duration_since(before).as_secs() >= 5);
    }
}

#[test]
fn a_switch_that_makes_no_sense_is_refused() {
    let crm = Crm::new();
    let to = crm.place.running.address();
    for bad in [
        json!({ "kind": "earthquake" }),
        json!({ "kind": "status", "status": 200 }),
        json!({ "kind": "truncated", "tenant": "nobody" }),
    ] {
        let answer = super::super::send(to, ("POST", "/__admin/crm/faults"), &[], &bad.to_string());
        assert_eq!(answer.status, 400);
    }
    let bad = r#"{"rate_cals":1}"#;
    assert_eq!(super::super::send(to, ("POST", "/__admin/crm/settings"), &[], bad).status, 400);
}
