//! Bringing the entities of a cluster up to date, in as many transactions as it takes.

use std::collections::BTreeMap;

use ports::{MAX_TRANSACTION_ITEMS, TableError, Write};

use super::rows::{EntityRow, Head, MAX_BODY_BYTES, Place, digest};
use super::{Change, Clusters, Overfull, ROUNDS, Shape};
use crate::StoreError;
use crate::row::put;

/// Most bytes of one transaction, well below the table's own limit.
const MAX_BYTES: usize = 3 * 1024 * 1024;

/// What the entities of a cluster are to be, and what that changes.
#[derive(Debug)]
pub(super) struct Made {
    /// Which entity each record belongs to, by the record's name, and whether it is the only one.
    homes: BTreeMap<String, (String, bool)>,
    changes: Vec<EntityChange>,
}

#[derive(Debug)]
struct EntityChange {
    id: String,
    /// Digest of what it is now; none when it is no more.
    digest: Option<String>,
    /// What took over, when it is no more.
    heir: Option<String>,
    write: Write,
}

impl Made {
    /// Makes the entities of some records, and compares them with those that a head knows.
    pub(super) fn new<S: Shape>(
        place: &Place,
        shape: &S,
        head: &Head,
        records: &[S::Record],
    ) -> Result<Self, StoreError> {
        let derived = shape.entities(records);
        let number = head.number + 1;
        let (mut homes, mut changes) = (BTreeMap::new(), Vec::new());
        for one in &derived {
            let alone = one.records.len() == 1;
            let home = |name: &String| (name.clone(), (one.id.clone(), alone));
            homes.extend(one.records.iter().map(home));
            let text = serde_json::to_string(&one.entity).map_err(|error| StoreError::Format {
                key: place.entity(&one.id).to_string(),
                reason: error.to_string(),
            })?;
            let digest = digest(&text);
            if head.entities.get(&one.id) == Some(&digest) {
                continue;
            }
            let row = EntityRow { number, into: None, entity: Some(&one.entity) };
            let write = put(place.entity(&one.id), &row)?;
            changes.push(EntityChange {
                id: one.id.clone(),
                digest: Some(digest),
                heir: None,
                write,
            });
        }
        let stands = |id: &&String| !derived.iter().any(|one| one.id == **id);
        for id in head.entities.keys().filter(stands) {
            let heir = derived.iter().find(|one| one.former.contains(id)).map(|one| one.id.clone());
            let row = EntityRow::<()> { number, into: heir.clone(), entity: None };
            let write = put(place.entity(id), &row)?;
            changes.push(EntityChange { id: id.clone(), digest: None, heir, write });
        }
        Ok(Self { homes, changes })
    }

    /// What no item can hold, if anything: the record of that name, or an entity.
    pub(super) fn too_large(&self, record: Option<&Write>, name: &str) -> Option<Overfull> {
        let record = record.map(|write| (format!("record {name}"), write));
        let entity = |change: &'_ EntityChange| format!("entity {}", change.id);
        let entities = self.changes.iter().map(|change| (entity(change), &change.write));
        let large =
            record.into_iter().chain(entities).find(|(_, write)| bytes(write) > MAX_BODY_BYTES);
        large.map(|(what, write)| Overfull::Bytes { what, bytes: bytes(write) })
    }

    /// What this means to the record of that name, and to others.
    pub(super) fn change(&self, name: &str) -> Change {
        let (entity, alone) = self.homes.get(name).cloned().unwrap_or_default();
        let mut change = Change { entity, alone, ..Change::default() };
        for one in &self.changes {
            match (&one.digest, &one.heir) {
                (Some(_), _) => change.changed.push(one.id.clone()),
                (None, heir) => {
                    change.gone.insert(one.id.clone(), heir.clone().unwrap_or_default());
                }
            }
        }
        change
    }

    /// Adds to `writes`, in which the head has its place, as many entities as fit, and says
    /// whether that is all of them.
    pub(super) fn write_all(
        self,
        place: &Place,
        (cluster, head): (&str, &mut Head),
        writes: &mut Vec<Write>,
    ) -> Result<bool, StoreError> {
        if !self.changes.is_empty() {
            writes.push(place.changed(cluster)?);
        }
        let mut room = MAX_BYTES.saturating_sub(writes.iter().map(bytes).sum());
        let mut left = false;
        for change in self.changes {
            if writes.len() >= MAX_TRANSACTION_ITEMS || bytes(&change.write) > room {
                left = true;
                break;
            }
            room -= bytes(&change.write);
            change.enter(head);
            writes.push(change.write);
        }
        head.number += 1;
        head.behind = left;
        place.put_head(cluster, head, writes)?;
        Ok(!left)
    }
}

impl EntityChange {
    /// Notes it in the head.
    fn enter(&self, head: &mut Head) {
        if let Some(digest) = &self.digest {
            head.gone.remove(&self.id);
            head.entities.insert(self.id.clone(), digest.clone());
        } else {
            head.entities.remove(&self.id);
            head.gone.insert(self.id.clone(), self.heir.clone().unwrap_or_default());
        }
    }
}

/// What a write takes of a transaction.
fn bytes(write: &Write) -> usize {
    match write {
        Write::Put { key, body, .. } => key.partition.len() + key.sort.len() + body.len() + 128,
        Write::Delete { .. } | Write::Check { .. } => 0,
    }
}

impl<S: Shape> Clusters<'_, S> {
    /// Writes what is left of a cluster's entities.
    pub(super) async fn settle(&self, cluster: &str) -> Result<(), StoreError> {
        let mut round = 0;
        while round < ROUNDS {
            let live = self.live(cluster).await?;
            if !live.head.behind {
                return Ok(());
            }
            let records = self.records(&live).await?;
            let records: Vec<S::Record> = records.into_iter().map(|(_, record)| record).collect();
            let made = Made::new(&self.place, self.shape, &live.head, &records)?;
            let all = [(live.id.clone(), live)].into();
            let Some((id, mut head, mut writes)) = self.place.united(all)? else { return Ok(()) };
            made.write_all(&self.place, (&id, &mut head), &mut writes)?;
            match self.store.write(&writes, &self.store.write_id()).await {
                Ok(_) => {}
                Err(TableError::Contended { .. }) => {
                    self.make_way(round).await;
                    round += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::Contended { key: self.place.head(cluster), current: None }.into())
    }
}
