//! A deployed stack, by its name: what commands work with when they work on AWS.

use std::sync::Arc;
use std::time::Duration;

use aws::{Athena, Aws, Card, DynamoTable, Patience, S3Store, Tools};
use handlers::configuration::Configuration;
use host::{SystemClock, SystemIds, Vars};
use ports::{Clock, ObjectStore, QueryError};
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
        Ok(Self {
            configuration: Arc::new(Configuration::new(Arc::clone(&lake), "config/")),
            lake,
            store: Store::new(Arc::new(table), Arc::clone(&clock), ids, Timing::default()),
            athena: Arc::new(card.athena(aws, tools, PATIENCE)),
            clock,
            place: card.place,
        })
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
