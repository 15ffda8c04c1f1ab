//! What a deployed stack gives its functions, by the names that the templates write into their
//! environments.

use std::sync::Arc;

use host::{VarError, Vars};
use ports::{Clock, ObjectStore, Queue, Secrets, Table};

use crate::config::Aws;
use crate::dynamodb::DynamoTable;
use crate::s3::S3Store;
use crate::secrets::SecretsManager;
use crate::sqs::{QueueUrls, SqsQueue};

/// The stack's resources as ports. Building it makes no call and no client.
///
/// - `LAKE_BUCKET`: bucket of the lake; configuration lies under `config/` in it.
/// - `STATE_TABLE`: table of all state.
/// - `JOBS_QUEUE_URL`, `JOBS_DEAD_LETTERS_URL`: extract jobs, and those that failed for good.
/// - `SECRETS_PREFIX`: tenants' secrets are named `<prefix>/<tenant>/<name>`.
///
/// All of them are required, besides those of [`Aws`].
#[derive(Debug, Clone)]
pub struct Resources {
    /// The lake.
    pub lake: Arc<dyn ObjectStore>,
    /// State.
    pub table: Arc<dyn Table>,
    /// Extract jobs.
    pub jobs: Arc<dyn Queue>,
    /// Tenants' secrets.
    pub secrets: Arc<dyn Secrets>,
}

impl Resources {
    /// Reads the variables.
    pub fn from_vars(vars: &Vars, clock: &Arc<dyn Clock>) -> Result<Self, VarError> {
        let aws = Arc::new(Aws::from_vars(vars)?);
        let shared = || Arc::clone(&aws);
        let urls = QueueUrls {
            queue: vars.required("JOBS_QUEUE_URL")?,
            dead_letters: vars.required("JOBS_DEAD_LETTERS_URL")?,
        };
        let table = DynamoTable::new(shared(), vars.required("STATE_TABLE")?, Arc::clone(clock));
        Ok(Self {
            lake: Arc::new(S3Store::new(shared(), vars.required("LAKE_BUCKET")?)),
            table: Arc::new(table),
            jobs: Arc::new(SqsQueue::new(shared(), urls, Arc::clone(clock))),
            secrets: Arc::new(SecretsManager::new(shared(), vars.required("SECRETS_PREFIX")?)),
        })
    }
}
