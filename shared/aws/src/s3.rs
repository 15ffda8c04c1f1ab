//! Objects in a bucket.

mod uploads;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use jiff::Timestamp;
use model::ObjectKey;
use ports::{Attributes, ETag, Listing, Meta, Object, ObjectError, ObjectStore, check_attributes};

use crate::config::Aws;
use crate::error::{Meaning, failure};

/// What the SDK and S3 call the type of an object that was given none.
const NO_TYPE: [&str; 2] = ["application/octet-stream", "binary/octet-stream"];

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    aws: Arc<Aws>,
    bucket: String,
}

impl S3Store {
    /// The bucket of this name.
    pub fn new(aws: Arc<Aws>, bucket: String) -> Self {
        Self { aws, bucket }
    }

    /// Puts, under a condition (`If-None-Match`) or none.
    async fn write(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
        condition: Option<&str>,
    ) -> Result<ETag, ObjectError> {
        check_attributes(key, attributes)?;
        let metadata = attributes.metadata.iter().map(|(n, v)| (n.clone(), v.clone()));
        let put = self
            .aws
            .s3()
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .body(ByteStream::from(body))
            .set_content_type(attributes.content_type.clone())
            .set_content_encoding(attributes.content_encoding.clone())
            .set_metadata(Some(metadata.collect()))
            .set_if_none_match(condition.map(str::to_owned));
        let put = put.send().await.map_err(|error| failed(error, key.as_str()))?;
        Ok(ETag(put.e_tag.unwrap_or_default()))
    }

    /// Reads an object, or a range of it.
    async fn read(&self, key: &ObjectKey, range: Option<String>) -> Result<Object, ObjectError> {
        let get = self.aws.s3().get_object().bucket(&self.bucket).key(key.as_str());
        let found = get.set_range(range).send().await;
        let found = found.map_err(|error| failed(error, key.as_str()))?;
        let body = self.collected(key, found.body).await?;
        let whole = found.content_range.as_deref().and_then(|range| range.rsplit('/').next());
        let size = whole.and_then(|size| size.parse().ok()).unwrap_or(body.len() as u64);
        let meta = Meta {
            key: key.clone(),
            size,
            etag: ETag(found.e_tag.unwrap_or_default()),
            modified: instant(found.last_modified),
            attributes: attributes(found.content_type, found.content_encoding, found.metadata),
        };
        Ok(Object { meta, body })
    }

    async fn collected(&self, key: &ObjectKey, body: ByteStream) -> Result<Bytes, ObjectError> {
        let unavailable = |error: aws_sdk_s3::primitives::ByteStreamError| {
            ObjectError::Unavailable { key: key.to_string(), source: error.into() }
        };
        Ok(body.collect().await.map_err(unavailable)?.into_bytes())
    }

    async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListObjectsV2Output, ObjectError> {
        let listing = self
            .aws
            .s3()
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(after.map(str::to_owned))
            .max_keys(i32::try_from(limit.clamp(1, 1000)).unwrap_or(1000));
        listing.send().await.map_err(|error| failed(error, prefix))
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        self.write(key, body, attributes, Some("*")).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        self.write(key, body, attributes, None).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        self.read(key, None).await
    }

    async fn tail(&self, key: &ObjectKey, bytes: usize) -> Result<Object, ObjectError> {
        self.read(key, Some(format!("bytes=-{bytes}"))).await
    }

    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        if len == 0 {
            return Ok(Bytes::new());
        }
        let last = from.saturating_add(len as u64 - 1);
        let get = self.aws.s3().get_object().bucket(&self.bucket).key(key.as_str());
        match get.range(format!("bytes={from}-{last}")).send().await {
            Ok(found) => Ok(self.collected(key, found.body).await?),
            Err(error) if error.raw_response().is_some_and(|r| r.status().as_u16() == 416) => {
                Ok(Bytes::new())
            }
            Err(error) => Err(failed(error, key.as_str())),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        let head = self.aws.s3().head_object().bucket(&self.bucket).key(key.as_str());
        let found = head.send().await.map_err(|error| failed(error, key.as_str()))?;
        Ok(Meta {
            key: key.clone(),
            size: size(found.content_length),
            etag: ETag(found.e_tag.unwrap_or_default()),
            modified: instant(found.last_modified),
            attributes: attributes(found.content_type, found.content_encoding, found.metadata),
        })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        let mut after = after.map(|key| key.as_str().to_owned());
        loop {
            let page = self.page(prefix, after.as_deref(), limit).await?;
            let last = page.contents().last().and_then(|object| object.key.clone());
            let more = page.is_truncated == Some(true);
            let objects: Vec<Meta> =
                page.contents.unwrap_or_default().into_iter().filter_map(listed).collect();
            let next = objects.last().filter(|_| more).map(|meta| meta.key.clone());
            // A page may hold nothing but names that are no keys of ours (folder markers).
            if next.is_some() || !more || last.is_none() {
                return Ok(Listing { objects, next });
            }
            after = last;
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let delete = self.aws.s3().delete_object().bucket(&self.bucket).key(key.as_str());
        match delete.send().await.map_err(|error| failed(error, key.as_str())) {
            Ok(_) | Err(ObjectError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn listed(object: aws_sdk_s3::types::Object) -> Option<Meta> {
    Some(Meta {
        key: object.key?.parse().ok()?,
        size: size(object.size),
        etag: ETag(object.e_tag.unwrap_or_default()),
        modified: instant(object.last_modified),
        attributes: Attributes::default(),
    })
}

fn attributes(
    content_type: Option<String>,
    content_encoding: Option<String>,
    metadata: Option<std::collections::HashMap<String, String>>,
) -> Attributes {
    Attributes {
        content_type: content_type.filter(|kind| !NO_TYPE.contains(&kind.as_str())),
        content_encoding: content_encoding.filter(|encoding| !encoding.is_empty()),
        metadata: metadata.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
    }
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0)
}

fn instant(at: Option<DateTime>) -> Timestamp {
    at.and_then(|at| Timestamp::from_nanosecond(at.as_nanos()).ok()).unwrap_or_default()
}

/// Reads a failure. A conditional put that meets another one under way (409) has written nothing
/// and learnt nothing: it counts as unavailable, so that its repeat finds out.
fn failed<E>(error: SdkError<E, HttpResponse>, at: &str) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = failure(error);
    if let Ok(key) = at.parse::<ObjectKey>() {
        match (failure.status, failure.code.as_str()) {
            (404, "NoSuchKey" | "NoSuchUpload" | "NotFound" | "") => {
                return ObjectError::NotFound { key };
            }
            (412, _) => return ObjectError::Exists { key },
            _ => {}
        }
    }
    let (key, source) = (at.to_owned(), failure.source);
    match failure.meaning {
        Meaning::Throttled => ObjectError::Throttled { source },
        Meaning::Unavailable => ObjectError::Unavailable { key, source },
        Meaning::Refused => ObjectError::Refused { key, source },
    }
}
