//! Objects in a map.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use model::ObjectKey;
use ports::{
    Attributes, Clock, ETag, Listing, Meta, Object, ObjectError, ObjectStore, PartTag, UploadId,
    Uploads, check_attributes, check_part, check_parts,
};

use crate::clock::{ManualClock, locked};

/// An [`ObjectStore`] in memory.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    kept: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    objects: BTreeMap<ObjectKey, Object>,
    uploads: BTreeMap<String, Upload>,
    writes: u64,
}

/// An upload that has begun.
#[derive(Debug)]
struct Upload {
    key: ObjectKey,
    beside: Attributes,
    parts: BTreeMap<u32, (ETag, Bytes)>,
}

impl Shelf {
    fn upload(&mut self, key: &ObjectKey, id: &UploadId) -> Result<&mut Upload, ObjectError> {
        let found = self.uploads.get_mut(&id.0).filter(|upload| upload.key == *key);
        found.ok_or_else(|| ObjectError::NotFound { key: key.clone() })
    }
}

impl MemoryStore {
    /// An empty store that dates its objects by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    fn write(&self, kept: &mut Shelf, key: &ObjectKey, body: Bytes, beside: &Attributes) -> ETag {
        kept.writes += 1;
        let etag = ETag(format!("{:x}", kept.writes));
        let meta = Meta {
            key: key.clone(),
            size: body.len() as u64,
            etag: etag.clone(),
            modified: self.clock.now(),
            attributes: beside.clone(),
        };
        kept.objects.insert(key.clone(), Object { meta, body });
        etag
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::default()))
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        check_attributes(key, attributes)?;
        let mut kept = locked(&self.kept);
        if kept.objects.contains_key(key) {
            return Err(ObjectError::Exists { key: key.clone() });
        }
        Ok(self.write(&mut kept, key, body, attributes))
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        check_attributes(key, attributes)?;
        Ok(self.write(&mut locked(&self.kept), key, body, attributes))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        let found = locked(&self.kept).objects.get(key).cloned();
        found.ok_or_else(|| ObjectError::NotFound { key: key.clone() })
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        Ok(self.get(key).await?.meta)
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        let limit = limit.clamp(1, 1000);
        let kept = locked(&self.kept);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = kept.objects.range((start, Bound::Unbounded));
        let matching = found.filter(|(key, _)| key.as_str().starts_with(prefix));
        let plain = |meta: &Meta| Meta { attributes: Attributes::default(), ..meta.clone() };
        let mut objects: Vec<Meta> =
            matching.map(|(_, object)| plain(&object.meta)).take(limit + 1).collect();
        let more = objects.len() > limit;
        objects.truncate(limit);
        let next = objects.last().filter(|_| more).map(|meta| meta.key.clone());
        Ok(Listing { objects, next })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        locked(&self.kept).objects.remove(key);
        Ok(())
    }
}

#[async_trait]
impl Uploads for MemoryStore {
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError> {
        check_attributes(key, beside)?;
        let mut kept = locked(&self.kept);
        kept.writes += 1;
        let id = format!("upload-{}", kept.writes);
        let (key, beside) = (key.clone(), beside.clone());
        kept.uploads.insert(id.clone(), Upload { key, beside, parts: BTreeMap::new() });
        Ok(UploadId(id))
    }

    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError> {
        check_part(key, number)?;
        let mut kept = locked(&self.kept);
        kept.writes += 1;
        let (tag, size) = (ETag(format!("{:x}", kept.writes)), body.len() as u64);
        kept.upload(key, upload)?.parts.insert(number, (tag.clone(), body));
        Ok(PartTag { number, tag, size })
    }

    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError> {
        let mut kept = locked(&self.kept);
        let begun = kept.upload(key, upload)?;
        check_parts(key, parts)?;
        let mut body = Vec::new();
        for part in parts {
            let found = begun.parts.get(&part.number).filter(|(tag, _)| *tag == part.tag);
            let (_, bytes) = found.ok_or_else(|| ObjectError::NotFound { key: key.clone() })?;
            body.extend_from_slice(bytes);
        }
        let beside = begun.beside.clone();
        kept.uploads.remove(&upload.0);
        Ok(self.write(&mut kept, key, body.into(), &beside))
    }

    async fn abort(&self, _: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError> {
        locked(&self.kept).uploads.remove(&upload.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    crate::object_store_contract!(Box::new(super::MemoryStore::default()));
    crate::uploads_contract!(Box::new(super::MemoryStore::default()));
}
