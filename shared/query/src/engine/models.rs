//! A model's tables, brought in step with the lake.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::ModelTable;
use lake::curated::{
    CuratedKey, CuratedReader, Layer, Pointer, Receipt, SnapshotKey, StreamId, ThingsKey,
    pointer_key, pointers_prefix, visible,
};
use model::{ObjectKey, TenantId, Timestamp};
use ports::{Object, ObjectError, ObjectStoreExt};

use super::{Engine, FETCHES, RefreshError};
use crate::cache::models::{self, Lines, Shelf};

/// Times that it is looked again when files vanish while they are read, as they do when they have
/// just been compacted.
const LOOKS: usize = 5;

/// The files that a view reads, by where their rows go.
type Wanted = Vec<(Shelf, BTreeMap<ObjectKey, TenantId>)>;

impl Engine {
    /// Brings a model's tables in step. All of a view's tables change at once, so a statement
    /// never reads receipts of one instant beside a snapshot of another.
    pub(super) async fn refresh_model(&self, table: &ModelTable) -> Result<(), RefreshError> {
        let mut looks = 0;
        loop {
            looks += 1;
            match self.look(table).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(RefreshError::Store(ObjectError::NotFound { .. }))
                    if looks < LOOKS => {}
                Ok(false) => return Err(RefreshError::Restless { model: table.model.clone() }),
                Err(error) => return Err(error),
            }
        }
    }

    async fn look(&self, table: &ModelTable) -> Result<bool, RefreshError> {
        // Receipts first: a compaction moves the pointer before it removes receipts.
        let (mut lines, receipts) = self.receipts(table).await?;
        let pointers = self.pointers(table).await?;
        let mut wanted = named(&receipts, &pointers);
        if table.merges {
            wanted.push((Shelf::Things, self.things(table).await?));
        }
        for (shelf, files) in &wanted {
            let there = models::files(&self.db(), table, *shelf)?;
            let missing: Vec<(ObjectKey, TenantId)> = files
                .iter()
                .filter(|(file, _)| !there.contains(file.as_str()))
                .map(|(file, tenant)| (file.clone(), tenant.clone()))
                .collect();
            let mut fetched = stream::iter(missing)
                .map(|(file, tenant)| self.rows(file, tenant))
                .buffer_unordered(FETCHES);
            while let Some((object, tenant)) = fetched.try_next().await? {
                self.add_file(table, *shelf, (object, &tenant))?;
            }
        }
        lines.pointers = pointers
            .into_iter()
            .map(|(text, place, pointer)| (pointer.tenant.to_string(), place.to_string(), text))
            .collect();
        lines.files = wanted
            .into_iter()
            .map(|(shelf, files)| {
                (shelf, files.into_keys().map(String::from).collect::<BTreeSet<String>>())
            })
            .collect();
        Ok(models::apply(&mut self.db(), table, &lines)?)
    }

    async fn rows(
        &self,
        file: ObjectKey,
        tenant: TenantId,
    ) -> Result<(Object, TenantId), RefreshError> {
        Ok((self.store.get(&file).await?, tenant))
    }

    fn add_file(
        &self,
        table: &ModelTable,
        place: Shelf,
        (object, tenant): (Object, &TenantId),
    ) -> Result<(), RefreshError> {
        let key = object.meta.key;
        let reader = CuratedReader::new(object.body, &place.columns(table));
        let reader = reader.map_err(|source| RefreshError::Rows { key: key.clone(), source })?;
        models::add_file(&mut self.db(), table, (place, &key, tenant.as_str()), &reader)
    }

    /// What is new of receipts, and all of them.
    async fn receipts(&self, table: &ModelTable) -> Result<(Lines, Vec<Receipt>), RefreshError> {
        let listed = self.store.list_all(&Layer::Receipts.prefix(&table.model)).await?;
        let mut known = models::receipts(&self.db(), table)?;
        let (mut lines, mut all, mut unknown) = (Lines::default(), Vec::new(), Vec::new());
        for meta in listed {
            match known.remove(meta.key.as_str()) {
                Some(text) => all.push(receipt(meta.key, text.as_bytes())?.1),
                None => unknown.push(meta.key),
            }
        }
        lines.vanished = known.into_keys().collect();
        let fetched: Vec<Object> = stream::iter(unknown)
            .map(|key| async move { self.store.get(&key).await })
            .buffer_unordered(FETCHES)
            .try_collect()
            .await?;
        for object in fetched {
            let text = String::from_utf8_lossy(&object.body).into_owned();
            let (key, receipt) = receipt(object.meta.key, text.as_bytes())?;
            lines.receipts.push((receipt.attempt.tenant.to_string(), key.to_string(), text));
            all.push(receipt);
        }
        Ok((lines, all))
    }

    /// All pointers, read anew.
    async fn pointers(
        &self,
        table: &ModelTable,
    ) -> Result<Vec<(String, ObjectKey, Pointer)>, RefreshError> {
        let mut pointers = Vec::new();
        for meta in self.store.list_all(&pointers_prefix(&table.model)).await? {
            let object = self.store.get(&meta.key).await?;
            let text = String::from_utf8_lossy(&object.body).into_owned();
            let pointer = Pointer::from_json(text.as_bytes())
                .map_err(|source| RefreshError::Commit { key: meta.key.clone(), source })?;
            let is_ours = |file: &ObjectKey| {
                SnapshotKey::parse(file)
                    .is_ok_and(|file| file.model == table.model && file.tenant == pointer.tenant)
            };
            let place = pointer_key(&table.model, &pointer.tenant)?;
            if place != meta.key || !pointer.files.iter().all(is_ours) {
                return Err(RefreshError::Misplaced { key: meta.key });
            }
            pointers.push((text, meta.key, pointer));
        }
        Ok(pointers)
    }

    async fn things(
        &self,
        table: &ModelTable,
    ) -> Result<BTreeMap<ObjectKey, TenantId>, RefreshError> {
        let listed = self.store.list_all(&ThingsKey::prefix(&table.model)).await?;
        let tenant = |key: ObjectKey| {
            let tenant = ThingsKey::parse(&key)?.tenant;
            Ok((key, tenant))
        };
        listed.into_iter().map(|meta| tenant(meta.key)).collect()
    }
}

/// Reads a receipt, and checks that it stands where it says and names its own tenant's files.
fn receipt(key: ObjectKey, text: &[u8]) -> Result<(ObjectKey, Receipt), RefreshError> {
    let receipt = match Receipt::from_json(text) {
        Ok(receipt) => receipt,
        Err(source) => return Err(RefreshError::Commit { key, source }),
    };
    let is_ours = |file: &ObjectKey| {
        CuratedKey::parse(file).is_ok_and(|file| {
            file.layer == Layer::Curated
                && file.model == receipt.model
                && file.tenant == receipt.attempt.tenant
        })
    };
    let files = receipt.parts.iter().filter_map(|part| part.file.as_ref());
    if receipt.key()? != key || !files.into_iter().all(is_ours) {
        return Err(RefreshError::Misplaced { key });
    }
    Ok((key, receipt))
}

fn named(receipts: &[Receipt], pointers: &[(String, ObjectKey, Pointer)]) -> Wanted {
    let mut kept: BTreeMap<StreamId, (u64, Timestamp)> = BTreeMap::new();
    let mut snapshots = BTreeMap::new();
    for (.., pointer) in pointers {
        for generation in &pointer.generations {
            kept.insert(pointer.stream(generation), (generation.number, generation.started));
        }
        snapshots.extend(pointer.files.iter().map(|file| (file.clone(), pointer.tenant.clone())));
    }
    let mut files = BTreeMap::new();
    for (stream, visible) in visible(receipts, &kept) {
        let named = visible.parts.into_values().filter_map(|part| part.file);
        files.extend(named.map(|file| (file, stream.tenant.clone())));
    }
    vec![(Shelf::Files, files), (Shelf::Snapshots, snapshots)]
}
