//! Copies each customer's rows out of the lake: the rows of its tenants, and of no others.
//!
//! A copy stands in a folder of its own, which nobody looks into until its manifest is there and
//! `current.json` names it; so readers see a whole copy or the one before. A copy that dies is
//! never named, and removed later.
//!
//! ```text
//! <target>/current.json
//! <target>/exports/<instant>-<id>/manifest.json
//! <target>/exports/<instant>-<id>/<view>/…parquet
//! ```

mod copy;
mod keep;
pub mod manifest;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use lake::curated::CuratedError;
use model::{Classify, KeyError, Metric, ObjectKey, Retry, Timestamp};
use ports::{Clock, Deadline, Ids, Metrics, ObjectError, ObjectStore, QueryError, Unload};
use serde::{Deserialize, Serialize};

use crate::configuration::{self, Configuration};
use keep::Place;
use manifest::Manifest;

/// No customer is begun when less than this is left of the time.
const RESERVE: Duration = Duration::from_mins(3);

/// A copy may be this much younger than its file asks for when it is made anew: so a daily one
/// stays daily.
const EARLY: Duration = Duration::from_mins(30);

/// Why the function runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// One customer: `{"customer": "meadow"}`.
    Customer {
        /// The name of its file.
        customer: String,
    },
    /// Whoever's copy is older than its file asks for: `{"due": true}`.
    Due {
        /// Always true.
        due: bool,
    },
    /// Every customer: `{"all": true}`.
    All {
        /// Always true.
        all: bool,
    },
}

/// What this function works with.
#[derive(Debug)]
pub struct Deps {
    /// Customers, streams and models.
    pub configuration: Arc<Configuration>,
    /// Where copies stand.
    pub lake: Arc<dyn ObjectStore>,
    /// Makes them.
    pub engine: Arc<dyn Unload>,
    /// Instants, and names of copies.
    pub time: Time,
    /// Numbers.
    pub metrics: Arc<dyn Metrics>,
}

/// Time and chance.
#[derive(Debug, Clone)]
pub struct Time {
    /// Instants.
    pub clock: Arc<dyn Clock>,
    /// What tells copies of one instant apart.
    pub ids: Arc<dyn Ids>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Copies that were made.
    pub exported: Vec<Exported>,
    /// Customers whose copies are young enough.
    pub fresh: u64,
    /// Customers for whom no time was left.
    pub left: Vec<String>,
}

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Whose.
    pub customer: String,
    /// Its manifest.
    pub manifest: ObjectKey,
    /// Views.
    pub relations: usize,
    /// Files.
    pub files: usize,
    /// Rows.
    pub rows: u64,
    /// Older copies that were removed.
    pub removed: usize,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// A view was not copied.
    #[error("`{relation}` was not copied")]
    Unload {
        /// The view.
        relation: String,
        /// Why.
        #[source]
        source: QueryError,
    },
    /// The lake is out of reach.
    #[error(transparent)]
    Lake(#[from] ObjectError),
    /// A name that is part of no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file that was just written is no Parquet.
    #[error("`{key}` cannot be counted")]
    File {
        /// The file.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CuratedError,
    },
    /// A manifest that cannot be written down or read.
    #[error("a manifest cannot be used")]
    Manifest(#[from] serde_json::Error),
    /// Copies of these customers were not made; the others' were.
    #[error("no copy for {}", .customers.join(", "))]
    Customers {
        /// Names of their files.
        customers: Vec<String>,
        /// The first one's reason.
        #[source]
        source: Box<Self>,
    },
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Configuration(error) => error.retry(),
            Self::Unload { source, .. } => source.retry(),
            Self::Lake(error) => error.retry(),
            Self::Key(_) | Self::File { .. } | Self::Manifest(_) => Retry::Never,
            Self::Customers { source, .. } => source.retry(),
        }
    }
}

/// Makes the copies that an event asks for.
#[tracing::instrument(skip_all)]
pub async fn handle(deps: &Deps, event: Event, deadline: Deadline) -> Result<Outcome, Error> {
    let only_due = matches!(event, Event::Due { .. });
    let customers = match event {
        Event::Customer { customer } => vec![customer],
        Event::Due { .. } | Event::All { .. } => deps.configuration.customers().await?,
    };
    let mut outcome = Outcome::default();
    let mut failed: Vec<(String, Error)> = Vec::new();
    for customer in customers {
        if deadline.remaining(deps.time.clock.as_ref()) < RESERVE {
            outcome.left.push(customer);
            continue;
        }
        match customer_copy(deps, &customer, only_due).await {
            Ok(Some(exported)) => outcome.exported.push(exported),
            Ok(None) => outcome.fresh += 1,
            Err(error) => {
                tracing::error!(customer, error = &error as &dyn std::error::Error, "no copy");
                failed.push((customer, error));
            }
        }
    }
    let customers = failed.iter().map(|(customer, _)| customer.clone()).collect();
    match failed.into_iter().next() {
        Some((_, source)) => Err(Error::Customers { customers, source: Box::new(source) }),
        None => Ok(outcome),
    }
}

/// Makes one customer's copy, unless it is young enough.
async fn customer_copy(
    deps: &Deps,
    customer: &str,
    only_due: bool,
) -> Result<Option<Exported>, Error> {
    let file = deps.configuration.customer(customer).await?;
    let place = Place::new(deps, &file.target);
    let now = deps.time.clock.now();
    if only_due && !is_due(&place, file.age(), now).await? {
        return Ok(None);
    }
    let export = place.name(now);
    let mut relations = deps.configuration.relations().await?;
    relations.retain(|view| file.relations.as_ref().is_none_or(|names| names.contains(&view.name)));
    let copies = copy::copy_all(deps, &relations, &file.tenants, &place.folder(&export)?).await?;
    let manifest = Manifest {
        customer: customer.to_owned(),
        export,
        tenants: file.tenants.clone(),
        started: now,
        at: deps.time.clock.now(),
        relations: copies,
    };
    let key = place.publish(&manifest).await?;
    let removed = place.tidy(&manifest.export, file.copies()).await?;
    let rows = manifest.relations.iter().map(|copy| copy.rows).sum();
    deps.metrics.count(Metric::CopiesExported, 1);
    deps.metrics.count(Metric::RowsExported, rows);
    let exported = Exported {
        customer: customer.to_owned(),
        manifest: key,
        relations: manifest.relations.len(),
        files: manifest.relations.iter().map(|copy| copy.files.len()).sum(),
        rows,
        removed,
    };
    tracing::info!(customer, rows, files = exported.files, "exported");
    Ok(Some(exported))
}

async fn is_due(place: &Place<'_>, age: Duration, now: Timestamp) -> Result<bool, Error> {
    let Some(current) = place.current().await? else { return Ok(true) };
    let old = Duration::try_from(now.duration_since(current.at)).unwrap_or_default();
    Ok(old + EARLY >= age)
}
