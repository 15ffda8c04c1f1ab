//! Objects under keys: S3, a folder, a map.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use model::{Classify, ObjectKey, Retry};

/// Opaque mark of an object's content at a key; equal marks mean equal content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ETag(pub String);

/// What is stored beside the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`, when the object is to be decoded by HTTP readers.
    pub content_encoding: Option<String>,
    /// User metadata: lower-case ASCII names, at most 2 KB together (S3's limit).
    pub metadata: BTreeMap<String, String>,
}

/// What is known of an object without its bytes. Listings leave `attributes` empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Key.
    pub key: ObjectKey,
    /// Size in bytes.
    pub size: u64,
    /// Content mark.
    pub etag: ETag,
    /// When it was written, by the store's clock.
    pub modified: Timestamp,
    /// What is stored beside it.
    pub attributes: Attributes,
}

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    /// What is known of it.
    pub meta: Meta,
    /// Its bytes, all of them.
    pub body: Bytes,
}

/// One page of a listing, in byte order of keys.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Objects.
    pub objects: Vec<Meta>,
    /// Pass as `after` to go on; none at the end.
    pub next: Option<ObjectKey>,
}

/// Why an object operation failed.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Nothing under that key.
    #[error("no object `{key}`")]
    NotFound {
        /// Key.
        key: ObjectKey,
    },
    /// `put_new` found the key taken.
    #[error("object `{key}` exists already")]
    Exists {
        /// Key.
        key: ObjectKey,
    },
    /// The store asks to slow down.
    #[error("the object store asks to slow down")]
    Throttled {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer, or one that means "try again"; the operation may or may not have happened.
    #[error("the object store is unavailable for `{key}`")]
    Unavailable {
        /// Key or prefix.
        key: String,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Access denied, no such bucket, invalid request: a person has to act.
    #[error("the object store refuses `{key}`")]
    Refused {
        /// Key or prefix.
        key: String,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for ObjectError {
    fn retry(&self) -> Retry {
        match self {
            Self::NotFound { .. } | Self::Exists { .. } | Self::Refused { .. } => Retry::Never,
            Self::Throttled { .. } => Retry::After(std::time::Duration::from_secs(1)),
            Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// Objects under keys.
///
/// Reads see the last completed write (strong consistency, as S3 since 2020). A write is whole or
/// absent. A failed write may still have happened: repeat it, the result is the same.
#[async_trait]
pub trait ObjectStore: Debug + Send + Sync + 'static {
    /// Writes under a free key; `Exists` when it is taken, whatever stands there.
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError>;

    /// Writes, replacing what stands there.
    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError>;

    /// Reads a whole object.
    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError>;

    /// Reads the last bytes of an object, at most so many; what is known of it is told of all of
    /// it. Adapters that cannot read a part read the whole.
    async fn tail(&self, key: &ObjectKey, bytes: usize) -> Result<Object, ObjectError> {
        let mut object = self.get(key).await?;
        object.body = object.body.slice(object.body.len().saturating_sub(bytes)..);
        Ok(object)
    }

    /// Reads bytes from `from` on, as many as asked for unless the object ends; none at or behind
    /// its end. Adapters that cannot read a part read the whole.
    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        let body = self.get(key).await?.body;
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(body.len());
        Ok(body.slice(from..from.saturating_add(len).min(body.len())))
    }

    /// Reads what is known of an object.
    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError>;

    /// Lists keys that start with the prefix, after `after`, in byte order; at most `limit`
    /// (≥ 1, capped at 1000 as by S3).
    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError>;

    /// Removes an object; one that is absent is removed already.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError>;
}

/// Conveniences over [`ObjectStore`].
#[async_trait]
pub trait ObjectStoreExt: ObjectStore {
    /// Writes under a free key, or finds the very same bytes there (a repeat after a lost reply).
    /// `Exists` only when something else stands there.
    async fn put_once(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        match self.put_new(key, body.clone(), attributes).await {
            Err(ObjectError::Exists { key }) => {
                let found = self.get(&key).await?;
                if found.body == body {
                    return Ok(found.meta.etag);
                }
                Err(ObjectError::Exists { key })
            }
            other => other,
        }
    }

    /// All objects under a prefix. For prefixes whose size is known to be small.
    async fn list_all(&self, prefix: &str) -> Result<Vec<Meta>, ObjectError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let mut page = self.list(prefix, after.as_ref(), 1000).await?;
            all.append(&mut page.objects);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}

impl<S: ObjectStore + ?Sized> ObjectStoreExt for S {}
