//! What the CRM holds, and what it makes of a batch.

use std::collections::BTreeMap;

use ports::Response;
use serde_json::{Value, json};

use super::answer;

/// An item that was taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// What the caller calls it.
    pub reference: String,
    /// What it says.
    pub record: Value,
}

/// Customers and transactions, each with everything that was ever taken over of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Books {
    /// Customers by `external_id`.
    pub customers: BTreeMap<String, Vec<Applied>>,
    /// Transactions by `trx_id`.
    pub transactions: BTreeMap<String, Vec<Applied>>,
    locks: BTreeMap<String, u32>,
}

/// Most items of a batch.
const MOST: usize = 100;

impl Books {
    /// Makes of a batch what the operation in its URL says.
    pub(super) fn carry_out(&mut self, url: &str, body: &[u8]) -> Response {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return answer(400, &json!({"code": "MALFORMED"}));
        };
        let Some(items) = body.get("items").and_then(Value::as_array) else {
            return answer(400, &json!({"code": "MALFORMED"}));
        };
        if items.is_empty() || items.len() > MOST {
            return answer(413, &json!({"code": "BATCH_LIMIT_EXCEEDED"}));
        }
        if items.iter().any(|item| item.to_string().contains("poison")) {
            return answer(400, &json!({"code": "MALFORMED"}));
        }
        let mut results = Vec::new();
        for item in items {
            let reference = item.get("ref").and_then(Value::as_str).unwrap_or_default().to_owned();
            let status = if url.contains("transactions:batchAdd") {
                self.add_transaction(&reference, item.get("transaction"))
            } else {
                self.customer(&reference, item.get("customer"), url.contains(":batchUpdate"))
            };
            results
                .push(json!({"ref": reference, "status": status, "message": status.to_string()}));
        }
        // Results come in any order; here in the opposite one.
        results.reverse();
        answer(200, &json!({"request_id": "r", "results": results}))
    }

    fn customer(&mut self, reference: &str, record: Option<&Value>, update: bool) -> u16 {
        let Some(record) = record else { return 3217 };
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("external_id").to_owned();
        if id.is_empty() || text("source") == "UNKNOWN" {
            return 3217;
        }
        if id.starts_with("deleted-") {
            return 8026;
        }
        if id.starts_with("odd-") {
            return 4711;
        }
        if text("email").starts_with("conflict") {
            return 8008;
        }
        if id.starts_with("lock-") {
            let locked = self.locks.entry(id.clone()).or_default();
            *locked += 1;
            if *locked <= 2 {
                return 521;
            }
        }
        match (self.customers.contains_key(&id), update) {
            (true, false) => return 8006,
            (false, true) => return 8015,
            _ => {}
        }
        let applied = Applied { reference: reference.to_owned(), record: record.clone() };
        self.customers.entry(id).or_default().push(applied);
        200
    }

    fn add_transaction(&mut self, reference: &str, record: Option<&Value>) -> u16 {
        let Some(record) = record else { return 624 };
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("trx_id").to_owned();
        if id.is_empty() || record.get("amount").is_none() {
            return 624;
        }
        if self.transactions.contains_key(&id) {
            return 604;
        }
        if !self.customers.contains_key(text("external_id")) {
            return 8015;
        }
        let applied = Applied { reference: reference.to_owned(), record: record.clone() };
        self.transactions.insert(id, vec![applied]);
        200
    }
}
