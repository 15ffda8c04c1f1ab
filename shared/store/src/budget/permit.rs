//! Permits: calls that may be made, in hand before the work is.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use ports::{Http, HttpError, Request, Response};

use super::CallLimit;
use super::shard::{Held, Told};
use super::share::Budget;
use super::slots::instant;
use super::word::Word;
use crate::repository::later;
use crate::{Store, StoreError};

/// Permits for some calls, to be used side by side within seconds. Those that are left go back to
/// the process when this is dropped, and to everyone by [`Permits::give_back`].
#[derive(Debug)]
pub struct Permits(Vec<Permit>);

impl Permits {
    /// Soonest last, so that it goes first.
    pub(super) fn new(mut permits: Vec<Permit>) -> Self {
        permits.reverse();
        Self(permits)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one that may be used first.
    pub fn pop(&mut self) -> Option<Permit> {
        self.0.pop()
    }

    /// Gives those that are left back at once, for other workers to use.
    pub async fn give_back(self) -> Result<(), StoreError> {
        let held = self.0.iter().flat_map(|permit| &permit.held);
        let mut shards: Vec<_> = held.map(|held| Arc::clone(&held.shard)).collect();
        shards.dedup_by(|one, other| Arc::ptr_eq(one, other));
        drop(self);
        for shard in shards {
            shard.put_back().await?;
        }
        Ok(())
    }
}

impl Iterator for Permits {
    type Item = Permit;

    fn next(&mut self) -> Option<Permit> {
        self.pop()
    }
}

/// One call that may be made. Dropped unused it goes back.
#[derive(Debug)]
pub struct Permit {
    store: Store,
    held: Vec<Held>,
    budgets: Vec<Arc<Budget>>,
}

impl Permit {
    pub(super) fn new(store: Store, held: Vec<Held>, budgets: Vec<Arc<Budget>>) -> Self {
        Self { store, held, budgets }
    }

    /// The call may be made from here on.
    pub fn free_from(&self) -> Timestamp {
        let from = self.held.iter().map(|held| held.ticket.free).max();
        from.and_then(|from| Timestamp::from_millisecond(from).ok()).unwrap_or(Timestamp::MIN)
    }

    /// It is worth nothing after this instant.
    pub fn use_by(&self) -> Timestamp {
        let by = self.held.iter().map(|held| held.ticket.use_by).min();
        by.and_then(|by| Timestamp::from_millisecond(by).ok()).unwrap_or(Timestamp::MAX)
    }

    /// Makes the call: waits for the instant from which it may be made, makes sure that it still
    /// may, cuts it off after the longest call of the budget, and heeds what the answer says of
    /// the limit. A permit that has lapsed gives [`HttpError::Budget`]; no call was made then.
    pub async fn send(self, http: &dyn Http, request: Request) -> Result<Response, HttpError> {
        self.ready().await?;
        self.call(http, request).await
    }

    /// Makes the call now.
    pub(super) async fn call(
        mut self,
        http: &dyn Http,
        mut request: Request,
    ) -> Result<Response, HttpError> {
        let longest = self.held.iter().map(|held| held.shard.limit.timeout).min();
        request.timeout = longest.map_or(request.timeout, |longest| request.timeout.min(longest));
        self.held.iter_mut().for_each(Held::begin);
        let answer = http.send(request).await;
        let called = !matches!(answer, Err(HttpError::Url { .. } | HttpError::Budget { .. }));
        let settle = if called { Held::end } else { Held::spare };
        self.held.iter_mut().for_each(settle);
        if let Ok(response) = &answer {
            self.heed(response).await;
        }
        answer
    }

    /// Waits until the call may be made.
    pub(super) async fn ready(&self) -> Result<(), HttpError> {
        let free = self.held.iter().map(|held| held.ticket.free).max().unwrap_or(i64::MIN);
        let now = instant(self.store.now());
        if let Some(wait) = u64::try_from(free.saturating_sub(now)).ok().filter(|wait| *wait > 0) {
            self.store.clock().sleep(Duration::from_millis(wait)).await;
        }
        let now = instant(self.store.now());
        let lapsed = self.held.iter().find(|held| now > held.ticket.use_by || now < free);
        let paused = self.held.iter().filter_map(|held| held.shard.pool(|pool| pool.paused(now)));
        let wait = match (paused.max(), lapsed) {
            (Some(until), _) => u64::try_from(until - now).unwrap_or_default(),
            (None, Some(_)) => 0,
            (None, None) => return Ok(()),
        };
        let budget = self.budgets.first().map(|budget| budget.name.clone()).unwrap_or_default();
        Err(HttpError::Budget { budget, wait: Duration::from_millis(wait) })
    }

    /// Lets everyone know what an answer says of the limit. An answer is not lost because others
    /// could not be told.
    async fn heed(&self, response: &Response) {
        let now = self.store.now();
        let word = Word::of(response, now);
        if word == Word::default() {
            return;
        }
        let limits: Vec<_> =
            self.budgets.iter().map(|b| (b.limit.calls.get(), b.limit.per)).collect();
        for (at, budget) in self.budgets.iter().enumerate() {
            let said = word.about(at, &limits);
            let pause = word.pause.map(|pause| instant(later(now, pause)) + 1);
            let throttled = word.throttled && at == 0;
            for shard in &budget.shards {
                let calls = said.map(|said| part_of(said, budget.limit, shard.limit));
                if let Err(error) = shard.tell(Told { pause, calls, throttled }).await {
                    tracing::warn!(budget = %budget.name, %error, "others were not told of it");
                }
            }
        }
    }
}

/// What a provider says of a whole limit, for the row that holds a part of it.
fn part_of(said: u32, whole: CallLimit, part: CallLimit) -> u32 {
    let said = u64::from(said) * u64::from(part.calls.get()) / u64::from(whole.calls.get());
    u32::try_from(said).unwrap_or(u32::MAX)
}
