//! Objects in a map.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use model::ObjectKey;
use ports::{
    Attributes, Clock, ETag, Listing, Meta, Object, ObjectError, ObjectStore, check_attributes,
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
    writes: u64,
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

#[cfg(test)]
mod tests {
    crate::object_store_contract!(Box::new(super::MemoryStore::default()));
}
