//! Ground for tests.

use std::sync::Arc;

use host::{SystemClock, SystemIds};
use ports::{Clock, Ids};
use tempfile::TempDir;

use crate::Database;

/// A database in a folder that goes with the guard.
pub(crate) fn scratch_database() -> (Database, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("state.sqlite")).unwrap();
    (database, folder)
}

/// The machine's clock and ids.
pub(crate) fn system() -> (Arc<dyn Clock>, Arc<dyn Ids>) {
    (Arc::new(SystemClock), Arc::new(SystemIds))
}
