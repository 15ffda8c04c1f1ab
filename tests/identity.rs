//! Identity on tables: in memory, with workers interleaved by a seed and faults at every call, and
//! on SQLite; `aws.rs` holds DynamoDB to the same.

#[path = "identity/cases.rs"]
mod cases;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};
use handlers::identity::{observation, take};
use local::{Database, SqliteTable};
use model::document::Document;
use normalize::identity::{Observation, Raw};
use normalize::{Model, Refusal, Row, Sink};
use ports::{Ids, Table};
use testkit::{
    Call, Fault, Faults, Faulty, Gate, ManualClock, MemoryTable, Passage, SeededIds, Side,
};

use cases::{Tenant, fixtures};

fn memory() -> Arc<dyn Table> {
    Arc::new(MemoryTable::default())
}

/// Lets others go first, as often as a seed says.
#[derive(Debug)]
struct Interleaved(SeededIds);

#[async_trait]
impl Gate for Interleaved {
    async fn enter(&self, _: &Call) -> Passage {
        while self.0.chance() < 0.7 {
            tokio::task::yield_now().await;
        }
        Passage::Through
    }

    fn postpone(&self, _: BoxFuture<'static, ()>) {}
}

fn interleaved(seed: u64) -> Arc<dyn Table> {
    let faulty: Faulty<dyn Table> =
        Faulty::new(memory(), Arc::new(Interleaved(SeededIds::new(seed))));
    Arc::new(faulty)
}

async fn sqlite(folder: &tempfile::TempDir) -> Arc<dyn Table> {
    let database = Database::open(&folder.path().join("state.sqlite")).unwrap();
    let table = SqliteTable::open(&database, Arc::new(ManualClock::default())).await;
    Arc::new(table.unwrap())
}

#[tokio::test]
async fn eighteen_records_of_three_vendors_are_eight_hosts() {
    cases::eighteen_records_are_eight_hosts(memory()).await;
}

#[tokio::test]
async fn eighteen_records_of_three_vendors_are_eight_hosts_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    cases::eighteen_records_are_eight_hosts(sqlite(&folder).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_orders_of_arrival_give_the_same_hosts_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    cases::any_order_gives_the_same_hosts(sqlite(&folder).await, 1000).await;
}

#[tokio::test]
async fn a_hundred_interleaved_writers_make_one_host() {
    for seed in 0..20 {
        cases::a_hundred_writers_make_one_host(interleaved(seed), "acme").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_writers_make_one_host_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    cases::a_hundred_writers_make_one_host(sqlite(&folder).await, "acme").await;
}

#[tokio::test]
async fn recycled_addresses_stay_apart_in_memory_and_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    cases::recycled_addresses_stay_apart(memory()).await;
    cases::recycled_addresses_stay_apart(sqlite(&folder).await).await;
}

/// Rows of one vendor's records as observations.
struct Seen<'m> {
    model: &'m Model,
    source: &'m str,
    all: Vec<Observation>,
}

impl Sink for Seen<'_> {
    fn row(&mut self, row: &Row<'_>) {
        let key = format!("landing/{}/hosts/x.ndjson", self.source).parse().unwrap();
        let raw = Raw { key, line: self.all.len() as u64, sha256: "00".to_owned() };
        let fetched = "2026-03-03T00:00:00Z".parse().unwrap();
        let source = self.source.parse().unwrap();
        self.all.push(observation(self.model, row, source, fetched, raw));
    }

    fn refused(&mut self, _: &Refusal) {}
}

#[tokio::test]
async fn records_as_vendors_give_them_become_hosts() {
    let file = include_str!("../config/models/host.yaml");
    let model = Model::parse(&Document::parse("host.yaml", file).unwrap()).unwrap();
    let vendors = [
        ("qualys", include_str!("../shared/normalize/src/shipped/qualys.ndjson")),
        ("crowdstrike", include_str!("../shared/normalize/src/shipped/crowdstrike.ndjson")),
        ("tenable", include_str!("../shared/normalize/src/shipped/tenable.ndjson")),
    ];
    let tenant = Tenant::new(&memory(), "acme");
    for (source, records) in vendors {
        let mut seen = Seen { model: &model, source, all: Vec::new() };
        let mut reader = model.reader(source, "hosts").unwrap();
        for record in records.lines() {
            reader.rows(record.as_bytes(), &mut seen).unwrap();
        }
        for observation in &seen.all {
            tenant.take(observation).await;
        }
    }
    let hosts = tenant.hosts().await;
    let mut found: Vec<Vec<&str>> = hosts
        .values()
        .map(|host| host.sources.iter().map(|one| one.source.as_str()).collect())
        .collect();
    found.sort();
    let [laptop, linux, windows] =
        [&["crowdstrike"][..], &["crowdstrike", "qualys", "tenable"], &["qualys"]];
    assert_eq!(found, [laptop, linux, windows]);
}

#[tokio::test]
async fn workers_that_meet_at_every_host_give_the_same_hosts() {
    let expected = {
        let tenant = Tenant::new(&memory(), "acme");
        for observation in fixtures() {
            tenant.take(&observation).await;
        }
        tenant.hosts().await
    };
    for seed in 0..100 {
        let table = interleaved(seed);
        let chance = SeededIds::new(seed);
        let mut observations = [fixtures(), fixtures()].concat();
        observations.sort_by_cached_key(|_| chance.fresh());
        let workers: Vec<Tenant> = (0..4)
            .map(|n| Tenant::with(&table, "acme", Arc::new(SeededIds::new(seed * 10 + n))))
            .collect();
        let work = workers.iter().zip(observations.chunks(9)).map(|(worker, mine)| async move {
            for observation in mine {
                worker.take(observation).await;
            }
        });
        join_all(work).await;
        assert_eq!(workers[0].hosts().await, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_leaves_what_the_next_touch_completes() {
    let (calm, table) = (Arc::new(Faults::none()), memory());
    let counting: Arc<dyn Table> = Arc::new(calm.around(table));
    let tenant = Tenant::new(&counting, "acme");
    for observation in fixtures() {
        tenant.take(&observation).await;
    }
    let (calls, expected) = (calm.calls(), tenant.hosts().await);
    for n in 1..=calls {
        for side in [Side::Before, Side::After] {
            let table = memory();
            let faults = Arc::new(Faults::of(Fault::Crash(n, side)));
            let dying: Arc<dyn Table> = Arc::new(faults.around(Arc::clone(&table)));
            let (first, second) = (Tenant::new(&dying, "acme"), Tenant::new(&table, "acme"));
            // What was taken in is not seen again; the rest is.
            let mut left = fixtures();
            while let Some(next) = left.first().cloned() {
                if take(&first.store, &first.scope, &first.shape, next).await.is_err() {
                    break;
                }
                left.remove(0);
            }
            for observation in &left {
                second.take(observation).await;
            }
            assert_eq!(second.hosts().await, expected, "call {n}, {side:?}");
        }
    }
}
