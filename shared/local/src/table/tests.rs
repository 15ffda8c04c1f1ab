use std::collections::BTreeSet;

use futures_util::future::join_all;
use host::SystemIds;
use ports::{Expect, Ids};

use super::*;
use crate::testing::{scratch_database, system};

mod contract {
    use crate::SqliteTable;
    use crate::testing::scratch_database;

    testkit::table_contract!(clock => {
        let (database, folder) = scratch_database();
        testkit::Kept::new(SqliteTable::open(&database, clock).await.unwrap(), folder)
    });
}

#[test]
fn the_first_text_after_a_prefix_skips_what_is_no_character() {
    assert_eq!(first_after("a#"), Some("a$".to_owned()));
    assert_eq!(first_after("\u{d7ff}"), Some("\u{e000}".to_owned()));
    assert_eq!(first_after("a\u{10ffff}"), Some("b".to_owned()));
    assert_eq!(first_after("\u{10ffff}"), None);
    assert_eq!(first_after(""), None);
}

fn link(n: usize) -> Key {
    Key { partition: "due".to_owned(), sort: format!("{n:04}") }
}

fn claim(n: usize, expect: Expect, by: &str) -> Write {
    Write::Put { key: link(n), expect, body: by.to_owned(), expires: None }
}

/// Takes links that nobody has claimed, page by page, until there is none.
async fn produce(table: &SqliteTable, name: &str) -> Vec<String> {
    let mut claimed = Vec::new();
    let mut after = None;
    loop {
        let query = Query {
            partition: "due".to_owned(),
            range: SortRange::All,
            direction: Direction::Forward,
            limit: 50,
            after,
        };
        let page = table.query(&query).await.unwrap();
        for item in page.items.into_iter().filter(|item| item.body.is_empty()) {
            let number = item.key.sort.parse().unwrap();
            let one = claim(number, Expect::Version(item.version), name);
            match table.transact(&[one], &WriteId(SystemIds.fresh())).await {
                Ok(_) => claimed.push(item.key.sort),
                Err(TableError::Contended { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        after = page.next;
        if after.is_none() {
            return claimed;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_producers_with_connections_of_their_own_claim_each_link_once() {
    let (database, folder) = scratch_database();
    let table = SqliteTable::open(&database, system().0).await.unwrap();
    for some in (0..1000).collect::<Vec<usize>>().chunks(100) {
        let links: Vec<Write> = some.iter().map(|n| claim(*n, Expect::Absent, "")).collect();
        table.transact(&links, &WriteId(SystemIds.fresh())).await.unwrap();
    }
    let path = folder.path().join("state.sqlite");
    let producers = (0..20).map(|n| {
        let path = path.clone();
        async move {
            let database = Database::open(&path).unwrap();
            let table = SqliteTable::open(&database, system().0).await.unwrap();
            produce(&table, &format!("producer {n}")).await
        }
    });
    let claims: Vec<String> = join_all(producers.map(tokio_spawned)).await.concat();
    assert_eq!(claims.len(), 1000);
    assert_eq!(claims.into_iter().collect::<BTreeSet<_>>().len(), 1000);
}

#[expect(clippy::disallowed_methods, reason = "producers on threads of their own")]
async fn tokio_spawned<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.unwrap()
}

#[tokio::test]
async fn items_expire_for_good_when_a_table_is_opened_again() {
    let (database, _folder) = scratch_database();
    let (clock, _) = system();
    let table = SqliteTable::open(&database, Arc::clone(&clock)).await.unwrap();
    let (key, body) = (link(1), "x".to_owned());
    let expires = Some(clock.now() - std::time::Duration::from_secs(1));
    let old = Write::Put { key, expect: Expect::Any, body, expires };
    table.transact(&[old], &WriteId("w".to_owned())).await.unwrap();
    SqliteTable::open(&database, clock).await.unwrap();
    let count = |connection: &Connection| {
        let count: i64 = connection.query_row("SELECT count(*) FROM item", [], |r| r.get(0))?;
        Ok::<_, DatabaseError>(count)
    };
    assert_eq!(database.read(count).await.unwrap(), 0);
}

#[tokio::test]
async fn a_folder_written_by_a_newer_version_is_refused() {
    let (database, folder) = scratch_database();
    let newer = |connection: &Connection| {
        connection.pragma_update(None, "user_version", 99)?;
        Ok::<_, DatabaseError>(())
    };
    database.read(newer).await.unwrap();
    let again = Database::open(&folder.path().join("state.sqlite"));
    assert!(matches!(again, Err(DatabaseError::Newer { found: 99 })), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_make_the_same_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let openings = (0..8).map(|_| {
        let path = path.clone();
        tokio_spawned(async move { Database::open(&path).map(drop) })
    });
    for opened in join_all(openings).await {
        opened.unwrap();
    }
}
