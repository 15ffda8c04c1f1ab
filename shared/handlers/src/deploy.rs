//! Brings a database in line with the configuration: tables over the lake's folders, and the views
//! that people query.
//!
//! What was defined, and by which statement, is noted beside the lake, so that a second run does
//! nothing. A table whose tenants or months changed is altered in place; one whose columns changed
//! is dropped and created, which touches no data, as all tables are external.

mod found;
mod noted;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use lake::Sha256Hex;
use lake::ddl::{self, Catalog};
use model::{Classify, Retry};
use ports::{Clock, Definitions, ObjectError, ObjectStore, QueryError, RelationKind};
use serde::Serialize;

use crate::configuration::{self, Configuration};
use noted::{Noted, Notes};

/// What deploying works with.
#[derive(Debug)]
pub struct Deps {
    /// Sources, models and tenants.
    pub configuration: Arc<Configuration>,
    /// The lake.
    pub lake: Arc<dyn ObjectStore>,
    /// The database.
    pub database: Arc<dyn Definitions>,
    /// The present month.
    pub clock: Arc<dyn Clock>,
}

/// Where the database and the lake are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The database's name.
    pub database: String,
    /// What stands before an object's key: `s3://bucket/`.
    pub root: String,
}

/// What became of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It was not there.
    Created,
    /// A table that has other tenants, connections or months now.
    Altered,
    /// It is defined anew.
    Replaced,
    /// It is as it was.
    Unchanged,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Each relation, in the order of their definition.
    pub relations: Vec<(String, Done)>,
    /// Relations of ours that nothing asks for any more. They stay.
    pub left: Vec<String>,
    /// First month that has data.
    pub first_month: String,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// There is nobody whose data tables could be over.
    #[error("there are no tenants: write their files first")]
    Nobody,
    /// A statement failed. What was done before it is noted.
    #[error("`{relation}` was not defined")]
    Define {
        /// The relation.
        relation: String,
        /// Why.
        #[source]
        source: QueryError,
    },
    /// The catalogue cannot be read.
    #[error("the database's relations cannot be listed")]
    List(#[source] QueryError),
    /// The lake is out of reach.
    #[error(transparent)]
    Lake(#[from] ObjectError),
    /// Notes that cannot be written down or read.
    #[error("what was defined cannot be noted")]
    Notes(#[from] serde_json::Error),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Configuration(error) => error.retry(),
            Self::Nobody | Self::Notes(_) => Retry::Never,
            Self::Define { source, .. } | Self::List(source) => source.retry(),
            Self::Lake(error) => error.retry(),
        }
    }
}

/// Defines what is missing or different.
pub async fn deploy(deps: &Deps, place: &Place) -> Result<Deployed, Error> {
    let catalog = found::catalog(deps, place).await?;
    let statements = statements(&deps.configuration, &catalog).await?;
    let there = deps.database.relations().await.map_err(Error::List)?;
    let mut notes = Notes::read(deps.lake.as_ref()).await?;
    let mut deployed = Deployed { first_month: catalog.first_month, ..Deployed::default() };
    let mut failed = None;
    for statement in &statements {
        let known = notes.of(&statement.name).filter(|_| there.contains_key(&statement.name));
        let is_there = there.contains_key(&statement.name);
        match define(deps, statement, known, is_there).await {
            Ok(done) => {
                notes.note(statement.name.clone(), statement.noted());
                deployed.relations.push((statement.name.clone(), done));
            }
            Err(source) => {
                failed = Some(Error::Define { relation: statement.name.clone(), source });
                break;
            }
        }
    }
    let wanted: BTreeSet<&str> = statements.iter().map(|s| s.name.as_str()).collect();
    let left = notes.names().filter(|n| there.contains_key(*n) && !wanted.contains(n));
    deployed.left = left.map(str::to_owned).collect();
    notes.write(deps.lake.as_ref()).await?;
    failed.map_or(Ok(deployed), Err)
}

async fn define(
    deps: &Deps,
    statement: &Statement,
    known: Option<&Noted>,
    is_there: bool,
) -> Result<Done, QueryError> {
    let noted = statement.noted();
    if known == Some(&noted) {
        return Ok(Done::Unchanged);
    }
    let database = deps.database.as_ref();
    if is_there && statement.kind == RelationKind::Table {
        let place = format!("{}.`{}`", statement.database, statement.name);
        if known.is_some_and(|known| known.head == noted.head) {
            let alter = format!("ALTER TABLE {place} SET TBLPROPERTIES {}", statement.properties);
            database.define(&alter).await?;
            return Ok(Done::Altered);
        }
        database.define(&format!("DROP TABLE IF EXISTS {place}")).await?;
    }
    database.define(&statement.sql).await?;
    Ok(if is_there { Done::Replaced } else { Done::Created })
}

/// All statements, in an order in which each finds what it names.
async fn statements(
    configuration: &Configuration,
    catalog: &Catalog,
) -> Result<Vec<Statement>, configuration::Error> {
    let streams = configuration.stream_tables().await?;
    let models = configuration.model_tables().await?;
    let streams = streams.iter().flat_map(|table| ddl::athena(table, catalog));
    let models = models.iter().flat_map(|table| ddl::athena_model(table, catalog));
    Ok(streams.chain(models).filter_map(Statement::of).collect())
}

/// A statement, taken apart as far as it matters whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    sql: String,
    kind: RelationKind,
    /// The database, quoted.
    database: String,
    name: String,
    /// What a table's properties are; empty for views.
    properties: String,
}

const TABLE: &str = "CREATE EXTERNAL TABLE IF NOT EXISTS ";
const VIEW: &str = "CREATE OR REPLACE VIEW ";
const PROPERTIES: &str = "TBLPROPERTIES ";

impl Statement {
    /// Takes a statement of [`ddl`] apart.
    fn of(sql: String) -> Option<Self> {
        let (kind, rest) = match sql.strip_prefix(TABLE) {
            Some(rest) => (RelationKind::Table, rest),
            None => (RelationKind::View, sql.strip_prefix(VIEW)?),
        };
        let (database, rest) = rest.split_once('.')?;
        let quote = rest.chars().next()?;
        let (name, _) = rest.strip_prefix(quote)?.split_once(quote)?;
        let properties = match kind {
            RelationKind::Table => sql.split_once(PROPERTIES)?.1.to_owned(),
            RelationKind::View => String::new(),
        };
        let (database, name) = (database.to_owned(), name.to_owned());
        Some(Self { sql, kind, database, name, properties })
    }

    fn noted(&self) -> Noted {
        let head = self.sql.strip_suffix(&self.properties).unwrap_or(&self.sql);
        let digest = |text: &str| Sha256Hex::of(text.as_bytes()).as_str().to_owned();
        Noted { head: digest(head), properties: digest(&self.properties) }
    }
}
