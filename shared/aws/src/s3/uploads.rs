//! Uploads in parts.

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use model::ObjectKey;
use ports::{
    Attributes, ETag, ObjectError, PartTag, UploadId, Uploads, check_attributes, check_part,
    check_parts,
};

use super::{S3Store, failed};

#[async_trait]
impl Uploads for S3Store {
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError> {
        check_attributes(key, beside)?;
        let metadata = beside.metadata.iter().map(|(n, v)| (n.clone(), v.clone()));
        let asked = self
            .aws
            .s3()
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_content_type(beside.content_type.clone())
            .set_content_encoding(beside.content_encoding.clone())
            .set_metadata(Some(metadata.collect()));
        let answer = asked.send().await.map_err(|error| failed(error, key.as_str()))?;
        Ok(UploadId(answer.upload_id.unwrap_or_default()))
    }

    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError> {
        check_part(key, number)?;
        let size = body.len() as u64;
        let part = self
            .aws
            .s3()
            .upload_part()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(&upload.0)
            .part_number(i32::try_from(number).unwrap_or(i32::MAX))
            .body(ByteStream::from(body));
        let part = part.send().await.map_err(|error| failed(error, key.as_str()))?;
        Ok(PartTag { number, tag: ETag(part.e_tag.unwrap_or_default()), size })
    }

    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError> {
        check_parts(key, parts)?;
        let part = |part: &PartTag| {
            let number = i32::try_from(part.number).unwrap_or(i32::MAX);
            CompletedPart::builder().part_number(number).e_tag(&part.tag.0).build()
        };
        let parts = parts.iter().map(part).collect();
        let complete = self
            .aws
            .s3()
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(&upload.0)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
        let done = complete.send().await.map_err(|error| failed(error, key.as_str()))?;
        Ok(ETag(done.e_tag.unwrap_or_default()))
    }

    async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError> {
        let s3 = self.aws.s3();
        let abort = s3.abort_multipart_upload().bucket(&self.bucket).key(key.as_str());
        match abort.upload_id(&upload.0).send().await {
            Ok(_) => Ok(()),
            Err(error) => match failed(error, key.as_str()) {
                ObjectError::NotFound { .. } => Ok(()),
                error => Err(error),
            },
        }
    }
}
