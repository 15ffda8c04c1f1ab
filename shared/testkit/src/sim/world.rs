//! One world.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use ports::Clock;

use super::chaos::Chaos;
use super::kernel::Kernel;
use super::provider::Provider;
use super::task::{Life, Quiet, Tasks, sleep};
use super::worker::{SimClock, SimIds, Worker};
use crate::clock::locked;
use crate::memory::{
    MemoryMetrics, MemoryQueue, MemoryScheduler, MemorySecrets, MemoryStore, MemoryTable,
};

/// A world made from a seed. Clones are the same world.
#[derive(Clone)]
pub struct World {
    kernel: Arc<Kernel>,
    tasks: Arc<Mutex<Tasks>>,
    things: Arc<Things>,
    _seed: Arc<Seed>,
}

/// What stands in a world, apart from its tasks: these hold it, so it must not hold them.
pub(super) struct Things {
    pub(super) kernel: Arc<Kernel>,
    pub(super) rows: MemoryTable,
    pub(super) objects: Arc<MemoryStore>,
    queues: Mutex<BTreeMap<String, Arc<MemoryQueue>>>,
    secrets: Mutex<Arc<MemorySecrets>>,
    pub(super) scheduler: Arc<MemoryScheduler>,
    pub(super) metrics: Arc<MemoryMetrics>,
    pub(super) provider: Arc<Provider>,
}

impl Things {
    pub(super) fn queue(&self, name: &str) -> Arc<MemoryQueue> {
        let mut queues = locked(&self.queues);
        let make = || {
            let ids = Arc::new(SimIds::new(Arc::clone(&self.kernel)));
            let clock = Arc::new(SimClock::right(Arc::clone(&self.kernel)));
            Arc::new(MemoryQueue::new(clock).disorderly(ids, self.kernel.chaos().delay))
        };
        Arc::clone(queues.entry(name.to_owned()).or_insert_with(make))
    }

    pub(super) fn secrets(&self) -> Arc<MemorySecrets> {
        Arc::clone(&locked(&self.secrets))
    }
}

impl fmt::Debug for Things {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Things").finish_non_exhaustive()
    }
}

/// Says which world it was when a test fails inside it.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a failing test tells how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world was SEED={}", self.0);
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl World {
    /// A fresh world: the seed decides all that chance decides.
    pub fn new(seed: u64, chaos: Chaos) -> Self {
        let kernel = Arc::new(Kernel::new(seed, chaos, super::beginning()));
        let clock: Arc<dyn Clock> = Arc::new(SimClock::right(Arc::clone(&kernel)));
        let things = Things {
            kernel: Arc::clone(&kernel),
            rows: MemoryTable::new(Arc::clone(&clock)),
            objects: Arc::new(MemoryStore::new(clock)),
            queues: Mutex::default(),
            secrets: Mutex::default(),
            scheduler: Arc::default(),
            metrics: Arc::default(),
            provider: Arc::new(Provider::new(Arc::clone(&kernel))),
        };
        Self {
            kernel,
            tasks: Arc::default(),
            things: Arc::new(things),
            _seed: Arc::new(Seed(seed)),
        }
    }

    /// Starts a worker. The closure makes its future, at first and again after each crash; a
    /// future that ends is not started again. It takes what it needs from its [`Worker`] and must
    /// not hold the world itself, which holds it.
    pub fn spawn<F>(&self, name: &str, life: impl Fn(Worker) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (things, name) = (Arc::clone(&self.things), Arc::<str>::from(name));
        let life: Life = Arc::new(move |task| {
            let worker = Worker::born(Arc::clone(&things), Arc::clone(&name), task);
            Box::pin(life(worker))
        });
        locked(&self.tasks).start(&self.kernel, life, Duration::ZERO);
    }

    /// Runs for this much virtual time, or until no task is left.
    pub fn run_for(&self, span: Duration) -> Quiet {
        self.run_until(span, || false)
    }

    /// The same, or until `done`, which is asked between any two steps.
    pub fn run_until(&self, span: Duration, done: impl Fn() -> bool) -> Quiet {
        let until = self.kernel.now() + span;
        let mut tasks = std::mem::take(&mut *locked(&self.tasks));
        let quiet = tasks.run(&self.kernel, until, &done);
        locked(&self.tasks).join(tasks);
        quiet
    }

    /// Runs a future of the test's own to its end, while the world goes on; none when it does
    /// not end within a virtual year.
    pub fn block_on<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let answer = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&answer);
        self.kernel.adopt(Box::pin(async move {
            let value = future.await;
            *locked(&slot) = Some(value);
        }));
        self.run_until(Duration::from_hours(24 * 365), || locked(&answer).is_some());
        locked(&answer).take()
    }

    /// Lets the provider's rows change about once in `mean`, until the world is calm.
    pub fn stir(&self, mean: Duration) {
        let (kernel, provider) = (Arc::clone(&self.kernel), self.provider());
        let stir = async move {
            loop {
                sleep(&kernel, kernel.span(mean * 2)).await;
                if kernel.is_calm() {
                    return;
                }
                provider.change();
            }
        };
        self.kernel.adopt(Box::pin(stir));
    }

    /// From here on nothing fails and the provider's rows stand still. Clocks stay wrong, calls
    /// still interleave, late writes still come.
    pub fn calm(&self) {
        self.kernel.calm();
    }

    /// The world's own time, which no worker knows exactly.
    pub fn now(&self) -> Timestamp {
        self.kernel.now()
    }

    /// A clock that is right.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimClock::right(Arc::clone(&self.kernel)))
    }

    /// Ids and chance out of the world's seed, for decisions of the test.
    pub fn ids(&self) -> SimIds {
        SimIds::new(Arc::clone(&self.kernel))
    }

    /// The objects, without faults.
    pub fn objects(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.things.objects)
    }

    /// The table, without faults.
    pub fn table(&self) -> Arc<MemoryTable> {
        Arc::new(self.things.rows.seen_by(self.clock()))
    }

    /// The queue of this name, without faults; the first to ask makes it.
    pub fn queue(&self, name: &str) -> Arc<MemoryQueue> {
        self.things.queue(name)
    }

    /// Gives the world its secrets. Workers that live already keep what they had.
    pub fn set_secrets(&self, secrets: MemorySecrets) {
        *locked(&self.things.secrets) = Arc::new(secrets);
    }

    /// The secrets, without faults.
    pub fn secrets(&self) -> Arc<MemorySecrets> {
        self.things.secrets()
    }

    /// The schedules, without faults. Nothing fires them.
    pub fn scheduler(&self) -> Arc<MemoryScheduler> {
        Arc::clone(&self.things.scheduler)
    }

    /// All that workers measured.
    pub fn metrics(&self) -> Arc<MemoryMetrics> {
        Arc::clone(&self.things.metrics)
    }

    /// The source.
    pub fn provider(&self) -> Arc<Provider> {
        Arc::clone(&self.things.provider)
    }

    /// How many workers have crashed so far.
    pub fn crashes(&self) -> u64 {
        self.kernel.crashes()
    }
}
