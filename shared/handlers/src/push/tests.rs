use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lake::Sha256Hex;
use lake::delivery::{
    Accepted, BatchKey, BatchOutcome, FileDigest, FileOutcome, InboxPart, ItemRef, Moment, Origin,
    PartKey,
};
use model::Metric;
use ports::{Attributes, Clock, ObjectStoreExt, SecretPath, Table};
use serde_json::{Value, json};
use store::Timing;
use testkit::crm::{API_KEY, CLIENT, Crm, Rules, URL};
use testkit::{
    ManualClock, MemoryMetrics, MemoryQueue, MemorySecrets, MemoryStore, MemoryTable, SeededIds,
};

use super::*;
use crate::event::BatchResponse;

mod again;
mod answers;
mod flow;
mod models;

pub(super) const CRM: &str = include_str!("../../../../config/destinations/crm.yaml");

const TENANT: &str = "
pushes:
  crm:
    destination: crm
    config:
      base_url: https://crm.simulated.test
      client_id: client
      client_secret: {secret: crm}
      api_key: api-key
    from: [{feed: loyalty}]
";

/// A world of one function and one CRM.
pub(super) struct Ground {
    pub(super) clock: ManualClock,
    pub(super) table: Arc<MemoryTable>,
    pub(super) lake: Arc<MemoryStore>,
    pub(super) queue: Arc<MemoryQueue>,
    pub(super) metrics: Arc<MemoryMetrics>,
    pub(super) crm: Arc<Crm>,
    pub(super) deps: Deps,
}

impl Ground {
    pub(super) async fn new() -> Self {
        Self::with(Rules::default()).await
    }

    pub(super) async fn with(rules: Rules) -> Self {
        let clock = ManualClock::at("2024-05-02T00:00:00Z".parse().unwrap());
        let lake = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
        let queue = Arc::new(MemoryQueue::new(Arc::new(clock.clone())));
        let metrics = Arc::new(MemoryMetrics::default());
        let ids = Arc::new(SeededIds::new(7));
        let crm = Arc::new(Crm::new(Arc::new(clock.clone()), Arc::<SeededIds>::clone(&ids), rules));
        let objects = Arc::<MemoryStore>::clone(&lake) as Arc<dyn ObjectStore>;
        let rows = Arc::<MemoryTable>::clone(&table) as Arc<dyn Table>;
        let store = Store::new(rows, Arc::new(clock.clone()), ids, Timing::default());
        let path =
            SecretPath::resolve(&"heron".parse().unwrap(), &"crm".parse().unwrap(), &[]).unwrap();
        let secrets = MemorySecrets::of([(path, CLIENT[1].to_owned())]);
        let deps = Deps {
            configuration: Arc::new(Configuration::new(Arc::clone(&objects), "config/")),
            outside: Outside {
                http: Arc::<Crm>::clone(&crm) as Arc<dyn Http>,
                secrets: Arc::new(secrets),
                budgets: Budgets::new(store.clone()),
                memory: Arc::default(),
            },
            lake: objects,
            store,
            queue: Arc::<MemoryQueue>::clone(&queue) as Arc<dyn Queue>,
            metrics: Arc::<MemoryMetrics>::clone(&metrics) as Arc<dyn Metrics>,
        };
        let ground = Self { clock, table, lake, queue, metrics, crm, deps };
        ground.put("config/destinations/crm.yaml", CRM).await;
        ground.put("config/tenants/heron.yaml", TENANT).await;
        assert_eq!(URL, "https://crm.simulated.test");
        assert_eq!(API_KEY, "api-key");
        ground
    }

    pub(super) fn key() -> PushKey {
        PushKey { tenant: "heron".parse().unwrap(), push: "crm".parse().unwrap() }
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::at(self.clock.now() + Duration::from_mins(15))
    }

    pub(super) async fn put(&self, key: &str, body: impl Into<Bytes>) {
        let key = key.parse().unwrap();
        self.lake.put(&key, body.into(), &Attributes::default()).await.unwrap();
    }

    /// Accepts a file of these records; gives its key.
    pub(super) async fn accept(&self, kind: &str, name: &str, records: &[Value]) -> ObjectKey {
        self.accept_at(self.clock.now(), kind, (name, records)).await
    }

    pub(super) async fn accept_at(
        &self,
        at: model::Timestamp,
        kind: &str,
        (name, records): (&str, &[Value]),
    ) -> ObjectKey {
        let accepted = accepted(at, kind, (name, records));
        let lines = (2..).zip(records);
        let lines = lines.map(|(line, record)| json!({"line": line, "record": record}).to_string());
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        for part in &accepted.parts {
            let body = zstd::encode_all(text.as_bytes(), 0).unwrap();
            self.put(part.key.as_str(), body).await;
        }
        let key = accepted.place().render().unwrap();
        self.put(key.as_str(), accepted.to_json().unwrap()).await;
        key
    }

    /// Tells the function of an object, as S3 does.
    pub(super) async fn told(&self, key: &ObjectKey) {
        let key = key.as_str().replace('=', "%3D");
        let body = json!({"Records": [{
            "eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}},
        }]});
        let event = json!({"Records": [{"messageId": "m", "body": body.to_string()}]});
        let event = serde_json::from_value(event).unwrap();
        let answer = handle(&self.deps, event, self.deadline()).await.unwrap();
        assert_eq!(answer, Answer::Batch(BatchResponse::default()));
    }

    pub(super) async fn run(&self) -> Outcome {
        let event = Event::Work(Work::Push { push: Self::key() });
        match handle(&self.deps, event, self.deadline()).await.unwrap() {
            Answer::Work(outcome) => outcome,
            Answer::Batch(_) => panic!("a batch"),
        }
    }

    /// Runs until nothing is left to do, however long that takes.
    pub(super) async fn rest(&self) {
        for _ in 0..200 {
            if !self.run().await.more {
                return;
            }
            self.clock.advance(Duration::from_secs(30));
        }
        panic!("the push does not come to rest");
    }

    pub(super) async fn done(&self, name: &str) -> FileOutcome {
        let mut found = Vec::new();
        for meta in self.lake.list_all("outcomes/done/").await.unwrap() {
            let body = self.lake.get(&meta.key).await.unwrap().body;
            found.push(FileOutcome::from_json(&body).unwrap());
        }
        found.into_iter().find(|done| done.name == name).expect("the file is done")
    }

    pub(super) async fn outcomes(&self) -> Vec<BatchOutcome> {
        let mut found = Vec::new();
        for meta in self.lake.list_all("outcomes/batches/").await.unwrap() {
            BatchKey::parse(&meta.key).unwrap();
            let body = self.lake.get(&meta.key).await.unwrap().body;
            found.push(BatchOutcome::from_json(&body).unwrap());
        }
        found
    }

    /// I-9 over everything that stands in the lake.
    pub(super) async fn each_item_ends_once(&self) {
        let mut items = Vec::new();
        for meta in self.lake.list_all("inbox/files/").await.unwrap() {
            let body = self.lake.get(&meta.key).await.unwrap().body;
            let accepted = Accepted::from_json(&body).unwrap();
            let line = |line| ItemRef { file: accepted.file.clone(), line };
            items.extend((2..2 + accepted.records).map(line));
        }
        for meta in self.lake.list_all("inbox/again/").await.unwrap() {
            let body = self.lake.get(&meta.key).await.unwrap().body;
            let accepted = Accepted::from_json(&body).unwrap();
            for part in &accepted.parts {
                let body = self.lake.get(&part.key).await.unwrap().body;
                let text = String::from_utf8(zstd::decode_all(body.as_ref()).unwrap()).unwrap();
                let line =
                    |text: &str| serde_json::from_str::<Value>(text).unwrap()["line"].as_u64();
                let item = |line| ItemRef { file: accepted.file.clone(), line };
                items.extend(text.lines().filter_map(line).map(item));
            }
        }
        let found = invariant::ends_once(items, &self.outcomes().await);
        assert!(found.is_empty(), "{found:#?}");
    }

    /// Everything that a replay must not change.
    pub(super) async fn everything(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for meta in self.lake.list_all("outcomes/").await.unwrap() {
            all.insert(meta.key.to_string(), meta.etag.0);
        }
        for item in self.table.items() {
            if item.key.partition.starts_with("push") && item.key.sort != "wake" {
                all.insert(item.key.to_string(), item.body);
            }
        }
        all
    }
}

pub(super) fn accepted(
    at: model::Timestamp,
    kind: &str,
    (name, records): (&str, &[Value]),
) -> Accepted {
    let origin = Origin::Feed("loyalty".parse().unwrap());
    let sha256 = Sha256Hex::of(format!("{name}{records:?}").as_bytes());
    let mut accepted = Accepted {
        file: FileDigest::of(&["heron", &origin.to_string(), sha256.as_str()]),
        origin,
        tenant: "heron".parse().unwrap(),
        kind: kind.to_owned(),
        rank: u8::from(kind != "user"),
        accepted: Moment::from(at),
        name: name.to_owned(),
        sha256: sha256.clone(),
        bytes: 1,
        archive: None,
        parts: Vec::new(),
        records: records.len() as u64,
        refused: None,
    };
    let key = PartKey { folder: accepted.place().folder(), part: Some(0) }.render().unwrap();
    let last = records.len() as u64 + 1;
    let records = accepted.records;
    accepted.parts = vec![InboxPart { key, records, first: 2, last, bytes: 1, sha256 }];
    accepted
}

pub(super) fn customer(id: &str) -> Value {
    json!({"external_id": id, "email": format!("{id}@example.com"), "source": "INSTORE"})
}

pub(super) fn customers(number: usize) -> Vec<Value> {
    (0..number).map(|n| customer(&format!("c{n}"))).collect()
}

pub(super) fn transaction(id: &str, customer: &str) -> Value {
    json!({"trx_id": id, "external_id": customer, "amount": "12.50"})
}
