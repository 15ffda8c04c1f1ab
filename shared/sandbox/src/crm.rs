//! A CRM with batch operations: a verdict for every item, and a limit of calls in any minute.
//!
//! `POST /crm/oauth/token` gives a token that soon expires; `/crm/v2` holds the operations
//! `customers:batchAdd`, `customers:batchUpdate` and `transactions:batchAdd`.

mod accounts;
mod admin;
mod batch;
mod books;
mod call_log;
mod fault;
mod gate;
mod operation;
mod schema;
mod serve;
mod settings;
mod verdict;

use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;

pub use accounts::{CrmAccount, crm_accounts};
pub(crate) use admin::router as admin_router;

use crate::server::Shared;
use books::Books;
use call_log::CallLog;
use fault::Faults;
use gate::{Meter, Tokens};
use settings::Settings;

/// A body beyond this is not even read.
const MOST_BYTES: usize = 16 << 20;

/// What the CRM knows, and how it behaves at present.
#[derive(Debug)]
pub(crate) struct Crm {
    books: Books,
    tokens: Mutex<Tokens>,
    meter: Mutex<Meter>,
    log: Mutex<CallLog>,
    faults: Mutex<Faults>,
    settings: RwLock<Settings>,
}

impl Crm {
    /// Opens the books that lie in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            books: Books::open(&folder.join("crm.sqlite"))?,
            tokens: Mutex::default(),
            meter: Mutex::default(),
            log: Mutex::default(),
            faults: Mutex::default(),
            settings: RwLock::default(),
        })
    }

    fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Locks, whatever became of the last owner: nothing behind these locks is ever half done.
fn hold<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/oauth/token", post(gate::token))
        .route("/v2/{operation}", post(serve::operation))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}
