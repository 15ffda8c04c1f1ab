//! The data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::{Clock, Ids, ObjectError, TableError};

use crate::{
    Database, DatabaseError, EventStore, FileStore, Notification, SqliteQueue, SqliteScheduler,
    SqliteTable,
};

/// All that one machine needs, in one folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
    database: Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl DataFolder {
    /// Opens a data folder, or makes it.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, DatabaseError> {
        std::fs::create_dir_all(path)?;
        let database = Database::open(&path.join("state.sqlite"))?;
        Ok(Self { path: path.to_owned(), database, clock, ids })
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The objects, under `lake/`.
    pub fn lake(&self) -> Result<FileStore, ObjectError> {
        FileStore::open(self.path.join("lake"), Arc::clone(&self.clock), Arc::clone(&self.ids))
    }

    /// The table.
    pub async fn table(&self) -> Result<SqliteTable, TableError> {
        SqliteTable::open(&self.database, Arc::clone(&self.clock)).await
    }

    /// The objects, telling queues of this folder what happens to them.
    pub async fn lake_with_events(
        &self,
        bucket: &str,
        notifications: Vec<Notification>,
    ) -> Result<EventStore, ObjectError> {
        let (lake, clock) = (Arc::new(self.lake()?), Arc::clone(&self.clock));
        EventStore::open(lake, &self.database, clock, bucket, notifications).await
    }

    /// The schedules.
    pub fn scheduler(&self) -> SqliteScheduler {
        SqliteScheduler::new(&self.database, Arc::clone(&self.clock), Arc::clone(&self.ids))
    }

    /// The queue of this name.
    pub fn queue(&self, name: &str) -> SqliteQueue {
        SqliteQueue::new(&self.database, Arc::clone(&self.clock), name)
    }
}
