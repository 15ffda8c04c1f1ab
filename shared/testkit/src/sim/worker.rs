//! What a worker sees of the world.

use std::fmt;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Http, Ids, Metrics, ObjectStore, Queue, Scheduler, Secrets, Table};

use super::kernel::Kernel;
use super::provider::Provider;
use super::task::{sleep, step_aside};
use super::world::Things;
use crate::faulty::{Call, Faulty, Gate, Passage};
use crate::memory::{MemoryMetrics, MemoryQueue, MemoryScheduler, MemoryStore};

/// One life of a worker: ports that misbehave, a clock that is wrong, ids.
#[derive(Debug, Clone)]
pub struct Worker {
    things: Arc<Things>,
    name: Arc<str>,
    clock: Arc<SimClock>,
    gate: Arc<dyn Gate>,
}

impl Worker {
    pub(super) fn born(things: Arc<Things>, name: Arc<str>, task: u64) -> Self {
        let kernel = Arc::clone(&things.kernel);
        let skew = kernel.chaos().skew.mul_f64(kernel.chance());
        let skew = SignedDuration::try_from(skew).unwrap_or_default();
        let skew = if kernel.odds(0.5) { skew } else { -skew };
        let clock = Arc::new(SimClock { kernel: Arc::clone(&kernel), skew });
        let gate: Arc<dyn Gate> = Arc::new(Turnstile { kernel, task });
        Self { things, name, clock, gate }
    }

    /// The name it was spawned under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// Ids and chance.
    pub fn ids(&self) -> Arc<dyn Ids> {
        Arc::new(SimIds(Arc::clone(&self.things.kernel)))
    }

    /// The world's objects.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        let objects: Arc<dyn ObjectStore> = Arc::<MemoryStore>::clone(&self.things.objects);
        Arc::new(self.behind(objects))
    }

    /// The world's table, its items expiring by this worker's clock.
    pub fn table(&self) -> Arc<dyn Table> {
        let table: Arc<dyn Table> = Arc::new(self.things.rows.seen_by(self.clock()));
        Arc::new(self.behind(table))
    }

    /// The queue of this name; the first to ask makes it.
    pub fn queue(&self, name: &str) -> Arc<dyn Queue> {
        let (queue, kernel) = (self.things.queue(name), Arc::clone(&self.things.kernel));
        let queue: Arc<dyn Queue> = Arc::new(Restless { queue, kernel });
        Arc::new(self.behind(queue))
    }

    /// The way to the world's provider.
    pub fn http(&self) -> Arc<dyn Http> {
        let provider: Arc<dyn Http> = Arc::<Provider>::clone(&self.things.provider);
        Arc::new(self.behind(provider))
    }

    /// The world's secrets.
    pub fn secrets(&self) -> Arc<dyn Secrets> {
        let secrets: Arc<dyn Secrets> = self.things.secrets();
        Arc::new(self.behind(secrets))
    }

    /// The world's schedules.
    pub fn scheduler(&self) -> Arc<dyn Scheduler> {
        let scheduler: Arc<dyn Scheduler> = Arc::<MemoryScheduler>::clone(&self.things.scheduler);
        Arc::new(self.behind(scheduler))
    }

    /// Metrics, which the world adds up.
    pub fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::<MemoryMetrics>::clone(&self.things.metrics)
    }

    /// Puts another port of the test's own behind this worker's faults.
    pub fn behind<P: ?Sized + Send + Sync>(&self, port: Arc<P>) -> Faulty<P> {
        Faulty::new(port, Arc::clone(&self.gate))
    }
}

/// A worker's clock: the world's time, wrong by a constant.
#[derive(Debug)]
pub struct SimClock {
    kernel: Arc<Kernel>,
    skew: SignedDuration,
}

impl SimClock {
    pub(super) fn right(kernel: Arc<Kernel>) -> Self {
        Self { kernel, skew: SignedDuration::ZERO }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.kernel.now() + self.skew
    }

    async fn sleep(&self, wait: Duration) {
        sleep(&self.kernel, wait).await;
    }
}

/// Ids and chance out of the world's seed.
#[derive(Debug)]
pub struct SimIds(Arc<Kernel>);

impl SimIds {
    pub(super) fn new(kernel: Arc<Kernel>) -> Self {
        Self(kernel)
    }
}

impl Ids for SimIds {
    fn fresh(&self) -> String {
        format!("{:032x}", self.0.number())
    }

    fn chance(&self) -> f64 {
        self.0.chance()
    }
}

/// The gate that every port call of a worker goes through.
struct Turnstile {
    kernel: Arc<Kernel>,
    task: u64,
}

impl fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnstile").field("task", &self.task).finish_non_exhaustive()
    }
}

impl Turnstile {
    /// A place where others may run, time may pass, and the worker may die.
    async fn step(&self) {
        let chaos = self.kernel.chaos();
        if self.kernel.odds(chaos.crash / 2.0) {
            self.kernel.kill(self.task);
            future::pending::<()>().await;
        }
        if self.kernel.odds(chaos.pause / 2.0) {
            sleep(&self.kernel, self.kernel.span(chaos.longest_pause)).await;
        } else if self.kernel.odds(0.3) {
            sleep(&self.kernel, self.kernel.span(Duration::from_millis(200))).await;
        } else if self.kernel.odds(0.5) {
            step_aside().await;
        }
    }
}

#[async_trait]
impl Gate for Turnstile {
    async fn enter(&self, call: &Call) -> Passage {
        self.step().await;
        let chaos = self.kernel.chaos();
        let fates = [
            (chaos.before, Passage::Before),
            (chaos.after, Passage::After),
            (if call.writes { chaos.late } else { 0.0 }, Passage::Late),
            (chaos.throttle, Passage::Throttled),
            (if call.verb == "Queue::send" { chaos.twice } else { 0.0 }, Passage::Twice),
        ];
        let drawn = fates.into_iter().find(|(odds, _)| self.kernel.odds(*odds));
        drawn.map_or(Passage::Through, |(_, passage)| passage)
    }

    async fn leave(&self, _: &Call) {
        self.step().await;
    }

    fn postpone(&self, write: BoxFuture<'static, ()>) {
        let kernel = Arc::clone(&self.kernel);
        let wait = kernel.span(kernel.chaos().longest_late);
        let later = async move {
            sleep(&kernel, wait).await;
            write.await;
        };
        self.kernel.adopt(Box::pin(later));
    }

    fn page(&self, limit: usize) -> usize {
        let short = self.kernel.odds(self.kernel.chaos().short_page);
        if short { self.kernel.below(limit).max(1) } else { limit }
    }
}

/// A queue that now and then hands out a message without hiding it.
#[derive(Debug)]
struct Restless {
    queue: Arc<MemoryQueue>,
    kernel: Arc<Kernel>,
}

#[async_trait]
impl Queue for Restless {
    async fn send(
        &self,
        messages: &[ports::Message],
    ) -> Result<Vec<Result<(), ports::QueueError>>, ports::QueueError> {
        self.queue.send(messages).await
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<ports::Received>, ports::QueueError> {
        let restless = self.kernel.odds(self.kernel.chaos().redeliver);
        let visibility = if restless { self.kernel.span(visibility) } else { visibility };
        self.queue.receive(max, wait, visibility).await
    }

    async fn ack(&self, message: &ports::Received) -> Result<(), ports::QueueError> {
        self.queue.ack(message).await
    }

    async fn defer(
        &self,
        message: &ports::Received,
        until: Timestamp,
    ) -> Result<(), ports::QueueError> {
        self.queue.defer(message, until).await
    }

    async fn dead_letter(
        &self,
        message: &ports::Received,
        reason: &str,
    ) -> Result<(), ports::QueueError> {
        self.queue.dead_letter(message, reason).await
    }
}
