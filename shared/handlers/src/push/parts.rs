//! Records of accepted files, read when they are needed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

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

type Part = Arc<Vec<Record>>;

/// The parts that were read last.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Mutex<VecDeque<(ObjectKey, Part)>>,
    files: Mutex<VecDeque<(ObjectKey, Arc<Accepted>)>>,
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
        if let Some(part) = found(&self.parts, key) {
            return Ok(part);
        }
        let part = Arc::new(read(lake.get(key).await?.body, key)?);
        keep(&self.parts, key, &part, KEPT);
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
