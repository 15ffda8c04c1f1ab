//! A deployed stack, by its name: what commands work with when they work on AWS.

use std::sync::Arc;
use std::time::Duration;

use aws::{Athena, Aws, Card, DynamoTable, Patience, S3Store, SqsQueue, Tools};
use handlers::configuration::Configuration;
use handlers::transform::{self, Work};
use host::{SystemClock, SystemIds, Vars};
use ports::{Clock, ObjectStore, QueryError, Queue};
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
    /// Where commits wait to be taken in.
    transforms: Option<SqsQueue>,
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
        let transforms = card.transforms.clone().map(queue);
        Ok(Self {
            configuration: Arc::new(Configuration::new(Arc::clone(&lake), "config/")),
            lake,
            store: Store::new(Arc::new(table), Arc::clone(&clock), ids, Timing::default()),
            athena: Arc::new(card.athena(aws, tools, PATIENCE)),
            clock,
            transforms,
            place: card.place,
        })
    }

    /// Has the stack's own function do works.
    pub(crate) async fn ask(&self, works: &[Work]) -> Result<(), Failure> {
        let Some(queue) = &self.transforms else {
            let database = &self.place.database;
            let message =
                format!("`{database}` says no headwater.transforms: deploy the stack again");
            return Err(Failure::Input(message));
        };
        let asked = transform::ask(queue as &dyn Queue, works).await;
        asked.map_err(|error| Failure::of("the stack was not asked", error))
    }
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
