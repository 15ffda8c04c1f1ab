use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use model::{CursorValue, PlanId, RunId, Timestamp, Window};
use ports::Clock;
use serde_json::{Map, Value, json};
use testkit::{ManualClock, MemoryTable, SeededIds};

use super::*;

mod clusters;
mod grants;
mod holds;
mod notices;
mod pushes;
mod work;

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) table: Arc<MemoryTable>,
    pub(crate) store: Store,
}

pub(crate) fn world() -> World {
    let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
    let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
    let ids = Arc::new(SeededIds::new(7));
    let store = Store::new(
        Arc::<MemoryTable>::clone(&table),
        Arc::new(clock.clone()),
        ids,
        Timing::default(),
    );
    World { clock, table, store }
}

pub(crate) fn stream(name: &str) -> StreamKey {
    StreamKey {
        tenant: "acme".parse().unwrap(),
        connection: "shop".parse().unwrap(),
        stream: name.parse().unwrap(),
    }
}

pub(crate) fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    pub(crate) async fn enrolled(&self, name: &str) -> StreamKey {
        let key = stream(name);
        self.store.enroll(&key, &"rutter".parse().unwrap(), self.clock.now()).await.unwrap();
        key
    }

    pub(crate) async fn held(&self, key: &StreamKey, name: &str) -> Hold {
        self.store.acquire(key, &run(name), None).await.unwrap().unwrap()
    }

    pub(crate) async fn plan(&self, hold: &Hold, purpose: Purpose) -> Plan {
        let plan = Plan {
            id: "p1".parse().unwrap(),
            purpose,
            now: self.clock.now(),
            run: hold.run().clone(),
            mode: "incremental".to_owned(),
            generation: None,
            expanded: false,
        };
        hold.begin(plan).await.unwrap()
    }
}

/// A slice of a stream without partitions, a day long.
pub(crate) fn day(text: &str) -> OpenSlice {
    let from = at(text);
    let window = Window::new(from, from + Duration::from_hours(24)).unwrap();
    OpenSlice {
        id: SliceId::new(&partition_digest(&Map::new()), Some(from)),
        slice: json!({"from": text}),
        window: Some(window),
        known: Known::default(),
        sofar: Sofar::default(),
    }
}

pub(crate) fn landed(rows: u64, cursor: &str) -> Landed {
    let part = Part { key: "landing/x".parse().unwrap(), rows, bytes: 10, sha256: "00".to_owned() };
    let sofar = Sofar {
        started: Some(at("2026-03-01T00:00:00Z")),
        parts: vec![part],
        rows,
        pages: 1,
        cursor: Some(CursorValue::Instant(at(cursor))),
        digest: None,
        ..Sofar::default()
    };
    Landed { sofar, ..Landed::default() }
}

#[tokio::test]
async fn twenty_producers_claim_a_thousand_due_links_once_each() {
    let world = world();
    for n in 0..1000 {
        world.enrolled(&format!("s{n}")).await;
    }
    let producer = || async {
        let mut mine = Vec::new();
        for shard in 0..Store::shards() {
            for listed in world.store.due(shard, world.clock.now(), 1000).await.unwrap() {
                let claim = world.store.claim(&listed.key, Duration::ZERO).await.unwrap();
                mine.extend(claim.map(|claim| claim.key));
                tokio::task::yield_now().await;
            }
        }
        mine
    };
    let mut all: Vec<StreamKey> =
        join_all((0..20).map(|_| producer())).await.into_iter().flatten().collect();
    all.sort();
    assert_eq!(all.len(), 1000);
    all.dedup();
    assert_eq!(all.len(), 1000);
}

#[tokio::test]
async fn the_claim_of_a_dead_producer_comes_back_soon_and_is_valid_again() {
    let world = world();
    let key = world.enrolled("orders").await;
    let first = world.store.claim(&key, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(world.store.claim(&key, Duration::ZERO).await.unwrap(), None);
    world.clock.advance(Duration::from_mins(1));
    let second = world.store.claim(&key, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(first.expects, second.expects, "the message of either may start the work");
    let hold = world.store.acquire(&key, &run("a"), Some(first.expects)).await.unwrap().unwrap();
    let late = world.store.acquire(&key, &run("b"), Some(second.expects)).await.unwrap();
    assert!(matches!(late, Err(Refusal::Superseded)), "{late:?}");
    drop(hold);
}

#[tokio::test]
async fn a_paused_stream_is_never_due_and_stays_so_through_a_run() {
    let world = world();
    let key = world.enrolled("orders").await;
    world.store.set_due(&key, None).await.unwrap();
    assert_eq!(world.store.claim(&key, Duration::ZERO).await.unwrap(), None);
    let hold = world.held(&key, "a").await;
    let head = hold.leave(Leave::Complete { due: world.clock.now() }).await.unwrap();
    assert_eq!(head.due, None);
}

#[tokio::test]
async fn the_due_index_holds_each_stream_once_at_the_instant_of_its_head() {
    let world = world();
    let key = world.enrolled("orders").await;
    let due = at("2026-03-02T00:00:00Z");
    world.store.claim(&key, Duration::ZERO).await.unwrap().unwrap();
    let hold = world.held(&key, "a").await;
    hold.keep().await.unwrap();
    hold.leave(Leave::Complete { due }).await.unwrap();
    let rows: Vec<_> =
        world.table.items().into_iter().filter(|i| i.key.partition.starts_with("due#")).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, key.due(due));
}

#[tokio::test]
async fn a_stream_is_adopted_once_and_goes_on_where_the_other_system_stopped() {
    let world = world();
    let (key, source) = (stream("orders"), "rutter".parse().unwrap());
    let (first, later) = (at("2022-01-01T00:00:00Z"), at("2023-01-01T00:00:00Z"));
    assert!(world.store.adopt(&key, &source, first).await.unwrap());
    assert!(!world.store.adopt(&key, &source, later).await.unwrap());
    let (head, _) = world.store.head(&key).await.unwrap().unwrap();
    let digest = partition_digest(&Map::new());
    let partition = world.store.partition(&key, &digest).await.unwrap().unwrap();
    assert_eq!((head.resume, partition.resume), (Some(first), Some(first)));
}

#[tokio::test]
async fn a_forgotten_stream_leaves_no_row_that_schedules_find() {
    let world = world();
    let key = world.enrolled("orders").await;
    world.store.forget(&key).await.unwrap();
    assert_eq!(world.table.items(), []);
    assert!(world.store.streams(&key.tenant, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn streams_are_listed_by_connection() {
    let world = world();
    world.enrolled("orders").await;
    world.enrolled("Contact Search").await;
    let (tenant, other) = ("acme".parse().unwrap(), "shop2".parse().unwrap());
    assert_eq!(world.store.streams(&tenant, None).await.unwrap().len(), 2);
    assert!(world.store.streams(&tenant, Some(&other)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_newest_runs_come_first() {
    let world = world();
    let key = world.enrolled("orders").await;
    for n in 0..3 {
        let now = world.clock.now();
        let record = Run {
            id: run(&format!("r{n}")),
            key: key.clone(),
            source: "rutter".parse().unwrap(),
            plan: None,
            purpose: None,
            fence: n,
            started: now,
            ended: now,
            status: RunStatus::Complete,
            counts: Counts::default(),
            gaps: Vec::new(),
            reason: None,
            resume: None,
        };
        world.store.record(&record).await.unwrap();
        world.clock.advance(Duration::from_mins(1));
    }
    let found = world.store.runs(&key.tenant, &key.connection, 2).await.unwrap();
    assert_eq!(found.iter().map(|run| run.fence).collect::<Vec<_>>(), [2, 1]);
}

/// Every row as stored: partition, sort key, body.
fn dump(world: &World) -> String {
    let row = |item: ports::Item| {
        let body: Value = serde_json::from_str(&item.body).unwrap();
        format!("{}\n{}\n", item.key, serde_json::to_string_pretty(&body).unwrap())
    };
    world.table.items().into_iter().map(row).collect()
}

#[tokio::test]
async fn stored_formats_are_what_they_were() {
    let world = world();
    let key = world.enrolled("Contact Search").await;
    let hold = world.held(&key, "run1").await;
    let mut plan = world.plan(&hold, Purpose::Incremental).await;
    let slices = [day("2026-02-27T00:00:00Z"), day("2026-02-28T00:00:00Z")];
    hold.expand(&plan, &Map::new(), &slices).await.unwrap();
    hold.expanded(&mut plan).await.unwrap();
    hold.commit(&plan, &slices[0], landed(3, "2026-02-27T10:00:00Z")).await.unwrap();
    let mut second = slices[1].clone();
    second.sofar = landed(2, "2026-02-28T10:00:00Z").sofar;
    second.sofar.saved = Some(Saved { position: json!({"kind": "cursor"}), at: world.clock.now() });
    hold.save(&plan, &second).await.unwrap();
    insta::assert_snapshot!(dump(&world));
}

#[tokio::test]
async fn a_row_of_a_newer_format_is_refused() {
    let item = ports::Item {
        key: stream("orders").head(),
        version: ports::Version("1".to_owned()),
        body: r#"{"v":2}"#.to_owned(),
        expires: None,
    };
    let error = row::decode::<Head>(&item).unwrap_err();
    assert!(error.to_string().contains("format 2 is not 1"), "{error}");
}

pub(crate) fn plan_id(text: &str) -> PlanId {
    text.parse().unwrap()
}
