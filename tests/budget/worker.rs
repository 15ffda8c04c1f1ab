//! A process of workers: permits first, then as many calls side by side.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws::{Aws, DynamoTable};
use futures_util::future::join_all;
use host::{SystemClock, SystemIds, Vars};
use http::{Client, Policy};
use local::{Database, SqliteTable};
use model::{TenantId, Timestamp};
use ports::{
    Clock, Http, HttpError, Ids as _, Item, Key, Method, Page, Query, Request, Table, TableError,
    Version, Write, WriteId,
};
use serde::{Deserialize, Serialize};
use store::budget::{Budgets, CallLimit, NamedLimit, Patience};
use store::{Store, Timing};

use crate::server::{CALLS, PER, TENANT};

/// Holds a process' task.
pub const TASK: &str = "BUDGET_TASK";

/// Calls of a worker side by side.
const WANT: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// What a process does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Task {
    pub server: String,
    /// `sqlite:<file>` or `dynamodb:<table>`.
    pub table: String,
    pub tenant: usize,
    pub workers: usize,
}

/// What a process did to its table.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Written {
    pub writes: u64,
    pub lost: u64,
    pub reads: u64,
    /// Milliseconds that the reads took, together.
    pub waited: u64,
}

impl std::ops::Add for Written {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            lost: self.lost + other.lost,
            reads: self.reads + other.reads,
            waited: self.waited + other.waited,
        }
    }
}

/// A clock that is wrong by a constant.
#[derive(Debug)]
struct Skewed(Duration);

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    async fn sleep(&self, wait: Duration) {
        SystemClock.sleep(wait).await;
    }
}

/// A table that counts.
#[derive(Debug)]
struct Counted {
    table: Arc<dyn Table>,
    writes: AtomicU64,
    lost: AtomicU64,
    reads: AtomicU64,
    waited: AtomicU64,
}

#[async_trait]
impl Table for Counted {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        let asked = SystemClock.now();
        let item = self.table.get(key).await;
        let waited = SystemClock.now().duration_since(asked).as_millis();
        self.waited.fetch_add(u64::try_from(waited).unwrap_or_default(), Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
        item
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let done = self.table.transact(writes, write).await;
        self.lost.fetch_add(u64::from(done.is_err()), Ordering::Relaxed);
        done
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.table.query(query).await
    }

    async fn add(&self, key: &Key, by: i64) -> Result<i64, TableError> {
        self.table.add(key, by).await
    }
}

impl Counted {
    /// Says every second what was done so far: the process may be killed.
    async fn report(&self) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        loop {
            SystemClock.sleep(Duration::from_secs(1)).await;
            let (writes, lost) = (of(&self.writes), of(&self.lost));
            let (reads, waited) = (of(&self.reads), of(&self.waited));
            let written = Written { writes, lost, reads, waited };
            println!("{}", serde_json::to_string(&written).unwrap());
        }
    }
}

async fn table(name: &str) -> Arc<dyn Table> {
    match name.split_once(':').unwrap() {
        ("sqlite", file) => {
            let database = Database::open(Path::new(file)).unwrap();
            Arc::new(SqliteTable::open(&database, Arc::new(SystemClock)).await.unwrap())
        }
        (_, table) => {
            let aws = Arc::new(Aws::from_vars(&Vars::process()).unwrap());
            Arc::new(DynamoTable::new(aws, table.to_owned(), Arc::new(SystemClock)))
        }
    }
}

/// Works until the process is killed.
pub async fn work(task: &Task) {
    let table = table(&task.table).await;
    let (writes, lost, reads, waited) = Default::default();
    let table = Arc::new(Counted { table, writes, lost, reads, waited });
    let http = Client::new(Policy::with_local(&["127.0.0.1".to_owned()]));
    let workers = (0..task.workers).map(|_| worker(task, Arc::clone(&table), &http));
    futures_util::future::join(table.report(), join_all(workers)).await;
}

/// One worker: what a process of its own would have is its own, but the connections.
async fn worker(task: &Task, table: Arc<Counted>, http: &dyn Http) {
    let timing = Timing::default();
    let clock = Arc::new(Skewed(timing.skew.mul_f64(SystemIds.chance())));
    clock.sleep(Duration::from_secs(2).mul_f64(SystemIds.chance())).await;
    let store = Store::new(table, clock, Arc::new(SystemIds), timing);
    let tenant: TenantId = format!("tenant-{}", task.tenant).parse().unwrap();
    let calls = NonZeroU32::new(CALLS).unwrap();
    let limit = CallLimit { calls, per: PER, timeout: Duration::from_secs(10) };
    let limit = NamedLimit { name: "crm".to_owned(), limit };
    let share = Budgets::new(store).share(&tenant, vec![limit]);
    let patience = Patience { longest: Duration::from_hours(1), waits: None };
    loop {
        let permits = share.acquire(WANT, &patience).await.unwrap();
        let request = Request {
            method: Method::Post,
            url: task.server.clone(),
            headers: vec![(TENANT.to_owned(), tenant.to_string())],
            body: None,
            timeout: Duration::from_mins(1),
            max_body: 1 << 10,
            redirect_hosts: Arc::new([]),
        };
        for answer in join_all(permits.map(|permit| permit.send(http, request.clone()))).await {
            match answer {
                // A permit that lapsed because the machine was busy made no call.
                Ok(_) | Err(HttpError::Budget { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
