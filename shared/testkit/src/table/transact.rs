//! Clauses about transactions and their repeats.

use ports::{Expect, Table};

use super::{ManualClock, body, check, contended, delete, id, key, put, version, write};

/// All writes of a transaction happen, and what it puts bears its id.
pub async fn a_transaction_writes_all(table: &dyn Table, _: &ManualClock) {
    let (a, b, c) = (key("p", "a"), key("q", "b"), key("p", "c"));
    let made = write(table, put(&c, Expect::Absent, "old"), "w1").await.unwrap();
    let writes = [
        put(&a, Expect::Absent, "1"),
        put(&b, Expect::Any, "2"),
        delete(&c, Expect::Version(made)),
    ];
    table.transact(&writes, &id("w2")).await.unwrap();
    assert_eq!(body(table, &a).await.unwrap(), "1");
    assert_eq!(table.get(&b).await.unwrap().unwrap().version, version("w2"));
    assert_eq!(body(table, &c).await, None);
}

/// One unmet demand, wherever it stands, and nothing is written.
pub async fn a_transaction_writes_nothing_when_one_demand_fails(
    table: &dyn Table,
    _: &ManualClock,
) {
    let (a, b, c) = (key("p", "a"), key("p", "b"), key("p", "c"));
    write(table, put(&b, Expect::Absent, "old"), "w1").await.unwrap();
    let mut writes = vec![
        put(&a, Expect::Absent, "1"),
        put(&c, Expect::Absent, "3"),
        put(&b, Expect::Absent, "2"),
    ];
    for by in ["w2", "w3", "w4"] {
        contended(table.transact(&writes, &id(by)).await);
        writes.rotate_left(1);
    }
    assert_eq!((body(table, &a).await, body(table, &c).await), (None, None));
    assert_eq!(body(table, &b).await.unwrap(), "old");
}

/// `Contended` names the first write whose demand failed.
pub async fn the_first_failing_write_is_named(table: &dyn Table, _: &ManualClock) {
    let keys = ["a", "b", "c", "d"].map(|sort| key("p", sort));
    for at in keys.iter().skip(2) {
        write(table, put(at, Expect::Absent, "old"), "w1").await.unwrap();
    }
    let writes = keys.iter().map(|at| put(at, Expect::Absent, "new")).collect::<Vec<_>>();
    let (named, current) = contended(table.transact(&writes, &id("w2")).await);
    assert_eq!((named, current.unwrap().body), (key("p", "c"), "old".to_owned()));
}

/// A check holds the transaction to its demand and leaves its item as it was.
pub async fn a_check_changes_nothing_and_binds_all(table: &dyn Table, _: &ManualClock) {
    let (guard, data) = (key("p", "guard"), key("p", "data"));
    let fence = write(table, put(&guard, Expect::Absent, "f1"), "w1").await.unwrap();
    let both = [check(&guard, Expect::Version(fence)), put(&data, Expect::Any, "1")];
    table.transact(&both, &id("w2")).await.unwrap();
    let standing = table.get(&guard).await.unwrap().unwrap();
    assert_eq!((standing.version, standing.body), (version("w1"), "f1".to_owned()));

    write(table, put(&guard, Expect::Any, "f2"), "w3").await.unwrap();
    assert_eq!(contended(table.transact(&both, &id("w4")).await).0, guard);
    assert_eq!(table.get(&data).await.unwrap().unwrap().version, version("w2"));
}

/// A check may demand that nothing stands there.
pub async fn a_check_of_absence_binds_all(table: &dyn Table, _: &ManualClock) {
    let (guard, data) = (key("p", "guard"), key("p", "data"));
    let both = [check(&guard, Expect::Absent), put(&data, Expect::Any, "1")];
    table.transact(&both, &id("w1")).await.unwrap();
    assert_eq!(body(table, &guard).await, None);
    write(table, put(&guard, Expect::Absent, "x"), "w2").await.unwrap();
    assert_eq!(contended(table.transact(&both, &id("w3")).await).0, guard);
}

/// A write that is repeated after a lost reply succeeds, as it did.
pub async fn a_repeat_recognises_its_own_success(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    for _ in 0..3 {
        let made = write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
        assert_eq!(made, version("w1"));
    }
    let update = put(&at, Expect::Version(version("w1")), "2");
    for _ in 0..3 {
        assert_eq!(write(table, update.clone(), "w2").await.unwrap(), version("w2"));
    }
    assert_eq!(body(table, &at).await.unwrap(), "2");
}

/// So does a transaction of several writes, deletes and checks.
pub async fn a_repeated_transaction_recognises_its_own_success(table: &dyn Table, _: &ManualClock) {
    let (lease, state, due, plan) =
        (key("p", "lease"), key("p", "state"), key("d", "due"), key("p", "plan"));
    for at in [&lease, &due, &plan] {
        write(table, put(at, Expect::Absent, "old"), "w1").await.unwrap();
    }
    let demand = || Expect::Version(version("w1"));
    let writes = [
        put(&lease, demand(), "released"),
        put(&state, Expect::Absent, "committed"),
        delete(&due, demand()),
        check(&plan, demand()),
    ];
    for _ in 0..3 {
        assert_eq!(table.transact(&writes, &id("w2")).await.unwrap(), version("w2"));
    }
    assert_eq!(body(table, &state).await.unwrap(), "committed");
    assert_eq!(body(table, &due).await, None);
}

/// A repeat does not write over what someone else has written there since.
pub async fn a_repeat_is_contended_once_someone_else_wrote_there(
    table: &dyn Table,
    _: &ManualClock,
) {
    let (a, b) = (key("p", "a"), key("p", "b"));
    let writes = [put(&a, Expect::Absent, "mine"), put(&b, Expect::Any, "mine")];
    table.transact(&writes, &id("w1")).await.unwrap();
    write(table, put(&b, Expect::Version(version("w1")), "theirs"), "w2").await.unwrap();
    contended(table.transact(&writes, &id("w1")).await);
    assert_eq!(body(table, &b).await.unwrap(), "theirs");
    write(table, put(&a, Expect::Version(version("w1")), "theirs"), "w3").await.unwrap();
    contended(table.transact(&writes, &id("w1")).await);
    assert_eq!(body(table, &a).await.unwrap(), "theirs");
}

/// The same write under another id is another write.
pub async fn a_repeat_by_someone_else_is_not_recognised(table: &dyn Table, _: &ManualClock) {
    let at = key("p", "s");
    write(table, put(&at, Expect::Absent, "1"), "w1").await.unwrap();
    contended(write(table, put(&at, Expect::Absent, "1"), "w2").await);
}
