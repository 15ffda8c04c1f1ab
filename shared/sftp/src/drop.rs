//! The drop: a folder of a session.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::Timestamp;
use ports::{DropError, Entry, FileDrop, Known};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{FileAttributes, OpenFlags};
use tokio::sync::Mutex;

use crate::connect::Session;
use crate::failure::{at, is_absent, is_end, is_plain_failure};
use crate::read;

/// Bytes of one write, and writes on the way at once.
const WRITE: usize = 32 << 10;
const SIDE_BY_SIDE: usize = 32;

/// A folder of an SFTP server.
#[derive(Debug)]
pub(crate) struct SftpDrop {
    session: Session,
    root: String,
    /// The file that was read last, which is read on more often than not.
    open: Mutex<Option<Opened>>,
}

#[derive(Debug)]
struct Opened {
    path: String,
    handle: String,
}

impl SftpDrop {
    pub(crate) fn new(session: Session, root: &str) -> Self {
        let root = if root == "/" { "/" } else { root.trim_end_matches('/') };
        Self { session, root: root.to_owned(), open: Mutex::default() }
    }

    /// A path as the server knows it. No name leads out of the drop.
    fn full(&self, path: &str) -> Result<String, DropError> {
        let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
        if !path.split('/').all(plain) {
            let reason = "the path leads out of the drop".to_owned();
            return Err(DropError::Refused { what: format!("`{path}`"), reason });
        }
        Ok(format!("{}/{path}", self.root.trim_end_matches('/')))
    }

    async fn attributes(&self, path: &str) -> Result<FileAttributes, DropError> {
        let full = self.full(path)?;
        let found = self.session.sftp.stat(full).await;
        Ok(found.map_err(|error| at(path, "looking at", error))?.attrs)
    }

    /// Makes the folders that a path lies in. A server that refuses because one is there already
    /// says only that it failed; what is really missing shows when the path is used.
    async fn folders(&self, path: &str) -> Result<(), DropError> {
        let ends = path.match_indices('/').map(|(end, _)| end);
        for folder in ends.filter_map(|end| path.get(..end)) {
            let full = self.full(folder)?;
            match self.session.sftp.mkdir(full, FileAttributes::empty()).await {
                Ok(_) => {}
                Err(error) if is_plain_failure(&error) => {}
                Err(error) => return Err(at(folder, "making the folder", error)),
            }
        }
        Ok(())
    }

    /// The handle of a file, opened unless it is.
    async fn handle(&self, path: &str) -> Result<String, DropError> {
        let mut open = self.open.lock().await;
        if let Some(opened) = open.as_ref().filter(|opened| opened.path == path) {
            return Ok(opened.handle.clone());
        }
        let full = self.full(path)?;
        let (sftp, none) = (&self.session.sftp, FileAttributes::empty());
        let handle = sftp.open(full, OpenFlags::READ, none).await;
        let handle = handle.map_err(|error| at(path, "opening", error))?.handle;
        let opened = Opened { path: path.to_owned(), handle: handle.clone() };
        if let Some(before) = open.replace(opened) {
            self.close(before.handle).await;
        }
        Ok(handle)
    }

    /// Forgets an open file: another may soon stand under its name.
    async fn forget(&self, path: &str) {
        let mut open = self.open.lock().await;
        if let Some(opened) = open.take_if(|opened| opened.path == path) {
            self.close(opened.handle).await;
        }
    }

    /// A handle that cannot be closed ends with the session.
    async fn close(&self, handle: String) {
        let _closed = self.session.sftp.close(handle).await;
    }

    async fn write(&self, handle: &str, body: &Bytes) -> Result<(), Error> {
        let pieces = (0..body.len()).step_by(WRITE).map(|from| {
            let piece = body.slice(from..body.len().min(from + WRITE));
            self.session.sftp.write(handle, from as u64, piece.to_vec())
        });
        stream::iter(pieces).buffered(SIDE_BY_SIDE).try_for_each(|_| async { Ok(()) }).await
    }
}

/// What a listing or a look says of a file.
fn entry(path: String, attributes: &FileAttributes) -> Entry {
    let seconds = i64::from(attributes.mtime.unwrap_or(0));
    let modified = Timestamp::from_second(seconds).unwrap_or_default();
    Entry { path, size: attributes.size.unwrap_or(0), modified }
}

#[async_trait]
impl FileDrop for SftpDrop {
    async fn list(&self, limit: usize) -> Result<Vec<Entry>, DropError> {
        let failed = |error| at(&self.root, "listing", error);
        let sftp = &self.session.sftp;
        let folder = sftp.opendir(self.root.clone()).await.map_err(failed)?.handle;
        let mut found = Vec::new();
        while found.len() < limit {
            let names = match sftp.readdir(folder.clone()).await {
                Ok(names) => names,
                Err(error) if is_end(&error) => break,
                Err(error) => return Err(failed(error)),
            };
            let files = names.files.into_iter().filter(|file| file.attrs.file_type().is_file());
            let safe = files.filter(|file| self.full(&file.filename).is_ok());
            found.extend(safe.map(|file| entry(file.filename, &file.attrs)));
        }
        self.close(folder).await;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.truncate(limit);
        Ok(found)
    }

    async fn stat(&self, path: &str) -> Result<Known, DropError> {
        let attributes = self.attributes(path).await?;
        Ok(Known { entry: entry(path.to_owned(), &attributes), tags: BTreeMap::new() })
    }

    async fn read(&self, path: &str, offset: u64, len: usize) -> Result<Bytes, DropError> {
        let handle = self.handle(path).await?;
        let read = read::range(&self.session, &handle, offset, len).await;
        read.map_err(|error| at(path, "reading", error))
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let (source, target) = (self.full(from)?, self.full(to)?);
        self.forget(from).await;
        self.attributes(from).await?;
        match self.attributes(to).await {
            Ok(_) => return Err(DropError::Exists { path: to.to_owned() }),
            Err(DropError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.folders(to).await?;
        let moved = self.session.sftp.rename(source, target).await;
        moved.map(|_| ()).map_err(|error| at(from, "moving", error))
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        let full = self.full(path)?;
        self.forget(path).await;
        match self.session.sftp.remove(full).await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(at(path, "removing", error)),
        }
    }

    async fn put(&self, path: &str, body: Bytes) -> Result<(), DropError> {
        let full = self.full(path)?;
        self.forget(path).await;
        self.folders(path).await?;
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let failed = |error| at(path, "writing", error);
        let opened = self.session.sftp.open(full, flags, FileAttributes::empty()).await;
        let handle = opened.map_err(failed)?.handle;
        self.write(&handle, &body).await.map_err(failed)?;
        self.session.sftp.close(handle).await.map_err(failed)?;
        Ok(())
    }
}
