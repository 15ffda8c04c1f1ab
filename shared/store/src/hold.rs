//! Holding a stream: the lease, and every write that it fences.

use std::fmt;

use futures_util::lock::{Mutex, MutexGuard};
use model::{RunId, Timestamp};
use ports::{TableError, Version, Write, WriteId};

use crate::head::{Head, Lease, turn};
use crate::repository::later;
use crate::{Refusal, Store, StoreError, StreamKey};

/// Conflicts with other writers of the head (producers, schedules) that one write puts up with.
const ROUNDS: u32 = 8;

/// A lease on a stream. All writes of what it guards go through it: each is one transaction that
/// is conditional on the head, so a worker that lost its lease cannot change anything, however
/// late its write arrives.
pub struct Hold {
    store: Store,
    key: StreamKey,
    run: RunId,
    fence: u64,
    seen: Mutex<Seen>,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("key", &self.key)
            .field("run", &self.run)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}

/// The head as this holder last saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: Head,
    version: Version,
}

/// How a holder leaves a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Nothing is open; next look at `due`.
    Complete {
        /// Next look.
        due: Timestamp,
    },
    /// The source was asked and said "not now": nothing failed, nothing moved.
    Waiting {
        /// Next look.
        due: Timestamp,
    },
    /// Work is left, and a message to go on with it is being sent; `due` is when to look should
    /// that message get lost.
    More {
        /// Next look.
        due: Timestamp,
    },
    /// The run failed; next look at `due`.
    Failed {
        /// Next look.
        due: Timestamp,
    },
}

impl Store {
    /// Takes the lease of a stream, under the next fence. `expects` is the fence that the caller's
    /// message was made for; a message whose work was taken up since is superseded.
    pub async fn acquire(
        &self,
        key: &StreamKey,
        run: &RunId,
        expects: Option<u64>,
    ) -> Result<Result<Hold, Refusal>, StoreError> {
        let id = self.write_id();
        loop {
            let Some((before, version)) = self.head(key).await? else {
                return Ok(Err(Refusal::Unknown));
            };
            if before.mark.as_ref() == Some(&id.0) {
                return Ok(Ok(self.held(key, run, Seen { head: before, version })));
            }
            if expects.is_some_and(|fence| fence != before.fence) {
                return Ok(Err(Refusal::Superseded));
            }
            let now = self.now();
            if let Some(lease) = before.live(now) {
                return Ok(Err(Refusal::Held { until: lease.until }));
            }
            let after = self.taken(&before, run, &id);
            let writes = turn(key, Some((&before, &version)), &after)?;
            match self.write(&writes, &id).await {
                Ok(version) => return Ok(Ok(self.held(key, run, Seen { head: after, version }))),
                Err(TableError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn held(&self, key: &StreamKey, run: &RunId, seen: Seen) -> Hold {
        let fence = seen.head.fence;
        let (key, run) = (key.clone(), run.clone());
        Hold { store: self.clone(), key, run, fence, seen: Mutex::new(seen) }
    }

    fn taken(&self, before: &Head, run: &RunId, id: &WriteId) -> Head {
        let until = later(self.now(), self.timing().lease);
        Head {
            fence: before.fence + 1,
            lease: Some(Lease { owner: run.to_string(), until }),
            mark: Some(id.0.clone()),
            due: before.due.map(|_| later(until, self.timing().skew * 2)),
            claims: 0,
            ..before.clone()
        }
    }
}

impl Hold {
    /// The stream.
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    /// The run that holds it.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Number of the lease.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The head as last seen.
    pub async fn head(&self) -> Head {
        self.seen.lock().await.head.clone()
    }

    pub(crate) async fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().await
    }

    /// Renews the lease when less than half of it is left.
    pub async fn keep(&self) -> Result<(), StoreError> {
        let mut seen = self.seen.lock().await;
        let half = later(self.store.now(), self.store.timing().lease / 2);
        if seen.head.live(half).is_some() {
            return Ok(());
        }
        self.change(&mut seen, |_| Ok(Vec::new())).await
    }

    /// Gives the lease back and says when to look at the stream again, in one write.
    pub async fn leave(self, leave: Leave) -> Result<Head, StoreError> {
        let now = self.store.now();
        let mut seen = self.seen.lock().await;
        self.change(&mut seen, |head| {
            let due = settle(head, leave, now);
            head.due = head.due.map(|_| due);
            head.lease = None;
            Ok(Vec::new())
        })
        .await?;
        Ok(seen.head.clone())
    }

    /// One fenced write: the head as `change` leaves it, and the writes that it gives.
    pub(crate) async fn change(
        &self,
        seen: &mut Seen,
        change: impl Fn(&mut Head) -> Result<Vec<Write>, StoreError> + Send + Sync,
    ) -> Result<(), StoreError> {
        let id = self.store.write_id();
        for _ in 0..ROUNDS {
            let mut head = seen.head.clone();
            head.mark = Some(id.0.clone());
            if let Some(lease) = &mut head.lease {
                lease.until = later(self.store.now(), self.store.timing().lease);
            }
            let mut writes = change(&mut head)?;
            writes.extend(turn(&self.key, Some((&seen.head, &seen.version)), &head)?);
            match self.store.write(&writes, &id).await {
                Ok(version) => {
                    *seen = Seen { head, version };
                    return Ok(());
                }
                Err(TableError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let (head, version) = self.store.head(&self.key).await?.ok_or_else(|| self.lost())?;
            let done = head.mark.as_ref() == Some(&id.0);
            if !done && !self.owns(&head) {
                return Err(self.lost());
            }
            *seen = Seen { head, version };
            if done {
                return Ok(());
            }
        }
        Err(self.lost())
    }

    fn owns(&self, head: &Head) -> bool {
        head.fence == self.fence
            && head.lease.as_ref().is_some_and(|lease| lease.owner == self.run.as_str())
    }

    fn lost(&self) -> StoreError {
        StoreError::Lost { stream: Box::new(self.key.clone()) }
    }
}

fn settle(head: &mut Head, leave: Leave, now: Timestamp) -> Timestamp {
    match leave {
        Leave::Complete { due } => {
            head.last_complete = Some(now);
            head.failures = 0;
            head.hop = 0;
            due
        }
        Leave::Waiting { due } => due,
        Leave::More { due } => {
            head.hop = head.hop.saturating_add(1);
            due
        }
        Leave::Failed { due } => {
            head.failures = head.failures.saturating_add(1);
            due
        }
    }
}
