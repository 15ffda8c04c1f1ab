//! Calls under a budget: a decorator of [`Http`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::lock::Mutex;
use model::Timestamp;
use ports::{Expect, Http, HttpError, Key, Request, Response, TableError, Write};

use super::CallLimit;
use super::pool::{Pool, Step, Ticket};
use super::slots::{Ask, Granted, Slots, free_after, instant};
use crate::repository::later;
use crate::row::encode;
use crate::{Store, StoreError};

/// Slots of one shard; a larger budget is spread over several rows.
const SHARD: u32 = 500;

/// Pause when a provider says "too many" without saying for how long.
const BRIEF: Duration = Duration::from_secs(1);

/// Hears what calls wait for.
pub trait Waits: Debug + Send + Sync {
    /// A call waits for its budget until then.
    fn waiting(&self, budget: &str, until: Timestamp);
}

/// The budgets of one process: callers under one name share what is leased.
#[derive(Debug, Clone)]
pub struct Budgets {
    store: Store,
    shared: Arc<Lock<BTreeMap<String, Arc<Shared>>>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    store: Store,
    shards: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    key: Key,
    limit: CallLimit,
    pool: Lock<Pool>,
    refill: Mutex<()>,
}

impl Budgets {
    /// Budgets whose slots lie in a store.
    pub fn new(store: Store) -> Self {
        Self { store, shared: Arc::default() }
    }

    /// Puts calls under the budget of that name. A call that had to wait longer than `patience`
    /// is refused instead, with the wait.
    pub fn limit(
        &self,
        name: &str,
        limit: CallLimit,
        http: Arc<dyn Http>,
        patience: Patience,
    ) -> BudgetedHttp {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Shared::new(name, limit, self.store.clone()));
        let budget = shared.entry(name.to_owned()).or_insert_with(fresh);
        if !budget.is_for(limit) {
            *budget = fresh();
        }
        BudgetedHttp { budget: Arc::clone(budget), http, patience }
    }
}

/// How long a call waits for its budget, and who hears of it.
#[derive(Debug, Clone)]
pub struct Patience {
    /// The longest wait.
    pub longest: Duration,
    /// Who hears of waits.
    pub waits: Option<Arc<dyn Waits>>,
}

/// An [`Http`] whose calls stay within a budget that is shared with other workers.
#[derive(Debug)]
pub struct BudgetedHttp {
    budget: Arc<Shared>,
    http: Arc<dyn Http>,
    patience: Patience,
}

impl Shared {
    fn new(name: &str, limit: CallLimit, store: Store) -> Self {
        let count = limit.calls.get().div_ceil(SHARD);
        let shards = (0..count).map(|n| Shard::new(name, n, limit.share(n, count))).collect();
        Self { name: name.to_owned(), store, shards }
    }

    fn is_for(&self, limit: CallLimit) -> bool {
        let calls: u32 = self.shards.iter().map(|shard| shard.limit.calls.get()).sum();
        let same =
            |shard: &Shard| shard.limit.per == limit.per && shard.limit.timeout == limit.timeout;
        calls == limit.calls.get() && self.shards.iter().all(same)
    }

    fn shard(&self) -> Option<&Shard> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number in [0, count)"
        )]
        let pick = (self.store.ids().chance() * self.shards.len() as f64) as usize;
        self.shards.get(pick).or(self.shards.first())
    }
}

impl CallLimit {
    /// The part of a limit that one shard of several gets.
    fn share(self, shard: u32, count: u32) -> Self {
        let calls = self.calls.get() / count + u32::from(shard < self.calls.get() % count);
        Self { calls: calls.try_into().unwrap_or(self.calls), ..self }
    }
}

impl Shard {
    fn new(name: &str, number: u32, limit: CallLimit) -> Self {
        let key = Key { partition: format!("budget#{name}#{number}"), sort: "slots".to_owned() };
        Self { key, limit, pool: Lock::new(Pool::new()), refill: Mutex::new(()) }
    }

    fn pool<R>(&self, act: impl FnOnce(&mut Pool) -> R) -> R {
        act(&mut self.pool.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Settles what was used and leases anew, in one conditional write; when nothing is free it
    /// gives the instant to ask again, and writes nothing. What was used is forgotten when the
    /// outcome stays unknown: its slots then come back late.
    async fn refill(&self, store: &Store) -> Result<Option<i64>, StoreError> {
        let _one_at_a_time = self.refill.lock().await;
        let now = instant(store.now());
        if self.pool(|pool| pool.has_slots(now)) {
            return Ok(None);
        }
        if let Some(until) = self.pool(|pool| pool.quiet(now)) {
            return Ok(Some(until));
        }
        let (returned, want) = self.pool(Pool::close);
        let id = store.write_id();
        loop {
            let (mut slots, expect) = self.read(store).await?;
            for (lease, free) in &returned {
                slots.settle(lease, free);
            }
            let skew = super::slots::millis(store.timing().skew);
            let ask = Ask { id: id.0.clone(), want, now: instant(store.now()), skew };
            let grant = match slots.lease(&ask, &self.limit) {
                Granted::Slots(grant) => grant,
                Granted::Wait { until } => {
                    self.pool(|pool| {
                        pool.keep(returned);
                        pool.wait(until);
                    });
                    return Ok(Some(until));
                }
            };
            match self.write(store, &slots, expect, &id).await {
                Ok(()) => {}
                Err(StoreError::Table(TableError::Contended { current, .. })) => {
                    let leased = |slots: Slots| slots.leases.iter().any(|l| l.id == id.0);
                    let ours = current.as_deref().map(crate::row::decode).transpose()?;
                    if !ours.is_some_and(leased) {
                        continue;
                    }
                }
                Err(error) => return Err(error),
            }
            self.pool(|pool| pool.open(grant));
            return Ok(None);
        }
    }

    async fn read(&self, store: &Store) -> Result<(Slots, Expect), StoreError> {
        Ok(match store.row::<Slots>(&self.key).await? {
            Some((slots, version)) => (slots, Expect::Version(version)),
            None => (Slots::default(), Expect::Absent),
        })
    }

    async fn write(
        &self,
        store: &Store,
        slots: &Slots,
        expect: Expect,
        id: &ports::WriteId,
    ) -> Result<(), StoreError> {
        let body = encode(&self.key, slots)?;
        let write = Write::Put { key: self.key.clone(), expect, body, expires: None };
        store.write(&[write], id).await?;
        Ok(())
    }

    /// Stops everyone until then.
    async fn pause(&self, store: &Store, until: i64) -> Result<(), StoreError> {
        self.pool(|pool| pool.wait(until));
        loop {
            let (mut slots, expect) = self.read(store).await?;
            if slots.paused >= Some(until) {
                return Ok(());
            }
            slots.fit(&self.limit, instant(store.now()));
            slots.pause(until);
            match self.write(store, &slots, expect, &store.write_id()).await {
                Err(StoreError::Table(TableError::Contended { .. })) => {}
                other => return other,
            }
        }
    }
}

impl BudgetedHttp {
    /// Waits for a slot; gives what to return it by.
    async fn slot(&self, shard: &Shard) -> Result<Ticket, HttpError> {
        let store = &self.budget.store;
        let begun = store.now();
        loop {
            let until = match shard.pool(|pool| pool.step(instant(store.now()))) {
                Step::Send(ticket) => return Ok(ticket),
                Step::Wait { until } => until,
                Step::Lease => match shard.refill(store).await.map_err(|e| self.away(e))? {
                    None => continue,
                    Some(until) => until,
                },
            };
            self.wait(begun, until).await?;
        }
    }

    async fn wait(&self, begun: Timestamp, until: i64) -> Result<(), HttpError> {
        let store = &self.budget.store;
        let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
        let wait = Duration::try_from(until.duration_since(store.now())).unwrap_or_default();
        if until > later(begun, self.patience.longest) {
            return Err(HttpError::Budget { budget: self.budget.name.clone(), wait });
        }
        if let Some(waits) = &self.patience.waits {
            waits.waiting(&self.budget.name, until);
        }
        store.clock().sleep(wait).await;
        Ok(())
    }

    fn away(&self, error: StoreError) -> HttpError {
        HttpError::Unreachable {
            host: format!("budget {}", self.budget.name),
            source: Box::new(error),
        }
    }

    /// The provider's own word on when to call again. An answer is not lost because others could
    /// not be told.
    async fn heed(&self, shard: &Shard, response: &Response) {
        let store = &self.budget.store;
        let Some(pause) = asked_pause(response, store.now()) else { return };
        let until = instant(later(store.now(), pause)) + 1;
        if let Err(error) = shard.pause(store, until).await {
            tracing::warn!(budget = %self.budget.name, %error, "others were not told to pause");
        }
    }
}

#[async_trait]
impl Http for BudgetedHttp {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        let Some(shard) = self.budget.shard() else { return self.http.send(request).await };
        request.timeout = request.timeout.min(shard.limit.timeout);
        let ticket = self.slot(shard).await?;
        let answer = self.http.send(request).await;
        let store = &self.budget.store;
        let free = free_after(store.now(), &shard.limit, store.timing().skew);
        shard.pool(|pool| pool.give_back(ticket, free));
        if let Ok(response) = &answer {
            self.heed(shard, response).await;
        }
        answer
    }
}

/// How long an answer asks everyone to wait: `Retry-After` of a 429 or 503 (seconds or a date), or
/// a spent `RateLimit-Remaining` with its `RateLimit-Reset`.
fn asked_pause(response: &Response, now: Timestamp) -> Option<Duration> {
    let seconds = |name: &str| {
        let text = response.header(name)?.trim();
        text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok())
    };
    if matches!(response.status, 429 | 503) {
        let date = || {
            let text = response.header("retry-after")?;
            let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(at.duration_since(now)).ok()
        };
        let named = seconds("retry-after").or_else(date);
        return named.or_else(|| (response.status == 429).then_some(BRIEF));
    }
    let spent = ["ratelimit-remaining", "x-ratelimit-remaining"];
    let reset = ["ratelimit-reset", "x-ratelimit-reset"];
    let is_spent = spent.iter().any(|name| response.header(name).is_some_and(|v| v.trim() == "0"));
    let reset = reset.iter().find_map(|name| seconds(name));
    reset.filter(|wait| is_spent && *wait <= Duration::from_hours(1))
}
