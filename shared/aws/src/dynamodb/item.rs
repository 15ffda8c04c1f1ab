//! Items as DynamoDB stores them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use ports::{Item, Key, Version, Write, WriteId};

/// Attributes by name.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Marks a partition that holds counters.
const COUNTERS: &str = "+n";

/// Put before a partition of items that starts like a mark itself.
const ITEMS: &str = "+i";

/// The partition as stored: counters and items share a table, and no key of the one can be
/// written as a key of the other.
pub(super) fn stored_partition(partition: &str) -> String {
    if partition.starts_with('+') { format!("{ITEMS}{partition}") } else { partition.to_owned() }
}

fn read_partition(stored: &str) -> &str {
    stored.strip_prefix(ITEMS).unwrap_or(stored)
}

/// The key of an item.
pub(super) fn stored_key(key: &Key) -> Attributes {
    attributes(stored_partition(&key.partition), &key.sort)
}

/// The key of a counter.
pub(super) fn counter_key(key: &Key) -> Attributes {
    attributes(format!("{COUNTERS}{}", key.partition), &key.sort)
}

fn attributes(partition: String, sort: &str) -> Attributes {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(partition)),
        ("sk".to_owned(), AttributeValue::S(sort.to_owned())),
    ])
}

/// An instant as a number whose order is time's.
pub(super) fn nanoseconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_nanosecond().to_string())
}

/// What a put stores; for other writes, their key alone.
pub(super) fn stored(write: &Write, id: &WriteId) -> Attributes {
    let mut item = stored_key(write.key());
    if let Write::Put { body, expires, .. } = write {
        item.insert("v".to_owned(), AttributeValue::S(id.0.clone()));
        item.insert("b".to_owned(), AttributeValue::S(body.clone()));
        if let Some(expires) = expires {
            let seconds = expires.as_second() + i64::from(expires.subsec_nanosecond() > 0);
            item.insert("u".to_owned(), nanoseconds(*expires));
            item.insert("x".to_owned(), AttributeValue::N(seconds.to_string()));
        }
    }
    item
}

/// An item as read, expired or not; none when it is not one of ours.
pub(super) fn read(mut stored: Attributes) -> Option<Item> {
    let expires = match stored.remove("u") {
        Some(AttributeValue::N(nanoseconds)) => {
            Some(Timestamp::from_nanosecond(nanoseconds.parse().ok()?).ok()?)
        }
        _ => None,
    };
    let mut text = |name: &str| match stored.remove(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    };
    let partition = read_partition(&text("pk")?).to_owned();
    Some(Item {
        key: Key { partition, sort: text("sk")? },
        version: Version(text("v")?),
        body: text("b")?,
        expires,
    })
}

/// The item, unless it has expired.
pub(super) fn live(item: Option<Item>, now: Timestamp) -> Option<Item> {
    item.filter(|item| item.expires.is_none_or(|expires| expires > now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_as_they_went() {
        for (partition, expires) in [("p", None), ("+n", Some("2050-01-01T00:00:00.5Z"))] {
            let key = Key { partition: partition.to_owned(), sort: "s".to_owned() };
            let expires = expires.map(|at| at.parse::<Timestamp>().unwrap());
            let body = "{}".to_owned();
            let write = Write::Put { key: key.clone(), expect: ports::Expect::Any, body, expires };
            let stored = stored(&write, &WriteId("w".to_owned()));
            let (version, body) = (Version("w".to_owned()), "{}".to_owned());
            assert_eq!(read(stored), Some(Item { key, version, body, expires }));
        }
    }

    #[test]
    fn the_ttl_attribute_never_lies_before_the_expiry() {
        let expires = Some("2050-01-01T00:00:00.5Z".parse().unwrap());
        let key = Key { partition: "p".to_owned(), sort: "s".to_owned() };
        let (expect, body) = (ports::Expect::Any, String::new());
        let stored = stored(&Write::Put { key, expect, body, expires }, &WriteId("w".to_owned()));
        assert_eq!(stored["x"], AttributeValue::N("2524608001".to_owned()));
    }

    #[test]
    fn counters_and_items_never_share_a_key() {
        let key = |partition: &str| Key { partition: partition.to_owned(), sort: "s".to_owned() };
        for (item, counter) in [("p", "p"), ("+np", "p"), ("+i+np", "+np"), ("+n", "")] {
            assert_ne!(stored_key(&key(item)), counter_key(&key(counter)), "{item} {counter}");
        }
    }
}
