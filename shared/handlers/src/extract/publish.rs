//! Commit objects: put after the transaction that they tell of, and again by whoever finds that
//! nobody noted them.

use std::sync::Arc;

use lake::{Attempt, Commit, CommitKey, Generation, Mode, Month, PartRef, PartitionDigest};
use ports::ObjectStore;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::{DoneSlice, Part, Plan, SliceId, Store, StreamKey, Unpublished, partition_digest};

use super::Error;
use super::land::{encode, put};
use super::work::Work;

impl Work<'_> {
    /// Publishes a commit. It is data already: when the object cannot be put now the sweep does.
    pub(super) async fn publish(&self, slice: Option<&SliceId>) {
        let commit = Unpublished {
            key: self.key().clone(),
            plan: self.plan.id.clone(),
            slice: slice.cloned(),
        };
        if let Err(error) = publish(&self.deps.store, &self.deps.lake, &commit).await {
            tracing::warn!(stream = %commit.key, %error, "a commit waits to be published");
        }
    }
}

/// Publishes what one shard holds of unpublished commits; gives their number.
pub async fn publish_shard(
    store: &Store,
    lake: &Arc<dyn ObjectStore>,
    shard: u8,
) -> Result<u64, store::StoreError> {
    let mut number = 0;
    let mut after: Option<String> = None;
    loop {
        let (waiting, next) = store.unpublished(shard, after.as_deref()).await?;
        for commit in waiting {
            match publish(store, lake, &commit).await {
                Ok(()) => number += 1,
                Err(error) => {
                    tracing::warn!(stream = %commit.key, %error, "a commit waits to be published");
                }
            }
        }
        after = next;
        if after.is_none() {
            return Ok(number);
        }
    }
}

/// Puts the object of a commit and notes that it is there. What it holds follows from the rows
/// alone, so any number of workers may do it at any time.
pub(super) async fn publish(
    store: &Store,
    lake: &Arc<dyn ObjectStore>,
    commit: &Unpublished,
) -> Result<(), Error> {
    let Some((head, _)) = store.head(&commit.key).await? else {
        return Ok(store.published(commit).await?);
    };
    let plan = store.plan(&commit.key, &commit.plan).await?;
    let plan = plan.ok_or_else(|| missing(&commit.key, "the plan of a commit"))?;
    let whole = Context { source: head.source.clone(), key: &commit.key, plan: &plan };
    let object = match &commit.slice {
        Some(slice) => {
            let done = store.done_slice(&commit.key, &plan.id, slice).await?;
            let done = done.ok_or_else(|| missing(&commit.key, "the slice of a commit"))?;
            let visible = plan.generation.is_none() && !done.parts.is_empty();
            visible.then(|| whole.slice(&done)).transpose()?
        }
        None => match &head.generations.committed {
            Some(generation) if generation.plan == plan.id => {
                Some(whole.generation(store, generation).await?)
            }
            _ => None,
        },
    };
    if let Some(object) = object {
        let key = CommitKey(object.attempt.clone()).render().map_err(encode)?;
        put(store, lake.as_ref(), &key, object.to_json().map_err(encode)?).await?;
    }
    Ok(store.published(commit).await?)
}

fn missing(key: &StreamKey, what: &str) -> store::StoreError {
    store::StoreError::Missing { stream: Box::new(key.clone()), what: what.to_owned() }
}

struct Context<'a> {
    source: model::SourceName,
    key: &'a StreamKey,
    plan: &'a Plan,
}

impl Context<'_> {
    fn attempt(
        &self,
        partition: &str,
        done: Option<&DoneSlice>,
        fence: u64,
    ) -> Result<Attempt, Error> {
        let start = done.and_then(|done| done.window).map(model::Window::from);
        let partition: PartitionDigest = partition.parse().map_err(encode)?;
        Ok(Attempt {
            source: self.source.clone(),
            stream: self.key.stream.clone(),
            tenant: self.key.tenant.clone(),
            connection: self.key.connection.clone(),
            month: Month::from(self.plan.now),
            plan: self.plan.id.clone(),
            partition,
            slice: start.into(),
            fence,
        })
    }

    fn mode(&self) -> Result<Mode, Error> {
        parsed(&self.plan.mode)
    }

    fn slice(&self, done: &DoneSlice) -> Result<Commit, Error> {
        let parts = done.parts.iter().map(part).collect::<Result<Vec<_>, _>>()?;
        Ok(Commit {
            attempt: self.attempt(&done.id.partition, Some(done), done.fence)?,
            window: done.window,
            mode: self.mode()?,
            generation: None,
            started: done.started,
            rows: parts.iter().map(|part| part.rows).sum(),
            parts,
            run: done.run.clone(),
            at: done.at,
        })
    }

    /// One commit for a whole generation: it is there at once or not at all.
    async fn generation(&self, store: &Store, whole: &store::Generation) -> Result<Commit, Error> {
        let mut parts = Vec::new();
        let mut started = whole.at;
        let mut after: Option<String> = None;
        loop {
            let (done, next) =
                store.done_slices(self.key, &self.plan.id, after.as_deref(), 200).await?;
            for slice in &done {
                started = started.min(slice.started);
                parts.extend(slice.parts.iter().map(part).collect::<Result<Vec<_>, _>>()?);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        let partition = partition_digest(&Map::new());
        Ok(Commit {
            attempt: self.attempt(&partition, None, whole.fence)?,
            window: None,
            mode: self.mode()?,
            generation: Some(Generation { number: whole.number, slices: Some(1) }),
            started,
            rows: parts.iter().map(|part| part.rows).sum(),
            parts,
            run: self.plan.run.clone(),
            at: whole.at,
        })
    }
}

fn part(part: &Part) -> Result<PartRef, Error> {
    Ok(PartRef {
        key: part.key.clone(),
        rows: part.rows,
        bytes: part.bytes,
        sha256: parsed(&part.sha256)?,
    })
}

/// A value that stands as text in a row.
fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(encode)
}
