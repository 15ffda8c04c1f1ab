//! The CRM over real HTTP.

mod faults;
mod gate;
mod items;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{Answer, Place, send};

const HERON: &str = "heron-crm-key-a41f";

/// A caller of the CRM with a token.
pub(super) struct Crm {
    place: Place,
    token: String,
    keys: AtomicU32,
}

impl Crm {
    pub(super) fn new() -> Self {
        let place = Place::tiny();
        let token = token(&place);
        Self { place, token, keys: AtomicU32::new(0) }
    }

    fn post(&self, operation: &str, key: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-api-key", HERON),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        let path = format!("/crm/v2/{operation}");
        send(self.place.running.address(), ("POST", &path), &headers, body)
    }

    /// A batch under a key of its own.
    pub(super) fn fresh(&self, operation: &str, body: &str) -> Answer {
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst));
        self.post(operation, &key, body)
    }

    fn add(&self, customers: &[Value]) -> Answer {
        self.fresh("customers:batchAdd", &batch("customer", customers))
    }

    fn update(&self, customers: &[Value]) -> Answer {
        self.fresh("customers:batchUpdate", &batch("customer", customers))
    }

    fn buy(&self, transactions: &[Value]) -> Answer {
        self.fresh("transactions:batchAdd", &batch("transaction", transactions))
    }

    fn admin(&self, method: &str, path: &str) -> Answer {
        self.place.admin(method, &format!("/crm{path}"))
    }

    fn tell(&self, path: &str, body: &Value) {
        let to = self.place.running.address();
        let path = format!("/__admin/crm{path}");
        let answer = send(to, ("POST", &path), &[], &body.to_string());
        assert!(answer.status < 300, "{}", answer.body);
    }

    fn fault(&self, switch: &Value) {
        self.tell("/faults", switch);
    }

    pub(super) fn held(&self, kind: &str) -> Vec<Value> {
        let answer = self.admin("GET", &format!("/heron/{kind}"));
        answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn carried(&self, entity: &str) -> Vec<(String, u64)> {
        let rows = self.admin("GET", &format!("/heron/carried?entity={entity}")).json();
        let row = |row: &Value| {
            (row["operation"].as_str().unwrap().to_owned(), row["calls"].as_u64().unwrap())
        };
        rows.as_array().unwrap().iter().map(row).collect()
    }
}

fn token(place: &Place) -> String {
    let form = "grant_type=client_credentials&client_id=heron-crm-71d0&client_secret=heron-crm-secret-5e02c8";
    let answer = send(place.running.address(), ("POST", "/crm/oauth/token"), &[], form);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

pub(super) fn customer(id: &str) -> Value {
    json!({
        "external_id": id, "email": format!("{id}@example.test"), "mobile": null,
        "first_name": "Ada", "source": "INSTORE", "attributes": { "tier": "gold" },
    })
}

pub(super) fn transaction(id: &str, customer: &str) -> Value {
    json!({
        "trx_id": id, "external_id": customer, "bill_number": format!("B-{id}"),
        "billing_date": "2026-03-01T10:00:00Z", "amount": 12.5, "currency": "EUR",
        "source": "INSTORE", "type": "REGULAR", "line_items": [],
    })
}

/// References are `drop.csv#<position>`.
pub(super) fn batch(key: &str, contents: &[Value]) -> String {
    let item =
        |(at, content): (usize, &Value)| json!({ "ref": format!("drop.csv#{at}"), key: content });
    let items: Vec<Value> = contents.iter().enumerate().map(item).collect();
    json!({ "items": items }).to_string()
}

/// The statuses of all results, by position in the request.
fn statuses(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let mut results: Vec<&Value> = body["results"].as_array().unwrap().iter().collect();
    results.sort_by_key(|line| line["index"].as_u64());
    results.iter().map(|line| line["status"].as_u64().unwrap()).collect()
}
