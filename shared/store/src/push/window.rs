//! Which open batches may be taken now, and what stops all of them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use model::Timestamp;
use ports::Expect;
use serde::{Deserialize, Serialize};

use super::{OpenBatch, PushKey};
use crate::repository::later;
use crate::{Store, StoreError};

/// What batches of an operation wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits {
    /// Operations of which no batch of a file that was accepted no later may be open.
    pub operations: Vec<String>,
    /// The longest wait, from the file's acceptance on.
    pub longest: Duration,
}

/// Which batches may be taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Places of those that may be taken now, in order.
    pub ready: Vec<usize>,
    /// When one of the others may be taken, where that is known.
    pub next: Option<Timestamp>,
}

/// Which of the first open batches, in order, may be taken: those that are due, that nobody holds,
/// that share no entity with an earlier one or with one that somebody works on, and whose
/// operation waits for no earlier one. Nobody waits for a later batch that nobody works on, so
/// the first of all comes to its turn.
pub fn claimable(
    open: &[OpenBatch],
    (now, skew): (Timestamp, Duration),
    waits: &BTreeMap<String, Waits>,
) -> Waiting {
    let mut waiting = Waiting::default();
    let mut touched: HashSet<u64> = HashSet::new();
    let mut operations: HashSet<&str> = HashSet::new();
    let worked = open.iter().filter(|batch| batch.is_leased(now, skew));
    let worked: HashSet<u64> = worked.flat_map(|batch| batch.entities.iter()).collect();
    for (place, batch) in open.iter().enumerate() {
        let lease = batch.lease.as_ref().map(|lease| later(lease.until, skew));
        let lease = lease.filter(|until| *until > now);
        let waited = waits.get(&batch.operation).and_then(|waits| {
            let until = later(batch.accepted, waits.longest);
            let open = waits.operations.iter().any(|name| operations.contains(name.as_str()));
            (open && until > now).then_some(until)
        });
        let early = Some(batch.not_before).filter(|at| *at > now);
        let is_behind = batch.entities.meet(&touched);
        let is_beside = lease.is_none() && batch.entities.meet(&worked);
        let until = [lease, waited, early].into_iter().flatten().max();
        match until {
            None if !is_behind && !is_beside => waiting.ready.push(place),
            Some(until) if !is_behind => {
                waiting.next = Some(waiting.next.map_or(until, |next| next.min(until)));
            }
            _ => {}
        }
        touched.extend(batch.entities.iter());
        operations.insert(&batch.operation);
    }
    waiting
}

/// Why nothing is sent to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Since when.
    pub since: Timestamp,
    /// Until when; then one call tries again.
    pub until: Timestamp,
    /// How often it was opened in a row.
    pub times: u32,
    /// What the destination said.
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Wake {
    at: Timestamp,
}

impl Store {
    /// Why nothing is sent, when that is so; also when a call may try again.
    pub async fn circuit(&self, key: &PushKey) -> Result<Option<Circuit>, StoreError> {
        Ok(self.row::<Circuit>(&key.circuit()).await?.map(|(circuit, _)| circuit))
    }

    /// Stops a push.
    pub async fn open_circuit(&self, key: &PushKey, circuit: &Circuit) -> Result<(), StoreError> {
        self.put_row(key.circuit(), circuit, Expect::Any).await.map(|_| ())
    }

    /// Lets a push go on.
    pub async fn close_circuit(&self, key: &PushKey) -> Result<(), StoreError> {
        let remove = crate::row::remove(key.circuit());
        self.write(&[remove], &self.write_id()).await?;
        Ok(())
    }

    /// Whether the caller is the one to see to it that the push is woken at that instant: nobody
    /// has undertaken to wake it between now and then.
    pub async fn undertake_wake(&self, key: &PushKey, at: Timestamp) -> Result<bool, StoreError> {
        let found = self.row::<Wake>(&key.wake()).await?;
        let (known, expect) = match found {
            Some((Wake { at }, version)) => (Some(at), Expect::Version(version)),
            None => (None, Expect::Absent),
        };
        if known.is_some_and(|known| known > self.now() && known <= at) {
            return Ok(false);
        }
        Ok(self.put_row(key.wake(), &Wake { at }, expect).await?.is_some())
    }
}
