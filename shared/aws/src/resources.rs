//! What a deployed stack gives its functions, by the names that the templates write into their
//! environments.

use std::sync::Arc;

use host::{VarError, Vars};
use ports::{Clock, ObjectStore, Queue, Secrets, Table, Uploads};

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
/// - `TRANSFORM_QUEUE_URL`, `TRANSFORM_DEAD_LETTERS_URL`: commits that models take in, and those
///   that none can.
/// - `FILES_QUEUE_URL`, `FILES_DEAD_LETTERS_URL`: looks at places of partners' files, and those that
///   failed for good.
/// - `PUSH_QUEUE_URL`, `PUSH_DEAD_LETTERS_URL`: what wakes pushes, and what wakes none.
/// - `SECRETS_PREFIX`: tenants' secrets are named `<prefix>/<tenant>/<name>`.
///
/// All of them are required, besides those of [`Aws`].
#[derive(Debug, Clone)]
pub struct Resources {
    /// The lake.
    pub lake: Arc<dyn ObjectStore>,
    /// The lake, as it takes objects in parts.
    pub uploads: Arc<dyn Uploads>,
    /// State.
    pub table: Arc<dyn Table>,
    /// Extract jobs.
    pub jobs: Arc<dyn Queue>,
    /// Commits that models take in.
    pub transforms: Arc<dyn Queue>,
    /// Looks at places of partners' files.
    pub files: Arc<dyn Queue>,
    /// What wakes pushes.
    pub pushes: Arc<dyn Queue>,
    /// Tenants' secrets.
    pub secrets: Arc<dyn Secrets>,
}

impl Resources {
    /// Reads the variables.
    pub fn from_vars(vars: &Vars, clock: &Arc<dyn Clock>) -> Result<Self, VarError> {
        let aws = Arc::new(Aws::from_vars(vars)?);
        let shared = || Arc::clone(&aws);
        let queue = |queue: &str, dead_letters: &str| -> Result<Arc<dyn Queue>, VarError> {
            let urls = QueueUrls {
                queue: vars.required(queue)?,
                dead_letters: vars.required(dead_letters)?,
            };
            Ok(Arc::new(SqsQueue::new(shared(), urls, Arc::clone(clock))))
        };
        let table = DynamoTable::new(shared(), vars.required("STATE_TABLE")?, Arc::clone(clock));
        let lake = Arc::new(S3Store::new(shared(), vars.required("LAKE_BUCKET")?));
        Ok(Self {
            uploads: Arc::<S3Store>::clone(&lake),
            lake,
            table: Arc::new(table),
            jobs: queue("JOBS_QUEUE_URL", "JOBS_DEAD_LETTERS_URL")?,
            transforms: queue("TRANSFORM_QUEUE_URL", "TRANSFORM_DEAD_LETTERS_URL")?,
            files: queue("FILES_QUEUE_URL", "FILES_DEAD_LETTERS_URL")?,
            pushes: queue("PUSH_QUEUE_URL", "PUSH_DEAD_LETTERS_URL")?,
            secrets: Arc::new(SecretsManager::new(shared(), vars.required("SECRETS_PREFIX")?)),
        })
    }
}
