//! Clusters: records that any key connects, brought together on a table.
//!
//! Every key of a record maps to a cluster, by a row that is claimed once. A record whose keys
//! map to several clusters makes them one: all but the smallest get a redirect, in the
//! transaction that writes the record, and rows that still point at them are mended when somebody
//! comes by. So clusters only grow, and two records with a key in common are always in one.
//!
//! What the records of a cluster are, its *entities*, is for a [`Shape`] to say, a pure function
//! of them. Entities are written under the version of the cluster's head row, together with the
//! record that changed them; where that is more than one transaction holds, the head says that
//! they are behind, and whoever comes by goes on. So neither the order nor the repetition of
//! observations matters, nor where somebody died.

mod find;
mod read;
mod rows;
mod settle;

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ModelName, TenantId};
use ports::TableError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Store, StoreError};
use find::{Gathered, Live};
pub use read::{Changed, Kept, Things};
use rows::Place;
use settle::Made;

/// Most records of one cluster.
pub const MAX_RECORDS: usize = 100;

/// Most keys of one record.
const MAX_KEYS: usize = 300;

/// Most clusters that one transaction makes one.
const MAX_MERGE: usize = 24;

/// Conflicts with other writers that one observation puts up with.
const ROUNDS: u32 = 100;

/// First pause after such a conflict; doubled each time, up to [`DOUBLINGS`] times.
const PAUSE: Duration = Duration::from_millis(5);

const DOUBLINGS: u32 = 6;

/// Whose records of which model: nothing of one scope is ever connected with another's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The tenant.
    pub tenant: TenantId,
    /// The model.
    pub model: ModelName,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.model)
    }
}

/// The clusters of a scope.
#[derive(Debug)]
pub struct Clusters<'s, S> {
    store: &'s Store,
    place: Place,
    shape: &'s S,
}

/// What a model makes of records: pure functions.
pub trait Shape: std::fmt::Debug + Send + Sync {
    /// What is known of one record of one source.
    type Record: Clone + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    /// What records that are one thing say together.
    type Entity: Clone + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    /// Names these functions: entities that others made are made again.
    fn digest(&self) -> String;

    /// What tells a record from all others.
    fn name(&self, record: &Self::Record) -> String;

    /// What a record has in common with records that may be the same thing, strongest first.
    fn keys(&self, record: &Self::Record) -> Vec<String>;

    /// Both accounts of one record together: commutative, associative, idempotent.
    fn join(&self, one: &Self::Record, other: &Self::Record) -> Self::Record;

    /// The entities of records, whatever the order of these.
    fn entities(&self, records: &[Self::Record]) -> Vec<Derived<Self::Entity>>;
}

/// An entity as a [`Shape`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived<E> {
    /// Its id: unique within the scope.
    pub id: String,
    /// Names of its records.
    pub records: Vec<String>,
    /// Ids that it may have had before.
    pub former: Vec<String>,
    /// What it is.
    pub entity: E,
}

/// What became of an observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed<R> {
    /// What was known of its record before.
    pub standing: Option<R>,
    /// What is known of it now.
    pub record: R,
    /// What it changed; none when nothing was written.
    pub change: Option<Change>,
}

/// What an observation changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The entity that its record belongs to.
    pub entity: String,
    /// Whether that has no other records.
    pub alone: bool,
    /// Entities that are not what they were.
    pub changed: Vec<String>,
    /// Entities that are no more, and which took over.
    pub gone: BTreeMap<String, String>,
}

/// Why an observation could not be taken in. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Overfull {
    /// It would connect more records than a cluster may have: some key says too little.
    #[error(
        "it connects {records} records, at most {MAX_RECORDS} are allowed; keys that others have, too: {}", keys.join(", ")
    )]
    Records {
        /// Records of the clusters that it connects.
        records: usize,
        /// Keys of it that were taken.
        keys: Vec<String>,
    },
    /// It has more keys than a record may have.
    #[error("it has {keys} keys, at most {MAX_KEYS} are allowed")]
    Keys {
        /// Their number.
        keys: usize,
    },
    /// What would have to be written is larger than an item of the table.
    #[error("{what} would have {bytes} bytes, at most {} are allowed", rows::MAX_BODY_BYTES)]
    Bytes {
        /// What.
        what: String,
        /// Its size.
        bytes: usize,
    },
}

/// How one attempt ended.
enum Attempt<R> {
    Done(Observed<R>),
    Refused(Overfull),
    Contended,
}

impl Store {
    /// The clusters of a scope, whose entities this shape makes.
    pub fn clusters<'s, S: Shape>(&'s self, scope: &Scope, shape: &'s S) -> Clusters<'s, S> {
        Clusters { store: self, place: Place::new(scope), shape }
    }
}

impl<S: Shape> Clusters<'_, S> {
    /// Takes in an observation of a record: joins it with what is known, connects it with what
    /// shares a key, and brings the entities of the cluster up to date. Repeating it changes
    /// nothing, and what is known already writes nothing.
    pub async fn observe(
        &self,
        new: &S::Record,
    ) -> Result<Result<Observed<S::Record>, Overfull>, StoreError> {
        for round in 0..ROUNDS {
            match self.attempt(new).await? {
                Attempt::Done(observed) => return Ok(Ok(observed)),
                Attempt::Refused(reason) => return Ok(Err(reason)),
                Attempt::Contended => self.make_way(round).await,
            }
        }
        let key = self.place.own(&self.shape.name(new));
        Err(TableError::Contended { key, current: None }.into())
    }

    async fn attempt(&self, new: &S::Record) -> Result<Attempt<S::Record>, StoreError> {
        let shape = self.shape;
        let name = shape.name(new);
        let own = self.mapped(self.place.own(&name)).await?.map(|own| own.live);
        let standing = match &own {
            Some(live) => self.record(live, &rows::digest(&name)).await?,
            None => None,
        };
        let record = standing.as_ref().map_or_else(|| new.clone(), |known| shape.join(known, new));
        let known = own.as_ref().filter(|_| standing.as_ref() == Some(&record));
        if let Some(Live { id, head, .. }) = known
            && !head.is_outdated(&shape.digest())
        {
            if head.behind {
                self.settle(id).await?;
            }
            return Ok(Attempt::Done(Observed { standing, record, change: None }));
        }
        let mut keys = shape.keys(&record);
        if keys.len() > MAX_KEYS {
            return Ok(Attempt::Refused(Overfull::Keys { keys: keys.len() }));
        }
        // Whoever wrote the record has claimed its keys before; by other rules they come later.
        let claimed = standing.as_ref().map(|known| shape.keys(known)).unwrap_or_default();
        keys.retain(|key| !claimed.contains(key));
        let Gathered { clusters, taken } = self.gather(&name, &keys, own).await?;
        let known: usize = clusters.values().map(|live| live.head.count()).sum();
        let records = known + usize::from(standing.is_none());
        if records > MAX_RECORDS {
            return Ok(Attempt::Refused(Overfull::Records { records, keys: taken }));
        }
        if clusters.len() > MAX_MERGE {
            self.unite(clusters).await?;
            return Ok(Attempt::Contended);
        }
        self.commit(clusters, standing, record).await
    }

    /// Writes the record, makes the clusters one, and brings entities up to date.
    async fn commit(
        &self,
        clusters: BTreeMap<String, Live>,
        standing: Option<S::Record>,
        record: S::Record,
    ) -> Result<Attempt<S::Record>, StoreError> {
        let name = self.shape.name(&record);
        let digest = rows::digest(&name);
        let mut records = vec![record.clone()];
        for live in clusters.values() {
            let found = self.records(live).await?.into_iter();
            records.extend(found.filter(|(known, _)| *known != digest).map(|(_, record)| record));
        }
        let Some((id, mut head, mut writes)) = self.place.united(clusters)? else {
            return Ok(Attempt::Contended);
        };
        let part = head.part_of(&digest).unwrap_or(&id).to_owned();
        writes.push(self.place.put_record(&part, &digest, &record)?);
        head.parts.entry(part).or_default().insert(digest);
        let made = Made::new(&self.place, self.shape, &head, &records)?;
        if let Some(reason) = made.too_large(writes.last(), &name) {
            return Ok(Attempt::Refused(reason));
        }
        let change = made.change(&name);
        head.rules = self.shape.digest();
        let whole = made.write_all(&self.place, (&id, &mut head), &mut writes)?;
        match self.store.write(&writes, &self.store.write_id()).await {
            Ok(_) => {}
            Err(TableError::Contended { .. }) => return Ok(Attempt::Contended),
            Err(error) => return Err(error.into()),
        }
        if !whole {
            self.settle(&id).await?;
        }
        Ok(Attempt::Done(Observed { standing, record, change: Some(change) }))
    }

    /// Makes some of too many clusters one, without a record.
    async fn unite(&self, clusters: BTreeMap<String, Live>) -> Result<(), StoreError> {
        let some = clusters.into_iter().take(MAX_MERGE).collect();
        let Some((id, mut head, mut writes)) = self.place.united(some)? else { return Ok(()) };
        head.behind = true;
        head.number += 1;
        writes.push(self.place.changed(&id)?);
        self.place.put_head(&id, &head, &mut writes)?;
        match self.store.write(&writes, &self.store.write_id()).await {
            Ok(_) | Err(TableError::Contended { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets others go first.
    async fn make_way(&self, round: u32) {
        let wait = PAUSE * 2u32.saturating_pow(round.min(DOUBLINGS));
        let store = self.store;
        store.clock().sleep(wait.mul_f64(0.5 + store.ids().chance())).await;
    }
}
