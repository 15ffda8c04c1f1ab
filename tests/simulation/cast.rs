//! Who lives in a world: producers that schedule, workers that extract, hosted as on AWS.

use std::sync::Arc;
use std::time::Duration;

use handlers::configured::Configured;
use handlers::event::{BatchResponse, SqsAttribute, SqsEvent, SqsRecord};
use handlers::extract::{self, Answer, Silent, Watch};
use handlers::job::Target;
use handlers::pull::Sources;
use handlers::schedule;
use ports::{
    Clock, Deadline, GROUP, Ids, Message, NOT_BEFORE, ObjectStore, Queue, Received, Table,
};
use store::budget::Budgets;
use store::{Store, Timing};
use testkit::sim::{Worker, World};

use crate::planted;
use crate::source::{Shape, SimSources};
use crate::watch::Watched;

/// Name of the queue of jobs.
pub const JOBS: &str = "jobs";

/// Tenants of every world: they pull the same account.
pub const TENANTS: [&str; 2] = ["acme", "birch"];

pub fn timing() -> Timing {
    Timing {
        lease: Duration::from_mins(1),
        claim: Duration::from_mins(1),
        retry: Duration::from_secs(30),
        skew: Duration::from_secs(10),
    }
}

pub fn target(tenant: &str) -> Target {
    Target { tenant: tenant.parse().unwrap(), connection: "main".parse().unwrap(), stream: None }
}

/// The ports of one life of a worker.
pub struct Ground {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub table: Arc<dyn Table>,
    pub objects: Arc<dyn ObjectStore>,
    pub jobs: Arc<dyn Queue>,
    pub http: Arc<dyn ports::Http>,
    pub secrets: Arc<dyn ports::Secrets>,
    pub metrics: Arc<dyn ports::Metrics>,
}

impl Ground {
    /// A worker's ports: faults outside, then the planted bug, then whoever watches.
    pub fn of(worker: &Worker, watched: &Watched, shape: &Shape) -> Self {
        let table: Arc<dyn Table> = Arc::new(watched.table());
        let table = planted::table(shape.bug, table);
        let objects: Arc<dyn ObjectStore> = watched.objects();
        let objects = planted::objects(shape.bug, objects);
        Self {
            clock: worker.clock(),
            ids: worker.ids(),
            table: Arc::new(worker.behind(table)),
            objects: Arc::new(worker.behind(objects)),
            jobs: planted::queue(shape.bug, watched.queue(worker.queue(JOBS))),
            http: worker.http(),
            secrets: worker.secrets(),
            metrics: worker.metrics(),
        }
    }

    pub fn store(&self) -> Store {
        let (table, clock) = (Arc::clone(&self.table), Arc::clone(&self.clock));
        Store::new(table, clock, Arc::clone(&self.ids), timing())
    }

    fn sources(&self, shape: &Shape) -> Arc<dyn Sources> {
        let (http, store) = (Arc::clone(&self.http), self.store());
        if let Some(configuration) = &shape.interpreted {
            let secrets = Arc::clone(&self.secrets);
            return Arc::new(Configured::new(Arc::clone(configuration), secrets, http, store));
        }
        let (budgets, clock) = (Budgets::new(store), Arc::clone(&self.clock));
        Arc::new(SimSources::new(http, clock, budgets, shape.clone()))
    }

    pub fn schedule(&self, shape: &Shape) -> schedule::Deps {
        schedule::Deps {
            sources: self.sources(shape),
            store: self.store(),
            jobs: Arc::clone(&self.jobs),
            lake: Arc::clone(&self.objects),
            metrics: Arc::clone(&self.metrics),
        }
    }

    pub fn extract(&self, shape: &Shape) -> extract::Deps {
        extract::Deps {
            sources: self.sources(shape),
            lake: Arc::clone(&self.objects),
            store: self.store(),
            jobs: Arc::clone(&self.jobs),
            watch: Watch { metrics: Arc::clone(&self.metrics), progress: Arc::new(Silent) },
        }
    }

    /// The end of an invocation: most have time, some have next to none.
    pub fn deadline(&self) -> Deadline {
        let seconds = if self.ids.chance() < 0.3 { 18.0 + self.ids.chance() * 20.0 } else { 900.0 };
        Deadline::at(self.clock.now() + Duration::from_secs_f64(seconds))
    }
}

/// Fires each tenant's schedule and sweeps, for ever.
pub async fn produce(ground: Ground, shape: Shape) {
    let deps = ground.schedule(&shape);
    loop {
        for tenant in TENANTS {
            let event = schedule::Event::Fired(target(tenant));
            schedule::handle(&deps, event, ground.deadline()).await.ok();
        }
        let sweep = schedule::Event::Sweep { sweep: true };
        schedule::handle(&deps, sweep, ground.deadline()).await.ok();
        ground.clock.sleep(Duration::from_mins(15)).await;
    }
}

/// Takes jobs as a function behind SQS does, for ever.
pub async fn work(ground: Ground, shape: Shape) {
    let deps = ground.extract(&shape);
    loop {
        let (wait, hidden) = (Duration::from_secs(20), Duration::from_mins(5));
        let Ok(messages) = ground.jobs.receive(2, wait, hidden).await else {
            ground.clock.sleep(Duration::from_secs(5)).await;
            continue;
        };
        if messages.is_empty() {
            continue;
        }
        invoke(&deps, &ground, &messages).await;
    }
}

/// Hands a batch to the function and takes back from the queue what it is done with.
pub async fn invoke(deps: &extract::Deps, ground: &Ground, messages: &[Received]) {
    let event = extract::Event::Batch(record_all(messages));
    let answer = extract::handle(deps, event, ground.deadline()).await;
    let Ok(Answer::Batch(BatchResponse { batch_item_failures })) = answer else { return };
    for message in messages {
        let failed = batch_item_failures.iter().any(|f| f.item_identifier == message.id);
        if !failed {
            ground.jobs.ack(message).await.ok();
        }
    }
}

/// Messages as SQS hands them over.
fn record_all(messages: &[Received]) -> SqsEvent {
    SqsEvent { records: messages.iter().map(record).collect() }
}

/// A message that is no job.
pub const POISON: &str = r#"{"poison":true}"#;

/// Sends the message that can never pass.
pub async fn poison(queue: Arc<dyn Queue>) {
    let message = Message {
        body: POISON.to_owned(),
        group: TENANTS[0].to_owned(),
        attributes: std::collections::BTreeMap::new(),
        not_before: None,
    };
    queue.send(&[message]).await.unwrap();
}

/// A message as SQS hands it over.
fn record(message: &Received) -> SqsRecord {
    let text =
        |value: String| SqsAttribute { string_value: Some(value), data_type: "String".to_owned() };
    let mut attributes =
        std::collections::BTreeMap::from([(GROUP.to_owned(), text(message.group.clone()))]);
    if let Some(at) = message.not_before {
        attributes.insert(NOT_BEFORE.to_owned(), text(at.to_string()));
    }
    SqsRecord {
        message_id: message.id.clone(),
        receipt_handle: message.receipt.clone(),
        body: message.body.clone(),
        attributes: std::collections::BTreeMap::from([(
            "ApproximateReceiveCount".to_owned(),
            message.receives.to_string(),
        )]),
        message_attributes: attributes,
    }
}

/// Fills a world with one producer or two and some workers.
pub fn people(world: &World, watched: &Watched, shape: &Shape, workers: usize) {
    let spawn = |name: &str, produces: bool| {
        let (watched, shape) = (watched.clone(), shape.clone());
        world.spawn(name, move |worker| {
            let ground = Ground::of(&worker, &watched, &shape);
            let shape = shape.clone();
            async move {
                if produces { produce(ground, shape).await } else { work(ground, shape).await }
            }
        });
    };
    spawn("producer-1", true);
    spawn("producer-2", true);
    for n in 0..workers {
        spawn(&format!("worker-{n}"), false);
    }
}
