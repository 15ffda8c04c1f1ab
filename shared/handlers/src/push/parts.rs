//! Records of accepted files, read when they are needed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::Mutex as Turn;
use lake::delivery::{Accepted, InboxLine};
use lake::{Codec, Limits, LineReader};
use model::ObjectKey;
use ports::ObjectStore;

use super::Error;

/// Parts that are kept in memory.
const KEPT: usize = 4;

/// Largest part, unpacked.
const LARGEST: u64 = 64 << 20;

/// A record of a part.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: u64,
    /// JSON.
    pub(super) text: Box<str>,
}

impl Record {
    /// Whether it was erased since: its place is kept, nothing else.
    pub(super) fn is_erased(&self) -> bool {
        &*self.text == "null"
    }
}

type Part = Arc<Vec<Record>>;

/// The parts that were read last.
#[derive(Debug, Default)]
pub(super) struct Parts {
    records: Mutex<VecDeque<(ObjectKey, Part)>>,
    files: Mutex<VecDeque<(ObjectKey, Arc<Accepted>)>>,
    /// Batches that are sent side by side are of the same part: one of them reads it.
    reading: Turn<()>,
}

/// Files whose description is kept in memory.
const FILES: usize = 400;

impl Parts {
    /// The records of a part.
    pub(super) async fn part(
        &self,
        lake: &dyn ObjectStore,
        key: &ObjectKey,
    ) -> Result<Part, Error> {
        if let Some(part) = found(&self.records, key) {
            return Ok(part);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(part) = found(&self.records, key) {
            return Ok(part);
        }
        let part = Arc::new(read(lake.get(key).await?.body, key)?);
        keep(&self.records, key, &part, KEPT);
        Ok(part)
    }

    /// What is told of an accepted file.
    pub(super) async fn accepted(
        &self,
        lake: &dyn ObjectStore,
        key: &ObjectKey,
    ) -> Result<Arc<Accepted>, Error> {
        if let Some(file) = found(&self.files, key) {
            return Ok(file);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(file) = found(&self.files, key) {
            return Ok(file);
        }
        let object = lake.get(key).await?;
        let stored = |source| Error::Stored { key: key.clone(), source };
        let file = Arc::new(Accepted::from_json(&object.body).map_err(stored)?);
        keep(&self.files, key, &file, FILES);
        Ok(file)
    }
}

fn found<T>(kept: &Mutex<VecDeque<(ObjectKey, Arc<T>)>>, key: &ObjectKey) -> Option<Arc<T>> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().find(|(known, _)| known == key).map(|(_, value)| Arc::clone(value))
}

fn keep<T>(
    kept: &Mutex<VecDeque<(ObjectKey, Arc<T>)>>,
    key: &ObjectKey,
    value: &Arc<T>,
    most: usize,
) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back((key.clone(), Arc::clone(value)));
}

fn read(body: bytes::Bytes, key: &ObjectKey) -> Result<Vec<Record>, Error> {
    let limits = Limits { content: LARGEST, ..Limits::default() };
    let unreadable = |source| Error::Part { key: key.clone(), source };
    let mut reader = LineReader::new(body, Codec::of_key(key), limits).map_err(unreadable)?;
    let mut records = Vec::new();
    while let Some(line) = reader.next_line().map_err(unreadable)? {
        let record: InboxLine<'_> = serde_json::from_slice(line)
            .map_err(|source| Error::Line { key: key.clone(), source })?;
        records.push(Record { line: record.line, text: record.record.get().into() });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures_util::future::{BoxFuture, join_all};
    use ports::Attributes;
    use testkit::{Call, Faulty, Gate, ManualClock, MemoryStore, Passage};

    use super::*;

    /// Counts calls, which let others go first.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Gate for Counting {
        async fn enter(&self, _: &Call) -> Passage {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Passage::Through
        }

        fn postpone(&self, _: BoxFuture<'static, ()>) {}
    }

    #[tokio::test]
    async fn batches_side_by_side_read_their_part_once() {
        let store = Arc::new(MemoryStore::new(Arc::new(ManualClock::default())));
        let key: ObjectKey = "inbox/parts/p00000.ndjson".parse().unwrap();
        let line = "{\"line\":2,\"record\":{\"a\":1}}\n";
        store.put(&key, line.into(), &Attributes::default()).await.unwrap();
        let counting = Arc::new(Counting::default());
        let lake = Faulty::new(store, Arc::<Counting>::clone(&counting) as Arc<dyn Gate>);
        let parts = Parts::default();
        for part in join_all((0..16).map(|_| parts.part(&lake, &key))).await {
            assert_eq!(&*part.unwrap()[0].text, "{\"a\":1}");
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
}
