//! A drop in a map.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use ports::{Clock, DropError, Drops, Entry, FileDrop, Known, Login};

use crate::clock::{ManualClock, locked};

/// A [`FileDrop`] in memory. Times are whole seconds, as on SFTP servers.
#[derive(Debug)]
pub struct MemoryDrop {
    clock: Arc<dyn Clock>,
    files: Mutex<BTreeMap<String, (Timestamp, Bytes)>>,
}

impl MemoryDrop {
    /// An empty drop that dates its files by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, files: Mutex::default() }
    }

    /// The paths of all files, those in folders too.
    pub fn paths(&self) -> Vec<String> {
        locked(&self.files).keys().cloned().collect()
    }
}

impl Default for MemoryDrop {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::default()))
    }
}

fn absent(path: &str) -> DropError {
    DropError::NotFound { path: path.to_owned() }
}

fn entry(path: &str, (modified, body): &(Timestamp, Bytes)) -> Entry {
    Entry { path: path.to_owned(), size: body.len() as u64, modified: *modified }
}

#[async_trait]
impl FileDrop for MemoryDrop {
    async fn list(&self, limit: usize) -> Result<Vec<Entry>, DropError> {
        let files = locked(&self.files);
        let direct = files.iter().filter(|(path, _)| !path.contains('/'));
        Ok(direct.map(|(path, file)| entry(path, file)).take(limit).collect())
    }

    async fn stat(&self, path: &str) -> Result<Known, DropError> {
        let files = locked(&self.files);
        let file = files.get(path).ok_or_else(|| absent(path))?;
        Ok(Known { entry: entry(path, file), tags: BTreeMap::new() })
    }

    async fn read(&self, path: &str, offset: u64, len: usize) -> Result<Bytes, DropError> {
        let files = locked(&self.files);
        let (_, body) = files.get(path).ok_or_else(|| absent(path))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
        Ok(body.slice(from..from.saturating_add(len).min(body.len())))
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let mut files = locked(&self.files);
        if files.contains_key(to) {
            return Err(DropError::Exists { path: to.to_owned() });
        }
        let file = files.remove(from).ok_or_else(|| absent(from))?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        locked(&self.files).remove(path);
        Ok(())
    }

    async fn put(&self, path: &str, body: Bytes) -> Result<(), DropError> {
        let now = Timestamp::from_second(self.clock.now().as_second()).unwrap_or_default();
        locked(&self.files).insert(path.to_owned(), (now, body));
        Ok(())
    }
}

/// [`Drops`] by the names of their hosts.
#[derive(Debug, Default)]
pub struct MemoryDrops(BTreeMap<String, Arc<dyn FileDrop>>);

impl MemoryDrops {
    /// These, by the names of their hosts.
    pub fn of(drops: impl IntoIterator<Item = (String, Arc<dyn FileDrop>)>) -> Self {
        Self(drops.into_iter().collect())
    }
}

#[async_trait]
impl Drops for MemoryDrops {
    async fn open(&self, login: &Login) -> Result<Arc<dyn FileDrop>, DropError> {
        let unknown =
            || DropError::Unavailable { reason: format!("no server `{}`", login.place.host) };
        self.0.get(&login.place.host).cloned().ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    crate::file_drop_contract!(Box::new(super::MemoryDrop::default()));
}
