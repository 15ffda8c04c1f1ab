//! The push function over memory and a real server: messages in, outcomes in the lake out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::event::SqsEvent;
use handlers::push::{Answer, Deps, Event, Outside, handle, invariant};
use http::{Client, Policy};
use lake::Sha256Hex;
use lake::delivery::{
    Accepted, BatchOutcome, FileDigest, FileOutcome, InboxPart, ItemRef, Moment, Origin, PartKey,
    Verdict,
};
use model::ObjectKey;
use ports::{
    Attributes, Clock, Deadline, Http, Message, Method, Metrics, ObjectStore, ObjectStoreExt,
    Queue, Request, SecretPath, Table,
};
use serde_json::{Value, json};
use store::budget::Budgets;
use store::{Store, Timing};
use testkit::{
    ManualClock, MemoryMetrics, MemoryQueue, MemorySecrets, MemoryStore, MemoryTable, SeededIds,
};

/// The tenant whose files they are.
const TENANT: &str = "heron";

/// Most messages of one test: more go round.
const MOST: usize = 500;

/// How items ended by line, with their codes.
pub(crate) type Ends = BTreeMap<u64, (Verdict, String)>;

/// A function, its queue and its lake.
pub(crate) struct Ground {
    pub(crate) clock: ManualClock,
    pub(crate) http: Arc<dyn Http>,
    lake: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
    deps: Deps,
}

impl Ground {
    /// A push by the shipped file of that name alone, with these settings; `secret` is the one of
    /// them that is kept apart.
    pub(crate) async fn new(
        clock: &ManualClock,
        destination: &str,
        mut settings: Value,
        secret: &str,
    ) -> Self {
        let kept = settings[secret].as_str().unwrap().to_owned();
        settings[secret] = json!({"secret": "key"});
        let path = SecretPath::resolve(&TENANT.parse().unwrap(), &"key".parse().unwrap(), &[]);
        let shared = || Arc::new(clock.clone()) as Arc<dyn Clock>;
        let lake = Arc::new(MemoryStore::new(shared()));
        let queue = Arc::new(MemoryQueue::new(shared()));
        let table = Arc::new(MemoryTable::new(shared())) as Arc<dyn Table>;
        let store = Store::new(table, shared(), Arc::new(SeededIds::new(7)), Timing::default());
        let objects = Arc::<MemoryStore>::clone(&lake) as Arc<dyn ObjectStore>;
        let http: Arc<dyn Http> =
            Arc::new(Client::new(Policy::with_local(&["127.0.0.1".to_owned()])));
        let deps = Deps {
            configuration: Arc::new(Configuration::new(Arc::clone(&objects), "config/")),
            outside: Outside {
                http: Arc::clone(&http),
                secrets: Arc::new(MemorySecrets::of([(path.unwrap(), kept)])),
                budgets: Budgets::new(store.clone()),
                memory: Arc::default(),
            },
            lake: objects,
            store,
            queue: Arc::<MemoryQueue>::clone(&queue) as Arc<dyn Queue>,
            metrics: Arc::new(MemoryMetrics::default()) as Arc<dyn Metrics>,
        };
        let ground = Self { clock: clock.clone(), http, lake, queue, deps };
        let file = format!("config/destinations/{destination}.yaml");
        let text = std::fs::read_to_string(xtask::machine::root().join(&file)).unwrap();
        ground.put(&file, text).await;
        let push = json!({"destination": destination, "config": settings, "from": [{"feed": "f"}]});
        let tenant = json!({"pushes": {"out": push}});
        ground.put(&format!("config/tenants/{TENANT}.yaml"), tenant.to_string()).await;
        ground
    }

    async fn put(&self, key: &str, body: impl Into<bytes::Bytes>) {
        self.lake.put(&key.parse().unwrap(), body.into(), &Attributes::default()).await.unwrap();
    }

    /// Accepts a file, tells the queue of it, and works until nothing is left to do; gives what
    /// became of it.
    pub(crate) async fn push(
        &self,
        kind: &str,
        name: &str,
        records: &[Value],
    ) -> (FileOutcome, Ends) {
        let accepted = self.accepted(kind, name, records);
        let lines = (2..).zip(records);
        let lines = lines.map(|(line, record)| json!({"line": line, "record": record}).to_string());
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        self.put(accepted.parts[0].key.as_str(), zstd::encode_all(text.as_bytes(), 0).unwrap())
            .await;
        let key = accepted.place().render().unwrap();
        self.put(key.as_str(), accepted.to_json().unwrap()).await;
        self.tell(&key).await;
        self.rest().await;
        let done: Vec<FileOutcome> =
            self.stored("outcomes/done/", |body| FileOutcome::from_json(body).unwrap()).await;
        let done = done.into_iter().find(|done| done.file == accepted.file).unwrap();
        let ends = self.ends(&accepted.file).await;
        assert_eq!(ends.len(), records.len(), "each item has one end");
        let of = |wanted: Verdict| ends.values().filter(|(end, _)| *end == wanted).count() as u64;
        let counted =
            [done.counts.ok, done.counts.failed, done.counts.duplicate, done.counts.unknown];
        let listed = [Verdict::Ok, Verdict::Failed, Verdict::Duplicate, Verdict::Unknown].map(of);
        assert_eq!(counted, listed, "the file's counts are those of its items");
        (done, ends)
    }

    fn accepted(&self, kind: &str, name: &str, records: &[Value]) -> Accepted {
        let origin = Origin::Feed("f".parse().unwrap());
        let sha256 = Sha256Hex::of(format!("{name}{records:?}").as_bytes());
        let mut accepted = Accepted {
            file: FileDigest::of(&[TENANT, &origin.to_string(), sha256.as_str()]),
            origin,
            tenant: TENANT.parse().unwrap(),
            kind: kind.to_owned(),
            rank: u8::from(kind != "user"),
            accepted: Moment::from(self.clock.now()),
            name: name.to_owned(),
            sha256: sha256.clone(),
            bytes: 1,
            archive: None,
            parts: Vec::new(),
            records: records.len() as u64,
            refused: None,
        };
        let key = PartKey { folder: accepted.place().folder(), part: Some(0) }.render().unwrap();
        let (records, last) = (accepted.records, accepted.records + 1);
        accepted.parts = vec![InboxPart { key, records, first: 2, last, bytes: 1, sha256 }];
        accepted
    }

    /// Tells the queue of an object, as S3 does.
    async fn tell(&self, key: &ObjectKey) {
        let key = key.as_str().replace('=', "%3D");
        let body = json!({"Records": [{
            "eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}},
        }]});
        let (group, attributes) = (TENANT.to_owned(), BTreeMap::new());
        let message = Message { body: body.to_string(), group, attributes, not_before: None };
        self.queue.send(&[message]).await.unwrap().remove(0).unwrap();
    }

    /// Hands messages to the function, as they come due, until there are none.
    async fn rest(&self) {
        for _ in 0..MOST {
            let Some(next) = self.queue.next_visible() else { return };
            let wait = Duration::try_from(next.duration_since(self.clock.now()));
            self.clock.advance(wait.unwrap_or_default());
            for message in
                self.queue.receive(1, Duration::ZERO, Duration::from_mins(20)).await.unwrap()
            {
                let batch = SqsEvent { records: vec![message.clone().into()] };
                let until = Deadline::at(self.clock.now() + Duration::from_mins(15));
                let answer = handle(&self.deps, Event::Batch(batch), until).await.unwrap();
                let Answer::Batch(answer) = answer else { panic!("no answer to a batch") };
                assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
                self.queue.ack(&message).await.unwrap();
            }
        }
        panic!("the push does not come to rest");
    }

    async fn stored<T>(&self, prefix: &str, read: impl Fn(&[u8]) -> T) -> Vec<T> {
        let mut found = Vec::new();
        for meta in self.lake.list_all(prefix).await.unwrap() {
            found.push(read(&self.lake.get(&meta.key).await.unwrap().body));
        }
        found
    }

    async fn outcomes(&self) -> Vec<BatchOutcome> {
        self.stored("outcomes/batches/", |body| BatchOutcome::from_json(body).unwrap()).await
    }

    async fn ends(&self, file: &FileDigest) -> Ends {
        let items = self.outcomes().await.into_iter().flat_map(|outcome| outcome.items);
        let ended = items.filter(|item| item.verdict.is_final() && item.item.file == *file);
        ended.map(|item| (item.item.line, (item.verdict, item.code.unwrap_or_default()))).collect()
    }

    /// Every accepted item has one final outcome; events that come again change nothing.
    pub(crate) async fn holds(&self) {
        let read = |body: &[u8]| Accepted::from_json(body).unwrap();
        let files = self.stored("inbox/files/", read).await;
        let items = files.iter().flat_map(|accepted| {
            (2..2 + accepted.records).map(|line| ItemRef { file: accepted.file.clone(), line })
        });
        let before = self.outcomes().await;
        let found = invariant::ends_once(items, &before);
        assert!(found.is_empty(), "{found:#?}");
        for accepted in &files {
            self.tell(&accepted.place().render().unwrap()).await;
        }
        self.rest().await;
        assert_eq!(self.outcomes().await, before);
    }

    /// Calls a server as somebody else would.
    pub(crate) async fn call(
        &self,
        method: Method,
        url: &str,
        (token, body): (&str, Option<Value>),
    ) -> String {
        let json = ("Content-Type".to_owned(), "application/json".to_owned());
        let request = Request {
            method,
            url: url.to_owned(),
            headers: vec![json, ("Authorization".to_owned(), token.to_owned())],
            body: body.map(|body| body.to_string().into()),
            timeout: Duration::from_secs(10),
            max_body: 1 << 24,
            redirect_hosts: Arc::from([]),
        };
        let answer = self.http.send(request).await.unwrap();
        assert!(answer.status < 300, "{url}: {}", String::from_utf8_lossy(&answer.body));
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}

/// A person of a number, in a version.
pub(crate) fn person(number: usize, version: &str) -> Value {
    json!({
        "external_id": format!("p-{number:03}"), "email": format!("p{number:03}@x.test"),
        "first_name": version, "source": "INSTORE",
    })
}

/// The same with an address that is none and a source that does not exist.
pub(crate) fn spoilt(number: usize, version: &str) -> Value {
    let mut record = person(number, version);
    record["email"] = json!("nobody");
    record["source"] = json!("NOWHERE");
    record
}

/// What the server has to hold by e-mail address after a file whose items ended so.
pub(crate) fn apply(held: &mut BTreeMap<String, String>, records: &[Value], ends: &Ends) {
    for (line, (verdict, _)) in ends {
        let record = &records[usize::try_from(*line).unwrap() - 2];
        let text = |field: &str| record[field].as_str().unwrap().to_owned();
        if *verdict == Verdict::Ok {
            held.insert(text("email"), text("first_name"));
        }
    }
}

/// The lines that did not end as taken.
pub(crate) fn failed(ends: &Ends) -> Vec<u64> {
    let bad = ends.iter().filter(|(_, (verdict, _))| *verdict != Verdict::Ok);
    bad.map(|(line, _)| *line).collect()
}
