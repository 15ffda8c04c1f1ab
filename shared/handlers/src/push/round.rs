//! One round: permits, then batches, then their calls side by side.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use model::Timestamp;
use ports::Version;
use store::budget::{BudgetError, Patience, Permits};
use store::push::{Group, Held, HeldLease, OpenBatch, Waits, claimable};

use super::opened::Opened;
use super::parts::Parts;
use super::run::WINDOW;
use super::send::send;
use super::{Deps, Error, Outcome, finish};

/// A lease lasts so much longer than a call may take.
const SLACK: Duration = Duration::from_secs(30);

/// Longest wait for permits with nothing in hand.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one pass over a push works with.
pub(super) struct Pass<'a> {
    pub(super) deps: &'a Deps,
    pub(super) opened: &'a Opened,
    pub(super) parts: &'a Parts,
    groups: BTreeMap<String, Arc<Group>>,
}

impl<'a> Pass<'a> {
    pub(super) async fn new(
        deps: &'a Deps,
        opened: &'a Opened,
        parts: &'a Parts,
    ) -> Result<Self, Error> {
        let groups = deps.store.groups(&opened.key).await?.into_iter();
        let groups = groups.map(|(group, _)| (group.id.clone(), Arc::new(group))).collect();
        Ok(Self { deps, opened, parts, groups })
    }

    /// The group of a batch, unless it is finished.
    pub(super) fn group(&self, id: &str) -> Option<Arc<Group>> {
        self.groups.get(id).cloned()
    }
}

/// What a round came to.
pub(super) enum Round {
    /// Something was done.
    Went,
    /// Nothing can be done before then.
    Waits(Timestamp),
    /// Nothing is open.
    Nothing,
}

/// Ends groups of which nothing is open, and sends what may be sent.
pub(super) async fn round(
    pass: &Pass<'_>,
    open: Vec<(OpenBatch, Version)>,
    outcome: &mut Outcome,
) -> Result<Round, Error> {
    let (store, key) = (&pass.deps.store, &pass.opened.key);
    let ended = ended(pass, &open).await?;
    for group in &ended {
        outcome.files += finish::finish(pass, group).await?;
    }
    if !ended.is_empty() {
        return Ok(Round::Went);
    }
    let waits = waits(pass.opened);
    let batches: Vec<OpenBatch> = open.iter().map(|(batch, _)| batch.clone()).collect();
    let waiting = claimable(&batches, (store.now(), store.timing().skew), &waits);
    let Some(first) = waiting.ready.first().and_then(|place| batches.get(*place)) else {
        return Ok(waiting.next.map_or(Round::Nothing, Round::Waits));
    };
    let circuit = store.circuit(key).await?;
    if let Some(circuit) = circuit.as_ref().filter(|circuit| circuit.until > store.now()) {
        return Ok(Round::Waits(circuit.until));
    }
    let most = if circuit.is_some() { 1 } else { pass.deps.outside.memory.calls(key) };
    let same = |place: &&usize| {
        batches.get(**place).is_some_and(|batch| batch.operation == first.operation)
    };
    let ready: Vec<usize> = waiting.ready.iter().filter(same).take(most).copied().collect();
    let want = NonZeroUsize::new(ready.len()).unwrap_or(NonZeroUsize::MIN);
    let share = pass.opened.share(pass.deps, pass.opened.operation(&first.operation)?)?;
    let asked = store.now();
    let permits = match share.acquire(want, &Patience { longest: PATIENCE, waits: None }).await {
        Ok(permits) => permits,
        Err(BudgetError::Spent { wait, .. }) => {
            let until = store.now().checked_add(wait).unwrap_or(Timestamp::MAX);
            return Ok(Round::Waits(until));
        }
        Err(error) => return Err(error.into()),
    };
    let waited = Duration::try_from(store.now().duration_since(asked)).unwrap_or_default();
    let ready = ready.into_iter().filter_map(|place| open.get(place).cloned());
    sent(pass, ready.collect(), (permits, waited), outcome).await
}

/// Takes batches while there are permits, and sends them side by side.
async fn sent(
    pass: &Pass<'_>,
    ready: Vec<(OpenBatch, Version)>,
    (mut permits, waited): (Permits, Duration),
    outcome: &mut Outcome,
) -> Result<Round, Error> {
    let mut calls = Vec::new();
    for batch in ready {
        if permits.is_empty() {
            break;
        }
        let Some(held) = take(pass, batch).await? else { continue };
        let Some(permit) = permits.pop() else { break };
        calls.push(send(pass, held, (permit, waited)));
    }
    permits.give_back().await?;
    let mut failed = None;
    for ended in join_all(calls).await {
        match ended {
            Ok(ended) => {
                outcome.calls += ended.calls;
                outcome.items += ended.items;
            }
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(Round::Went), Err)
}

async fn take(pass: &Pass<'_>, batch: (OpenBatch, Version)) -> Result<Option<Held>, Error> {
    let store = &pass.deps.store;
    let lasts = pass.opened.destination.timeout() + SLACK;
    let until = store.now().checked_add(lasts).unwrap_or(Timestamp::MAX);
    let lease = HeldLease { id: store.ids().fresh(), until };
    Ok(store.claim_batch(&pass.opened.key, batch, lease).await?)
}

/// Groups that are planned to their end and of which nothing is open.
async fn ended(pass: &Pass<'_>, open: &[(OpenBatch, Version)]) -> Result<Vec<Arc<Group>>, Error> {
    let mut ended = Vec::new();
    for group in pass.groups.values().filter(|group| group.next.is_none()) {
        let is_seen = open.iter().any(|(batch, _)| batch.group == group.id);
        let is_beyond =
            open.len() >= WINDOW && open.last().is_some_and(|(last, _)| last.order < group.order);
        if is_seen || is_beyond || pass.deps.store.has_open(&pass.opened.key, group).await? {
            continue;
        }
        ended.push(Arc::clone(group));
    }
    Ok(ended)
}

/// What each operation waits for.
fn waits(opened: &Opened) -> BTreeMap<String, Waits> {
    let operations = opened.destination.operations();
    let waiting = operations.filter(|operation| !operation.waits_for().is_empty());
    let waits = waiting.map(|operation| {
        let operations = operation.waits_for().iter().map(ToString::to_string).collect();
        (operation.name().to_string(), Waits { operations, longest: operation.wait_most() })
    });
    waits.collect()
}
