//! Clauses about `DynamoDB`'s limits.

use model::{Classify, Retry};
use ports::{Expect, MAX_ITEM_BYTES, MAX_TRANSACTION_ITEMS, Table, TableError, Version, Write};

use super::{ManualClock, body, id, key, panic_with, put, write};

#[track_caller]
fn refused(result: Result<Version, TableError>) {
    match result {
        Err(error @ TableError::Refused { .. }) => assert_eq!(error.retry(), Retry::Never),
        other => panic_with(&other.map(|version| version.0)),
    }
}

/// An item of 400 KB, keys and names included, is refused.
pub async fn an_item_of_400_kb_is_refused(table: &dyn Table, _: &ManualClock) {
    let large = "x".repeat(MAX_ITEM_BYTES);
    refused(write(table, put(&key("p", "s"), Expect::Any, &large), "w1").await);
    assert_eq!(body(table, &key("p", "s")).await, None);
}

/// An item a little smaller is kept.
pub async fn an_item_just_below_the_limit_is_kept(table: &dyn Table, _: &ManualClock) {
    let large = "x".repeat(MAX_ITEM_BYTES - 256);
    write(table, put(&key("p", "s"), Expect::Any, &large), "w1").await.unwrap();
    assert!(body(table, &key("p", "s")).await.unwrap() == large);
}

/// A partition key holds 2048 bytes and a sort key 1024, and no more.
pub async fn keys_beyond_their_limits_are_refused(table: &dyn Table, _: &ManualClock) {
    let longest = key(&"p".repeat(2048), &"s".repeat(1024));
    write(table, put(&longest, Expect::Any, "1"), "w1").await.unwrap();
    assert_eq!(body(table, &longest).await.unwrap(), "1");
    let beyond =
        [key(&"p".repeat(2049), "s"), key("p", &"s".repeat(1025)), key("p", &"ä".repeat(513))];
    for at in beyond {
        refused(write(table, put(&at, Expect::Any, "1"), "w2").await);
    }
}

/// Empty keys are refused.
pub async fn empty_keys_are_refused(table: &dyn Table, _: &ManualClock) {
    for at in [key("", "s"), key("p", "")] {
        refused(write(table, put(&at, Expect::Any, "1"), "w1").await);
        assert!(matches!(table.get(&at).await, Err(TableError::Refused { .. })));
    }
}

/// A transaction takes a hundred writes and not one more.
pub async fn a_hundred_writes_are_taken_and_one_more_is_refused(
    table: &dyn Table,
    _: &ManualClock,
) {
    let one = |n: usize| put(&key("p", &format!("{n:03}")), Expect::Absent, "1");
    let mut writes: Vec<Write> = (0..=MAX_TRANSACTION_ITEMS).map(one).collect();
    refused(table.transact(&writes, &id("w1")).await);
    writes.pop();
    table.transact(&writes, &id("w2")).await.unwrap();
    assert_eq!(body(table, &key("p", "099")).await.unwrap(), "1");
}

/// A transaction of nothing is refused.
pub async fn an_empty_transaction_is_refused(table: &dyn Table, _: &ManualClock) {
    refused(table.transact(&[], &id("w1")).await);
}

/// Two writes of one key in one transaction are refused.
pub async fn two_writes_of_one_key_are_refused(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let twice =
        [Write::Check { key: at.clone(), expect: Expect::Absent }, put(&at, Expect::Any, "1")];
    refused(table.transact(&twice, &id("w1")).await);
    assert_eq!(body(table, &at).await, None);
}

/// A transaction of more than four megabytes is refused.
pub async fn four_megabytes_together_are_refused(table: &dyn Table, _: &ManualClock) {
    let large = "x".repeat(390 * 1024);
    let one = |n: usize| put(&key("p", &format!("{n:03}")), Expect::Any, &large);
    let writes: Vec<Write> = (0..11).map(one).collect();
    refused(table.transact(&writes, &id("w1")).await);
    assert_eq!(body(table, &key("p", "000")).await, None);
}
