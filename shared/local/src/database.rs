//! One SQLite file a data folder.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// How long a writer waits for the writers of other processes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The layout that this version of the program knows.
const LAYOUT: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file is not to be opened, read or written.
    #[error("the local database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder is not to be made.
    #[error("the data folder cannot be made")]
    Folder(#[from] std::io::Error),
    /// A newer version of the program has been here.
    #[error(
        "the data folder was written by a newer version (layout {found}, this one knows {LAYOUT})"
    )]
    Newer {
        /// The layout found.
        found: i64,
    },
    /// Something stored does not read as what it was.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// What it should have been.
        what: &'static str,
    },
    /// The blocking thread died.
    #[error("the database thread ended early")]
    Gone,
}

/// A SQLite file that tables, queues and schedules share; clones share its connection.
///
/// Every process has one connection, behind a mutex, on blocking threads: statements take some
/// microseconds, but a writer may have to wait for another process, which must not hold up the
/// tasks of this one. In WAL mode with `synchronous = NORMAL` a killed process loses nothing that
/// was committed; a power cut may lose the last commits, which is safe here, because objects are
/// synced before the state that describes them is written.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

impl Database {
    /// Opens or makes the file; any number of processes may do so at once.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(64);
        // Two processes that both turn a new file to WAL may meet: one then finds it locked, and
        // done when it asks again.
        let mut turned = Err(DatabaseError::Gone);
        for _ in 0..10 {
            turned = connection
                .pragma_update(None, "journal_mode", "wal")
                .map_err(DatabaseError::Sqlite);
            if turned.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        turned?;
        connection.pragma_update(None, "synchronous", "normal")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match found {
            0 => {
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "user_version", LAYOUT)?;
            }
            LAYOUT => {}
            _ => return Err(DatabaseError::Newer { found }),
        }
        transaction.commit()?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Reads, outside of the caller's thread.
    pub(crate) async fn read<T, E>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let connection = Arc::clone(&self.0);
        let work = move || read(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(DatabaseError::Gone.into()))
    }

    /// Writes in one transaction, which an error takes back. It is the only writer from its first
    /// statement on, so what it reads is what it writes upon.
    pub(crate) async fn write<T, E>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let connection = Arc::clone(&self.0);
        let work = move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(DatabaseError::from)?;
            let value = write(&transaction)?;
            transaction.commit().map_err(DatabaseError::from)?;
            Ok(value)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(DatabaseError::Gone.into()))
    }
}

/// An instant as SQLite holds it: nanoseconds since 1970, up to the year 2262.
pub(crate) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The instant that SQLite holds.
pub(crate) fn instant(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MAX)
}
