//! Removes what a snapshot stands for, once nobody reads it any more.

use std::collections::BTreeSet;

use lake::curated::{Compacted, Layer, Pointer, Receipt, SnapshotKey, pointer_key};
use model::ObjectKey;
use ports::{ObjectError, ObjectStoreExt};

use super::{Error, Outcome, Place};

impl Place<'_> {
    /// Brings the pointer object in step and, when its time has come, removes what the snapshot
    /// stands for: receipts first, so that nothing names a file that is gone.
    pub(super) async fn remove(&self, outcome: &mut Outcome) -> Result<(), Error> {
        let Some(head) = self.head().await? else { return Ok(()) };
        let key = pointer_key(&self.table.model, self.tenant)?;
        let is_behind = match self.deps.lake.get(&key).await {
            Ok(object) => *object.body != *head.text.as_bytes(),
            Err(ObjectError::NotFound { .. }) => true,
            Err(error) => return Err(error.into()),
        };
        if is_behind {
            self.mirror().await?;
        }
        let waited = self.deps.store.now().duration_since(head.pointer.at);
        if waited.unsigned_abs() < self.deps.pace.grace && !self.deps.pace.grace.is_zero() {
            return Ok(());
        }
        let (model, tenant) = (&self.table.model, self.tenant);
        let list = Compacted::key(model, tenant, &head.pointer.snapshot)?;
        let compacted = match self.deps.lake.get(&list).await {
            Err(ObjectError::NotFound { .. }) => return Ok(()),
            other => Compacted::from_json(&other?.body)
                .map_err(|source| Error::Line { key: list.clone(), source })?,
        };
        self.remove_set(&compacted, outcome).await?;
        for meta in self.deps.lake.list_all(&SnapshotKey::tenant_prefix(model, tenant)).await? {
            if is_former(&meta.key, &head.pointer) {
                self.delete(&meta.key, outcome).await?;
            }
        }
        for meta in self.deps.lake.list_all(&Compacted::prefix(model, tenant)).await? {
            let name = meta.key.as_str().rsplit('/').next().unwrap_or_default();
            let number = name.split_once('-').and_then(|(number, _)| number.parse().ok());
            if number <= head.pointer.number() && meta.key != list {
                self.delete(&meta.key, outcome).await?;
            }
        }
        self.delete(&list, outcome).await
    }

    /// Removes exactly the objects of a list, but files that other receipts name. A commit that
    /// came to name one just now is taken in once more.
    async fn remove_set(&self, compacted: &Compacted, outcome: &mut Outcome) -> Result<(), Error> {
        let before = self.others(compacted, &BTreeSet::new()).await?;
        let known: BTreeSet<ObjectKey> =
            before.iter().map(Receipt::key).collect::<Result<_, _>>()?;
        let named: BTreeSet<&ObjectKey> = before.iter().flat_map(files).collect();
        for receipt in &compacted.receipts {
            self.delete(receipt, outcome).await?;
        }
        let removed: BTreeSet<&ObjectKey> =
            compacted.files.iter().filter(|file| !named.contains(file)).collect();
        for file in &removed {
            self.delete(file, outcome).await?;
        }
        let after = self.others(compacted, &known).await?;
        let lost: Vec<&Receipt> =
            after.iter().filter(|receipt| files(receipt).any(|f| removed.contains(f))).collect();
        self.retell(&lost, outcome).await
    }

    /// The receipts that are neither of a list nor known.
    async fn others(
        &self,
        compacted: &Compacted,
        known: &BTreeSet<ObjectKey>,
    ) -> Result<Vec<Receipt>, Error> {
        let ours: BTreeSet<&ObjectKey> = compacted.receipts.iter().collect();
        let prefix = Layer::Receipts.tenant_prefix(&self.table.model, self.tenant);
        let listed = self.deps.lake.list_all(&prefix).await?.into_iter().map(|meta| meta.key);
        let others = listed.filter(|key| !ours.contains(key) && !known.contains(key));
        self.receipts(others.collect()).await
    }

    async fn delete(&self, key: &ObjectKey, outcome: &mut Outcome) -> Result<(), Error> {
        self.deps.lake.delete(key).await?;
        outcome.removed += 1;
        Ok(())
    }
}

fn files(receipt: &Receipt) -> impl Iterator<Item = &ObjectKey> {
    receipt.parts.iter().filter_map(|part| part.file.as_ref())
}

/// Whether a file belongs to a snapshot that does not count any more, or never did. One of a
/// greater number may be under way.
fn is_former(key: &ObjectKey, pointer: &Pointer) -> bool {
    SnapshotKey::parse(key)
        .is_ok_and(|file| file.name() != pointer.snapshot && Some(file.number) <= pointer.number())
}
