//! Clauses about queries.

use ports::{Direction, Expect, Query, SortRange, Table, TableError, Write};

use super::{ManualClock, delete, id, key, panic_with, put, write};

const SORTS: [&str; 7] = ["A", "a", "a#1", "a#2", "a$", "b", "ä"];

async fn fill(table: &dyn Table) {
    let backwards = SORTS.iter().rev().map(|sort| put(&key("p", sort), Expect::Absent, sort));
    let mut writes: Vec<Write> = backwards.collect();
    writes.push(put(&key("p2", "a"), Expect::Absent, "other"));
    writes.push(put(&key("o", "a"), Expect::Absent, "other"));
    table.transact(&writes, &id("fill")).await.unwrap();
}

fn query(range: SortRange, direction: Direction) -> Query {
    Query { partition: "p".to_owned(), range, direction, limit: 100, after: None }
}

/// All pages of a query, following `next`.
async fn walk(table: &dyn Table, mut query: Query) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..50 {
        let page = table.query(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        seen.extend(page.items.into_iter().map(|item| item.key.sort));
        query.after = page.next;
        if query.after.is_none() {
            return seen;
        }
    }
    panic_with(&"the query does not end")
}

/// A query gives the items of its partition, and of no other, in byte order of their sort keys.
pub async fn query_gives_one_partition_in_byte_order(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    assert_eq!(walk(table, query(SortRange::All, Direction::Forward)).await, SORTS);
}

/// Backwards is the same, turned round.
pub async fn query_runs_backwards(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    let mut turned = SORTS;
    turned.reverse();
    assert_eq!(walk(table, query(SortRange::All, Direction::Backward)).await, turned);
}

/// A prefix selects the sort keys that start with it; the empty one selects all.
pub async fn query_by_prefix(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    let by = |text: &str, direction| query(SortRange::Prefix(text.to_owned()), direction);
    assert_eq!(walk(table, by("a", Direction::Forward)).await, ["a", "a#1", "a#2", "a$"]);
    assert_eq!(walk(table, by("a#", Direction::Backward)).await, ["a#2", "a#1"]);
    assert_eq!(walk(table, by("", Direction::Forward)).await, SORTS);
    assert_eq!(walk(table, by("zz", Direction::Forward)).await.len(), 0);
}

/// `Between` includes both ends, which need not exist.
pub async fn query_between_includes_both_ends(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    let between = |from: &str, until: &str, direction| {
        query(SortRange::Between(from.to_owned(), until.to_owned()), direction)
    };
    assert_eq!(walk(table, between("a", "a#2", Direction::Forward)).await, ["a", "a#1", "a#2"]);
    assert_eq!(walk(table, between("a#0", "a~", Direction::Backward)).await, ["a$", "a#2", "a#1"]);
    assert_eq!(walk(table, between("b", "b", Direction::Forward)).await, ["b"]);
}

/// `Between` whose ends are reversed selects nothing.
pub async fn query_between_reversed_ends_is_empty(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    let reversed = SortRange::Between("b".to_owned(), "a".to_owned());
    assert_eq!(walk(table, query(reversed, Direction::Forward)).await.len(), 0);
}

/// Pages together hold every item once, in order.
pub async fn query_pages_through_everything_once(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    for limit in [1, 2, 3, 7, 8] {
        let paged = Query { limit, ..query(SortRange::All, Direction::Forward) };
        assert_eq!(walk(table, paged).await, SORTS, "pages of {limit}");
    }
}

/// So do pages of a backward query.
pub async fn query_pages_backwards(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    let mut turned = SORTS;
    turned.reverse();
    for limit in [1, 2, 3, 7, 8] {
        let paged = Query { limit, ..query(SortRange::All, Direction::Backward) };
        assert_eq!(walk(table, paged).await, turned, "pages of {limit}");
    }
}

/// `after` may name an item that is gone.
pub async fn query_after_need_not_be_an_item(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    write(table, delete(&key("p", "a#1"), Expect::Any), "w").await.unwrap();
    let after = Some("a#1".to_owned());
    let forward = Query { after: after.clone(), ..query(SortRange::All, Direction::Forward) };
    assert_eq!(walk(table, forward).await, ["a#2", "a$", "b", "ä"]);
    let backward = Query { after, ..query(SortRange::All, Direction::Backward) };
    assert_eq!(walk(table, backward).await, ["a", "A"]);
}

/// `after` goes on within a range.
pub async fn query_after_and_range_work_together(table: &dyn Table, _: &ManualClock) {
    fill(table).await;
    let after = Some("a#1".to_owned());
    let prefix = || SortRange::Prefix("a".to_owned());
    let forward = Query { after: after.clone(), ..query(prefix(), Direction::Forward) };
    assert_eq!(walk(table, forward).await, ["a#2", "a$"]);
    let between = SortRange::Between("a".to_owned(), "b".to_owned());
    let backward = Query { after, ..query(between, Direction::Backward) };
    assert_eq!(walk(table, backward).await, ["a"]);
}

/// A query sees every write that has completed.
pub async fn query_sees_the_last_write(table: &dyn Table, _: &ManualClock) {
    for n in 0..5 {
        write(table, put(&key("p", "s"), Expect::Any, &n.to_string()), &n.to_string())
            .await
            .unwrap();
        let page = table.query(&query(SortRange::All, Direction::Forward)).await.unwrap();
        let bodies: Vec<&str> = page.items.iter().map(|item| item.body.as_str()).collect();
        assert_eq!(bodies, [n.to_string()]);
    }
}

/// A page of no items is refused.
pub async fn a_page_of_nothing_is_refused(table: &dyn Table, _: &ManualClock) {
    let nothing = Query { limit: 0, ..query(SortRange::All, Direction::Forward) };
    let result = table.query(&nothing).await;
    assert!(matches!(result, Err(TableError::Refused { .. })), "{result:?}");
}
