//! Keeps views of models cheap: what receipts and curated objects say becomes a snapshot, and goes.
//!
//! A compaction reads a fixed set: receipts, the curated objects that they name, the snapshot that
//! counts. It writes what of these may still matter as the next snapshot, makes that count by one
//! conditional write, and only then, after a time in which statements that began before may end,
//! removes exactly what it read. So it may lag, run twice at once and die anywhere; what arrives
//! meanwhile stays beside the snapshot.

mod remove;
mod rows;
mod snapshot;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lake::curated::{CuratedError, CuratedKey, Layer, pointers_prefix};
use lake::{CommitError, KeyFault, ModelTable};
use model::{Classify, Metric, ModelName, ObjectKey, Retry, TenantId};
use ports::{Deadline, Metrics, ObjectError, ObjectStore, ObjectStoreExt, Queue, QueueError};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};

use crate::configuration::{self, Configuration};
use crate::tables::model_table;

/// Nothing new is begun when less than this is left of the time.
const RESERVE: Duration = Duration::from_mins(2);

/// How much is done, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A sweep compacts where there are at least so many receipts.
    pub least: usize,
    /// Most receipts of one compaction; the others are left for the next one.
    pub most: usize,
    /// Most records that are compared at a time: about 250 bytes each. Where there are more, all
    /// is read once more for every so many.
    pub records: u64,
    /// A file of a snapshot is closed when it has so many bytes.
    pub file: usize,
    /// What a snapshot stands for is removed after this: no statement lasts longer.
    pub grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            least: 24,
            most: 10_000,
            records: 500_000,
            file: 64 * 1024 * 1024,
            grace: Duration::from_hours(1),
        }
    }
}

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// Models.
    pub configuration: Arc<Configuration>,
    /// Curated objects, receipts, snapshots, pointers.
    pub lake: Arc<dyn ObjectStore>,
    /// Which snapshot counts.
    pub store: Store,
    /// Where commits are told that have to be taken in once more.
    pub transform: Arc<dyn Queue>,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
    /// How much is done, and when.
    pub pace: Pace,
}

/// Why the function runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Compact a tenant's rows of a model, however few receipts there are.
    One {
        /// The model.
        model: ModelName,
        /// The tenant.
        tenant: TenantId,
    },
    /// Compact wherever it is worth while, and remove what is due: `{"sweep": true}`.
    Sweep {
        /// Always true.
        sweep: bool,
    },
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Snapshots that were made.
    pub snapshots: u64,
    /// Rows in them.
    pub rows: u64,
    /// Receipts that they stand for.
    pub receipts: u64,
    /// Objects that were removed.
    pub removed: u64,
    /// Snapshots that were given up because somebody else was faster.
    pub raced: u64,
    /// Commits that are taken in once more, because their rows are missing.
    pub retold: u64,
    /// Whether the time ran out before everything was looked at.
    pub more: bool,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] configuration::Error),
    /// A key that is none of the lake's, or cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A receipt, pointer or list that cannot be read.
    #[error("`{key}` cannot be read")]
    Line {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// Rows that cannot be read. Where a field's type has changed, replay the model first.
    #[error("rows of `{key}`: {source}")]
    Rows {
        /// The object.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CuratedError,
    },
    /// What a snapshot holds cannot be written down.
    #[error("a snapshot cannot be encoded: {0}")]
    Encode(#[from] CuratedError),
    /// A pointer or list cannot be written down.
    #[error("a pointer cannot be encoded")]
    Pointer(#[source] CommitError),
    /// A message cannot be written down.
    #[error("a message cannot be encoded")]
    Message(#[from] serde_json::Error),
    /// The lake is out of reach.
    #[error("the lake is out of reach: {0}")]
    Lake(#[from] ObjectError),
    /// State is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Work cannot be enqueued.
    #[error("work cannot be enqueued")]
    Queue(#[from] QueueError),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Key(_)
            | Self::Line { .. }
            | Self::Rows { .. }
            | Self::Encode(_)
            | Self::Pointer(_)
            | Self::Message(_) => Retry::Never,
            Self::Configuration(error) => error.retry(),
            Self::Lake(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Queue(error) => error.retry(),
        }
    }
}

/// A tenant's rows of a model.
struct Place<'a> {
    deps: &'a Deps,
    table: &'a ModelTable,
    tenant: &'a TenantId,
}

/// Compacts, and removes what is due.
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    match event {
        Event::One { model, tenant } => {
            let table = model_table(&model, deps.configuration.model(&model).await?.as_ref());
            Place { deps, table: &table, tenant: &tenant }.visit(1, &mut outcome).await?;
        }
        Event::Sweep { .. } => sweep(deps, deadline, &mut outcome).await?,
    }
    deps.metrics.count(Metric::RowsCompacted, outcome.rows);
    tracing::info!(
        snapshots = outcome.snapshots,
        rows = outcome.rows,
        receipts = outcome.receipts,
        removed = outcome.removed,
        raced = outcome.raced,
        retold = outcome.retold,
        more = outcome.more,
        "compacted"
    );
    Ok(outcome)
}

/// Visits every tenant of every model. One that fails holds up no other; the first error is
/// told in the end.
async fn sweep(deps: &Deps, deadline: Deadline, outcome: &mut Outcome) -> Result<(), Error> {
    let mut first = None;
    for table in tables(deps).await? {
        for tenant in tenants(deps, &table.model).await? {
            if deadline.remaining(deps.store.clock().as_ref()) < RESERVE {
                outcome.more = true;
                return first.map_or(Ok(()), Err);
            }
            let place = Place { deps, table: &table, tenant: &tenant };
            if let Err(error) = place.visit(deps.pace.least, outcome).await {
                place.failed(&error);
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// All models that can be used.
async fn tables(deps: &Deps) -> Result<Vec<ModelTable>, Error> {
    let mut tables = Vec::new();
    for model in deps.configuration.models().await? {
        match deps.configuration.model(&model).await {
            Ok(compiled) => tables.push(model_table(&model, compiled.as_ref())),
            Err(error) => tracing::error!(%model, %error, "a model cannot be used"),
        }
    }
    Ok(tables)
}

/// The tenants that have receipts or a snapshot of a model.
async fn tenants(deps: &Deps, model: &ModelName) -> Result<Vec<TenantId>, Error> {
    let mut tenants = BTreeSet::new();
    for meta in deps.lake.list_all(&Layer::Receipts.prefix(model)).await? {
        if let Ok(key) = CuratedKey::parse(&meta.key) {
            tenants.insert(key.tenant);
        }
    }
    for meta in deps.lake.list_all(&pointers_prefix(model)).await? {
        let tenant = meta.key.as_str().split('/').find_map(|part| part.strip_prefix("tenant="));
        if let Some(tenant) = tenant.and_then(|tenant| tenant.parse().ok()) {
            tenants.insert(tenant);
        }
    }
    Ok(tenants.into_iter().collect())
}

impl Place<'_> {
    fn failed(&self, error: &Error) {
        let (model, tenant) = (&self.table.model, self.tenant);
        tracing::error!(%model, %tenant, %error, "rows cannot be compacted");
    }

    /// Removes what is due, compacts where there are enough receipts, and removes that when no
    /// time has to pass.
    async fn visit(&self, least: usize, outcome: &mut Outcome) -> Result<(), Error> {
        self.remove(outcome).await?;
        self.compact(least, outcome).await?;
        self.remove(outcome).await
    }
}
