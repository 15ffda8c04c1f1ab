//! The keys of a record: what it has in common with others that may be the same thing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::observation::Record;
use super::rules::{Fact, Rules, Tier};

/// Most keys of one record.
pub const MAX_KEYS: usize = 256;

/// The record's keys, tier by tier, at most one more than it may have. Two records have a key of
/// a tier in common exactly when they share a value of every fact of one of the tier's lists.
pub(super) fn keys(rules: &Rules, record: &Record) -> Vec<BTreeSet<String>> {
    let facts: BTreeMap<&str, BTreeSet<String>> =
        rules.facts.iter().map(|(name, fact)| (name.as_str(), values(fact, record))).collect();
    rules.tiers.iter().map(|tier| of_tier(tier, &facts)).collect()
}

fn values(fact: &Fact, record: &Record) -> BTreeSet<String> {
    let fields = fact.fields.iter().filter_map(|name| record.fields.get(name));
    fields.flat_map(texts).filter_map(|text| fact.normal(&text)).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    }
}

fn of_tier(tier: &Tier, facts: &BTreeMap<&str, BTreeSet<String>>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for list in &tier.any {
        let mut found = vec![escaped(&tier.name)];
        for name in list {
            let Some(values) = facts.get(name.as_str()) else { break };
            let longer = |key: &String| {
                let key = key.clone();
                values.iter().map(move |value| format!("{key}/{name}={}", escaped(value)))
            };
            found = found.iter().flat_map(longer).take(MAX_KEYS + 1).collect();
        }
        keys.extend(found);
    }
    keys.into_iter().take(MAX_KEYS + 1).collect()
}

/// A text that holds no `/`, so that values cannot pose as facts.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}
