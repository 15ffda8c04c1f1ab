//! Objects in a folder.

mod attributes;
mod list;
mod path;
mod uploads;
mod write;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use model::ObjectKey;
use ports::{
    Attributes, Clock, ETag, Ids, Listing, Meta, Object, ObjectError, ObjectStore, check_attributes,
};

/// An [`ObjectStore`] whose objects are plain files: the key is the path below the root, so
/// people may look at them, and may put files there by hand.
///
/// A write is a synced temporary file that is then linked (`put_new`) or renamed (`put`) into
/// place, so a reader, another process or a crash sees all of it or nothing. An object's mark is
/// made of its file's number, size and time; attributes lie in a file named by that mark. Names
/// longer than a file system takes are cut into nested folders.
///
/// It is less than S3 in one thing: a key cannot be both an object and the start of another
/// key's path (`a` and `a/b`). Such a write is refused.
#[derive(Debug, Clone)]
pub struct FileStore(Arc<Root>);

#[derive(Debug)]
struct Root {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// A file operation that failed, with the place it failed at.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the key would lie inside another object, or hold others inside it")]
    Nested,
    #[error("the name is kept for the store itself")]
    Reserved,
    #[error("the file thread ended early")]
    Gone,
    #[error("taken")]
    Taken,
}

impl FileStore {
    /// A store in this folder, which is made when it is missing. What crashed writers left there
    /// an hour ago is removed.
    pub fn open(
        folder: impl Into<PathBuf>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, ObjectError> {
        let root = Root { folder: folder.into(), clock, ids };
        let opened = fs::create_dir_all(&root.folder).and_then(|()| root.remove_leftovers());
        opened.map_err(|error| failure(&root.folder.display().to_string(), error.into()))?;
        Ok(Self(Arc::new(root)))
    }

    /// Runs file operations outside of the caller's thread: syncing takes milliseconds.
    async fn run<T: Send + 'static>(
        &self,
        key: &ObjectKey,
        work: impl FnOnce(&Root, &ObjectKey) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let (root, at) = (Arc::clone(&self.0), key.clone());
        let done = tokio::task::spawn_blocking(move || work(&root, &at)).await;
        match done.unwrap_or(Err(Fault::Gone)) {
            Ok(value) => Ok(value),
            Err(Fault::Taken) => Err(ObjectError::Exists { key: key.clone() }),
            Err(Fault::Io(error)) if is_absent(&error) => {
                Err(ObjectError::NotFound { key: key.clone() })
            }
            Err(fault) => Err(failure(key.as_str(), fault)),
        }
    }
}

/// Whether nothing is there: no file, or a file where a folder should be, or a folder.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

fn failure(key: &str, fault: Fault) -> ObjectError {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let key = key.to_owned();
    let lasting = match &fault {
        Fault::Nested | Fault::Reserved | Fault::Taken => true,
        Fault::Io(error) => matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem),
        Fault::Gone => false,
    };
    let source = Box::new(fault);
    if lasting {
        ObjectError::Refused { key, source }
    } else {
        ObjectError::Unavailable { key, source }
    }
}

/// The mark of the file's content: no two writes under a key share number, size and time,
/// because each write is a file of its own and time moves on at each replacement.
fn mark(file: &fs::Metadata) -> ETag {
    let nanoseconds = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
    ETag(format!("{nanoseconds:x}-{:x}-{:x}", file.size(), file.ino()))
}

fn meta(key: &ObjectKey, file: &fs::Metadata, attributes: Attributes) -> Meta {
    let nanoseconds = i32::try_from(file.mtime_nsec()).unwrap_or_default();
    let modified = Timestamp::new(file.mtime(), nanoseconds).unwrap_or_default();
    Meta { key: key.clone(), size: file.size(), etag: mark(file), modified, attributes }
}

impl Root {
    fn open(&self, key: &ObjectKey) -> Result<(File, Meta), Fault> {
        let file = File::open(self.path(key)?)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        let attributes = self.attributes(&mark(&found))?;
        Ok((file, meta(key, &found, attributes)))
    }
}

#[async_trait]
impl ObjectStore for FileStore {
    async fn put_new(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        check_attributes(key, attributes)?;
        let attributes = attributes.clone();
        self.run(key, move |root, key| root.put_new(key, &body, &attributes)).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        body: Bytes,
        attributes: &Attributes,
    ) -> Result<ETag, ObjectError> {
        check_attributes(key, attributes)?;
        let attributes = attributes.clone();
        self.run(key, move |root, key| root.put(key, &body, &attributes)).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        let get = |root: &Root, key: &ObjectKey| {
            let (mut file, meta) = root.open(key)?;
            let mut body = Vec::with_capacity(usize::try_from(meta.size).unwrap_or_default());
            file.read_to_end(&mut body)?;
            Ok(Object { meta, body: body.into() })
        };
        self.run(key, get).await
    }

    async fn range(&self, key: &ObjectKey, from: u64, len: usize) -> Result<Bytes, ObjectError> {
        let range = move |root: &Root, key: &ObjectKey| {
            let (mut file, meta) = root.open(key)?;
            let left = meta.size.saturating_sub(from).min(len as u64);
            let mut body = Vec::with_capacity(usize::try_from(left).unwrap_or_default());
            file.seek(SeekFrom::Start(from))?;
            file.take(left).read_to_end(&mut body)?;
            Ok(body.into())
        };
        self.run(key, range).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        self.run(key, |root, key| Ok(root.open(key)?.1)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        let (root, text, after) = (Arc::clone(&self.0), prefix.to_owned(), after.cloned());
        let limit = limit.clamp(1, 1000);
        let work = move || root.list(&text, after.as_ref(), limit);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or(Err(Fault::Gone)).map_err(|fault| failure(prefix, fault))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        match self.run(key, Root::delete).await {
            Err(ObjectError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
