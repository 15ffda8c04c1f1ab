use bytes::Bytes;
use lake::{Attempt, Codec, LineContext, LineHeader, Mode, PartRef, PartWriter, SliceStart};
use model::{RunId, Timestamp};
use ports::Attributes;
use serde_json::{Value, json};
use testkit::MemoryStore;

use super::*;

fn orders() -> StreamTable {
    let schema = json!({"properties": {
        "id": {"type": "string"},
        "total_price": {"type": "number"},
        "is_paid": {"type": "boolean"},
        "customer": {"type": "object"},
    }});
    let key = [vec!["id".to_owned()]];
    StreamTable::new(&"rutter".parse().unwrap(), &"orders".parse().unwrap(), &key, &schema)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn attempt(fence: u64) -> Attempt {
    Attempt {
        source: "rutter".parse().unwrap(),
        stream: "orders".parse().unwrap(),
        tenant: "bluebird".parse().unwrap(),
        connection: "main".parse().unwrap(),
        month: at(0).into(),
        plan: "p1".parse().unwrap(),
        partition: "e3".parse().unwrap(),
        slice: SliceStart::ALL,
        fence,
    }
}

async fn put(store: &MemoryStore, key: &ObjectKey, body: Bytes) {
    store.put(key, body, &Attributes::default()).await.unwrap();
}

/// Lands records, and gives the commit that would make them data.
async fn land(store: &MemoryStore, fence: u64, records: &[&str]) -> Commit {
    let attempt = attempt(fence);
    let run: RunId = "run".parse().unwrap();
    let header = LineHeader::new(&LineContext {
        tenant: &attempt.tenant,
        connection: &attempt.connection,
        stream: &attempt.stream,
        run: &run,
        request_start: at(i64::try_from(fence).unwrap()),
        slice: "e3.all",
        page: 1,
    });
    let mut writer = PartWriter::new(Codec::Zstd, 1 << 20).unwrap();
    for (ordinal, record) in (0..).zip(records) {
        writer.write(&header, ordinal, None, record.as_bytes()).unwrap();
    }
    let part = writer.finish().unwrap().unwrap();
    let key = attempt.clone().part(1, Codec::Zstd).render().unwrap();
    put(store, &key, part.body.clone()).await;
    Commit {
        attempt,
        window: None,
        mode: Mode::Incremental,
        generation: None,
        started: at(i64::try_from(fence).unwrap()),
        rows: part.rows,
        parts: vec![PartRef::new(key, &part)],
        run,
        at: at(100),
    }
}

async fn commit(store: &MemoryStore, commit: &Commit) {
    let key = CommitKey(commit.attempt.clone()).render().unwrap();
    put(store, &key, commit.to_json().unwrap()).await;
}

fn engine(store: &Arc<MemoryStore>) -> Engine {
    Engine::in_memory(Arc::clone(store) as _, vec![orders()]).unwrap()
}

async fn rows(engine: &Engine, sql: &str) -> Vec<Vec<Value>> {
    engine.run(sql, 100).await.unwrap().rows
}

async fn refusal(engine: &Engine, sql: &str) -> String {
    engine.run(sql, 100).await.unwrap_err().to_string()
}

#[tokio::test]
async fn columns_and_records_come_out_as_the_source_wrote_them() {
    let store = Arc::new(MemoryStore::default());
    let record = r#"{"id":"a","total_price":250.00,"is_paid":true,"customer":{"id":12345678901234567890123}}"#;
    let landed = land(&store, 1, &[record]).await;
    commit(&store, &landed).await;
    let engine = engine(&store);
    assert_eq!(
        rows(&engine, "SELECT id, total_price, is_paid, customer, _record FROM rutter_orders")
            .await,
        [[
            json!("a"),
            json!(250.0),
            json!(1),
            json!(r#"{"id":12345678901234567890123}"#),
            json!(record)
        ]]
    );
}

#[tokio::test]
async fn what_is_committed_between_two_statements_shows_in_the_second() {
    let store = Arc::new(MemoryStore::default());
    let engine = engine(&store);
    let sql = "SELECT id, total_price FROM rutter_orders ORDER BY id";
    let first = land(&store, 1, &[r#"{"id":"a","total_price":1}"#]).await;
    assert!(rows(&engine, sql).await.is_empty());
    commit(&store, &first).await;
    assert_eq!(rows(&engine, sql).await, [[json!("a"), json!(1)]]);
    let second = land(&store, 2, &[r#"{"id":"a","total_price":2}"#, r#"{"id":"b"}"#]).await;
    commit(&store, &second).await;
    assert_eq!(rows(&engine, sql).await, [[json!("a"), json!(2)], [json!("b"), Value::Null]]);
}

#[tokio::test]
async fn rows_without_a_key_are_found_beside_the_view() {
    let store = Arc::new(MemoryStore::default());
    let landed = land(&store, 1, &[r#"{"id":null,"total_price":1}"#, r#"{"id":"a"}"#]).await;
    commit(&store, &landed).await;
    let engine = engine(&store);
    assert_eq!(rows(&engine, "SELECT id FROM rutter_orders").await, [[json!("a")]]);
    let found = rows(&engine, "SELECT total_price FROM rutter_orders_without_key").await;
    assert_eq!(found, [[json!(1)]]);
}

#[tokio::test]
async fn statements_only_read() {
    let store = Arc::new(MemoryStore::default());
    let engine = engine(&store);
    for sql in [
        "DELETE FROM rutter_orders_landing",
        "DROP VIEW rutter_orders",
        "CREATE TABLE x (y)",
        "ATTACH DATABASE 'x' AS x",
        "PRAGMA user_version = 7",
        "BEGIN",
        "VACUUM",
        "SELECT 1; DROP VIEW rutter_orders",
    ] {
        let said = refusal(&engine, sql).await;
        assert!(said.starts_with("only statements that read"), "{sql}: {said}");
    }
    let said = refusal(&engine, "SELECT 1; SELECT 2").await;
    assert_eq!(said, "one statement at a time");
    assert_eq!(rows(&engine, "SELECT count(*) FROM rutter_orders").await, [[json!(0)]]);
}

#[tokio::test]
async fn a_slip_of_the_keyboard_is_answered_with_what_was_meant() {
    let store = Arc::new(MemoryStore::default());
    let engine = engine(&store);
    assert_eq!(
        refusal(&engine, "SELECT * FROM ruter_orders").await,
        "no such table: ruter_orders; did you mean `rutter_orders`?"
    );
    assert_eq!(
        refusal(&engine, "SELECT o.total_prise FROM rutter_orders o").await,
        "no such column: o.total_prise; did you mean `total_price`?"
    );
    assert_eq!(
        refusal(&engine, "SELECT * FROM plants").await,
        "no such table: plants; tables: rutter_orders, rutter_orders_landing, rutter_orders_commits"
    );
    assert!(refusal(&engine, "SELEKT 1").await.contains("syntax error"));
}

#[tokio::test]
async fn more_rows_than_the_cap_are_an_error() {
    let store = Arc::new(MemoryStore::default());
    let engine = engine(&store);
    let sql = "SELECT 1 UNION ALL SELECT 2";
    assert!(matches!(engine.run(sql, 1).await, Err(QueryError::TooMany { cap: 1 })));
    assert_eq!(engine.run(sql, 2).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn content_that_is_not_what_its_commit_says_is_refused() {
    let store = Arc::new(MemoryStore::default());
    let landed = land(&store, 1, &[r#"{"id":"a"}"#]).await;
    commit(&store, &landed).await;
    put(&store, &landed.parts[0].key, Bytes::from_static(b"{}")).await;
    let refused = engine(&store).run("SELECT * FROM rutter_orders", 10).await;
    assert!(matches!(refused, Err(QueryError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_commit_cannot_name_objects_of_another_tenant() {
    let store = Arc::new(MemoryStore::default());
    let mut landed = land(&store, 1, &[r#"{"id":"a"}"#]).await;
    landed.attempt.tenant = "cedar".parse().unwrap();
    commit(&store, &landed).await;
    let refused = engine(&store).run("SELECT * FROM rutter_orders", 10).await;
    assert!(matches!(refused, Err(QueryError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_cache_file_serves_the_next_engine_without_reading_again() {
    let store = Arc::new(MemoryStore::default());
    let landed = land(&store, 1, &[r#"{"id":"a"}"#]).await;
    commit(&store, &landed).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("query.sqlite");
    let open = || Engine::at(&file, Arc::clone(&store) as _, vec![orders()]).unwrap();
    let sql = "SELECT id FROM rutter_orders";
    assert_eq!(rows(&open(), sql).await, [[json!("a")]]);
    store.delete(&landed.parts[0].key).await.unwrap();
    assert_eq!(rows(&open(), sql).await, [[json!("a")]]);
}

#[tokio::test]
async fn a_cache_of_another_form_is_filled_anew() {
    let store = Arc::new(MemoryStore::default());
    let landed = land(&store, 1, &[r#"{"id":"a"}"#]).await;
    commit(&store, &landed).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("query.sqlite");
    let old = Connection::open(&file).unwrap();
    old.execute_batch("CREATE TABLE rutter_orders_landing (x); CREATE TABLE _objects (x)").unwrap();
    old.pragma_update(None, "user_version", 999).unwrap();
    drop(old);
    let engine = Engine::at(&file, Arc::clone(&store) as _, vec![orders()]).unwrap();
    assert_eq!(rows(&engine, "SELECT id FROM rutter_orders").await, [[json!("a")]]);
}

#[tokio::test]
async fn two_engines_share_a_file_and_take_each_object_in_once() {
    let store = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("query.sqlite");
    let open = || Engine::at(&file, Arc::clone(&store) as _, vec![orders()]).unwrap();
    let (one, other) = (open(), open());
    let landed = land(&store, 1, &[r#"{"id":"a"}"#, r#"{"id":null}"#]).await;
    commit(&store, &landed).await;
    let sql = "SELECT count(*) FROM rutter_orders_landing";
    let (first, second) = futures_util::future::join(rows(&one, sql), rows(&other, sql)).await;
    assert_eq!((first, second), (vec![vec![json!(2)]], vec![vec![json!(2)]]));
}
