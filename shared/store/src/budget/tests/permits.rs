//! Permits before work, and what answers do to them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model::{Classify, Retry, TenantId, Timestamp};
use ports::{Clock, Http, HttpError, Request, Response};
use testkit::{ManualClock, MemoryTable, SeededIds};

use super::virtual_time::request;
use super::*;
use crate::{Store, Timing};

/// Status and header fields.
type Answer = (u16, Vec<(String, String)>);

/// A provider whose next answers are given.
#[derive(Debug, Default)]
struct Provider {
    answers: Mutex<Vec<Answer>>,
    calls: Mutex<usize>,
}

impl Provider {
    fn answers(&self, status: u16, fields: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.answers.lock().unwrap().push((status, fields.iter().map(own).collect()));
    }
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        *self.calls.lock().unwrap() += 1;
        let (status, headers) = self.answers.lock().unwrap().pop().unwrap_or((200, Vec::new()));
        Ok(Response { status, headers, body: bytes::Bytes::new() })
    }
}

struct World {
    clock: ManualClock,
    table: Arc<MemoryTable>,
    provider: Provider,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::default();
        let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
        Self { clock, table, provider: Provider::default() }
    }

    /// The budgets of another process.
    fn process(&self, seed: u64) -> Budgets {
        let (clock, ids) = (Arc::new(self.clock.clone()), Arc::new(SeededIds::new(seed)));
        let table = Arc::<MemoryTable>::clone(&self.table);
        Budgets::new(Store::new(table, clock, ids, Timing::default()))
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn named(name: &str, calls: u32, per: u64) -> NamedLimit {
    NamedLimit { name: name.to_owned(), limit: limit(calls, per) }
}

fn some(want: usize) -> NonZeroUsize {
    NonZeroUsize::new(want).unwrap()
}

const NOW: Patience = Patience { longest: Duration::ZERO, waits: None };

/// How many calls may be made at once.
async fn at_once(share: &Share, want: usize) -> usize {
    match share.acquire(some(want), &NOW).await {
        Ok(permits) => permits.len(),
        Err(_) => 0,
    }
}

#[tokio::test]
async fn unused_permits_go_back_at_once_to_the_process_and_to_others() {
    let world = World::new();
    let (one, other) = (world.process(1), world.process(2));
    let [here, there] = [&one, &other].map(|b| b.share(&tenant(), vec![named("crm", 5, 60_000)]));
    let permits = here.acquire(some(5), &NOW).await.unwrap();
    assert_eq!((permits.len(), at_once(&there, 5).await), (5, 0));
    drop(permits);
    assert_eq!((at_once(&here, 5).await, at_once(&there, 5).await), (5, 0));
    world.later(3);
    here.acquire(some(5), &NOW).await.unwrap().give_back().await.unwrap();
    assert_eq!(at_once(&there, 5).await, 5);
}

#[tokio::test]
async fn a_spent_budget_says_how_long_without_taking_work() {
    let world = World::new();
    let share = world.process(1).share(&tenant(), vec![named("crm", 1, 60_000)]);
    let permit = share.acquire(some(9), &NOW).await.unwrap().pop().unwrap();
    permit.send(&world.provider, request()).await.unwrap();
    let spent = share.acquire(some(1), &NOW).await.unwrap_err();
    let Retry::After(wait) = spent.retry() else { panic!("{spent}") };
    assert!((50..=61).contains(&wait.as_secs()), "{wait:?}");
    let patient = Patience { longest: Duration::from_secs(70), waits: None };
    let begun = world.clock.now();
    let permit = share.acquire(some(1), &patient).await.unwrap().pop().unwrap();
    permit.send(&world.provider, request()).await.unwrap();
    assert!(world.clock.now() >= begun + Duration::from_mins(1));
}

#[tokio::test]
async fn a_lapsed_permit_makes_no_call() {
    let world = World::new();
    let share = world.process(1).share(&tenant(), vec![named("crm", 5, 60_000)]);
    let permit = share.acquire(some(1), &NOW).await.unwrap().pop().unwrap();
    let by = permit.use_by();
    assert!(by > world.clock.now() && by <= world.clock.now() + Duration::from_secs(5));
    world.later(6);
    let lapsed = permit.send(&world.provider, request()).await.unwrap_err();
    assert!(matches!(lapsed, HttpError::Budget { wait: Duration::ZERO, .. }), "{lapsed}");
    assert_eq!(*world.provider.calls.lock().unwrap(), 0);
}

#[tokio::test]
async fn all_limits_have_to_grant() {
    let world = World::new();
    let budgets = world.process(1);
    let all = || named("crm", 8, 60_000);
    let add = budgets.share(&tenant(), vec![named("crm#add", 3, 60_000), all()]);
    let update = budgets.share(&tenant(), vec![named("crm#update", 9, 60_000), all()]);
    let added = add.acquire(some(9), &NOW).await.unwrap();
    let updated = update.acquire(some(9), &NOW).await.unwrap();
    assert_eq!((added.len(), updated.len()), (3, 5));
    assert_eq!(at_once(&add, 1).await + at_once(&update, 1).await, 0);
    drop(updated);
    assert_eq!((at_once(&add, 1).await, at_once(&update, 9).await), (0, 5));
}

#[tokio::test]
async fn retry_after_pauses_every_process_and_costs_one_write() {
    let world = World::new();
    let share = |seed| world.process(seed).share(&tenant(), vec![named("crm", 9, 60_000)]);
    let (here, there) = (share(1), share(2));
    let mut permits = here.acquire(some(3), &NOW).await.unwrap();
    world.provider.answers(429, &[("Retry-After", "30")]);
    let answer = permits.pop().unwrap().send(&world.provider, request()).await.unwrap();
    assert_eq!(answer.status, 429);
    let paused = permits.pop().unwrap().send(&world.provider, request()).await.unwrap_err();
    let HttpError::Budget { wait, .. } = paused else { panic!("{paused}") };
    assert!(wait > Duration::from_secs(29));
    assert_eq!(at_once(&there, 1).await, 0);
    assert_eq!(*world.provider.calls.lock().unwrap(), 1);
    world.later(31);
    assert!(at_once(&there, 1).await == 1);
}

#[tokio::test]
async fn a_limit_that_a_provider_states_holds_for_every_process_and_fades() {
    let world = World::new();
    let share = |seed| world.process(seed).share(&tenant(), vec![named("crm", 10, 60_000)]);
    let (here, there) = (share(1), share(2));
    world.provider.answers(200, &[("X-RateLimit-Limit", "4")]);
    let mut permits = here.acquire(some(1), &NOW).await.unwrap();
    permits.pop().unwrap().send(&world.provider, request()).await.unwrap();
    assert_eq!(at_once(&there, 10).await, 3);
    // Ten windows later nothing is left of it; what is configured is the most.
    world.later(600);
    assert_eq!(at_once(&share(3), 20).await, 10);
}

#[tokio::test]
async fn refusals_without_a_number_lower_the_limit_once_each() {
    let world = World::new();
    let share = |seed| world.process(seed).share(&tenant(), vec![named("crm", 100, 60_000)]);
    let here = share(1);
    let permits = here.acquire(some(3), &NOW).await.unwrap();
    world.provider.answers(429, &[]);
    world.provider.answers(429, &[]);
    let calls = permits.map(|permit| permit.call(&world.provider, request()));
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap();
    }
    world.later(2);
    assert_eq!(at_once(&share(2), 100).await, 87);
}

#[tokio::test]
async fn a_call_whose_caller_went_away_counts_as_long_as_it_could_have_taken() {
    let world = World::new();
    let share = world.process(1).share(&tenant(), vec![named("crm", 1, 60_000)]);
    let permit = share.acquire(some(1), &NOW).await.unwrap().pop().unwrap();
    let mut call = Box::pin(permit.send(&Hanging, request()));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    let spent = share.acquire(some(1), &NOW).await.unwrap_err();
    let Retry::After(wait) = spent.retry() else { panic!("{spent}") };
    assert!(wait >= Duration::from_mins(1), "{wait:?}");
}

#[derive(Debug)]
struct Hanging;

#[async_trait]
impl Http for Hanging {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn the_rows_of_a_large_budget_grant_no_more_than_all_of_it() {
    let world = World::new();
    let share = world.process(1).share(&tenant(), vec![named("crm", 4_100, 60_000)]);
    let mut held: Vec<Permits> = Vec::new();
    while let Ok(permits) = share.acquire(some(200), &NOW).await {
        held.push(permits);
    }
    assert_eq!(held.iter().map(Permits::len).sum::<usize>(), 4_100);
    let now: Timestamp = world.clock.now();
    assert!(held.iter_mut().filter_map(Permits::pop).all(|permit| permit.free_from() <= now));
}
