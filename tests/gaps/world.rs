//! One API pulled as production pulls it: configuration, interpreter, handler, store.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::configured::Configured;
use handlers::extract::{self, Deps, Outcome, Silent, Watch};
use handlers::job::Job;
use lake::{Codec, Limits, Line, LineReader};
use ports::{Attributes, Clock, Deadline, ObjectStore, ObjectStoreExt, Table};
use store::{Sign, Store, StreamKey, Timing};
use testkit::MemoryStore;
use testkit::sim::{Chaos, World};

use crate::api::{Api, DAY};
use crate::shape::{Row, Shape};

/// What came of all runs.
#[derive(Debug, Default)]
pub struct Told {
    /// Signs that runs reported.
    pub signs: BTreeSet<Sign>,
    /// Examples of them.
    pub examples: Vec<String>,
    /// How runs failed.
    pub failures: Vec<String>,
    /// Rows that the source has and that never landed.
    pub missing: usize,
}

/// A source's rows: spread over days, some of them at the same instant.
pub fn rows(seed: u64, count: usize, shape: &Shape, days: i64) -> Vec<Row> {
    let now = testkit::sim::beginning().as_second();
    let unit = if shape.dates { DAY } else { 1 };
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |below: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state >> 16).unwrap() % below
    };
    let mut at = now;
    (1..=count as u64)
        .map(|id| {
            if draw(5) > 0 {
                at = now - 3600 - draw(days * DAY - 7200);
            }
            let part = if shape.parts > 0 {
                usize::try_from(draw(i64::try_from(shape.parts).unwrap())).unwrap()
            } else {
                0
            };
            Row { id, part, at: at - at.rem_euclid(unit) }
        })
        .collect()
}

/// Pulls it as often as its shape says.
pub fn live(shape: Shape, rows: Vec<Row>, days: i64) -> Told {
    let world = World::new(1, Chaos::none());
    let start = testkit::sim::beginning().as_second() - days * DAY;
    let rows = Mutex::new(rows);
    let api = Arc::new(Api { shape, start, rows, clock: world.clock(), calls: AtomicU64::new(0) });
    let (table, objects, jobs) = (world.table(), world.objects(), world.queue("jobs"));
    let (clock, ids) = (world.clock(), Arc::new(world.ids()));
    let (metrics, secrets) = (world.metrics(), world.secrets());
    let told = world.block_on(async move {
        let timing = Timing { skew: Duration::from_secs(1), ..Timing::default() };
        let table: Arc<dyn Table> = table;
        let store = Store::new(table, Arc::clone(&clock), ids, timing);
        let configuration = configuration(&api).await;
        let sources = Configured::new(configuration, secrets, Arc::clone(&api) as _, store.clone());
        let deps = Deps {
            sources: Arc::new(sources),
            lake: Arc::clone(&objects) as _,
            store: store.clone(),
            jobs,
            watch: Watch { metrics, progress: Arc::new(Silent) },
        };
        let mut told = Told::default();
        for run in 0..api.shape.runs {
            if run > 0 {
                clock.sleep(Duration::from_hours(2)).await;
                api.pass();
            }
            pull(&deps, &clock, &mut told).await;
        }
        for run in store.runs(&id("acme"), &id("main"), 1000).await.unwrap() {
            told.signs.extend(run.gaps.iter().map(|gap| gap.sign));
            told.examples
                .extend(run.gaps.iter().map(|gap| format!("{}: {}", gap.sign, gap.example)));
            told.failures.extend(run.reason.map(|reason| reason.message));
        }
        told.missing = missing(&api, &objects).await;
        told
    });
    told.unwrap()
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

async fn pull(deps: &Deps, clock: &Arc<dyn Clock>, told: &mut Told) {
    let stream = StreamKey { tenant: id("acme"), connection: id("main"), stream: id("items") };
    for hop in 0..10 {
        let job = Job { stream: stream.clone(), plan: None, expects: None, hop, not_before: None };
        let deadline = Deadline::at(clock.now() + Duration::from_mins(15));
        match extract::pull(deps, job, deadline).await {
            Ok(Outcome::Continued { .. }) => {}
            Ok(_) => return,
            Err(error) => return told.failures.push(error.to_string()),
        }
    }
}

async fn configuration(api: &Api) -> Arc<Configuration> {
    let folder = Arc::new(MemoryStore::default());
    let reconcile = if api.shape.reconcile { ", reconcile: {every: 2 runs}" } else { "" };
    let tenant = format!(
        "connections: {{main: {{source: shop, config: {{}}, schedule: {{every: 1h}}, \
         streams: [{{name: items{reconcile}}}]}}}}\n"
    );
    let files = [
        ("sources/shop.yaml", api.manifest()),
        ("tenants/acme.yaml", tenant),
        ("headwater.yaml", "compression: none\n".to_owned()),
    ];
    for (key, text) in files {
        folder.put(&id(key), text.into(), &Attributes::default()).await.unwrap();
    }
    Arc::new(Configuration::new(folder, ""))
}

/// How many of the source's rows, as they are now, have not landed.
async fn missing(api: &Api, objects: &Arc<MemoryStore>) -> usize {
    let mut landed = BTreeSet::new();
    for meta in objects.list_all("landing/").await.unwrap() {
        let body = objects.get(&meta.key).await.unwrap().body;
        let mut lines = LineReader::new(body, Codec::of_key(&meta.key), Limits::default()).unwrap();
        while let Some(line) = lines.next_line().unwrap() {
            let line = Line::parse(line).unwrap();
            let record: serde_json::Value = serde_json::from_str(line.record.get()).unwrap();
            landed.insert(record["id"].as_u64());
        }
    }
    api.rows().iter().filter(|row| !landed.contains(&Some(row.id))).count()
}
