//! Adapters on the file system and SQLite: objects, tables, queues, events, schedules, secrets.
//!
//! A data folder holds all that one machine needs: `lake/` (the objects, as plain files) and
//! `state.sqlite` (items, messages, schedules). Any number of processes may use it at once, and
//! any of them may be killed at any time: what was answered is kept, what was not is there whole
//! or not at all.
//!
//! ```
//! # use std::sync::Arc;
//! # use host::{SystemClock, SystemIds};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let path = scratch.path();
//! let folder = local::DataFolder::open(path, Arc::new(SystemClock), Arc::new(SystemIds))?;
//! let lake = folder.lake()?;
//! let table = folder.table().await?;
//! let jobs = folder.queue("jobs");
//! # Ok(())
//! # }
//! ```
//!
//! It is *not* a server: there is no process besides those that use it.

mod database;
mod events;
mod file_store;
mod folder;
mod queue;
mod scheduler;
mod secrets;
mod table;
#[cfg(test)]
mod testing;

pub use database::{Database, DatabaseError};
pub use events::{EventStore, Happening, Notification};
pub use file_store::FileStore;
pub use folder::DataFolder;
pub use queue::{Depth, SqliteQueue};
pub use scheduler::{Fired, Firing, SqliteScheduler};
pub use secrets::FolderSecrets;
pub use table::SqliteTable;
