use std::time::Duration;

use ports::Queue;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Fault, Faults, MemoryStore, Side};

use super::*;
use crate::SqliteQueue;
use crate::testing::{scratch_database, system};

fn about(happening: Happening, prefix: &str, suffix: &str) -> Notification {
    let (id, queue) = (format!("about-{prefix}"), "events".to_owned());
    Notification { id, queue, happening, prefix: prefix.to_owned(), suffix: suffix.to_owned() }
}

async fn scratch(objects: Arc<dyn Uploads>) -> (EventStore, SqliteQueue, TempDir) {
    let (database, folder) = scratch_database();
    let (clock, _) = system();
    let notifications = vec![
        about(Happening::Created, "commits/", ".json"),
        about(Happening::Removed, "inbox/", ""),
    ];
    let queue = SqliteQueue::new(&database, Arc::clone(&clock), "events");
    let store = EventStore::open(objects, &database, clock, "lake", notifications).await.unwrap();
    assert_eq!(texts(&queue, "/Event").await, ["s3:TestEvent", "s3:TestEvent"]);
    (store, queue, folder)
}

/// What the queue's messages hold at a JSON pointer; the messages are acked.
async fn texts(queue: &SqliteQueue, pointer: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for received in queue.receive(10, Duration::ZERO, Duration::from_mins(1)).await.unwrap() {
        let event: Value = serde_json::from_str(&received.body).unwrap();
        texts.push(event.pointer(pointer).unwrap().as_str().unwrap().to_owned());
        queue.ack(&received).await.unwrap();
    }
    texts
}

const KEY: &str = "/Records/0/s3/object/key";

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

async fn write(store: &EventStore, at: &str) {
    store.put_new(&key(at), Bytes::from("{}"), &Attributes::default()).await.unwrap();
}

mod contract {
    use super::*;

    testkit::object_store_contract!({
        let (store, _, folder) = scratch(Arc::new(MemoryStore::default())).await;
        testkit::Kept::new(store, folder)
    });
    testkit::uploads_contract!({
        let (store, _, folder) = scratch(Arc::new(MemoryStore::default())).await;
        testkit::Kept::new(store, folder)
    });
}

#[tokio::test]
async fn an_event_is_what_s3_would_send() {
    let (store, queue, _folder) = scratch(Arc::new(MemoryStore::default())).await;
    write(&store, "commits/Contact Search/a.json").await;
    let received = queue.receive(1, Duration::ZERO, Duration::ZERO).await.unwrap().remove(0);
    let event: Value = serde_json::from_str(&received.body).unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["eventSource"], "aws:s3");
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["configurationId"], "about-commits/");
    assert_eq!(record["s3"]["bucket"]["name"], "lake");
    assert_eq!(record["s3"]["object"]["key"], "commits/Contact+Search/a.json");
    assert_eq!(record["s3"]["object"]["size"], 2);
    let etag = store.head(&key("commits/Contact Search/a.json")).await.unwrap().etag;
    assert_eq!(record["s3"]["object"]["eTag"], etag.0.as_str());
}

#[tokio::test]
async fn prefix_and_suffix_and_kind_decide_who_is_told() {
    let (store, queue, _folder) = scratch(Arc::new(MemoryStore::default())).await;
    for at in ["commits/a.json", "commits/a.ndjson", "landing/a.json", "inbox/x"] {
        write(&store, at).await;
    }
    store.delete(&key("inbox/x")).await.unwrap();
    store.delete(&key("commits/a.json")).await.unwrap();
    assert_eq!(texts(&queue, KEY).await, ["commits/a.json", "inbox/x"]);
}

#[tokio::test]
async fn a_write_that_loses_tells_nobody() {
    let (store, queue, _folder) = scratch(Arc::new(MemoryStore::default())).await;
    write(&store, "commits/a.json").await;
    let lost = store.put_new(&key("commits/a.json"), Bytes::new(), &Attributes::default()).await;
    assert!(matches!(lost, Err(ObjectError::Exists { .. })));
    assert_eq!(texts(&queue, KEY).await, ["commits/a.json"]);
}

#[tokio::test]
async fn later_events_of_a_key_have_larger_sequencers() {
    let (store, queue, _folder) = scratch(Arc::new(MemoryStore::default())).await;
    for _ in 0..3 {
        store.put(&key("commits/a.json"), Bytes::new(), &Attributes::default()).await.unwrap();
    }
    let sequencers = texts(&queue, "/Records/0/s3/object/sequencer").await;
    assert!(sequencers.is_sorted_by(|a, b| a < b), "{sequencers:?}");
}

#[tokio::test]
async fn a_write_that_happened_is_told_even_when_its_writer_died() {
    for (side, expected) in [(Side::Before, 0), (Side::After, 1)] {
        let objects: Arc<dyn Uploads> = Arc::new(MemoryStore::default());
        let faults = Arc::new(Faults::of(Fault::Once(1, side)));
        let (store, queue, _folder) = scratch(Arc::new(faults.around(objects))).await;
        let at = key("commits/a.json");
        store.put_new(&at, Bytes::new(), &Attributes::default()).await.unwrap_err();
        assert_eq!(texts(&queue, KEY).await.len(), 0);
        store.recover().await.unwrap();
        assert_eq!(texts(&queue, KEY).await.len(), expected);
        store.recover().await.unwrap();
        assert_eq!(texts(&queue, KEY).await.len(), 0);
    }
}

#[tokio::test]
async fn enabling_again_sends_no_second_test_event() {
    let objects: Arc<dyn Uploads> = Arc::new(MemoryStore::default());
    let (store, queue, _folder) = scratch(Arc::clone(&objects)).await;
    let (clock, _) = system();
    let same = store.notifications.to_vec();
    EventStore::open(objects, &store.database, clock, "lake", same).await.unwrap();
    assert_eq!(texts(&queue, "/Event").await.len(), 0);
}
