//! A drop that is a prefix of an object store: what AWS Transfer Family lands, or partners put.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Classify, ObjectKey, Retry};
use ports::{Attributes, DropError, Entry, FileDrop, Known, Meta, ObjectError, PartTag, Uploads};

/// Bytes that are copied at a time.
const CHUNK: usize = 16 << 20;

/// Files under a prefix.
#[derive(Debug, Clone)]
pub struct ObjectDrop {
    objects: Arc<dyn Uploads>,
    prefix: String,
}

impl ObjectDrop {
    /// The files under this prefix, which ends in `/`.
    pub fn new(objects: Arc<dyn Uploads>, prefix: &str) -> Self {
        Self { objects, prefix: format!("{}/", prefix.trim_end_matches('/')) }
    }

    fn key(&self, path: &str) -> Result<ObjectKey, DropError> {
        let key = format!("{}{path}", self.prefix);
        key.parse().map_err(|_| DropError::Refused {
            what: format!("`{path}`"),
            reason: "it is not the name of an object".to_owned(),
        })
    }

    fn entry(&self, meta: &Meta) -> Option<Entry> {
        let path = meta.key.as_str().strip_prefix(&self.prefix)?.to_owned();
        // Whole seconds, as everywhere else.
        let modified = model::Timestamp::from_second(meta.modified.as_second()).ok()?;
        Some(Entry { path, size: meta.size, modified })
    }
}

/// Copies an object, in parts where it is large.
pub async fn copy(
    objects: &dyn Uploads,
    from: &ObjectKey,
    to: &ObjectKey,
) -> Result<(), ObjectError> {
    let meta = objects.head(from).await?;
    if meta.size <= CHUNK as u64 {
        let object = objects.get(from).await?;
        objects.put(to, object.body, &meta.attributes).await?;
        return Ok(());
    }
    let upload = objects.begin(to, &meta.attributes).await?;
    let mut parts: Vec<PartTag> = Vec::new();
    let mut offset = 0;
    while offset < meta.size {
        let body = objects.range(from, offset, CHUNK).await?;
        offset += body.len() as u64;
        let number = u32::try_from(parts.len() + 1).unwrap_or(u32::MAX);
        parts.push(objects.upload(to, &upload, number, body).await?);
    }
    objects.complete(to, &upload, &parts).await?;
    Ok(())
}

fn fault(path: &str, error: &ObjectError) -> DropError {
    if let ObjectError::NotFound { .. } = error {
        return DropError::NotFound { path: path.to_owned() };
    }
    let reason = error.to_string();
    match error.retry() {
        Retry::Never | Retry::BadData => DropError::Refused { what: format!("`{path}`"), reason },
        Retry::Backoff | Retry::After(_) => DropError::Unavailable { reason },
    }
}

#[async_trait]
impl FileDrop for ObjectDrop {
    async fn list(&self, limit: usize) -> Result<Vec<Entry>, DropError> {
        let mut entries = Vec::new();
        let mut after = None;
        while entries.len() < limit {
            let page = self.objects.list(&self.prefix, after.as_ref(), 1000).await;
            let page = page.map_err(|error| fault(&self.prefix, &error))?;
            let found = page.objects.iter().filter_map(|meta| self.entry(meta));
            entries.extend(found.filter(|entry| !entry.path.contains('/')));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }

    async fn stat(&self, path: &str) -> Result<Known, DropError> {
        let meta = self.objects.head(&self.key(path)?).await.map_err(|e| fault(path, &e))?;
        let absent = || DropError::NotFound { path: path.to_owned() };
        let tags: BTreeMap<String, String> = meta.attributes.metadata.clone();
        Ok(Known { entry: self.entry(&meta).ok_or_else(absent)?, tags })
    }

    async fn read(&self, path: &str, offset: u64, len: usize) -> Result<Bytes, DropError> {
        self.objects.range(&self.key(path)?, offset, len).await.map_err(|e| fault(path, &e))
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let (source, target) = (self.key(from)?, self.key(to)?);
        match self.objects.head(&target).await {
            Ok(_) => return Err(DropError::Exists { path: to.to_owned() }),
            Err(ObjectError::NotFound { .. }) => {}
            Err(error) => return Err(fault(to, &error)),
        }
        copy(self.objects.as_ref(), &source, &target).await.map_err(|error| fault(from, &error))?;
        self.objects.delete(&source).await.map_err(|error| fault(from, &error))
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        self.objects.delete(&self.key(path)?).await.map_err(|error| fault(path, &error))
    }

    async fn put(&self, path: &str, body: Bytes) -> Result<(), DropError> {
        let put = self.objects.put(&self.key(path)?, body, &Attributes::default()).await;
        put.map(|_| ()).map_err(|error| fault(path, &error))
    }
}

#[cfg(test)]
mod tests {
    use testkit::MemoryStore;

    use super::*;

    testkit::file_drop_contract!(Box::new(ObjectDrop::new(
        Arc::new(MemoryStore::default()),
        "drop/heron"
    )));
}
