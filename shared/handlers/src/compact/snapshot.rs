//! The next snapshot: what goes in, and how it comes to count.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Mode;
use lake::curated::{
    Compacted, CuratedKey, KeptGeneration, KeyDigest, Layer, Pointer, Receipt, StreamId, Visible,
    pointer_key, visible,
};
use model::{ObjectKey, Timestamp};
use ports::{Attributes, ObjectError, ObjectStoreExt, Version};

use super::rows::Input;
use super::{Error, Outcome, Place};
use crate::transform::Take;

/// Objects fetched side by side.
const FETCHES: usize = 8;

/// The snapshot that counts.
pub(super) struct Head {
    pub(super) pointer: Pointer,
    pub(super) text: String,
    version: Version,
}

/// Everything that a compaction reads.
pub(super) struct Plan {
    pub(super) inputs: Vec<Input>,
    pub(super) streams: BTreeMap<StreamId, Visible>,
    compacted: Compacted,
    receipts: Vec<Receipt>,
    pub(super) rows: u64,
}

impl Place<'_> {
    /// The snapshot that counts, as the table has it.
    pub(super) async fn head(&self) -> Result<Option<Head>, Error> {
        let found = self.deps.store.snapshot(&self.table.model, self.tenant).await?;
        let Some((text, version)) = found else { return Ok(None) };
        let key = pointer_key(&self.table.model, self.tenant)?;
        let pointer =
            Pointer::from_json(text.as_bytes()).map_err(|source| Error::Line { key, source })?;
        Ok(Some(Head { pointer, text, version }))
    }

    /// Makes the next snapshot when there are enough receipts.
    pub(super) async fn compact(&self, least: usize, outcome: &mut Outcome) -> Result<(), Error> {
        let head = self.head().await?;
        let Some(plan) = self.plan(head.as_ref(), least).await? else { return Ok(()) };
        let number = head.as_ref().and_then(|head| head.pointer.number()).unwrap_or_default() + 1;
        let id = self.deps.store.ids().fresh();
        let (files, rows) = match self.write(&plan, (number, &id)).await {
            Ok(written) => written,
            Err(Error::Lake(ObjectError::NotFound { key })) => {
                return self.missing(&key, &plan, head.as_ref(), outcome).await;
            }
            Err(error) => return Err(error),
        };
        let pointer = Pointer {
            model: self.table.model.clone(),
            tenant: self.tenant.clone(),
            snapshot: format!("{number:08}-{id}"),
            files,
            generations: generations(&plan.streams),
            rows,
            at: self.deps.store.now(),
        };
        if self.advance(&pointer, &plan.compacted, head).await? {
            outcome.snapshots += 1;
            outcome.rows += rows;
            outcome.receipts += plan.compacted.receipts.len() as u64;
            self.mirror().await
        } else {
            outcome.raced += 1;
            Ok(())
        }
    }

    /// What goes into the next snapshot; nothing when there are too few receipts.
    async fn plan(&self, head: Option<&Head>, least: usize) -> Result<Option<Plan>, Error> {
        let prefix = Layer::Receipts.tenant_prefix(&self.table.model, self.tenant);
        let keys = self.list(&prefix, self.deps.pace.most).await?;
        if keys.len() < least {
            return Ok(None);
        }
        let receipts = self.receipts(keys).await?;
        let mut kept: BTreeMap<StreamId, (u64, Timestamp)> = BTreeMap::new();
        for generation in head.iter().flat_map(|head| &head.pointer.generations) {
            let stream = StreamId {
                tenant: self.tenant.clone(),
                connection: generation.connection.clone(),
                source: generation.source.clone(),
                stream: generation.stream.clone(),
            };
            kept.insert(stream, (generation.number, generation.started));
        }
        let streams = visible(&receipts, &kept);
        let (taken, left): (Vec<&Receipt>, Vec<&Receipt>) =
            receipts.iter().partition(|receipt| !is_pending(receipt, &streams));
        if taken.is_empty() {
            return Ok(None);
        }
        let files = |receipts: &[&Receipt]| -> BTreeSet<ObjectKey> {
            let parts = receipts.iter().flat_map(|receipt| &receipt.parts);
            parts.filter_map(|part| part.file.clone()).collect()
        };
        let mut read = files(&taken);
        read.extend(self.outdated(&taken).await?);
        let compacted = Compacted {
            receipts: taken.iter().map(|receipt| receipt.key()).collect::<Result<_, _>>()?,
            files: read.difference(&files(&left)).cloned().collect(),
        };
        let rows: u64 = taken.iter().flat_map(|r| &r.parts).map(|part| part.counts.lines).sum();
        let rows = rows + head.map_or(0, |head| head.pointer.rows);
        let mut inputs: Vec<Input> = Vec::new();
        for (stream, visible) in &streams {
            let live = visible.parts.iter().filter_map(|(object, part)| {
                Some(Input::live(part.file.clone()?, stream.clone(), object.clone(), part))
            });
            inputs.extend(live);
        }
        let former = head.iter().flat_map(|head| &head.pointer.files);
        inputs.extend(former.map(|file| Input::kept(file.clone())));
        Ok(Some(Plan { inputs, streams, compacted, receipts, rows }))
    }

    /// Files that older versions of the model made of the landing objects of these receipts: no
    /// view reads them.
    async fn outdated(&self, receipts: &[&Receipt]) -> Result<Vec<ObjectKey>, Error> {
        let mut versions: BTreeMap<KeyDigest, u32> = BTreeMap::new();
        for receipt in receipts {
            for part in &receipt.parts {
                let version = versions.entry(KeyDigest::of(&part.object)).or_default();
                *version = receipt.version.max(*version);
            }
        }
        let prefix = Layer::Curated.tenant_prefix(&self.table.model, self.tenant);
        let is_outdated = |key: &ObjectKey| {
            CuratedKey::parse(key).is_ok_and(|file| {
                versions.get(&file.made_from).is_some_and(|made| file.revision.version < *made)
            })
        };
        let listed = self.deps.lake.list_all(&prefix).await?.into_iter().map(|meta| meta.key);
        Ok(listed.filter(is_outdated).collect())
    }

    /// Keys under a prefix, in order, so many at most.
    async fn list(&self, prefix: &str, most: usize) -> Result<Vec<ObjectKey>, Error> {
        let mut keys = Vec::new();
        let mut after = None;
        while keys.len() < most {
            let page = self.deps.lake.list(prefix, after.as_ref(), 1000).await?;
            keys.extend(page.objects.into_iter().map(|meta| meta.key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        keys.truncate(most);
        Ok(keys)
    }

    /// Reads receipts; one that is gone meanwhile is left out.
    pub(super) async fn receipts(&self, keys: Vec<ObjectKey>) -> Result<Vec<Receipt>, Error> {
        let found: Vec<Option<Receipt>> = stream::iter(keys)
            .map(|key| self.receipt(key))
            .buffer_unordered(FETCHES)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn receipt(&self, key: ObjectKey) -> Result<Option<Receipt>, Error> {
        let object = match self.deps.lake.get(&key).await {
            Err(ObjectError::NotFound { .. }) => return Ok(None),
            other => other?,
        };
        let receipt = Receipt::from_json(&object.body);
        receipt.map(Some).map_err(|source| Error::Line { key, source })
    }

    /// Makes a snapshot count, unless another one does since; then what was written goes.
    async fn advance(
        &self,
        pointer: &Pointer,
        compacted: &Compacted,
        head: Option<Head>,
    ) -> Result<bool, Error> {
        let name = &pointer.snapshot;
        let list = Compacted::key(&self.table.model, self.tenant, name)?;
        let body = compacted.to_json().map_err(Error::Pointer)?;
        self.deps.lake.put(&list, body, &Attributes::default()).await?;
        let text = pointer.to_json().map_err(Error::Pointer)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let place = (&self.table.model, self.tenant);
        let former = head.map(|head| head.version);
        if self.deps.store.advance_snapshot(place, &text, former).await? {
            return Ok(true);
        }
        for file in pointer.files.iter().chain([&list]) {
            self.deps.lake.delete(file).await?;
        }
        Ok(false)
    }

    /// Puts the pointer object as the table has it. Whoever puts one looks again afterwards, so
    /// that of several the newest stays.
    pub(super) async fn mirror(&self) -> Result<(), Error> {
        let key = pointer_key(&self.table.model, self.tenant)?;
        let mut put = None;
        while let Some(head) = self.head().await?.filter(|head| put.as_ref() != Some(&head.text)) {
            let body = Bytes::from(head.text.clone());
            self.deps.lake.put(&key, body, &Attributes::default()).await?;
            put = Some(head.text);
        }
        Ok(())
    }

    /// A file that is not there: somebody else's compaction removed it, or a receipt came while
    /// one did; then the commit is taken in once more.
    async fn missing(
        &self,
        key: &ObjectKey,
        plan: &Plan,
        head: Option<&Head>,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let now = self.head().await?;
        if now.as_ref().map(|now| &now.text) != head.map(|head| &head.text) {
            outcome.raced += 1;
            return Ok(());
        }
        let names =
            |receipt: &&Receipt| receipt.parts.iter().any(|part| part.file.as_ref() == Some(key));
        let receipts: Vec<&Receipt> = plan.receipts.iter().filter(names).collect();
        if receipts.is_empty() {
            return Err(Error::Lake(ObjectError::NotFound { key: key.clone() }));
        }
        self.retell(&receipts, outcome).await
    }

    /// Has commits taken in once more.
    pub(super) async fn retell(
        &self,
        receipts: &[&Receipt],
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        for receipt in receipts {
            let models = Some(vec![self.table.model.clone()]);
            let take = Take { models, again: true, ..Take::new(receipt.commit.clone()) };
            let message = ports::Message {
                body: serde_json::to_string(&take)?,
                group: self.tenant.to_string(),
                attributes: BTreeMap::new(),
                not_before: None,
            };
            self.deps.transform.send_all(&[message]).await?;
            outcome.retold += 1;
        }
        Ok(())
    }
}

/// Whether a receipt belongs to a generation that may become whole.
fn is_pending(receipt: &Receipt, streams: &BTreeMap<StreamId, Visible>) -> bool {
    let Some(generation) = receipt.generation.filter(|_| receipt.mode == Mode::FullRefresh) else {
        return false;
    };
    let whole = streams.get(&StreamId::of(receipt)).and_then(|visible| visible.whole);
    whole.is_none_or(|(number, _)| generation.number > number)
}

fn generations(streams: &BTreeMap<StreamId, Visible>) -> Vec<KeptGeneration> {
    let whole = streams.iter().filter_map(|(stream, visible)| Some((stream, visible.whole?)));
    whole
        .map(|(stream, (number, started))| KeptGeneration {
            source: stream.source.clone(),
            stream: stream.stream.clone(),
            connection: stream.connection.clone(),
            number,
            started,
        })
        .collect()
}
