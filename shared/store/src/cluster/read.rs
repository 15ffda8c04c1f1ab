//! Entities as they are kept, and which of them somebody should tell others about.

use std::collections::BTreeMap;

use ports::{Direction, Expect, Key, SortRange, TableError, Version, Write};

use super::rows::{EntityRow, Mapping};
use super::{Clusters, Shape};
use crate::StoreError;
use crate::key::SHARDS;
use crate::repository::Paging;
use crate::row::decode;

/// Entities that took over from one another, one after the other, at most.
const MAX_HOPS: usize = 200;

/// An entity as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<E> {
    /// Its id.
    pub id: String,
    /// Number of its last change: of two versions of one entity, the newer has the greater.
    pub number: u64,
    /// What it is; none when it is no more.
    pub entity: Option<E>,
    /// What took over when it is no more.
    pub into: Option<String>,
}

/// A cluster whose entities changed since somebody last said that they are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    cluster: String,
    key: Key,
    version: Version,
}

/// The entities of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Things<E> {
    /// Those that there are.
    pub entities: Vec<Kept<E>>,
    /// Those that are no more, and which took over.
    pub gone: BTreeMap<String, String>,
}

impl<S: Shape> Clusters<'_, S> {
    /// The entity of this id, or the one that took over from it.
    pub async fn entity(&self, id: &str) -> Result<Option<Kept<S::Entity>>, StoreError> {
        let mut id = id.to_owned();
        for _ in 0..MAX_HOPS {
            let row = self.store.row::<EntityRow<S::Entity>>(&self.place.entity(&id)).await?;
            let Some((row, _)) = row else { return Ok(None) };
            match row.into.clone() {
                Some(into) if row.entity.is_none() => id = into,
                _ => return Ok(Some(kept(id, row))),
            }
        }
        Ok(None)
    }

    /// The entity of this id, or that it is no more.
    pub async fn kept(&self, id: &str) -> Result<Option<Kept<S::Entity>>, StoreError> {
        let row = self.store.row::<EntityRow<S::Entity>>(&self.place.entity(id)).await?;
        Ok(row.map(|(row, _)| kept(id.to_owned(), row)))
    }

    /// One page of the entities in one of [`Store::shards`](crate::Store::shards) shards, those that are no more
    /// included.
    pub async fn entities(
        &self,
        shard: u8,
        after: Option<&str>,
    ) -> Result<(Vec<Kept<S::Entity>>, Option<String>), StoreError> {
        let partition = self.place.partition(shard);
        let range = SortRange::Prefix("entity#".to_owned());
        let paging = Paging { after, limit: 100 };
        let page = self.store.rows(partition, range, Direction::Forward, paging).await?;
        let mut found = Vec::new();
        for item in &page.items {
            let id = item.key.sort.strip_prefix("entity#").unwrap_or_default().to_owned();
            found.push(kept(id, decode::<EntityRow<S::Entity>>(item)?));
        }
        Ok((found, page.next))
    }

    /// Some clusters of which nobody has been told yet, oldest id first.
    pub async fn changed(&self, most: usize) -> Result<Vec<Changed>, StoreError> {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let mut after: Option<String> = None;
            while found.len() < most {
                let range = SortRange::Prefix("changed#".to_owned());
                let paging = Paging { after: after.as_deref(), limit: most - found.len() };
                let partition = self.place.partition(shard);
                let page = self.store.rows(partition, range, Direction::Forward, paging).await?;
                for item in page.items {
                    let cluster = decode::<Mapping>(&item)?.cluster;
                    found.push(Changed { cluster, key: item.key, version: item.version });
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The entities of a cluster that changed, all of them up to date.
    pub async fn things(&self, changed: &Changed) -> Result<Things<S::Entity>, StoreError> {
        self.settle(&changed.cluster).await?;
        let live = self.live(&changed.cluster).await?;
        let mut entities = Vec::new();
        for id in live.head.entities.keys() {
            let row = self.store.row::<EntityRow<S::Entity>>(&self.place.entity(id)).await?;
            entities.extend(row.map(|(row, _)| kept(id.clone(), row)));
        }
        Ok(Things { entities, gone: live.head.gone })
    }

    /// Notes that others know of a cluster's entities. When these have changed since, somebody
    /// has to tell again.
    pub async fn told(&self, changed: &Changed) -> Result<(), StoreError> {
        let (key, expect) = (changed.key.clone(), Expect::Version(changed.version.clone()));
        match self.store.write(&[Write::Delete { key, expect }], &self.store.write_id()).await {
            Ok(_) | Err(TableError::Contended { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn kept<E>(id: String, row: EntityRow<E>) -> Kept<E> {
    Kept { id, number: row.number, entity: row.entity, into: row.into }
}
