//! Which clusters keys belong to: look-ups by key, claims, redirects.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use ports::{Direction, Expect, Item, Key, SortRange, TableError, Version, Write};

use super::rows::{Head, Mapping, RecordRow};
use super::{Clusters, Shape};
use crate::StoreError;
use crate::repository::Paging;
use crate::row::{decode, encode};

/// Redirects that a look-up follows. Each leads to a smaller id, and a cluster of as many records
/// as it may have cannot have more of them.
const MAX_HOPS: usize = 200;

/// Look-ups and claims side by side.
const SIDE_BY_SIDE: usize = 8;

/// A cluster that no other took over; one that nobody has written to has no version.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) id: String,
    pub(super) head: Head,
    pub(super) version: Option<Version>,
}

/// Where a key leads.
#[derive(Debug)]
pub(super) struct Mapped {
    /// Its row.
    item: Item,
    /// The cluster that its row names.
    named: String,
    /// The cluster that this one has become.
    pub(super) live: Live,
}

/// What keys lead to.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The clusters.
    pub(super) clusters: BTreeMap<String, Live>,
    /// Keys that led somewhere.
    pub(super) taken: Vec<String>,
}

impl<S: Shape> Clusters<'_, S> {
    /// The cluster of a key; none when the key is free.
    pub(super) async fn mapped(&self, key: Key) -> Result<Option<Mapped>, StoreError> {
        match self.store.item(&key).await? {
            None => Ok(None),
            Some(item) => Ok(Some(self.follow(item).await?)),
        }
    }

    async fn follow(&self, item: Item) -> Result<Mapped, StoreError> {
        let named = decode::<Mapping>(&item)?.cluster;
        let live = self.live(&named).await?;
        Ok(Mapped { item, named, live })
    }

    /// The cluster that this one has become.
    pub(super) async fn live(&self, cluster: &str) -> Result<Live, StoreError> {
        let mut id = cluster.to_owned();
        for _ in 0..MAX_HOPS {
            let (head, version) = match self.store.row::<Head>(&self.place.head(&id)).await? {
                None => (Head::default(), None),
                Some((head, version)) => (head, Some(version)),
            };
            match head.into {
                None => return Ok(Live { id, head, version }),
                Some(into) if into < id => id = into,
                Some(_) => break,
            }
        }
        let reason = format!("redirects from cluster {cluster} do not end");
        Err(StoreError::Format { key: self.place.head(&id).to_string(), reason })
    }

    /// The clusters of a record and of its keys, all of them claimed; of clusters that other
    /// rules made, all records are brought under these.
    pub(super) async fn gather(
        &self,
        name: &str,
        keys: &[String],
        own: Option<Live>,
    ) -> Result<Gathered, StoreError> {
        let mut rows: Vec<(Key, String)> =
            keys.iter().map(|key| (self.place.key(key), key.clone())).collect();
        if own.is_none() {
            rows.push((self.place.own(name), name.to_owned()));
        }
        let mut gathered = Gathered::default();
        gathered.clusters.extend(own.map(|live| (live.id.clone(), live)));
        self.claim_all(&rows, &mut gathered).await?;
        let (rules, mut done) = (self.shape.digest(), BTreeSet::new());
        loop {
            let outdated = |live: &&Live| live.head.is_outdated(&rules) && !done.contains(&live.id);
            let Some(live) = gathered.clusters.values().find(outdated).cloned() else {
                return Ok(gathered);
            };
            let records = self.records(&live).await?;
            let keys: BTreeSet<String> =
                records.iter().flat_map(|(_, record)| self.shape.keys(record)).collect();
            let rows: Vec<_> = keys.into_iter().map(|key| (self.place.key(&key), key)).collect();
            self.claim_all(&rows, &mut gathered).await?;
            done.insert(live.id);
        }
    }

    /// Looks keys up and claims those that are free for the smallest cluster, or for a new one
    /// that the first key names.
    async fn claim_all(
        &self,
        rows: &[(Key, String)],
        gathered: &mut Gathered,
    ) -> Result<(), StoreError> {
        let Gathered { clusters, taken } = gathered;
        let mut free = Vec::new();
        for some in rows.chunks(SIDE_BY_SIDE) {
            let found = join_all(some.iter().map(|(key, _)| self.mapped(key.clone()))).await;
            for ((key, text), found) in some.iter().zip(found) {
                let Some(found) = found? else {
                    free.push(key);
                    continue;
                };
                self.mend(&found).await?;
                taken.push(text.clone());
                clusters.entry(found.live.id.clone()).or_insert(found.live);
            }
        }
        // Writers of the same thing give a new cluster the same name, and the first claim goes
        // alone: who loses it joins the winner before claiming more.
        let id = rows.first().and_then(|(key, _)| key.sort.rsplit('#').next()).unwrap_or_default();
        let (first, rest) = free.split_at(free.len().min(1));
        for some in std::iter::once(first).chain(rest.chunks(SIDE_BY_SIDE)) {
            let new = || Live { id: id.to_owned(), head: Head::default(), version: None };
            let target = clusters.values().next().cloned().unwrap_or_else(new);
            let claims = some.iter().map(|key| self.claim(key, &target.id));
            for claimed in join_all(claims).await {
                let live = claimed?.unwrap_or_else(|| target.clone());
                clusters.entry(live.id.clone()).or_insert(live);
            }
        }
        Ok(())
    }

    /// Claims a free key for a cluster; gives the cluster of whoever was faster.
    async fn claim(&self, key: &Key, cluster: &str) -> Result<Option<Live>, StoreError> {
        let body = encode(key, &Mapping { cluster: cluster.to_owned() })?;
        let put = Write::Put { key: key.clone(), expect: Expect::Absent, body, expires: None };
        match self.store.write(&[put], &self.store.write_id()).await {
            Ok(_) => Ok(None),
            Err(TableError::Contended { current: Some(item), .. }) => {
                Ok(Some(self.follow(*item).await?.live))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Points a key at the cluster that its own has become. Somebody else may have done so.
    async fn mend(&self, found: &Mapped) -> Result<(), StoreError> {
        if found.named == found.live.id {
            return Ok(());
        }
        let (key, expect) = (found.item.key.clone(), Expect::Version(found.item.version.clone()));
        let body = encode(&key, &Mapping { cluster: found.live.id.clone() })?;
        let put = Write::Put { key, expect, body, expires: None };
        match self.store.write(&[put], &self.store.write_id()).await {
            Ok(_) | Err(TableError::Contended { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A record of a cluster.
    pub(super) async fn record(
        &self,
        live: &Live,
        record: &str,
    ) -> Result<Option<S::Record>, StoreError> {
        let Some(part) = live.head.part_of(record) else { return Ok(None) };
        let row = self.store.row::<RecordRow<S::Record>>(&self.place.record(part, record)).await?;
        Ok(row.map(|(row, _)| row.record))
    }

    /// All records of a cluster. They are those of its head as long as that stands.
    pub(super) async fn records(
        &self,
        live: &Live,
    ) -> Result<Vec<(String, S::Record)>, StoreError> {
        let mut found = Vec::new();
        for part in live.head.parts.keys() {
            let Key { partition, sort } = self.place.record(part, "");
            let mut after: Option<String> = None;
            loop {
                let range = SortRange::Prefix(sort.clone());
                let paging = Paging { after: after.as_deref(), limit: 100 };
                let page =
                    self.store.rows(partition.clone(), range, Direction::Forward, paging).await?;
                for item in &page.items {
                    let digest = item.key.sort.strip_prefix(&sort).unwrap_or_default().to_owned();
                    found.push((digest, decode::<RecordRow<S::Record>>(item)?.record));
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }
}
