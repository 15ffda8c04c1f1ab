//! A shared budget in virtual time: many workers, wrong clocks, deaths, a provider that counts.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use model::{TenantId, Timestamp};
use ports::{
    Clock, Http, HttpError, Ids, Item, Key, Method, Page, Query, Request, Response, Table,
    TableError, Version, Write, WriteId,
};
use testkit::sim::{Chaos, Worker, World};

use super::facts::{Call, Facts};
use crate::budget::{Budgets, CallLimit, NamedLimit, Patience};
use crate::{Store, Timing};

/// Clocks differ by no more than this.
const SKEW: Duration = Duration::from_millis(500);

/// How a world is set up.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) calls: u32,
    pub(super) per: Duration,
    /// Workers of each tenant.
    pub(super) workers: Vec<usize>,
    /// Calls that a worker makes side by side.
    pub(super) want: usize,
    /// Shortest and longest call.
    pub(super) latency: (f64, f64),
    /// Mean life of a worker; it dies without a word.
    pub(super) life: Option<Duration>,
    /// This tenant has nothing to do in these minutes.
    pub(super) idle: Option<(usize, u64, u64)>,
    pub(super) span: Duration,
    pub(super) seed: u64,
}

#[derive(Debug)]
struct Provider {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    latency: (f64, f64),
    tenant: usize,
    log: Arc<Mutex<Vec<Call>>>,
    idle: Duration,
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (least, most) = self.latency;
        let took = Duration::from_secs_f64(least + (most - least) * self.ids.chance());
        assert!(took < request.timeout, "the budget leaves a call its time");
        let sent = self.clock.now();
        let counted = sent + took.mul_f64(self.ids.chance());
        let call = Call { tenant: self.tenant, sent, counted, took, idle: self.idle };
        self.log.lock().unwrap().push(call);
        self.clock.sleep(took).await;
        Ok(Response { status: 200, headers: Vec::new(), body: bytes::Bytes::new() })
    }
}

#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    reads: AtomicU64,
    lost: AtomicU64,
}

/// A table that takes its time, as one in a network does.
#[derive(Debug)]
struct Far {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    counts: Arc<Counts>,
}

impl Far {
    async fn way(&self) {
        self.clock.sleep(Duration::from_secs_f64(0.002 + 0.01 * self.ids.chance())).await;
    }
}

#[async_trait]
impl Table for Far {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.way().await;
        let item = self.table.get(key).await;
        self.way().await;
        item
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        self.way().await;
        let done = self.table.transact(writes, write).await;
        self.counts.lost.fetch_add(u64::from(done.is_err()), Ordering::Relaxed);
        self.way().await;
        done
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.table.query(query).await
    }

    async fn add(&self, key: &Key, by: i64) -> Result<i64, TableError> {
        self.table.add(key, by).await
    }
}

pub(super) fn request() -> Request {
    Request {
        method: Method::Post,
        url: "https://crm.example/customers".to_owned(),
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_mins(1),
        max_body: 1 << 20,
        redirect_hosts: Arc::new([]),
    }
}

/// What the workers of a world share, besides its table.
#[derive(Clone)]
struct Cast {
    shape: Shape,
    clock: Arc<dyn Clock>,
    table: Arc<dyn Table>,
    counts: Arc<Counts>,
    log: Arc<Mutex<Vec<Call>>>,
    deaths: Arc<AtomicU64>,
    begun: Timestamp,
}

impl Cast {
    fn limit(&self) -> CallLimit {
        let calls = NonZeroU32::new(self.shape.calls).unwrap();
        CallLimit { calls, per: self.shape.per, timeout: Duration::from_secs(6) }
    }

    /// A worker: permits, then as many calls side by side, for ever.
    async fn work(&self, worker: &Worker, tenant: usize) {
        let (table, counts) = (Arc::clone(&self.table), Arc::clone(&self.counts));
        let far = Far { table, clock: worker.clock(), ids: worker.ids(), counts };
        let timing = Timing { skew: SKEW, ..Timing::default() };
        let store = Store::new(Arc::new(far), worker.clock(), worker.ids(), timing);
        let limit = NamedLimit { name: "crm".to_owned(), limit: self.limit() };
        let name: TenantId = format!("tenant-{tenant}").parse().unwrap();
        let budgets = Budgets::new(store);
        let share = budgets.share(&name, vec![limit]);
        let patience = Patience { longest: Duration::from_hours(48), waits: None };
        let want = NonZeroUsize::new(self.shape.want).unwrap();
        // Workers do not start at the same millisecond.
        worker.clock().sleep(Duration::from_secs(2).mul_f64(worker.ids().chance())).await;
        loop {
            if let Some((idle, from, until)) = self.shape.idle
                && idle == tenant
            {
                let minutes = self.clock.now().duration_since(self.begun).as_secs() / 60;
                let minutes = u64::try_from(minutes).unwrap();
                if (from..until).contains(&minutes) {
                    budgets.put_back().await.unwrap();
                    self.clock.sleep(Duration::from_mins(until - minutes)).await;
                }
            }
            let permits = share.acquire(want, &patience).await.unwrap();
            let mut calls: FuturesUnordered<_> = permits
                .map(|permit| {
                    let from = permit.free_from().max(worker.clock().now());
                    let idle = from.duration_since(permit.free_from()).unsigned_abs();
                    let provider = Provider {
                        clock: Arc::clone(&self.clock),
                        ids: worker.ids(),
                        latency: self.shape.latency,
                        tenant,
                        log: Arc::clone(&self.log),
                        idle,
                    };
                    async move { permit.send(&provider, request()).await }
                })
                .collect();
            while let Some(answer) = calls.next().await {
                answer.unwrap();
            }
        }
    }
}

/// Lives through one world.
pub(super) fn live(shape: &Shape) -> Facts {
    let world = World::new(shape.seed, Chaos { skew: SKEW / 2, ..Chaos::none() });
    let cast = Cast {
        shape: shape.clone(),
        clock: world.clock(),
        table: world.table(),
        counts: Arc::default(),
        log: Arc::default(),
        deaths: Arc::default(),
        begun: world.now(),
    };
    for (tenant, count) in shape.workers.iter().enumerate() {
        for _ in 0..*count {
            let cast = cast.clone();
            world.spawn("worker", move |worker| {
                let cast = cast.clone();
                async move {
                    loop {
                        let work = Box::pin(cast.work(&worker, tenant));
                        let Some(life) = cast.shape.life else { return work.await };
                        let life = life.mul_f64(-(1.0 - worker.ids().chance()).ln());
                        let death = Box::pin(cast.clock.sleep(life));
                        if let Either::Right(_) = select(work, death).await {
                            cast.deaths.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    }
    world.run_for(shape.span);
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    Facts {
        calls: std::mem::take(&mut cast.log.lock().unwrap()),
        writes: count(&cast.counts.writes),
        reads: count(&cast.counts.reads),
        lost_races: count(&cast.counts.lost),
        deaths: count(&cast.deaths),
        begun: cast.begun,
        span: shape.span,
        limit: (shape.calls, shape.per),
    }
}
