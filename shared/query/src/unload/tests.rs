use std::sync::Arc;

use lake::curated::{Tail, rows_of_tail};
use ports::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use testkit::MemoryStore;

use super::*;

fn column(name: &str, kind: &str) -> (String, String) {
    (name.to_owned(), kind.to_owned())
}

async fn unloaded(
    sql: &str,
    columns: &[(String, String)],
) -> (Arc<MemoryStore>, Result<Unloaded, QueryError>) {
    let store = Arc::<MemoryStore>::default();
    let engine = Engine::in_memory(Arc::<MemoryStore>::clone(&store) as _, Vec::new()).unwrap();
    let rows = Selection { sql: sql.to_owned(), columns: columns.to_vec() };
    let done = engine.unload(&rows, &"customers/x/y".parse().unwrap()).await;
    (store, done)
}

#[tokio::test]
async fn rows_become_a_file_in_the_folder() {
    let columns = [column("a", "varchar"), column("b", "decimal(38, 18)")];
    let (store, done) =
        unloaded("SELECT 'x' AS a, 1.5 AS b UNION ALL SELECT NULL, '2'", &columns).await;
    done.unwrap();
    let files = store.list_all("").await.unwrap();
    assert_eq!(files[0].key.as_str(), "customers/x/y/00001.parquet");
    let body = store.get(&files[0].key).await.unwrap().body;
    assert_eq!(rows_of_tail(&body, body.len() as u64).unwrap(), Tail::Rows(2));
}

#[tokio::test]
async fn no_rows_give_no_file() {
    let (store, done) = unloaded("SELECT 1 AS a WHERE 1 = 0", &[column("a", "bigint")]).await;
    done.unwrap();
    assert!(store.list_all("").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_type_that_is_none_is_refused() {
    let (_, done) = unloaded("SELECT 1 AS a", &[column("a", "money")]).await;
    assert_eq!(done.unwrap_err().to_string(), "`a`: no type `money`");
}

#[test]
fn values_are_of_their_columns_type_or_null() {
    let check = |value: Value, kind, expected| assert_eq!(Owned::of(&value, kind).cell(), expected);
    check(json!("7"), Kind::Text, Cell::Text("7"));
    check(json!(7), Kind::Text, Cell::Text("7"));
    check(json!(7), Kind::Integer, Cell::Integer(7));
    check(json!("7"), Kind::Integer, Cell::Null);
    check(json!(1), Kind::Boolean, Cell::Boolean(true));
    check(json!("0.10"), Kind::Decimal { precision: 4, scale: 2 }, Cell::Decimal(10));
    let instant = "2026-01-01T00:00:00Z".parse().unwrap();
    check(json!("2026-01-01T00:00:00Z"), Kind::Timestamp, Cell::Timestamp(instant));
    check(json!("2026-01-01"), Kind::Date, Cell::Date("2026-01-01".parse().unwrap()));
    check(json!("x"), Kind::Date, Cell::Null);
    check(json!("[\"a\"]"), Kind::Texts, Cell::Texts(&[Cow::Borrowed("a")]));
    check(Value::Null, Kind::Text, Cell::Null);
}
