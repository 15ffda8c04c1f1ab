//! What the catalogue knows: where a stack's lake is, and which relations there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use ports::{Definitions, QueryError, RelationKind};

use super::{Athena, Patience, Place, Tools, meant};
use crate::config::Aws;
use crate::error::{Failure, failure};
use crate::sqs::QueueUrls;

/// Athena's name of the account's own catalogue.
const CATALOG: &str = "AwsDataCatalog";

/// Tables of a page of the catalogue.
const TABLES: i32 = 50;

/// A deployed stack, as its database describes it: so a stack's name is all that a command needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Where statements run.
    pub place: Place,
    /// The table of state.
    pub table: String,
    /// Where commits wait to be taken in; stacks of before do not tell.
    pub transforms: Option<QueueUrls>,
    /// Where looks at places of partners' files wait.
    pub files: Option<QueueUrls>,
    /// What wakes pushes.
    pub pushes: Option<QueueUrls>,
    /// How the names of tenants' secrets begin.
    pub secrets: Option<String>,
}

/// The database of a stack: the stack's name with `_` for `-`.
fn database(stack: &str) -> String {
    stack.replace('-', "_").to_ascii_lowercase()
}

impl Card {
    /// Reads the card of a stack.
    pub async fn read(aws: &Aws, stack: &str) -> Result<Self, QueryError> {
        let name = database(stack);
        let ask = aws.athena().get_database().catalog_name(CATALOG).database_name(&name);
        let found = ask.send().await.map_err(|error| unknown(stack, failure(error)))?;
        let parameters = found.database.and_then(|d| d.parameters).unwrap_or_default();
        let parameter = |name: &str| parameters.get(&format!("headwater.{name}")).cloned();
        let required = |field: &str| {
            let reason =
                format!("database `{name}` says no headwater.{field}: deploy the stack again");
            parameter(field).ok_or(QueryError::Refused { reason })
        };
        let place = Place {
            workgroup: required("workgroup")?,
            bucket: required("bucket")?,
            database: name.clone(),
        };
        let queue = |name: &str| {
            let (queue, dead) = (parameter(name), parameter(&format!("{name}_dead_letters")));
            queue.zip(dead).map(|(queue, dead_letters)| QueueUrls { queue, dead_letters })
        };
        Ok(Self {
            table: required("table")?,
            place,
            transforms: queue("transforms"),
            files: queue("files"),
            pushes: queue("pushes"),
            secrets: parameter("secrets"),
        })
    }

    /// Statements on the stack.
    pub fn athena(&self, aws: Arc<Aws>, tools: Tools, patience: Patience) -> Athena {
        Athena::new(aws, self.place.clone(), tools, patience)
    }
}

/// A database that is not there is a stack that is not there.
fn unknown(stack: &str, failure: Failure) -> QueryError {
    let is_missing = failure.code == "MetadataException"
        && failure.message.to_ascii_lowercase().contains("notfound");
    if !is_missing {
        return meant(failure);
    }
    let name = database(stack);
    let reason = format!("there is no database `{name}` of a stack `{stack}` in this region");
    QueryError::Refused { reason }
}

#[async_trait]
impl Definitions for Athena {
    async fn define(&self, sql: &str) -> Result<(), QueryError> {
        self.execute(sql).await.map(drop)
    }

    async fn relations(&self) -> Result<BTreeMap<String, RelationKind>, QueryError> {
        let mut all = BTreeMap::new();
        let mut token = None;
        loop {
            let ask = self
                .aws
                .athena()
                .list_table_metadata()
                .catalog_name(CATALOG)
                .database_name(&self.place.database)
                .max_results(TABLES)
                .set_next_token(token);
            let page = ask.send().await.map_err(|error| meant(failure(error)))?;
            for table in page.table_metadata_list() {
                let is_view = table.table_type() == Some("VIRTUAL_VIEW");
                let kind = if is_view { RelationKind::View } else { RelationKind::Table };
                all.insert(table.name().to_owned(), kind);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}
