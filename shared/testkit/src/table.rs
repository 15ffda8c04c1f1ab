//! The clauses of [`Table`].

#![expect(clippy::unwrap_used, reason = "a clause that does not hold panics")]

mod expiry;
mod limits;
mod query;
mod transact;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use ports::{Expect, Item, Key, Table, TableError, Version, Write, WriteId};

pub use expiry::*;
pub use limits::*;
pub use query::*;
pub use transact::*;

/// Tests an adapter of [`Table`](ports::Table): one `#[tokio::test]` a clause.
///
/// `clock => expression`: the expression, which may `await`, gives a fresh table of its own that
/// judges expiry by `clock`, an `Arc<dyn Clock>` that starts in 2050 and moves only when a clause
/// moves it. Call it in a module of its own.
#[macro_export]
macro_rules! table_contract {
    ($clock:ident => $new:expr) => {
        $crate::table_contract!(@ $clock, $new,
            get_of_nothing_is_none
            put_then_get_gives_the_item
            a_body_is_kept_to_the_byte
            keys_are_exact
            absent_refuses_a_taken_key_and_shows_what_stands_there
            version_refuses_another_version
            version_refuses_an_absent_item
            any_replaces_whatever_stands_there
            a_version_is_never_reused_after_delete_and_recreate
            a_late_delete_leaves_the_successor_alone
            delete_with_its_version_removes
            delete_repeats_harmlessly
            of_many_racing_creations_one_wins
            of_many_racing_updates_of_one_version_one_wins
            counters_add_up_apart_from_items
            a_transaction_writes_all
            a_transaction_writes_nothing_when_one_demand_fails
            the_first_failing_write_is_named
            a_check_changes_nothing_and_binds_all
            a_check_of_absence_binds_all
            a_repeat_recognises_its_own_success
            a_repeated_transaction_recognises_its_own_success
            a_repeat_is_contended_once_someone_else_wrote_there
            a_repeat_by_someone_else_is_not_recognised
            an_expired_item_is_hidden_from_get_and_query
            an_expired_item_frees_its_key
            an_expired_item_has_no_version_any_more
            a_later_expiry_prolongs_an_item
            query_gives_one_partition_in_byte_order
            query_runs_backwards
            query_by_prefix
            query_between_includes_both_ends
            query_between_reversed_ends_is_empty
            query_pages_through_everything_once
            query_pages_backwards
            query_after_need_not_be_an_item
            query_after_and_range_work_together
            query_sees_the_last_write
            an_item_of_400_kb_is_refused
            an_item_just_below_the_limit_is_kept
            keys_beyond_their_limits_are_refused
            empty_keys_are_refused
            a_hundred_writes_are_taken_and_one_more_is_refused
            an_empty_transaction_is_refused
            two_writes_of_one_key_are_refused
            four_megabytes_together_are_refused
            a_page_of_nothing_is_refused
        );
    };
    (@ $clock:ident, $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let manual = $crate::ManualClock::default();
                let $clock: std::sync::Arc<dyn ports::Clock> =
                    std::sync::Arc::new(manual.clone());
                let table = $new;
                $crate::table::$clause(&*table, &manual).await;
            }
        )*
    };
}

use crate::ManualClock;

fn key(partition: &str, sort: &str) -> Key {
    Key { partition: partition.to_owned(), sort: sort.to_owned() }
}

fn id(text: &str) -> WriteId {
    WriteId(text.to_owned())
}

fn version(text: &str) -> Version {
    Version(text.to_owned())
}

fn put(at: &Key, expect: Expect, body: &str) -> Write {
    Write::Put { key: at.clone(), expect, body: body.to_owned(), expires: None }
}

fn delete(at: &Key, expect: Expect) -> Write {
    Write::Delete { key: at.clone(), expect }
}

fn check(at: &Key, expect: Expect) -> Write {
    Write::Check { key: at.clone(), expect }
}

async fn write(table: &dyn Table, one: Write, by: &str) -> Result<Version, TableError> {
    table.transact(&[one], &id(by)).await
}

async fn body(table: &dyn Table, at: &Key) -> Option<String> {
    table.get(at).await.unwrap().map(|item| item.body)
}

/// The item that the failing demand met.
#[track_caller]
fn contended(result: Result<Version, TableError>) -> (Key, Option<Item>) {
    match result {
        Err(TableError::Contended { key, current }) => (key, current.map(|item| *item)),
        other => panic_with(&other),
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a clause that does not hold panics")]
fn panic_with(found: &dyn std::fmt::Debug) -> ! {
    panic!("unexpected: {found:?}")
}

/// `get` of an absent key is none.
pub async fn get_of_nothing_is_none(table: &dyn Table, _: &ManualClock) {
    assert_eq!(table.get(&key("p", "s")).await.unwrap(), None);
}

/// What was put is read at once, under the write's id as its version.
pub async fn put_then_get_gives_the_item(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let made = write(table, put(&at, Expect::Absent, "{}"), "w1").await.unwrap();
    assert_eq!(made, version("w1"));
    let expected = Item { key: at.clone(), version: made, body: "{}".to_owned(), expires: None };
    assert_eq!(table.get(&at).await.unwrap(), Some(expected));
}

/// A body comes back to the byte: spaces, order, digits and all.
pub async fn a_body_is_kept_to_the_byte(table: &dyn Table, _: &ManualClock) {
    let text = "{ \"b\" : 1.10,\n \"a\":\"Ünï \\u0000\", \"n\":12345678901234567890.5 }";
    write(table, put(&key("p", "s"), Expect::Any, text), "w1").await.unwrap();
    assert_eq!(body(table, &key("p", "s")).await.unwrap(), text);
}

/// Keys are texts: no case, no separator, no script is special.
pub async fn keys_are_exact(table: &dyn Table, _: &ManualClock) {
    let keys = [key("a|b", "c"), key("a", "b|c"), key("A", "b|c"), key("ä", "%"), key("a", "_ '")];
    for (n, at) in keys.iter().enumerate() {
        write(table, put(at, Expect::Absent, &n.to_string()), &format!("w{n}")).await.unwrap();
    }
    for (n, at) in keys.iter().enumerate() {
        assert_eq!(body(table, at).await, Some(n.to_string()));
    }
}

/// `Absent` refuses a taken key, writes nothing, and shows what stands there.
pub async fn absent_refuses_a_taken_key_and_shows_what_stands_there(
    table: &dyn Table,
    _: &ManualClock,
) {
    let at = key("p", "s");
    write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    let (named, current) = contended(write(table, put(&at, Expect::Absent, "2"), "w2").await);
    assert_eq!(named, at);
    assert_eq!(current, table.get(&at).await.unwrap());
    assert_eq!(current.unwrap().body, "1");
}

/// `Version` refuses when another version stands there.
pub async fn version_refuses_another_version(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let first = write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    let update = put(&at, Expect::Version(first.clone()), "2");
    write(table, update, "w2").await.unwrap();
    let late = write(table, put(&at, Expect::Version(first), "3"), "w3").await;
    assert_eq!(contended(late).1.unwrap().version, version("w2"));
    assert_eq!(body(table, &at).await.unwrap(), "2");
}

/// `Version` refuses to put where nothing stands.
pub async fn version_refuses_an_absent_item(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let result = write(table, put(&at, Expect::Version(version("w0")), "1"), "w1").await;
    assert_eq!(contended(result), (at.clone(), None));
    assert_eq!(body(table, &at).await, None);
}

/// `Any` writes over whatever stands there.
pub async fn any_replaces_whatever_stands_there(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    for by in ["w1", "w2"] {
        write(table, put(&at, Expect::Any, by), by).await.unwrap();
        assert_eq!(body(table, &at).await.unwrap(), by);
    }
}

/// An item that was removed and made anew is not mistaken for its predecessor.
pub async fn a_version_is_never_reused_after_delete_and_recreate(
    table: &dyn Table,
    _: &ManualClock,
) {
    let at = key("p", "s");
    let first = write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    write(table, delete(&at, Expect::Any), "w2").await.unwrap();
    let second = write(table, put(&at, Expect::Absent, "1"), "w3").await.unwrap();
    assert_ne!(first, second);
    contended(write(table, put(&at, Expect::Version(first), "2"), "w4").await);
    assert_eq!(table.get(&at).await.unwrap().unwrap().version, second);
}

/// A delete that arrives late does not remove what has been made anew.
pub async fn a_late_delete_leaves_the_successor_alone(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let first = write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    let removal = delete(&at, Expect::Version(first));
    write(table, removal.clone(), "w2").await.unwrap();
    write(table, put(&at, Expect::Absent, "2"), "w3").await.unwrap();
    contended(write(table, removal, "w2").await);
    assert_eq!(body(table, &at).await.unwrap(), "2");
}

/// A delete that names the present version removes the item.
pub async fn delete_with_its_version_removes(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let made = write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    contended(write(table, delete(&at, Expect::Version(version("w0"))), "w2").await);
    write(table, delete(&at, Expect::Version(made)), "w3").await.unwrap();
    assert_eq!(body(table, &at).await, None);
}

/// A delete of what is absent has happened already.
pub async fn delete_repeats_harmlessly(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    for expect in [Expect::Any, Expect::Version(version("w0")), Expect::Absent] {
        write(table, delete(&at, expect), "w1").await.unwrap();
    }
}

/// Of many concurrent creations exactly one succeeds.
pub async fn of_many_racing_creations_one_wins(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let attempts = (0..12).map(|n| {
        let (one, by) = (put(&at, Expect::Absent, &n.to_string()), format!("w{n}"));
        async move { write(table, one, &by).await }
    });
    one_winner(table, &at, join_all(attempts).await).await;
}

/// Of many concurrent updates of one version exactly one succeeds.
pub async fn of_many_racing_updates_of_one_version_one_wins(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    let first = write(table, put(&at, Expect::Absent, "0"), "first").await.unwrap();
    let attempts = (0..12).map(|n| {
        let one = put(&at, Expect::Version(first.clone()), &n.to_string());
        async move { write(table, one, &format!("w{n}")).await }
    });
    one_winner(table, &at, join_all(attempts).await).await;
}

async fn one_winner(table: &dyn Table, at: &Key, results: Vec<Result<Version, TableError>>) {
    let mut winners = BTreeSet::new();
    for result in results {
        match result {
            Ok(made) => assert!(winners.insert(made.0)),
            Err(TableError::Contended { .. } | TableError::Throttled) => {}
            Err(other) => panic_with(&other),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?} won");
    let standing = table.get(at).await.unwrap().unwrap().version.0;
    assert!(winners.contains(&standing), "{standing} stands, {winners:?} won");
}

/// A counter starts at nothing, adds up, goes below zero, and is no item.
pub async fn counters_add_up_apart_from_items(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    for (amount, sum) in [(3, 3), (4, 7), (-10, -3)] {
        assert_eq!(table.add(&at, amount).await.unwrap(), sum);
    }
    assert_eq!(table.get(&at).await.unwrap(), None);
    write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    assert_eq!(table.add(&at, 1).await.unwrap(), -2);
    assert_eq!(body(table, &at).await.unwrap(), "1");
}
