//! Uploads in parts: each part a file, put together when the upload is complete.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::ObjectKey;
use ports::{
    Attributes, ETag, ObjectError, PartTag, UploadId, Uploads, check_attributes, check_part,
    check_parts,
};

use super::path::UPLOADS;
use super::{Fault, FileStore, Root, mark};

/// Age at which an upload has been given up.
pub(super) const GIVEN_UP: Duration = Duration::from_hours(7 * 24);

/// The file that says what is uploaded.
const SUBJECT: &str = "subject";

#[async_trait]
impl Uploads for FileStore {
    async fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, ObjectError> {
        check_attributes(key, beside)?;
        let beside = beside.clone();
        self.run(key, move |root, key| root.begin(key, &beside)).await
    }

    async fn upload(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        number: u32,
        body: Bytes,
    ) -> Result<PartTag, ObjectError> {
        check_part(key, number)?;
        let upload = upload.clone();
        let work = move |root: &Root, _: &ObjectKey| root.add(&upload, number, &body);
        self.run(key, work).await
    }

    async fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, ObjectError> {
        let subject = upload.clone();
        let exists = move |root: &Root, _: &ObjectKey| Ok(fs::metadata(root.begun(&subject)?)?);
        self.run(key, exists).await?;
        check_parts(key, parts)?;
        let (upload, parts) = (upload.clone(), parts.to_vec());
        self.run(key, move |root, key| root.complete(key, &upload, &parts)).await
    }

    async fn abort(&self, key: &ObjectKey, upload: &UploadId) -> Result<(), ObjectError> {
        let upload = upload.clone();
        match self.run(key, move |root, _| root.forget(&upload)).await {
            Err(ObjectError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }
}

impl Root {
    /// The folder of an upload. Its id is one of ours, so it leads nowhere else.
    fn begun(&self, upload: &UploadId) -> Result<PathBuf, Fault> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if upload.0.is_empty() || !upload.0.bytes().all(fits) {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        Ok(self.folder.join(UPLOADS).join(&upload.0))
    }

    fn begin(&self, key: &ObjectKey, beside: &Attributes) -> Result<UploadId, Fault> {
        self.path(key)?;
        let upload = UploadId(self.ids.fresh());
        let folder = self.begun(&upload)?;
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(SUBJECT), super::attributes::encode(beside)?)?;
        Ok(upload)
    }

    /// Writes a part aside and renames it into the upload's folder.
    fn add(&self, upload: &UploadId, number: u32, body: &[u8]) -> Result<PartTag, Fault> {
        let folder = self.begun(upload)?;
        fs::metadata(&folder)?;
        let draft = folder.join(self.ids.fresh());
        fs::write(&draft, body)?;
        let file = File::open(&draft)?;
        file.sync_all()?;
        let tag = mark(&file.metadata()?);
        fs::rename(&draft, folder.join(number.to_string()))?;
        Ok(PartTag { number, tag, size: body.len() as u64 })
    }

    fn complete(
        &self,
        key: &ObjectKey,
        upload: &UploadId,
        parts: &[PartTag],
    ) -> Result<ETag, Fault> {
        let folder = self.begun(upload)?;
        let beside = super::attributes::decode(&fs::read(folder.join(SUBJECT))?)?;
        let append = |target: &mut File| {
            for part in parts {
                let mut file = File::open(folder.join(part.number.to_string()))?;
                if mark(&file.metadata()?) != part.tag {
                    return Err(io::Error::from(io::ErrorKind::NotFound));
                }
                file.seek(SeekFrom::Start(0))?;
                io::copy(&mut file, target)?;
            }
            Ok(())
        };
        let made = self.replace(key, append, &beside)?;
        self.forget(upload)?;
        Ok(made)
    }

    fn forget(&self, upload: &UploadId) -> Result<(), Fault> {
        Ok(fs::remove_dir_all(self.begun(upload)?)?)
    }
}
