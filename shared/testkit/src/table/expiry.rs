//! Clauses about items that expire.

use std::time::Duration;

use jiff::Timestamp;
use ports::{Clock, Direction, Expect, Key, Query, SortRange, Table, Version, Write};

use super::{ManualClock, body, contended, delete, key, put, version, write};

const MINUTE: Duration = Duration::from_mins(1);

async fn lend(table: &dyn Table, at: &Key, until: Timestamp, by: &str) -> Version {
    let (key, body) = (at.clone(), by.to_owned());
    let one = Write::Put { key, expect: Expect::Any, body, expires: Some(until) };
    write(table, one, by).await.unwrap()
}

async fn all(table: &dyn Table, partition: &str) -> usize {
    let query = Query {
        partition: partition.to_owned(),
        range: SortRange::All,
        direction: Direction::Forward,
        limit: 100,
        after: None,
    };
    table.query(&query).await.unwrap().items.len()
}

/// From its expiry on an item is not read, to the instant.
pub async fn an_expired_item_is_hidden_from_get_and_query(table: &dyn Table, clock: &ManualClock) {
    let at = key("p", "s");
    let until = clock.now() + MINUTE;
    lend(table, &at, until, "w1").await;
    assert_eq!(table.get(&at).await.unwrap().unwrap().expires, Some(until));
    clock.advance(Duration::from_millis(59_999));
    assert_eq!((body(table, &at).await.unwrap(), all(table, "p").await), ("w1".to_owned(), 1));
    clock.advance(Duration::from_millis(1));
    assert_eq!((body(table, &at).await, all(table, "p").await), (None, 0));
}

/// An expired item does not stand in the way of a new one, and is not shown to the loser.
pub async fn an_expired_item_frees_its_key(table: &dyn Table, clock: &ManualClock) {
    let at = key("p", "s");
    lend(table, &at, clock.now() + MINUTE, "w1").await;
    contended(write(table, put(&at, Expect::Absent, "2"), "w2").await);
    clock.advance(MINUTE);
    write(table, put(&at, Expect::Absent, "3"), "w3").await.unwrap();
    assert_eq!(body(table, &at).await.unwrap(), "3");
}

/// An expired item meets no demand for its version, and a delete of it has happened already.
pub async fn an_expired_item_has_no_version_any_more(table: &dyn Table, clock: &ManualClock) {
    let at = key("p", "s");
    let made = lend(table, &at, clock.now() + MINUTE, "w1").await;
    clock.advance(MINUTE);
    let late = write(table, put(&at, Expect::Version(made.clone()), "2"), "w2").await;
    assert_eq!(contended(late), (at.clone(), None));
    write(table, delete(&at, Expect::Version(made)), "w3").await.unwrap();
    assert_eq!(body(table, &at).await, None);
}

/// A write sets the expiry anew; without one the item stays.
pub async fn a_later_expiry_prolongs_an_item(table: &dyn Table, clock: &ManualClock) {
    let at = key("p", "s");
    lend(table, &at, clock.now() + MINUTE, "w1").await;
    lend(table, &at, clock.now() + 2 * MINUTE, "w2").await;
    clock.advance(MINUTE);
    assert_eq!(body(table, &at).await.unwrap(), "w2");
    write(table, put(&at, Expect::Version(version("w2")), "3"), "w3").await.unwrap();
    clock.advance(60 * MINUTE);
    assert_eq!(table.get(&at).await.unwrap().unwrap().expires, None);
}
