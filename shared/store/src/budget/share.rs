//! What one process knows of its budgets, and a tenant's share of them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use model::{Classify, Metric, Retry, TenantId, Timestamp};
use ports::{Http, HttpError, Key, Metrics};

use super::http::BudgetedHttp;
use super::permit::{Permit, Permits};
use super::pool::Appetite;
use super::shard::{Held, Shard};
use super::slots::{Wait, instant};
use super::{CallLimit, NamedLimit};
use crate::repository::later;
use crate::{Store, StoreError};

/// Slots of one row; a larger budget is spread over several.
const SHARD: u32 = 2_000;

/// Hears what calls wait for.
pub trait Waits: Debug + Send + Sync {
    /// A call waits for its budget until then.
    fn waiting(&self, budget: &str, until: Timestamp);
}

/// How long a call waits for its budget, and who hears of it.
#[derive(Debug, Clone)]
pub struct Patience {
    /// The longest wait.
    pub longest: Duration,
    /// Who hears of waits.
    pub waits: Option<Arc<dyn Waits>>,
}

/// Why there are no permits.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// None is to be had in the time that the caller would wait.
    #[error("call budget {budget} is used up for the next {wait:?}")]
    Spent {
        /// Budget.
        budget: String,
        /// Until one is.
        wait: Duration,
    },
    /// The row of the budget is out of reach.
    #[error("call budget {budget} cannot be asked")]
    Away {
        /// Budget.
        budget: String,
        /// Why.
        #[source]
        source: StoreError,
    },
}

impl Classify for BudgetError {
    fn retry(&self) -> Retry {
        match self {
            Self::Spent { wait, .. } => Retry::After(*wait),
            Self::Away { source, .. } => source.retry(),
        }
    }
}

impl From<BudgetError> for HttpError {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::Spent { budget, wait } => Self::Budget { budget, wait },
            BudgetError::Away { budget, source } => {
                Self::Unreachable { host: format!("budget {budget}"), source: Box::new(source) }
            }
        }
    }
}

/// The budgets of one process: callers for one tenant, under one name, share what is leased.
#[derive(Debug, Clone)]
pub struct Budgets {
    store: Store,
    metrics: Option<Arc<dyn Metrics>>,
    known: Arc<Lock<Known>>,
}

/// By name and tenant.
type Known = BTreeMap<(String, TenantId), Arc<Budget>>;

/// One budget, as one tenant's callers in one process see it.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) name: String,
    pub(super) limit: CallLimit,
    pub(super) shards: Vec<Arc<Shard>>,
}

impl Budgets {
    /// Budgets whose slots lie in a store.
    pub fn new(store: Store) -> Self {
        Self { store, metrics: None, known: Arc::default() }
    }

    /// Measures what permits wait.
    #[must_use]
    pub fn measured(self, metrics: Arc<dyn Metrics>) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// A tenant's share of limits, all of which a call needs. The narrowest comes first: it is
    /// the one that a provider means that says "too many" and no more.
    pub fn share(&self, tenant: &TenantId, limits: Vec<NamedLimit>) -> Share {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = |named: NamedLimit| {
            let NamedLimit { name, limit } = named;
            let fresh = || Arc::new(Budget::new(&name, tenant, limit, &self.store));
            let budget = known.entry((name.clone(), tenant.clone())).or_insert_with(fresh);
            if budget.limit != limit {
                *budget = fresh();
            }
            Arc::clone(budget)
        };
        let budgets = limits.into_iter().map(budget).collect();
        Share { store: self.store.clone(), metrics: self.metrics.clone(), budgets }
    }

    /// Puts calls for a tenant under a budget. A call that had to wait longer than `patience` is
    /// refused instead, with the wait.
    pub fn limit(
        &self,
        tenant: &TenantId,
        limit: NamedLimit,
        http: Arc<dyn Http>,
        patience: Patience,
    ) -> BudgetedHttp {
        BudgetedHttp::new(self.share(tenant, vec![limit]), http, patience)
    }

    /// Settles what was used and gives back what was not: the end of a worker's work. Without it
    /// the slots come back all the same, later.
    pub async fn put_back(&self) -> Result<(), StoreError> {
        let known: Vec<Arc<Budget>> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.values().map(Arc::clone).collect()
        };
        for shard in known.iter().flat_map(|budget| &budget.shards) {
            shard.put_back().await?;
        }
        Ok(())
    }
}

impl Budget {
    fn new(name: &str, tenant: &TenantId, limit: CallLimit, store: &Store) -> Self {
        let count = limit.calls.get().div_ceil(SHARD);
        let shard = |number| {
            let partition = format!("budget#{name}#{number}");
            let key = Key { partition, sort: "slots".to_owned() };
            Arc::new(Shard::new(key, tenant, limit.share(number, count), store.clone()))
        };
        Self { name: name.to_owned(), limit, shards: (0..count).map(shard).collect() }
    }

    /// Up to `wanted` slots that are free by an instant, of one row; or when to ask again.
    async fn take(
        &self,
        wanted: usize,
        by: i64,
        (appetite, chance): (Appetite, f64),
    ) -> Result<Result<Vec<Held>, Wait>, StoreError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number in [0, count)"
        )]
        let pick = (chance * self.shards.len() as f64) as usize;
        let mut soonest: Option<Wait> = None;
        for shard in self.shards.iter().cycle().skip(pick).take(self.shards.len()) {
            match shard.take(wanted, by, appetite).await? {
                Ok(held) => return Ok(Ok(held)),
                Err(wait) => {
                    let sooner = soonest.is_none_or(|soonest| wait.until < soonest.until);
                    soonest = if sooner { Some(wait) } else { soonest };
                }
            }
        }
        Ok(soonest.map_or_else(|| Ok(Vec::new()), Err))
    }
}

impl CallLimit {
    /// The part of a limit that one shard of several gets.
    fn share(self, shard: u32, count: u32) -> Self {
        let calls = self.calls.get() / count + u32::from(shard < self.calls.get() % count);
        Self { calls: calls.try_into().unwrap_or(self.calls), ..self }
    }
}

/// A tenant's share of one or several limits.
#[derive(Debug, Clone)]
pub struct Share {
    pub(super) store: Store,
    metrics: Option<Arc<dyn Metrics>>,
    budgets: Vec<Arc<Budget>>,
}

impl Share {
    /// Permits for up to `wanted` calls, one at least. Waits for it as long as the caller does.
    pub async fn acquire(
        &self,
        wanted: NonZeroUsize,
        patience: &Patience,
    ) -> Result<Permits, BudgetError> {
        self.acquire_by(wanted, patience, Appetite::Exact).await
    }

    pub(super) async fn acquire_by(
        &self,
        wanted: NonZeroUsize,
        patience: &Patience,
        appetite: Appetite,
    ) -> Result<Permits, BudgetError> {
        let begun = self.store.now();
        let by = instant(later(begun, patience.longest));
        loop {
            match self.attempt(wanted.get(), by, appetite).await? {
                Ok(permits) => {
                    self.measure(begun);
                    return Ok(Permits::new(permits));
                }
                Err((budget, wait)) => self.wait(&budget, wait, by, patience).await?,
            }
        }
    }

    /// Slots of all limits, or which of them makes one wait. Those of the others then go back.
    async fn attempt(
        &self,
        wanted: usize,
        by: i64,
        appetite: Appetite,
    ) -> Result<Result<Vec<Permit>, (Arc<Budget>, Wait)>, BudgetError> {
        let mut all: Vec<Vec<Held>> = Vec::with_capacity(self.budgets.len());
        for budget in &self.budgets {
            let wanted = all.last().map_or(wanted, Vec::len);
            let how = (appetite, self.store.ids().chance());
            let away = |source| BudgetError::Away { budget: budget.name.clone(), source };
            match budget.take(wanted, by, how).await.map_err(away)? {
                Ok(held) => all.push(held),
                Err(wait) => return Ok(Err((Arc::clone(budget), wait))),
            }
        }
        let count = all.last().map_or(wanted, Vec::len);
        let mut lists: Vec<_> = all.into_iter().map(Vec::into_iter).collect();
        let permits = (0..count).map(|_| {
            let held = lists.iter_mut().filter_map(Iterator::next).collect();
            Permit::new(self.store.clone(), held, self.budgets.clone())
        });
        Ok(Ok(permits.collect()))
    }

    async fn wait(
        &self,
        budget: &Budget,
        wait: Wait,
        by: i64,
        patience: &Patience,
    ) -> Result<(), BudgetError> {
        let now = self.store.now();
        let at = |millis| Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        let until = |instant: Timestamp| Duration::try_from(instant.duration_since(now));
        if wait.free > by || wait.until > by {
            let wait = until(at(wait.free.max(wait.until))).unwrap_or_default();
            return Err(BudgetError::Spent { budget: budget.name.clone(), wait });
        }
        if let Some(waits) = &patience.waits {
            waits.waiting(&budget.name, at(wait.free.max(wait.until)));
        }
        self.store.clock().sleep(until(at(wait.until)).unwrap_or_default()).await;
        Ok(())
    }

    fn measure(&self, begun: Timestamp) {
        let Some(metrics) = &self.metrics else { return };
        let waited = Duration::try_from(self.store.now().duration_since(begun));
        metrics.emit(Metric::PermitsWaited, waited.unwrap_or_default().as_secs_f64() * 1000.0, &[]);
    }
}
