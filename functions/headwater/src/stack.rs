//! A deployed stack, by its name: what commands work with when they work on AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::{Athena, Aws, Card, DynamoTable, Patience, S3Store, SecretsManager, SqsQueue, Tools};
use handlers::configuration::Configuration;
use handlers::transform::{self, Work};
use handlers::{files, push};
use host::{SystemClock, SystemIds, Vars};
use model::TenantId;
use ports::{Clock, Message, ObjectStore, QueryError, Queue, Secrets};
use serde::Serialize;
use store::{Store, Timing};

use crate::board::Unmeasured;
use crate::failure::Failure;

/// How long a person waits for one statement.
const PATIENCE: Patience = Patience(Duration::from_mins(30));

/// What a stack has.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) lake: Arc<dyn ObjectStore>,
    pub(crate) store: Store,
    pub(crate) athena: Arc<Athena>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Tenants' secrets, by the prefix of their names.
    secrets: Option<Arc<SecretsManager>>,
    /// Where commits wait to be taken in.
    transforms: Option<SqsQueue>,
    /// Where looks at places of partners' files wait.
    files: Option<SqsQueue>,
    /// What wakes pushes.
    pushes: Option<SqsQueue>,
    /// Where it is.
    pub(crate) place: aws::Place,
}

impl Stack {
    /// Finds a stack by its name. Region and credentials come from the environment.
    pub(crate) async fn open(name: &str) -> Result<Self, Failure> {
        let aws = Arc::new(Aws::from_vars(&Vars::process())?);
        let card = Card::read(&aws, name).await.map_err(Failure::from)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let tools = Tools {
            clock: Arc::clone(&clock),
            ids: Arc::new(SystemIds),
            metrics: Arc::new(Unmeasured),
        };
        let lake: Arc<dyn ObjectStore> =
            Arc::new(S3Store::new(Arc::clone(&aws), card.place.bucket.clone()));
        let table = DynamoTable::new(Arc::clone(&aws), card.table.clone(), Arc::clone(&clock));
        let ids = Arc::new(SystemIds);
        let queue = |urls| SqsQueue::new(Arc::clone(&aws), urls, Arc::clone(&clock));
        let [transforms, files, pushes] =
            [&card.transforms, &card.files, &card.pushes].map(|urls| urls.clone().map(queue));
        let secrets = card.secrets.clone();
        let secrets = secrets.map(|prefix| Arc::new(SecretsManager::new(Arc::clone(&aws), prefix)));
        Ok(Self {
            configuration: Arc::new(Configuration::new(Arc::clone(&lake), "config/")),
            lake,
            store: Store::new(Arc::new(table), Arc::clone(&clock), ids, Timing::default()),
            athena: Arc::new(card.athena(aws, tools, PATIENCE)),
            clock,
            secrets,
            transforms,
            files,
            pushes,
            place: card.place,
        })
    }

    /// Has the stack's own function do works.
    pub(crate) async fn ask(&self, works: &[Work]) -> Result<(), Failure> {
        let queue = self.told(self.transforms.as_ref(), "transforms")?;
        let asked = transform::ask(queue as &dyn Queue, works).await;
        asked.map_err(|error| Failure::of("the stack was not asked", error))
    }

    /// Has the stack's own function do works on files.
    pub(crate) async fn ask_files(&self, works: &[(TenantId, files::Work)]) -> Result<(), Failure> {
        send(self.told(self.files.as_ref(), "files")?, works).await
    }

    /// Has the stack's own function do works on pushes.
    pub(crate) async fn ask_push(&self, works: &[(TenantId, push::Work)]) -> Result<(), Failure> {
        send(self.told(self.pushes.as_ref(), "pushes")?, works).await
    }

    /// Tenants' secrets.
    pub(crate) fn secrets(&self) -> Result<Arc<dyn Secrets>, Failure> {
        let secrets = self.told(self.secrets.as_ref(), "secrets")?;
        Ok(Arc::<SecretsManager>::clone(secrets))
    }

    /// What the stack's database tells of it.
    fn told<'a, T>(&self, told: Option<&'a T>, name: &str) -> Result<&'a T, Failure> {
        let database = &self.place.database;
        let message = || format!("`{database}` says no headwater.{name}: deploy the stack again");
        told.ok_or_else(|| Failure::Input(message()))
    }
}

/// Sends works to a function's queue, each in the group of its tenant.
async fn send<W: Serialize + Sync>(
    queue: &SqsQueue,
    works: &[(TenantId, W)],
) -> Result<(), Failure> {
    let message = |(tenant, work): &(TenantId, W)| -> serde_json::Result<Message> {
        let (body, group) = (serde_json::to_string(work)?, tenant.to_string());
        Ok(Message { body, group, attributes: BTreeMap::new(), not_before: None })
    };
    let failed = |error| Failure::of("the stack cannot be asked so", error);
    let messages = works.iter().map(message).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let sent = (queue as &dyn Queue).send_all(&messages).await;
    sent.map_err(|error| Failure::of("the stack was not asked", error))
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Statement { message } => Self::Input(message),
            error @ (QueryError::TooMany { .. } | QueryError::Refused { .. }) => {
                Self::Input(error.to_string())
            }
            error => Self::of("the query failed", error),
        }
    }
}
