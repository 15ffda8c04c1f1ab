//! What takes partners' files in and sends records out, on this machine.

use std::sync::Arc;

use handlers::configuration::Configuration;
use handlers::files::{self, ConfiguredFeeds};
use handlers::push::{self, Memory, Outside};
use handlers::report::{self, publish};
use http::Policy;
use local::{EventStore, SqliteQueue};
use ports::{Clock, Http, Secrets};
use sftp::SftpDrops;
use store::Store;
use store::budget::Budgets;

use crate::board::Unmeasured;

/// What both work with.
pub(super) struct Delivery<'a> {
    pub(super) configuration: &'a Arc<Configuration>,
    pub(super) secrets: &'a Arc<dyn Secrets>,
    pub(super) lake: &'a Arc<EventStore>,
    pub(super) store: &'a Store,
}

impl Delivery<'_> {
    /// What files works with. Servers are reached as calls are: loopback by the list only.
    pub(super) fn files(&self, policy: Policy, queue: SqliteQueue) -> files::Deps {
        let feeds = ConfiguredFeeds {
            configuration: Arc::clone(self.configuration),
            secrets: Arc::clone(self.secrets),
            drops: Arc::new(SftpDrops::new(policy)),
            lake: Arc::<EventStore>::clone(self.lake),
        };
        files::Deps {
            feeds: Arc::new(feeds),
            lake: Arc::<EventStore>::clone(self.lake),
            store: self.store.clone(),
            queue: Arc::new(queue),
            metrics: Arc::new(Unmeasured),
        }
    }

    /// What reports are made with.
    pub(super) fn reports(&self, clock: Arc<dyn Clock>) -> publish::Deps {
        let facts = report::Deps {
            configuration: Arc::clone(self.configuration),
            lake: Arc::<EventStore>::clone(self.lake),
        };
        publish::Deps { facts, clock, metrics: Arc::new(Unmeasured) }
    }

    /// What push works with.
    pub(super) fn push(&self, http: Arc<dyn Http>, queue: Arc<SqliteQueue>) -> push::Deps {
        push::Deps {
            configuration: Arc::clone(self.configuration),
            outside: Outside {
                http,
                secrets: Arc::clone(self.secrets),
                budgets: Budgets::new(self.store.clone()),
                memory: Arc::new(Memory::default()),
            },
            lake: Arc::<EventStore>::clone(self.lake),
            store: self.store.clone(),
            queue,
            metrics: Arc::new(Unmeasured),
        }
    }
}
