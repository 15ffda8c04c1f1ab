use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lake::curated::{PartCounts, Quarantined, Reason, Receipt};
use lake::{
    Attempt, Codec, Commit, CommitKey, LineContext, LineHeader, Mode, PartRef, PartWriter, RowKey,
    SliceStart,
};
use model::Metric;
use parquet::file::reader::{FileReader, SerializedFileReader};
use ports::{Attributes, Clock, ObjectStoreExt, Table};
use store::Timing;
use testkit::{
    Faults, ManualClock, MemoryMetrics, MemoryQueue, MemoryStore, MemoryTable, SeededIds,
};

use super::*;

mod bad_input;
mod crash;
mod flow;
mod sweep;
mod things;

pub(super) const SOURCE: &str = r##"
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
  - {type: DeclarativeStream, name: notes, retriever: {$ref: "#/definitions/retriever"}}
"##;

pub(super) const ORDER: &str = "
version: 1
fields:
  id: {type: string, required: true}
  total: {type: \"decimal(18,2)\", required: true}
  note: string
identity: [id]
sources:
  shop/orders:
    fields: {id: id, total: total, note: note?}
    known: [lines]
  shop/notes:
    fields: {id: id, total: total, note: note?}
";

pub(super) const LINE: &str = "
version: 1
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

/// A world of one function.
pub(super) struct Ground {
    pub(super) clock: ManualClock,
    table: Arc<dyn Table>,
    pub(super) lake: Arc<MemoryStore>,
    pub(super) queue: Arc<MemoryQueue>,
    pub(super) metrics: Arc<MemoryMetrics>,
    pub(super) deps: Deps,
}

/// What a landing object holds.
#[derive(Debug, Clone)]
pub(super) enum Landed<'a> {
    Record(&'a str),
    Gone(&'a str),
}

impl Ground {
    pub(super) async fn new(models: &[(&str, &str)]) -> Self {
        let ground = Self::bare();
        ground.put("config/sources/shop.yaml", SOURCE).await;
        for (name, text) in models {
            ground.put(&format!("config/models/{name}.yaml"), (*text).to_owned()).await;
        }
        ground
    }

    fn bare() -> Self {
        let clock = ManualClock::at("2024-05-02T00:00:00Z".parse().unwrap());
        let lake = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let table: Arc<dyn Table> = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
        let queue = Arc::new(MemoryQueue::new(Arc::new(clock.clone())));
        let metrics = Arc::new(MemoryMetrics::default());
        let objects = Arc::<MemoryStore>::clone(&lake) as Arc<dyn ObjectStore>;
        let deps = Deps {
            configuration: Arc::new(Configuration::new(Arc::clone(&objects), "config/")),
            lake: objects,
            store: Store::new(
                Arc::clone(&table),
                Arc::new(clock.clone()),
                Arc::new(SeededIds::new(7)),
                Timing::default(),
            ),
            queue: Arc::<MemoryQueue>::clone(&queue) as Arc<dyn Queue>,
            metrics: Arc::<MemoryMetrics>::clone(&metrics) as Arc<dyn Metrics>,
        };
        Self { clock, table, lake, queue, metrics, deps }
    }

    /// The function over the same ports behind these faults.
    pub(super) fn behind(&self, faults: &Arc<Faults>) -> Deps {
        let objects = Arc::<MemoryStore>::clone(&self.lake) as Arc<dyn ObjectStore>;
        let table: Arc<dyn Table> = Arc::new(faults.around(Arc::clone(&self.table)));
        Deps {
            configuration: Arc::clone(&self.deps.configuration),
            lake: Arc::new(faults.around(objects)),
            store: Store::new(
                table,
                Arc::new(self.clock.clone()),
                Arc::new(SeededIds::new(8)),
                Timing::default(),
            ),
            queue: Arc::clone(&self.deps.queue),
            metrics: Arc::clone(&self.deps.metrics),
        }
    }

    /// Does what is asked of the function's own queue, until there is nothing more.
    pub(super) async fn drain(&self) -> usize {
        let (mut done, minute) = (0, Duration::from_mins(1));
        loop {
            let received = self.queue.receive(10, Duration::ZERO, minute).await.unwrap();
            if received.is_empty() {
                return done;
            }
            for message in received {
                let work = serde_json::from_str(&message.body).unwrap();
                handle(&self.deps, Event::Work(work), self.deadline()).await.unwrap();
                self.queue.ack(&message).await.unwrap();
                done += 1;
            }
        }
    }

    pub(super) async fn sweep(&self) -> u64 {
        let event = Event::Work(Work::Sweep { sweep: true });
        match handle(&self.deps, event, self.deadline()).await.unwrap() {
            Answer::Work(Outcome::Swept { enqueued, more: false, .. }) => enqueued,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn put(&self, key: &str, body: impl Into<Bytes>) {
        let key = key.parse().unwrap();
        self.lake.put(&key, body.into(), &Attributes::default()).await.unwrap();
    }

    /// Lands lines as one part of a plan.
    pub(super) async fn land(
        &self,
        attempt: &Attempt,
        number: u32,
        lines: &[Landed<'_>],
    ) -> PartRef {
        let mut writer = PartWriter::new(Codec::Plain, 1 << 20).unwrap();
        let header = LineHeader::new(&LineContext {
            tenant: &attempt.tenant,
            connection: &attempt.connection,
            stream: &attempt.stream,
            run: &"r1".parse().unwrap(),
            request_start: self.clock.now(),
            slice: "e3.all",
            page: 1,
        });
        for (ordinal, line) in (0..).zip(lines) {
            match line {
                Landed::Record(text) => {
                    writer.write(&header, ordinal, None, text.as_bytes()).unwrap();
                }
                Landed::Gone(text) => {
                    let key = RowKey::of(text, &[vec!["id".to_owned()]]).unwrap();
                    writer.write_tombstone(&header, ordinal, &key).unwrap();
                }
            }
        }
        let part = writer.finish().unwrap().unwrap();
        let key = attempt.clone().part(number, Codec::Plain).render().unwrap();
        self.put(key.as_str(), part.body.clone()).await;
        PartRef::new(key, &part)
    }

    /// Commits parts; gives the commit's key.
    pub(super) async fn commit(&self, attempt: &Attempt, parts: Vec<PartRef>) -> ObjectKey {
        let commit = Commit {
            attempt: attempt.clone(),
            window: None,
            mode: Mode::Incremental,
            generation: None,
            started: self.clock.now(),
            rows: parts.iter().map(|part| part.rows).sum(),
            parts,
            run: "r1".parse().unwrap(),
            at: self.clock.now(),
        };
        let key = CommitKey(attempt.clone()).render().unwrap();
        self.put(key.as_str(), commit.to_json().unwrap()).await;
        key
    }

    /// Lands and commits records as one part.
    pub(super) async fn landed(&self, plan: &str, lines: &[Landed<'_>]) -> ObjectKey {
        let attempt = attempt(plan);
        let part = self.land(&attempt, 1, lines).await;
        self.commit(&attempt, vec![part]).await
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub(super) fn count(&self, metric: Metric) -> u64 {
        self.metrics.sum(metric) as u64
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::at(self.clock.now() + Duration::from_mins(5))
    }

    pub(super) async fn take(&self, commit: &ObjectKey) -> Result<Vec<Taken>, Error> {
        let event = Event::Work(Work::Take(Take::new(commit.clone())));
        match handle(&self.deps, event, self.deadline()).await? {
            Answer::Work(Outcome::Taken { models }) => Ok(models),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn keys(&self, prefix: &str) -> Vec<String> {
        let found = self.lake.list_all(prefix).await.unwrap();
        found.into_iter().map(|meta| meta.key.to_string()).collect()
    }

    pub(super) async fn get(&self, key: &str) -> Bytes {
        self.lake.get(&key.parse().unwrap()).await.unwrap().body
    }

    pub(super) async fn receipts(&self, model: &str) -> Vec<Receipt> {
        let mut found = Vec::new();
        for key in self.keys(&format!("receipts/{model}/")).await {
            found.push(Receipt::from_json(&self.get(&key).await).unwrap());
        }
        found
    }

    /// The counts of a model's only part.
    pub(super) async fn counts(&self, model: &str) -> PartCounts {
        let receipts = self.receipts(model).await;
        let [receipt] = receipts.as_slice() else { panic!("{receipts:?}") };
        let [part] = receipt.parts.as_slice() else { panic!("{receipt:?}") };
        assert!(part.counts.add_up(), "{:?}", part.counts);
        part.counts
    }

    pub(super) async fn quarantined(&self, model: &str) -> Vec<Quarantined> {
        let mut found = Vec::new();
        for key in self.keys(&format!("quarantine/{model}/")).await {
            let body = self.get(&key).await;
            for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                found.push(serde_json::from_slice(line).unwrap());
            }
        }
        found
    }

    /// Rows of all curated objects of a model: these columns, `-` for null.
    pub(super) async fn rows(&self, model: &str, wanted: &[&str]) -> Vec<String> {
        self.read(&format!("curated/{model}/"), wanted).await
    }

    /// Rows of all Parquet objects under a prefix.
    pub(super) async fn read(&self, prefix: &str, wanted: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for key in self.keys(prefix).await {
            let reader = SerializedFileReader::new(self.get(&key).await).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let row = row.unwrap();
                let cell = |name: &&str| {
                    let (_, field) = row.get_column_iter().find(|(n, _)| n == name).unwrap();
                    match field.to_string() {
                        null if null == "null" => "-".to_owned(),
                        text => text.trim_matches('"').to_owned(),
                    }
                };
                found.push(wanted.iter().map(cell).collect::<Vec<_>>().join(" "));
            }
        }
        found
    }
}

pub(super) fn attempt(plan: &str) -> Attempt {
    Attempt {
        source: "shop".parse().unwrap(),
        stream: "orders".parse().unwrap(),
        tenant: "bluebird".parse().unwrap(),
        connection: "main".parse().unwrap(),
        month: "2024-05".parse().unwrap(),
        plan: plan.parse().unwrap(),
        partition: "e3b0c442".parse().unwrap(),
        slice: SliceStart::ALL,
        fence: 1,
    }
}

pub(super) fn order(id: &str, total: &str) -> String {
    format!(r#"{{"id":"{id}","total":{total}}}"#)
}

/// Reason and rules of each entry.
pub(super) fn rules(entries: &[Quarantined]) -> Vec<(Option<u64>, Reason, Vec<&str>)> {
    entries
        .iter()
        .map(|e| (e.line, e.reason, e.violations.iter().map(|v| v.rule.as_str()).collect()))
        .collect()
}
