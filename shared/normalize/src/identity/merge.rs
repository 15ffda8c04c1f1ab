//! Which value a field takes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::observation::{Record, Seen};
use super::rules::{Rules, Take};
use super::value::place;

impl Record {
    /// The observation that said a field.
    pub(super) fn said(&self, field: &str) -> &Seen {
        self.older.get(field).unwrap_or(&self.seen)
    }
}

/// What two accounts of the same record say together.
pub(super) fn join(rules: &Rules, a: &Record, b: &Record) -> Record {
    let (newer, older) = if a.seen >= b.seen { (a, b) } else { (b, a) };
    let mut joined = Record {
        first: a.first.min(b.first),
        fields: BTreeMap::new(),
        older: BTreeMap::new(),
        ..newer.clone()
    };
    let names: BTreeSet<&String> = newer.fields.keys().chain(older.fields.keys()).collect();
    for name in names {
        let says = |record: &'_ Record| {
            record.fields.get(name).map(|value| (value.clone(), record.said(name).clone()))
        };
        let both = [newer, older].into_iter().filter_map(says);
        let take = rules.of(name).take;
        let Some((value, seen)) = (match take {
            Take::Newest | Take::Nothing => both.max_by(|a, b| a.1.cmp(&b.1)),
            Take::Min => both.min_by_key(|(value, seen)| (place(value), Reverse(seen.clone()))),
            Take::Max => both.max_by_key(|(value, seen)| (place(value), seen.clone())),
            Take::Union => {
                both.filter(|(_, seen)| seen.same(&newer.seen)).max_by(|a, b| a.1.cmp(&b.1))
            }
        }) else {
            continue;
        };
        if !seen.same(&joined.seen) {
            joined.older.insert(name.clone(), seen);
        }
        joined.fields.insert(name.clone(), value);
    }
    joined
}

/// The value of a field out of several records: which of them said it, and what.
pub(super) fn one<'r>(
    rules: &Rules,
    field: &str,
    records: &[&'r Record],
) -> Option<(usize, &'r Value)> {
    let rule = rules.of(field);
    let says = |(n, record): (usize, &&'r Record)| Some((n, *record, record.fields.get(field)?));
    let said = records.iter().enumerate().filter_map(says);
    // The newest; then the source that the rule prefers, else the first by name.
    let claim = |record: &Record| {
        let seen = record.said(field);
        let names = (record.source.clone(), record.id.clone());
        (seen.at, Reverse(rule.rank(&record.source)), Reverse(names))
    };
    let best = match rule.take {
        Take::Newest => said.max_by_key(|(_, record, _)| claim(record)),
        Take::Min => said.max_by_key(|(_, record, value)| (Reverse(place(value)), claim(record))),
        Take::Max => said.max_by_key(|(_, record, value)| (place(value), claim(record))),
        Take::Union | Take::Nothing => None,
    };
    best.map(|(n, _, value)| (n, value))
}

/// All items of a field, each once and in order, with the records that have it.
pub(super) fn all(field: &str, records: &[&Record]) -> Vec<(Value, Vec<usize>)> {
    let mut items = BTreeMap::new();
    for (n, record) in records.iter().enumerate() {
        let found: &[Value] = match record.fields.get(field) {
            None => &[],
            Some(Value::Array(found)) => found,
            Some(single) => std::slice::from_ref(single),
        };
        for item in found {
            let (_, by) = items.entry(place(item)).or_insert_with(|| (item.clone(), Vec::new()));
            if by.last() != Some(&n) {
                by.push(n);
            }
        }
    }
    items.into_values().collect()
}
