use std::collections::BTreeMap;

use bytes::Bytes;
use files::{Feed, Keys};
use lake::delivery::{Accepted, FileFact, FileVerdict, InboxLine};
use model::Metric;
use model::document::Document;
use ports::{Clock, FileDrop, ObjectStore, ObjectStoreExt, Table};
use serde_json::Value;
use store::Timing;
use testkit::{
    Fault, Faults, ManualClock, MemoryDrop, MemoryMetrics, MemoryQueue, MemoryStore, MemoryTable,
    SeededIds, Side,
};

use super::*;

mod crash;
mod outcomes;

/// A partner's place and everything behind it, in memory.
struct World {
    clock: Arc<ManualClock>,
    place: Arc<MemoryDrop>,
    lake: Arc<MemoryStore>,
    table: Arc<MemoryTable>,
    feed: Arc<Feed>,
    keys: Keys,
}

#[derive(Debug)]
struct OneFeed(OpenFeed);

#[async_trait]
impl Feeds for OneFeed {
    async fn list(&self) -> Result<Vec<FeedListed>, Error> {
        Ok(Vec::new())
    }

    async fn open(&self, _: &FeedKey) -> Result<Option<OpenFeed>, Error> {
        Ok(Some(self.0.clone()))
    }
}

const FEED: &str = r"
pattern: '^heron_(?P<entity>USER|TRX)_(?P<seq>\d{3})\.'
kinds:
  user: {entities: [USER], columns: [external_id, email]}
  transaction: {entities: [TRX], columns: [trx_id, amount], tags: {type: trx}, total: amount}
complete: {stable_for: 0s}
verify: {trailer: T}
";

const USERS: &str = "external_id,email\nu1,a@x.example\nu2,b@x.example\n";
const TRX: &str = "trx_id,amount\nt1,1.50\nt2,2.50\nT,2,4.00\n";

fn key() -> FeedKey {
    FeedKey { tenant: "heron".parse().unwrap(), feed: "loyalty".parse().unwrap() }
}

impl World {
    fn new(feed: &str) -> Self {
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_hours(24 * 365 * 55));
        let document = Document::parse("feeds/test.yaml", feed).unwrap();
        Self {
            place: Arc::new(MemoryDrop::new(Arc::<ManualClock>::clone(&clock))),
            lake: Arc::new(MemoryStore::new(Arc::<ManualClock>::clone(&clock))),
            table: Arc::new(MemoryTable::new(Arc::<ManualClock>::clone(&clock))),
            feed: Arc::new(Feed::parse(&document).unwrap()),
            keys: Keys::default(),
            clock,
        }
    }

    fn deps(&self, faults: &Arc<Faults>) -> Deps {
        let place: Arc<dyn FileDrop> = Arc::<MemoryDrop>::clone(&self.place);
        let lake: Arc<dyn Uploads> = Arc::<MemoryStore>::clone(&self.lake);
        let table: Arc<dyn Table> = Arc::<MemoryTable>::clone(&self.table);
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let ids = Arc::new(SeededIds::new(self.clock.now().as_second().unsigned_abs()));
        let place: Arc<dyn FileDrop> = Arc::new(faults.around(place));
        let open = OpenFeed { feed: Arc::clone(&self.feed), place, keys: self.keys.clone() };
        let table: Arc<dyn Table> = Arc::new(faults.around(table));
        Deps {
            feeds: Arc::new(OneFeed(open)),
            lake: Arc::new(faults.around(lake)),
            store: Store::new(table, clock, ids, Timing::default()),
            queue: Arc::new(MemoryQueue::default()),
            metrics: Arc::new(MemoryMetrics::default()),
        }
    }

    async fn try_look(&self, faults: &Arc<Faults>) -> Result<Answer, Error> {
        self.clock.advance(Duration::from_mins(5));
        let deadline = Deadline::at(self.clock.now().checked_add(Duration::from_mins(15)).unwrap());
        handle(&self.deps(faults), Event::Work(Work::Look(key())), deadline).await
    }

    async fn look(&self) -> Looked {
        match self.try_look(&Arc::new(Faults::none())).await.unwrap() {
            Answer::Work(Outcome::Looked(looked)) => looked,
            other => panic!("{other:?}"),
        }
    }

    /// Takes the one file that was decided on in once more.
    async fn again(&self) -> Result<Looked, Error> {
        self.clock.advance(Duration::from_mins(5));
        let deadline = Deadline::at(self.clock.now().checked_add(Duration::from_mins(15)).unwrap());
        let again = self.lake.list_all("outcomes/files/").await.unwrap().remove(0).key;
        let event = Event::Work(Work::Again { again });
        match handle(&self.deps(&Arc::new(Faults::none())), event, deadline).await? {
            Answer::Work(Outcome::Looked(looked)) => Ok(looked),
            other => panic!("{other:?}"),
        }
    }

    async fn put(&self, path: &str, body: impl AsRef<[u8]>) {
        self.place.put(path, Bytes::copy_from_slice(body.as_ref())).await.unwrap();
    }

    /// Accepted files, in the order of their keys.
    async fn accepted(&self) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        for meta in self.lake.list_all("inbox/files/").await.unwrap() {
            let object = self.lake.get(&meta.key).await.unwrap();
            accepted.push(Accepted::from_json(&object.body).unwrap());
        }
        accepted
    }

    /// What was decided, by path.
    async fn facts(&self) -> BTreeMap<String, (FileVerdict, Option<String>)> {
        let mut facts = BTreeMap::new();
        for meta in self.lake.list_all("outcomes/files/").await.unwrap() {
            let object = self.lake.get(&meta.key).await.unwrap();
            let fact = FileFact::from_json(&object.body).unwrap();
            facts.insert(fact.seen.path, (fact.verdict, fact.code));
        }
        facts
    }

    /// The records of an accepted file, each with its line.
    async fn records(&self, file: &Accepted) -> Vec<(u64, Value)> {
        let mut records = Vec::new();
        for part in &file.parts {
            let body = self.lake.get(&part.key).await.unwrap().body;
            assert_eq!(lake::Sha256Hex::of(&body), part.sha256);
            let text = String::from_utf8(zstd::decode_all(body.as_ref()).unwrap()).unwrap();
            for line in text.lines() {
                let line: InboxLine<'_> = serde_json::from_str(line).unwrap();
                records.push((line.line, serde_json::from_str(line.record.get()).unwrap()));
            }
        }
        records
    }

    async fn check_outcome(&self, path: &str, verdict: FileVerdict, code: Option<&str>) {
        let facts = self.facts().await;
        assert_eq!(facts.get(path), Some(&(verdict, code.map(str::to_owned))), "{facts:?}");
    }
}
