//! A world of transform and compact over one lake: what landed, and what the views must show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handlers::compact::{self, Pace};
use handlers::configuration::Configuration;
use handlers::tables::model_table;
use handlers::transform::{self, Event, Take, Work};
use lake::{
    Attempt, Codec, Commit, CommitKey, Generation, LineContext, LineHeader, Mode, ModelTable,
    PartRef, PartWriter, RowKey, SliceStart, latest_rows,
};
use model::{CursorValue, ModelName, ObjectKey, Timestamp};
use ports::{Attributes, Clock, Deadline, ObjectStore, ObjectStoreExt, QueryEngine, Queue, Table};
use proptest::prelude::*;
use query::Engine;
use serde_json::Value;
use store::{Store, Timing};
use testkit::{
    Faults, ManualClock, MemoryMetrics, MemoryQueue, MemoryStore, MemoryTable, SeededIds,
};

const SOURCE: &str = r##"
version: "6.44.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
definitions:
  retriever:
    type: SimpleRetriever
    requester: {type: HttpRequester, url_base: "http://x", path: "/orders"}
    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
streams:
  - {type: DeclarativeStream, name: orders, primary_key: id, retriever: {$ref: "#/definitions/retriever"}}
"##;

const LINE: &str = "
fields:
  order_id: {type: string, required: true}
  number: {type: integer, required: true}
  sku: {type: string, required: true}
identity: [order_id, number]
sources:
  shop/orders:
    explode: lines[]
    fields: {order_id: ^id, number: \"#\", sku: sku}
";

/// The statement that reads the view; every engine takes it.
pub(crate) const READING: &str = "SELECT order_id || ' ' || CAST(number AS varchar) || ' ' || \
                                  sku || ' ' || _request_start FROM model_line";

/// A record of one of few keys with so many lines, or its tombstone.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) id: u32,
    pub(crate) cursor: Option<u8>,
    pub(crate) late: u8,
    pub(crate) lines: Option<u8>,
}

pub(crate) fn told() -> impl Strategy<Value = Vec<Told>> {
    let one =
        (0u32..3, prop::option::weighted(0.6, 0u8..4), 0u8..4, prop::option::weighted(0.8, 0u8..3));
    let one = one.prop_map(|(id, cursor, late, lines)| Told { id, cursor, late, lines });
    prop::collection::vec(one, 0..4)
}

/// Transform and compact, and what they work on.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) lake: Arc<MemoryStore>,
    table: Arc<MemoryTable>,
    queue: Arc<MemoryQueue>,
    ids: Arc<SeededIds>,
    pub(crate) commits: Vec<Commit>,
    lines: BTreeMap<ObjectKey, Vec<String>>,
    generation: u64,
    /// Lines of a part.
    pub(crate) chunk: usize,
    /// Bytes of a snapshot's file.
    pub(crate) file: usize,
    engine: Engine,
}

pub(crate) fn line_model() -> ModelName {
    "line".parse().unwrap()
}

/// The model as SQL sees it.
pub(crate) fn line_table() -> ModelTable {
    let text = format!("version: 1{LINE}");
    let document = model::document::Document::parse("line", &text).unwrap();
    model_table(&line_model(), &normalize::Model::parse(&document).unwrap())
}

fn engine(lake: &Arc<MemoryStore>) -> Engine {
    let engine = Engine::in_memory(Arc::clone(lake) as _, Vec::new()).unwrap();
    engine.with_models(vec![line_table()]).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::at("2024-05-02T00:00:00Z".parse().unwrap());
        let of = || Arc::new(clock.clone());
        let lake = Arc::new(MemoryStore::new(of()));
        let world = Self {
            table: Arc::new(MemoryTable::new(of())),
            queue: Arc::new(MemoryQueue::new(of())),
            ids: Arc::new(SeededIds::new(7)),
            commits: Vec::new(),
            lines: BTreeMap::new(),
            generation: 0,
            chunk: 2,
            file: 1500,
            engine: engine(&lake),
            clock,
            lake,
        };
        world.put("config/sources/shop.yaml", SOURCE.to_owned()).await;
        world.version(1).await;
        world
    }

    async fn put(&self, key: &str, body: String) {
        let key = key.parse().unwrap();
        self.lake.put(&key, body.into(), &Attributes::default()).await.unwrap();
    }

    /// Makes the model of this version the present one.
    pub(crate) async fn version(&self, version: usize) {
        self.put("config/models/line.yaml", format!("version: {version}{LINE}")).await;
    }

    fn attempt(&self, slice: i64) -> Attempt {
        let number = self.commits.len() as u64 + 1;
        Attempt {
            source: "shop".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            tenant: "bluebird".parse().unwrap(),
            connection: "main".parse().unwrap(),
            month: self.clock.now().into(),
            plan: format!("p{number}").parse().unwrap(),
            partition: "e3".parse().unwrap(),
            slice: SliceStart::from(Timestamp::from_second(slice).unwrap()),
            fence: number,
        }
    }

    /// Lands lines as the parts of an attempt and commits it.
    async fn commit(&mut self, slice: i64, told: &[Told], generation: Option<Generation>) {
        let attempt = self.attempt(slice);
        let mut parts = Vec::new();
        for (number, told) in (1..).zip(told.chunks(self.chunk)) {
            parts.push(self.land(attempt.clone(), number, told).await);
        }
        self.publish(attempt, parts, generation).await;
    }

    async fn publish(
        &mut self,
        attempt: Attempt,
        parts: Vec<PartRef>,
        generation: Option<Generation>,
    ) {
        let commit = Commit {
            attempt,
            window: None,
            mode: generation.map_or(Mode::Incremental, |_| Mode::FullRefresh),
            generation,
            started: self.clock.now(),
            rows: parts.iter().map(|part| part.rows).sum(),
            parts,
            run: "r1".parse().unwrap(),
            at: self.clock.now(),
        };
        let key = CommitKey(commit.attempt.clone()).render().unwrap();
        self.put(key.as_str(), String::from_utf8(commit.to_json().unwrap().to_vec()).unwrap())
            .await;
        self.commits.push(commit);
        self.clock.advance(Duration::from_secs(10));
    }

    async fn land(&mut self, attempt: Attempt, number: u32, told: &[Told]) -> PartRef {
        let mut writer = PartWriter::new(Codec::Plain, 1 << 20).unwrap();
        for (ordinal, told) in (0..).zip(told) {
            let header = LineHeader::new(&LineContext {
                tenant: &attempt.tenant,
                connection: &attempt.connection,
                stream: &attempt.stream,
                run: &"r1".parse().unwrap(),
                request_start: self.clock.now() + Duration::from_secs(told.late.into()),
                slice: "e3.all",
                page: 1,
            });
            let id = format!("{{\"id\":\"{}\"}}", told.id);
            let Some(lines) = told.lines else {
                let key = RowKey::of(&id, &[vec!["id".to_owned()]]).unwrap();
                writer.write_tombstone(&header, ordinal, &key).unwrap();
                continue;
            };
            let sku = |line| {
                let text = format!("{}.{number}.{ordinal}.{line}", attempt.plan);
                format!("{{\"sku\":\"{}\"}}", lake::Sha256Hex::of(text.as_bytes()).as_str())
            };
            let skus: Vec<String> = (0..lines).map(sku).collect();
            let record = format!("{{\"id\":\"{}\",\"lines\":[{}]}}", told.id, skus.join(","));
            let cursor = told.cursor.map(|n| CursorValue::Integer(n.into()));
            writer.write(&header, ordinal, cursor.as_ref(), record.as_bytes()).unwrap();
        }
        let part = writer.finish().unwrap().unwrap();
        let key = attempt.part(number, Codec::Plain).render().unwrap();
        let text = String::from_utf8(part.body.to_vec()).unwrap();
        self.lines.insert(key.clone(), text.lines().map(str::to_owned).collect());
        self.put(key.as_str(), text).await;
        PartRef::new(key, &part)
    }

    /// One more run of an incremental stream.
    pub(crate) async fn run(&mut self, told: &[Told]) {
        self.commit(0, told, None).await;
    }

    /// A run that saw just what an earlier one did, and names its objects.
    pub(crate) async fn run_again(&mut self, earlier: usize) {
        let parts = match self.commits.len() {
            0 => Vec::new(),
            commits => self.commits[earlier % commits].parts.clone(),
        };
        self.publish(self.attempt(0), parts, None).await;
    }

    /// A refresh of so many slices, or one that never comes to its end.
    pub(crate) async fn refresh(&mut self, slices: &[Vec<Told>], is_whole: bool) {
        self.generation += 1;
        for (slice, told) in (0..).zip(slices) {
            let is_last = slice + 1 == i64::try_from(slices.len()).unwrap();
            let slices = slices.len() as u64 + u64::from(!is_whole);
            let number = self.generation;
            let generation = Generation { number, slices: is_last.then_some(slices) };
            self.commit(slice, told, Some(generation)).await;
        }
    }

    fn store(&self, table: Arc<dyn Table>) -> Store {
        let clock = Arc::new(self.clock.clone());
        Store::new(table, clock, Arc::<SeededIds>::clone(&self.ids), Timing::default())
    }

    fn configuration(&self) -> Arc<Configuration> {
        let store: Arc<dyn ObjectStore> = Arc::<MemoryStore>::clone(&self.lake);
        Arc::new(Configuration::new(store, "config/"))
    }

    /// The end of an invocation that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::at(self.clock.now() + Duration::from_mins(10))
    }

    /// What transform works with.
    pub(crate) fn transforming(&self) -> transform::Deps {
        transform::Deps {
            configuration: self.configuration(),
            lake: Arc::<MemoryStore>::clone(&self.lake),
            store: self.store(Arc::<MemoryTable>::clone(&self.table)),
            queue: Arc::<MemoryQueue>::clone(&self.queue),
            metrics: Arc::new(MemoryMetrics::default()),
        }
    }

    /// Takes a commit in.
    pub(crate) async fn transform(&self, commit: usize, again: bool) {
        let Some(commit) = self.commits.get(commit) else { return };
        let commit = CommitKey(commit.attempt.clone()).render().unwrap();
        take_in(&self.transforming(), Take { again, ..Take::new(commit) }, self.deadline()).await;
    }

    /// Takes in whatever waits, and every commit that may have been missed.
    pub(crate) async fn settle(&self) {
        for commit in 0..self.commits.len() {
            self.transform(commit, false).await;
        }
        while let Some(message) =
            self.queue.receive(1, Duration::ZERO, Duration::from_mins(1)).await.unwrap().pop()
        {
            let take: Take = serde_json::from_str(&message.body).unwrap();
            take_in(&self.transforming(), take, self.deadline()).await;
            self.queue.ack(&message).await.unwrap();
        }
    }

    /// What compact works with, behind faults.
    pub(crate) fn compacting(&self, records: u64, faults: &Arc<Faults>) -> compact::Deps {
        let (lake, table, queue) = self.ports();
        self.compacting_over(
            records,
            Arc::new(faults.around(lake)),
            Arc::new(faults.around(table)),
            Arc::new(faults.around(queue)),
        )
    }

    /// What compact works with, over these ports.
    pub(crate) fn compacting_over(
        &self,
        records: u64,
        lake: Arc<dyn ObjectStore>,
        table: Arc<dyn Table>,
        queue: Arc<dyn Queue>,
    ) -> compact::Deps {
        compact::Deps {
            configuration: self.configuration(),
            lake,
            store: self.store(table),
            transform: queue,
            metrics: Arc::new(MemoryMetrics::default()),
            pace: Pace {
                least: 1,
                records,
                file: self.file,
                grace: Duration::ZERO,
                ..Pace::default()
            },
        }
    }

    /// The ports as they are.
    pub(crate) fn ports(&self) -> (Arc<dyn ObjectStore>, Arc<dyn Table>, Arc<dyn Queue>) {
        (
            Arc::<MemoryStore>::clone(&self.lake),
            Arc::<MemoryTable>::clone(&self.table),
            Arc::<MemoryQueue>::clone(&self.queue),
        )
    }

    /// Compacts without faults.
    pub(crate) async fn compact(&self, records: u64) -> compact::Outcome {
        let deps = self.compacting(records, &Arc::new(Faults::none()));
        compact(&deps, self.deadline()).await.unwrap()
    }

    /// Every object of the model.
    pub(crate) async fn objects(&self) -> Vec<(ObjectKey, Bytes)> {
        let mut all = Vec::new();
        for prefix in ["curated/", "receipts/", "snapshot/", "pointers/"] {
            for meta in self.lake.list_all(prefix).await.unwrap() {
                let body = self.lake.get(&meta.key).await.unwrap().body;
                all.push((meta.key, body));
            }
        }
        all
    }

    /// What an engine of old shows, which has seen the lake before.
    pub(crate) async fn shown(&self) -> Vec<String> {
        read(&self.engine).await
    }

    /// What a new engine shows.
    pub(crate) async fn shown_anew(&self) -> Vec<String> {
        read(&engine(&self.lake)).await
    }

    /// What the view must show: of the latest rows of the stream, each line.
    pub(crate) fn truth(&self) -> Vec<String> {
        let rows = latest_rows(&[vec!["id".to_owned()]], &self.commits, &self.lines).unwrap();
        let mut all = Vec::new();
        for row in rows.into_values().flatten() {
            let record: Value = serde_json::from_str(&row.record).unwrap();
            for (place, line) in (1..).zip(record["lines"].as_array().unwrap()) {
                let (id, sku) = (record["id"].as_str().unwrap(), line["sku"].as_str().unwrap());
                all.push(format!("{id} {place} {sku} {}", row.seen));
            }
        }
        all.sort();
        all
    }
}

pub(crate) async fn compact(
    deps: &compact::Deps,
    deadline: Deadline,
) -> Result<compact::Outcome, compact::Error> {
    let tenant = "bluebird".parse().unwrap();
    compact::handle(deps, compact::Event::One { model: line_model(), tenant }, deadline).await
}

pub(crate) async fn take_in(deps: &transform::Deps, take: Take, deadline: Deadline) {
    transform::handle(deps, Event::Work(Work::Take(take)), deadline).await.unwrap();
}

async fn read(engine: &Engine) -> Vec<String> {
    let rows = engine.run(READING, 100_000).await.unwrap().rows;
    let mut rows: Vec<String> =
        rows.into_iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
    rows.sort();
    rows
}
