//! Demands and ranges as DynamoDB's expressions.

use std::cmp::Ordering;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use ports::{Direction, Expect, Key, Query, SortRange, Write};

use super::item::{Attributes, nanoseconds, stored_key, stored_partition};

/// An expression and the values it names.
pub(super) struct Condition {
    pub(super) text: &'static str,
    pub(super) values: HashMap<String, AttributeValue>,
}

fn condition(text: &'static str, values: &[(&str, AttributeValue)]) -> Condition {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Condition { text, values }
}

/// What a write demands of the item that stands there; none when it demands nothing.
pub(super) fn demand(write: &Write, now: Timestamp) -> Option<Condition> {
    let (Write::Put { expect, .. } | Write::Delete { expect, .. } | Write::Check { expect, .. }) =
        write;
    let now = (":now", nanoseconds(now));
    let version = match expect {
        Expect::Any => return None,
        Expect::Absent => {
            return Some(condition("attribute_not_exists(pk) OR u <= :now", &[now]));
        }
        Expect::Version(version) => (":v", AttributeValue::S(version.0.clone())),
    };
    let text = match write {
        // What is gone counts as removed.
        Write::Delete { .. } => "attribute_not_exists(pk) OR u <= :now OR v = :v",
        Write::Put { .. } | Write::Check { .. } => {
            "v = :v AND (attribute_not_exists(u) OR u > :now)"
        }
    };
    Some(condition(text, &[now, version]))
}

/// The key condition of a query; none when nothing can satisfy it.
pub(super) fn range(query: &Query) -> Option<Condition> {
    if !reaches(query) {
        return None;
    }
    let partition = (":p", AttributeValue::S(stored_partition(&query.partition)));
    let text = |value: &String| AttributeValue::S(value.clone());
    Some(match &query.range {
        SortRange::Prefix(prefix) if !prefix.is_empty() => {
            condition("pk = :p AND begins_with(sk, :a)", &[partition, (":a", text(prefix))])
        }
        SortRange::All | SortRange::Prefix(_) => condition("pk = :p", &[partition]),
        SortRange::Between(from, until) if from > until || until.is_empty() => return None,
        SortRange::Between(from, until) if from.is_empty() => {
            condition("pk = :p AND sk <= :b", &[partition, (":b", text(until))])
        }
        SortRange::Between(from, until) => condition(
            "pk = :p AND sk BETWEEN :a AND :b",
            &[partition, (":a", text(from)), (":b", text(until))],
        ),
    })
}

/// The key behind which a page starts. DynamoDB refuses one outside the range, so a place before
/// the range in the query's direction is no start at all.
pub(super) fn start(query: &Query) -> Option<Attributes> {
    let after = query.after.as_ref().filter(|after| !after.is_empty())?;
    let inside = place(&query.range, after) == Ordering::Equal;
    let key = Key { partition: query.partition.clone(), sort: after.clone() };
    inside.then(|| stored_key(&key))
}

/// Whether anything of the range can lie behind `after`.
fn reaches(query: &Query) -> bool {
    let Some(after) = &query.after else { return true };
    let spent = match query.direction {
        Direction::Forward => Ordering::Greater,
        Direction::Backward => Ordering::Less,
    };
    place(&query.range, after) != spent
}

/// Where a sort key lies: before, inside or behind the range.
fn place(range: &SortRange, sort: &str) -> Ordering {
    match range {
        SortRange::Prefix(prefix) if !sort.starts_with(prefix.as_str()) => {
            sort.cmp(prefix.as_str())
        }
        SortRange::Between(from, _) if sort < from.as_str() => Ordering::Less,
        SortRange::Between(_, until) if sort > until.as_str() => Ordering::Greater,
        SortRange::All | SortRange::Prefix(_) | SortRange::Between(..) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(range: SortRange, direction: Direction, after: &str) -> Query {
        let after = Some(after.to_owned());
        Query { partition: "p".to_owned(), range, direction, limit: 1, after }
    }

    #[test]
    fn a_start_before_the_range_is_none_and_one_behind_it_ends_the_query() {
        let between = || SortRange::Between("b".to_owned(), "d".to_owned());
        for (range, before, behind) in
            [(between(), "a", "e"), (SortRange::Prefix("b".to_owned()), "a", "c")]
        {
            let forward = query(range.clone(), Direction::Forward, before);
            assert!(reaches(&forward) && start(&forward).is_none());
            assert!(super::range(&query(range.clone(), Direction::Forward, behind)).is_none());
            let backward = query(range.clone(), Direction::Backward, behind);
            assert!(reaches(&backward) && start(&backward).is_none());
            assert!(super::range(&query(range, Direction::Backward, before)).is_none());
        }
        assert!(start(&query(between(), Direction::Forward, "c")).is_some());
    }
}
