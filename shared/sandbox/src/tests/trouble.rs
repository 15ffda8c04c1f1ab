//! Providers misbehave when told to, and the journal sees it.

use super::{Answer, Place};

const ORDERS: &str = "/rutter/versioned/orders?access_token=bluebird-shop-token-51c2";

fn cursor(answer: &Answer) -> Option<String> {
    answer.json()["next_cursor"].as_str().map(str::to_owned)
}

#[test]
fn a_fault_strikes_as_often_as_it_was_told_and_where() {
    let place = Place::tiny();
    place.fault(r#"{"kind":"server_error","times":1,"skip":1,"stream":"orders"}"#);
    let customers = ORDERS.replace("orders", "customers");
    assert_eq!(place.rutter(&customers).status, 200);
    let answers = [(); 3].map(|()| place.rutter(ORDERS).status);
    assert_eq!(answers, [200, 500, 200]);
    place.fault(r#"{"kind":"platform_limit","account":"bluebird-shop"}"#);
    assert_eq!([(); 2].map(|()| place.rutter(ORDERS).status), [452, 452]);
    place.admin("DELETE", "/faults");
    assert_eq!(place.rutter(ORDERS).status, 200);
    let listed = place.admin("GET", "/faults").json();
    assert_eq!(listed.as_array().unwrap().len(), 0);
}

#[test]
fn a_fault_for_nobody_is_refused() {
    let place = Place::tiny();
    let to = place.running.address();
    for bad in [r#"{"kind":"earthquake"}"#, r#"{"kind":"truncated","account":"nobody"}"#] {
        assert_eq!(super::send(to, ("POST", "/__admin/faults"), &[], bad).status, 400);
    }
}

#[test]
fn bodies_break_in_their_middle() {
    let place = Place::tiny();
    for kind in ["truncated", "malformed"] {
        place.fault(&format!(r#"{{"kind":"{kind}","times":1}}"#));
        let answer = place.rutter(ORDERS);
        assert_eq!(answer.status, 200);
        assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err(), "{kind}");
    }
    place.fault(r#"{"kind":"huge_body","bytes":3000000,"times":1}"#);
    assert!(place.rutter(ORDERS).body.len() >= 3_000_000);
}

#[test]
fn tokens_expire_and_redirects_lead_away() {
    let place = Place::tiny();
    place.fault(r#"{"kind":"expired_token","times":1}"#);
    assert_eq!(place.rutter(ORDERS).status, 401);
    place.fault(r#"{"kind":"redirect","to":"http://169.254.169.254/latest/","times":1}"#);
    let answer = place.rutter(ORDERS);
    let to = answer.header("location");
    assert_eq!((answer.status, to), (302, Some("http://169.254.169.254/latest/")));
}

#[test]
fn cursors_repeat_or_never_end() {
    let place = Place::tiny();
    place.fault(r#"{"kind":"repeated_cursor"}"#);
    let first = cursor(&place.rutter(&format!("{ORDERS}&limit=2"))).unwrap();
    let again = place.rutter(&format!("{ORDERS}&limit=2&cursor={first}"));
    assert_eq!(cursor(&again), Some(first));
    place.admin("DELETE", "/faults");
    place.fault(r#"{"kind":"endless_pages"}"#);
    let (mut seen, mut address) = (std::collections::BTreeSet::new(), ORDERS.to_owned());
    for _ in 0..20 {
        let page = place.rutter(&address);
        assert!(!page.rows("orders").is_empty());
        assert!(seen.insert(cursor(&page).unwrap()));
        address = format!("{ORDERS}&cursor={}", cursor(&page).unwrap());
    }
}

#[test]
fn rows_change_between_two_pages() {
    let place = Place::tiny();
    let before = place.truth("bluebird-shop", "orders");
    place.fault(r#"{"kind":"mutate_mid_walk","skip":1,"times":1}"#);
    let rows = place.walk(&format!("{ORDERS}&limit=50"), "orders");
    assert!(rows.len() >= 100);
    assert_ne!(before, place.truth("bluebird-shop", "orders"));
}

#[test]
fn a_slow_answer_still_comes() {
    let place = Place::tiny();
    place.fault(r#"{"kind":"slow","millis":60000,"times":1}"#);
    assert_eq!(place.rutter(ORDERS).status, 200);
    let entries = place.admin("GET", "/requests?entries=true").json()["entries"].clone();
    assert!(entries[0]["milliseconds"].as_i64().unwrap() >= 60_000);
    assert_eq!(entries[0]["account"], "bluebird-shop");
    assert!(!entries.to_string().contains("token-51c2"));
    let summary = place.admin("GET", "/requests").json()["summary"].clone();
    assert_eq!(
        (summary["peak_concurrency"].as_i64(), summary["calls"].as_i64()),
        (Some(1), Some(1))
    );
    place.admin("DELETE", "/requests");
    assert_eq!(place.admin("GET", "/requests").json()["summary"]["calls"], 0);
}
