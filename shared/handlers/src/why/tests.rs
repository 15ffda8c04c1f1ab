use std::sync::Arc;

use lake::{
    Attempt, Codec, Commit, CommitKey, LineContext, LineHeader, Mode, PartRef, PartWriter, RowKey,
    SliceStart,
};
use model::{CursorValue, Timestamp};
use ports::{Attributes, Clock, Deadline, Metrics, Queue, Table};
use store::{Store, Timing};
use testkit::{ManualClock, MemoryMetrics, MemoryQueue, MemoryStore, MemoryTable, SeededIds};

use super::*;
use crate::transform::{self, Event, Take, Work};

const SOURCE: &str = r#"
version: "6.44.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://x", path: /orders}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
"#;

const ORDER: &str = r#"
version: 1
fields:
  number: {type: string, required: true}
  total: {type: "decimal(18,2)", required: true}
identity: [number]
sources:
  shop/orders:
    fields: {number: name, total: total}
    known: [id]
"#;

struct Ground {
    deps: transform::Deps,
    commits: u64,
}

/// A line that lands.
enum Landed<'a> {
    Record(i64, &'a str),
    Gone(&'a str),
}

impl Ground {
    async fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let lake: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        let table: Arc<dyn Table> = Arc::new(MemoryTable::new(Arc::clone(&clock)));
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Arc::clone(&clock)));
        let metrics: Arc<dyn Metrics> = Arc::new(MemoryMetrics::default());
        let ids = Arc::new(SeededIds::new(7));
        let deps = transform::Deps {
            configuration: Arc::new(Configuration::new(Arc::clone(&lake), "config/")),
            lake,
            store: Store::new(table, clock, ids, Timing::default()),
            queue,
            metrics,
        };
        let ground = Self { deps, commits: 0 };
        ground.put("config/sources/shop.yaml", SOURCE.as_bytes().to_vec()).await;
        ground.put("config/models/order.yaml", ORDER.as_bytes().to_vec()).await;
        ground
    }

    async fn put(&self, key: &str, body: Vec<u8>) {
        let key = key.parse().unwrap();
        self.deps.lake.put(&key, body.into(), &Attributes::default()).await.unwrap();
    }

    /// Lands and commits lines, and lets the model take them in.
    async fn take(&mut self, lines: &[Landed<'_>]) {
        self.commits += 1;
        let at =
            Timestamp::from_second(1_700_000_000 + i64::try_from(self.commits).unwrap()).unwrap();
        let attempt = Attempt {
            source: "shop".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            tenant: "bluebird".parse().unwrap(),
            connection: "main".parse().unwrap(),
            month: "2023-11".parse().unwrap(),
            plan: format!("p{}", self.commits).parse().unwrap(),
            partition: "e3".parse().unwrap(),
            slice: SliceStart::ALL,
            fence: self.commits,
        };
        let run = format!("run{}", self.commits).parse().unwrap();
        let header = LineHeader::new(&LineContext {
            tenant: &attempt.tenant,
            connection: &attempt.connection,
            stream: &attempt.stream,
            run: &run,
            request_start: at,
            slice: "e3.all",
            page: 3,
        });
        let mut writer = PartWriter::new(Codec::Plain, 1 << 20).unwrap();
        for (ordinal, line) in (0..).zip(lines) {
            match line {
                Landed::Record(cursor, record) => {
                    let cursor = CursorValue::Integer((*cursor).into());
                    writer.write(&header, ordinal, Some(&cursor), record.as_bytes()).unwrap();
                }
                Landed::Gone(id) => {
                    let record = format!("{{\"id\":\"{id}\"}}");
                    let key = RowKey::of(&record, &[vec!["id".to_owned()]]).unwrap();
                    writer.write_tombstone(&header, ordinal, &key).unwrap();
                }
            }
        }
        let part = writer.finish().unwrap().unwrap();
        let key = attempt.clone().part(1, Codec::Plain).render().unwrap();
        self.put(key.as_str(), part.body.to_vec()).await;
        let commit = Commit {
            attempt,
            window: None,
            mode: Mode::Incremental,
            generation: None,
            started: at,
            rows: part.rows,
            parts: vec![PartRef::new(key, &part)],
            run,
            at,
        };
        let key = CommitKey(commit.attempt.clone()).render().unwrap();
        self.put(key.as_str(), commit.to_json().unwrap().to_vec()).await;
        let event = Event::Work(Work::Take(Take::new(key)));
        transform::handle(&self.deps, event, Deadline::at(Timestamp::MAX)).await.unwrap();
    }

    async fn why(&self, key: &str) -> Answer {
        let question =
            Question { model: "order".parse().unwrap(), tenant: None, key: key.to_owned() };
        why(&self.deps.configuration, self.deps.lake.as_ref(), &question).await.unwrap()
    }
}

fn told(answer: &Answer) -> Vec<(bool, &str, &str)> {
    answer.versions.iter().map(|v| (v.shown, v.kind, v.because.as_str())).collect()
}

#[tokio::test]
async fn the_latest_version_is_shown_and_the_others_say_why_they_are_not() {
    let mut ground = Ground::new().await;
    let first = Landed::Record(1, r#"{"id":"a","name":"N1","total":1}"#);
    ground.take(&[first, Landed::Record(1, r#"{"id":"z","name":"z","total":1}"#)]).await;
    ground.take(&[Landed::Record(2, r#"{"id":"a","name":"N1","total":2}"#)]).await;
    let answer = ground.why("a").await;
    let versions = told(&answer);
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_eq!(versions[0], (true, "row", "the latest version"));
    assert!(versions[1].2.starts_with("older: its cursor is "), "{versions:?}");
    let shown = &answer.versions[0];
    assert_eq!((shown.line, shown.page, shown.run.as_str()), (1, 3, "run2"));
    assert!(shown.object.starts_with("landing/shop/orders/tenant=bluebird/"), "{}", shown.object);
    assert!(shown.commit.as_ref().unwrap().as_str().starts_with("commits/"));
    assert!(shown.revision.as_ref().unwrap().starts_with("v1-"));
    assert_eq!(ground.why("N1").await, answer, "by the model's key");
    assert_eq!(ground.why(r#"{"id":"a"}"#).await, answer, "by the record's key");
}

#[tokio::test]
async fn a_tombstone_hides_what_was_seen_before_it() {
    let mut ground = Ground::new().await;
    ground.take(&[Landed::Record(1, r#"{"id":"a","name":"N1","total":1}"#)]).await;
    ground.take(&[Landed::Gone("a")]).await;
    let answer = ground.why("a").await;
    let versions = told(&answer);
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert!(versions.iter().all(|(shown, ..)| !shown));
    let because = |kind: &str| versions.iter().find(|v| v.1 == kind).unwrap().2;
    assert!(because("row").starts_with("hidden by the tombstone of 2023-11-14T"), "{versions:?}");
    assert!(because("gone").starts_with("a tombstone"), "{versions:?}");
}

#[tokio::test]
async fn what_was_refused_stands_beside_the_version_that_is_shown() {
    let mut ground = Ground::new().await;
    ground.take(&[Landed::Record(1, r#"{"id":"a","name":"N1","total":1}"#)]).await;
    ground.take(&[Landed::Record(2, r#"{"id":"a","name":"N1","total":"much"}"#)]).await;
    let answer = ground.why("a").await;
    assert_eq!(told(&answer), [(true, "row", "the latest version")]);
    assert_eq!((answer.refused.len(), answer.refused[0].line), (1, Some(1)));
    assert!(answer.refused[0].broken[0].starts_with("total: "), "{answer:?}");
}

#[tokio::test]
async fn a_key_that_nobody_has_has_no_versions() {
    let ground = Ground::new().await;
    assert_eq!(ground.why("nobody").await, Answer::default());
}
