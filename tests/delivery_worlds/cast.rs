//! Who lives in a world: a partner, workers that take files in, workers that push, who sweeps,
//! and the services that tell of objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::event::{BatchResponse, SqsEvent, SqsRecord};
use handlers::{files, push};
use model::{ObjectKey, Timestamp};
use ports::{
    Attributes, Clock, Deadline, FileDrop, Http, Ids, Message, ObjectStore, ObjectStoreExt, Queue,
    Received, SecretPath, Secrets, Table, Uploads,
};
use serde_json::json;
use store::budget::Budgets;
use store::{Store, Timing};
use testkit::crm::{CLIENT, Crm};
use testkit::sim::{Worker, World};
use testkit::{MemoryDrop, MemoryDrops, MemorySecrets, MemoryStore, MemoryTable};

use crate::door::{Door, Stamp};
use crate::partner::{Script, below};
use crate::planted::{self, Bug};

/// Queue of looks at feeds.
pub const LOOKS: &str = "looks";

/// Queue of pushes.
pub const PUSHES: &str = "push";

/// Calls that the CRM takes in any minute.
pub const CALLS: usize = 12;

/// A message that is nothing that either function knows.
pub const POISON: &str = r#"{"poison":true}"#;

const HOST: &str = "drop.simulated.test";

const CRM: &str = include_str!("../../config/destinations/crm.yaml");

const SPOKEN: &str = "  - {level: item, body: \"(?i)conflicting profile\", then: fail}\n";

const FEED: &str = r"
pattern: '^heron_(?P<entity>USER|TRX)_(?P<seq>[0-9]{3})[.]'
kinds:
  user: {entities: [USER], columns: [external_id, email]}
  transaction: {entities: [TRX], columns: [trx_id, amount]}
complete: {stable_for: STABLE}
verify: {trailer: T}
limits: {max_error_pct: 30}
after: AFTER
";

const TENANT: &str = r#"
feeds:
  loyalty:
    feed: partner
    from:
      sftp:
        host: drop.simulated.test
        user: heron
        host_keys: ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
    config: {password: {secret: sftp}}
pushes:
  crm:
    destination: crm
    config:
      base_url: https://crm.simulated.test
      client_id: client
      client_secret: {secret: crm}
      api_key: api-key
      calls_per_minute: CALLS
    from: [{feed: loyalty}]
"#;

/// How a world is set up.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What becomes of a source: `{move: processed}`, `delete`, `leave`.
    pub after: &'static str,
    /// How long a file has to stay the same.
    pub stable: &'static str,
    /// What is wrong on purpose.
    pub bug: Option<Bug>,
}

/// Everybody of a world.
#[derive(Clone)]
pub struct Cast {
    pub crm: Arc<Crm>,
    pub script: Arc<Script>,
    pub shape: Shape,
    pub place: Arc<MemoryDrop>,
    objects: Arc<MemoryStore>,
    table: Arc<MemoryTable>,
    /// When batch calls arrived that were not under way for longer than a call may take.
    pub arrivals: Arc<Mutex<Vec<Timestamp>>>,
    clock: Arc<dyn Clock>,
}

pub fn timing() -> Timing {
    Timing { skew: Duration::from_secs(10), ..Timing::default() }
}

async fn put(objects: &MemoryStore, key: &str, body: String) {
    let key: ObjectKey = key.parse().unwrap();
    objects.put(&key, body.into(), &Attributes::default()).await.unwrap();
}

impl Cast {
    /// Puts the configuration and the secrets.
    pub fn new(world: &World, crm: &Arc<Crm>, script: Script, shape: Shape) -> Self {
        // Small batches; and no expression for what this CRM never says, which each life would
        // build anew.
        let destination = CRM.replace("max_items: 100", "max_items: 4").replace(SPOKEN, "");
        let feed = FEED.replace("AFTER", shape.after).replace("STABLE", shape.stable);
        let calls = if shape.bug == Some(Bug::TwiceTheCalls) { CALLS * 2 } else { CALLS };
        let tenant = TENANT.replace("CALLS", &calls.to_string());
        let objects = world.objects();
        world.block_on(async move {
            put(&objects, "config/destinations/crm.yaml", destination).await;
            put(&objects, "config/feeds/partner.yaml", feed).await;
            put(&objects, "config/tenants/heron.yaml", tenant).await;
        });
        let path = |name: &str| {
            let (tenant, name) = ("heron".parse().unwrap(), name.parse().unwrap());
            SecretPath::resolve(&tenant, &name, &[]).unwrap()
        };
        let secrets = [(path("crm"), CLIENT[1].to_owned()), (path("sftp"), "open".to_owned())];
        world.set_secrets(MemorySecrets::of(secrets));
        Self {
            crm: Arc::clone(crm),
            script: Arc::new(script),
            shape,
            place: Arc::new(MemoryDrop::new(world.clock())),
            objects: world.objects(),
            table: world.table(),
            arrivals: Arc::default(),
            clock: world.clock(),
        }
    }

    /// A worker's ports: faults outside, then the planted bug.
    pub fn ground(&self, worker: &Worker) -> Ground {
        let bug = self.shape.bug;
        let table: Arc<dyn Table> = Arc::<MemoryTable>::clone(&self.table);
        let objects: Arc<dyn Uploads> = Arc::<MemoryStore>::clone(&self.objects);
        let place: Arc<dyn FileDrop> = Arc::<MemoryDrop>::clone(&self.place);
        let crm: Arc<dyn Http> = Arc::<Crm>::clone(&self.crm);
        let (arrivals, clock) = (Arc::clone(&self.arrivals), Arc::clone(&self.clock));
        let door: Arc<dyn Http> =
            Arc::new(Door { inner: planted::http(bug, crm), arrivals, clock });
        Ground {
            clock: worker.clock(),
            ids: worker.ids(),
            table: Arc::new(worker.behind(planted::table(bug, table))),
            objects: Arc::new(worker.behind(planted::objects(bug, objects))),
            place: Arc::new(worker.behind(place)),
            http: Arc::new(worker.behind(door)),
            looks: planted::queue(bug, worker.queue(LOOKS)),
            pushes: planted::queue(bug, worker.queue(PUSHES)),
            secrets: worker.secrets(),
            metrics: worker.metrics(),
            sent: Arc::clone(&self.clock),
        }
    }
}

/// The ports of one life of a worker.
#[derive(Clone)]
pub struct Ground {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub table: Arc<dyn Table>,
    pub objects: Arc<dyn Uploads>,
    pub place: Arc<dyn FileDrop>,
    pub http: Arc<dyn Http>,
    pub looks: Arc<dyn Queue>,
    pub pushes: Arc<dyn Queue>,
    pub secrets: Arc<dyn Secrets>,
    pub metrics: Arc<dyn ports::Metrics>,
    /// The clock by which it is told how long a call was under way.
    pub sent: Arc<dyn Clock>,
}

impl Ground {
    fn store(&self) -> Store {
        let (table, clock) = (Arc::clone(&self.table), Arc::clone(&self.clock));
        Store::new(table, clock, Arc::clone(&self.ids), timing())
    }

    fn configuration(&self) -> Arc<Configuration> {
        let objects: Arc<dyn ObjectStore> = Arc::<dyn Uploads>::clone(&self.objects);
        Arc::new(Configuration::new(objects, "config/"))
    }

    pub fn files(&self) -> files::Deps {
        let drops = MemoryDrops::of([(HOST.to_owned(), Arc::clone(&self.place))]);
        let feeds = files::ConfiguredFeeds {
            configuration: self.configuration(),
            secrets: Arc::clone(&self.secrets),
            drops: Arc::new(drops),
            lake: Arc::clone(&self.objects),
        };
        files::Deps {
            feeds: Arc::new(feeds),
            lake: Arc::clone(&self.objects),
            store: self.store(),
            queue: Arc::clone(&self.looks),
            metrics: Arc::clone(&self.metrics),
        }
    }

    pub fn push(&self) -> push::Deps {
        let (inner, clock) = (Arc::clone(&self.http), Arc::clone(&self.sent));
        push::Deps {
            configuration: self.configuration(),
            outside: push::Outside {
                http: Arc::new(Stamp { inner, clock }),
                secrets: Arc::clone(&self.secrets),
                budgets: Budgets::new(self.store()),
                memory: Arc::default(),
            },
            lake: Arc::<dyn Uploads>::clone(&self.objects),
            store: self.store(),
            queue: Arc::clone(&self.pushes),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// The end of an invocation: most have time, some have little.
    pub fn deadline(&self) -> Deadline {
        let chance = self.ids.chance();
        let seconds = if chance < 0.3 { 50.0 + chance * 100.0 } else { 300.0 };
        Deadline::at(self.clock.now() + Duration::from_secs_f64(seconds))
    }
}

/// Fills a world.
pub fn people(world: &World, cast: &Cast, workers: usize) {
    teller(world, cast);
    for number in 0..workers {
        let spawn = |name: &str, pushes: bool| {
            let cast = cast.clone();
            world.spawn(&format!("{name}-{number}"), move |worker| {
                let ground = cast.ground(&worker);
                async move { if pushes { push_all(ground).await } else { take_in(ground).await } }
            });
        };
        spawn("files", false);
        spawn("push", true);
    }
    let cast = cast.clone();
    world.spawn("sweeper", move |worker| sweep(cast.ground(&worker)));
}

/// Puts each file at its time.
pub fn deliver(world: &World, cast: &Cast) {
    let (script, place) = (Arc::clone(&cast.script), Arc::clone(&cast.place));
    let (clock, began) = (world.clock(), world.now());
    world.spawn("partner", move |_| {
        let (script, place) = (Arc::clone(&script), Arc::clone(&place));
        let clock = Arc::clone(&clock);
        async move {
            for delivery in &script.deliveries {
                let wait = (began + delivery.after).duration_since(clock.now());
                clock.sleep(Duration::try_from(wait).unwrap_or_default()).await;
                let body = script.contents[delivery.content].body.clone();
                if let Some(half) = delivery.half {
                    let first = body.slice(..body.len() / 2);
                    place.put(&delivery.path, first).await.unwrap();
                    clock.sleep(half).await;
                }
                place.put(&delivery.path, body).await.unwrap();
            }
        }
    });
}

/// S3's notification of an object.
pub fn created(key: &ObjectKey) -> Message {
    let key = key.as_str().replace('=', "%3D");
    let event = json!({"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}});
    message(json!({"Records": [event]}).to_string())
}

fn message(body: String) -> Message {
    let attributes = BTreeMap::new();
    Message { body, group: "heron".to_owned(), attributes, not_before: None }
}

/// Tells of accepted files as S3 does: of most once, of some twice, of some never. And sends what
/// nobody understands.
fn teller(world: &World, cast: &Cast) {
    let (objects, clock) = (Arc::clone(&cast.objects), world.clock());
    let (looks, pushes) = (world.queue(LOOKS), world.queue(PUSHES));
    let ids = Arc::new(world.ids());
    world.spawn("s3", move |_| {
        let (objects, clock, ids) = (Arc::clone(&objects), Arc::clone(&clock), Arc::clone(&ids));
        let (looks, pushes) = (Arc::clone(&looks), Arc::clone(&pushes));
        async move {
            looks.send(&[message(POISON.to_owned())]).await.unwrap();
            pushes.send(&[message(POISON.to_owned())]).await.unwrap();
            let mut told = BTreeSet::new();
            loop {
                for meta in objects.list_all("inbox/files/").await.unwrap() {
                    if told.insert(meta.key.clone()) {
                        for _ in 0..below(ids.as_ref(), 4) {
                            pushes.send(&[created(&meta.key)]).await.unwrap();
                        }
                    }
                }
                clock.sleep(Duration::from_secs(15)).await;
            }
        }
    });
}

/// Messages for a function, as SQS hands them over.
async fn receive(ground: &Ground, queue: &dyn Queue) -> Vec<Received> {
    let messages = queue.receive(2, Duration::ZERO, Duration::from_mins(6)).await;
    let messages = messages.unwrap_or_default();
    if messages.is_empty() {
        ground.clock.sleep(Duration::from_secs_f64(2.0 + ground.ids.chance() * 8.0)).await;
    }
    messages
}

fn event(messages: &[Received]) -> SqsEvent {
    SqsEvent { records: messages.iter().cloned().map(SqsRecord::from).collect() }
}

/// Takes back what the function is done with.
async fn settle(queue: &dyn Queue, messages: &[Received], answer: &BatchResponse) {
    for message in messages {
        let failed = answer.batch_item_failures.iter().any(|f| f.item_identifier == message.id);
        if !failed {
            queue.ack(message).await.ok();
        }
    }
}

/// Takes files in as a function behind SQS does, for ever.
async fn take_in(ground: Ground) {
    let deps = ground.files();
    loop {
        let messages = receive(&ground, ground.looks.as_ref()).await;
        if messages.is_empty() {
            continue;
        }
        let event = files::Event::Batch(event(&messages));
        let answer = files::handle(&deps, event, ground.deadline()).await;
        if let Ok(files::Answer::Batch(answer)) = answer {
            settle(ground.looks.as_ref(), &messages, &answer).await;
        }
    }
}

/// Pushes as a function behind SQS does, for ever.
async fn push_all(ground: Ground) {
    let deps = ground.push();
    loop {
        let messages = receive(&ground, ground.pushes.as_ref()).await;
        if messages.is_empty() {
            continue;
        }
        let event = push::Event::Batch(event(&messages));
        let answer = push::handle(&deps, event, ground.deadline()).await;
        if let Ok(push::Answer::Batch(answer)) = answer {
            settle(ground.pushes.as_ref(), &messages, &answer).await;
        }
    }
}

/// Sweeps, for ever.
async fn sweep(ground: Ground) {
    let (files, push) = (ground.files(), ground.push());
    loop {
        let looks = files::Event::Work(files::Work::Sweep { sweep: true });
        files::handle(&files, looks, ground.deadline()).await.ok();
        let pushes = push::Event::Work(push::Work::Sweep { sweep: true });
        push::handle(&push, pushes, ground.deadline()).await.ok();
        ground.clock.sleep(Duration::from_mins(5)).await;
    }
}
