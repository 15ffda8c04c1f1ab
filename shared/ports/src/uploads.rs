//! Objects too large to hold: written in parts, over as many processes as it takes.

use async_trait::async_trait;
use bytes::Bytes;
use model::ObjectKey;
use serde::{Deserialize, Serialize};

use crate::object_store::{Attributes, ETag, ObjectError, ObjectStore};

/// Smallest part, the last one aside
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
pub const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;

/// Most parts of an object.
pub const MAX_PARTS: u32 = 10_000;

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UploadId(pub String);

/// A part that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartTag {
    /// Its number, from 1.
    pub number: u32,
    /// The store's mark of it.
    pub tag: ETag,
    /// Its size in bytes.
    pub size: u64,
}

/// An object store that takes an object in parts.
///
/// Nothing is to be seen under the key before the upload is complete. Any process may go on with
/// an upload of which it knows id and parts.
#[async_trait]
pub trait Uploads: ObjectStore {
    /// Begins an upload. One that is never ended is removed by the store's own lifecycle.
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError>;

    /// Writes the part of this number, 1 to [`MAX_PARTS`]; a repeat replaces it. `NotFound` when
    /// the upload has ended.
    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError>;

    /// Makes an object of the parts, in this order, over what stands there. `NotFound` when the
    /// upload has ended: whether the object is there tells how. Parts must be of
    /// [`MIN_PART_BYTES`] at least, the last one aside, and their numbers rising.
    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError>;

    /// Ends an upload without an object; one that has ended is ended already.
    async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError>;
}
