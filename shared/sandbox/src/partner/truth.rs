//! What the CRM is to say of every row, and to hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::people::Record;

/// What is said of a row in the end, whatever the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Ok,
    Failed(&'static str),
    Duplicate,
}

/// What the CRM holds.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) customers: BTreeMap<String, Record>,
    pub(super) transactions: BTreeMap<String, Record>,
    emails: BTreeMap<String, String>,
    bills: BTreeSet<String>,
}

fn text<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
    record.get(key).and_then(Value::as_str)
}

impl Truth {
    /// A row of a user file: added, or when it is there already, updated.
    pub(super) fn user(&mut self, record: &Record) -> Said {
        let id = text(record, "external_id").unwrap_or_default().to_owned();
        if id.starts_with("odd-") {
            return Said::Failed("7742");
        }
        if text(record, "source").is_none_or(|source| source == "FAX") {
            return Said::Failed("3217");
        }
        let email = text(record, "email").unwrap_or_default().to_owned();
        if id.starts_with("half-") && self.customers.contains_key(&id) {
            return Said::Failed("3017");
        }
        if self.emails.get(&email).is_some_and(|owner| *owner != id) {
            return Said::Failed("8008");
        }
        self.emails.insert(email, id.clone());
        let fields = record.iter().map(|(key, value)| (key.clone(), value.clone()));
        self.customers.entry(id).or_default().extend(fields);
        Said::Ok
    }

    /// A row of a transaction file.
    pub(super) fn transaction(&mut self, record: &Record) -> Said {
        let id = text(record, "trx_id").unwrap_or_default().to_owned();
        if id.starts_with("poison-") {
            return Said::Failed("MALFORMED_BATCH");
        }
        if record.get("amount").is_none_or(Value::is_null) {
            return Said::Failed("624");
        }
        let bill = text(record, "bill_number").unwrap_or_default().to_owned();
        if self.transactions.contains_key(&id) || !self.bills.insert(bill) {
            return Said::Duplicate;
        }
        self.transactions.insert(id, record.clone());
        Said::Ok
    }
}
