//! Every version of a row: where it comes from, which one is shown, and why the others are not.

mod found;
mod key;
#[cfg(test)]
mod tests;
mod verdict;

use lake::curated::CuratedError;
use lake::{CommitError, KeyFault};
use model::{Classify, ModelName, ObjectKey, Retry, RunId, TenantId};
use ports::{ObjectError, ObjectStore};
use serde::Serialize;

use crate::configuration::{self, Configuration};
use crate::quarantine;

/// Most versions that are told.
const MOST: usize = 1000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The model.
    pub model: ModelName,
    /// Among this tenant's rows; among all when there is none.
    pub tenant: Option<TenantId>,
    /// The record's key, as `_record_key` has it, or its values alone, separated by commas; or
    /// the values of the model's own key fields.
    pub key: String,
}

/// A version of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Whether the view shows it.
    pub shown: bool,
    /// Why, in a sentence.
    pub because: String,
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: String,
    /// Source and stream.
    pub stream: String,
    /// The record's key.
    pub record_key: String,
    /// What it is: `row`, `none` for a record without rows, `gone` for a tombstone.
    pub kind: &'static str,
    /// The row's place in its record's list.
    pub place: Option<i64>,
    /// The record's place in its stream's order.
    pub cursor: Option<String>,
    /// When its page was asked for.
    pub request_start: String,
    /// Run.
    pub run: String,
    /// Landing object.
    pub object: String,
    /// Line of it, from 1.
    pub line: i64,
    /// Page of the walk.
    pub page: i64,
    /// The curated object or snapshot that holds it.
    pub file: ObjectKey,
    /// The model's version.
    pub version: i64,
    /// The model's revision, while its receipt is there.
    pub revision: Option<String>,
    /// The commit, while its receipt is there.
    pub commit: Option<ObjectKey>,
}

/// What was refused of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Landing object.
    pub object: ObjectKey,
    /// Line of it, from 1.
    pub line: Option<u64>,
    /// Run.
    pub run: RunId,
    /// The model's revision.
    pub revision: String,
    /// Field, rule, and what was found, by type and shape.
    pub broken: Vec<String>,
}

/// What is known of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its versions, the one that is shown first, then the newest first.
    pub versions: Vec<Version>,
    /// What was refused.
    pub refused: Vec<Refused>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// The lake is out of reach.
    #[error("the lake is out of reach")]
    Lake(#[from] ObjectError),
    /// A key that is none of the lake's.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A receipt or pointer that cannot be read.
    #[error("`{key}` cannot be read")]
    Text {
        /// Where it stands.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// A curated object that cannot be read.
    #[error("`{key}` cannot be read")]
    Rows {
        /// Where it stands.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CuratedError,
    },
    /// The quarantine cannot be read.
    #[error(transparent)]
    Quarantine(#[from] quarantine::Error),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Configuration(error) => error.retry(),
            Self::Lake(error) => error.retry(),
            Self::Key(_) | Self::Text { .. } | Self::Rows { .. } => Retry::BadData,
            Self::Quarantine(error) => error.retry(),
        }
    }
}

/// Finds every version of a row.
pub async fn why(
    configuration: &Configuration,
    lake: &dyn ObjectStore,
    question: &Question,
) -> Result<Answer, Error> {
    let model = configuration.model(&question.model).await?;
    let key_fields: Vec<_> = crate::tables::fields(&model)
        .enumerate()
        .filter(|(n, _)| model.key.contains(n))
        .map(|(_, (name, kind))| lake::curated::Column::optional(name, kind))
        .collect();
    let shelves = found::Shelves::read(lake, question).await?;
    let records = shelves.records(lake, question, &key_fields).await?;
    let held = shelves.versions(lake, &records).await?;
    let mut versions = verdict::judged(held, &shelves);
    versions.truncate(MOST);
    Ok(Answer { versions, refused: refused(lake, question).await? })
}

async fn refused(lake: &dyn ObjectStore, question: &Question) -> Result<Vec<Refused>, Error> {
    let filter = quarantine::Filter {
        models: vec![question.model.clone()],
        tenant: question.tenant.clone(),
    };
    let mut refused = Vec::new();
    for file in quarantine::files(lake, &filter).await? {
        for entry in quarantine::entries(lake, &file).await? {
            let is_asked = entry.key.as_ref().is_some_and(|k| key::is_asked(k, &question.key));
            if !is_asked || refused.len() == MOST {
                continue;
            }
            let broken = entry.violations.iter().map(|broken| {
                let field = broken.field.as_deref().unwrap_or(&broken.path);
                format!("{field}: {} found, {} accepted", broken.found, broken.accepted)
            });
            refused.push(Refused {
                object: entry.object.clone(),
                line: entry.line,
                run: entry.run.clone(),
                revision: entry.revision.to_string(),
                broken: broken.collect(),
            });
        }
    }
    Ok(refused)
}
