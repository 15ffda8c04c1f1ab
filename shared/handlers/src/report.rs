//! The report on files and pushes: what arrived, what went out, what became of each record.
//!
//! It is a fold of the facts that stand in the lake — decisions on files, accepted files, outcomes
//! of batches — so it can be made at any time, for any days, and says the same each time.

mod chart;
pub mod facts;
mod fold;
mod html;
mod limits;
pub mod publish;
mod span;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::delivery::{
    Accepted, AgainKey, BatchOutcome, Day, FactKey, FileCounts, FileEnd, FileFact, FileKey,
    FileVerdict, Origin, Stage,
};
use lake::{CommitError, KeyFault};
use model::config::TenantFile;
use model::{Classify, ObjectKey, PushId, Retry, TenantId, Timestamp};
use ports::{ObjectError, ObjectStore, ObjectStoreExt};
use serde::Serialize;

use crate::configuration::{self, Configuration};
use fold::Fold;

/// Most days of one report.
pub const MOST_DAYS: usize = 92;

/// Most batches that one report reads; what is left out is said.
const MOST_BATCHES: u64 = 200_000;

/// Objects read side by side.
const SIDE_BY_SIDE: usize = 8;

/// What reports are made from.
#[derive(Debug)]
pub struct Deps {
    /// Which feeds and pushes there are.
    pub configuration: Arc<Configuration>,
    /// Where the facts stand.
    pub lake: Arc<dyn ObjectStore>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose files; everybody's when there is none.
    pub tenant: Option<TenantId>,
    /// First day of acceptance.
    pub from: Day,
    /// Last day of acceptance.
    pub to: Day,
    /// The present instant.
    pub now: Timestamp,
}

/// What became of files and records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// When it was made.
    pub made: Timestamp,
    /// Files, in the order of their decision.
    pub files: Vec<FileLine>,
    /// All files together.
    pub total: FileCounts,
    /// What became of records, by push, operation and code.
    pub codes: Vec<CodeLine>,
    /// Calls of each push.
    pub pushes: Vec<PushLine>,
    /// Batches that were not read because there are too many.
    pub left_out: u64,
}

/// What became of one file at one push; of a file that no push takes, or that was refused, once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileLine {
    /// Tenant.
    pub tenant: TenantId,
    /// Feed or model.
    pub origin: Origin,
    /// Where it went; none when it goes nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<PushId>,
    /// Name.
    pub name: String,
    /// Whether these are the records of it that had failed, tried once more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// The file, once its content is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What was decided when it arrived.
    pub verdict: FileVerdict,
    /// How it ended, of accepted files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<FileEnd>,
    /// What became of its rows.
    #[serde(flatten)]
    pub counts: FileCounts,
    /// Whether each of its rows is one of these.
    pub adds_up: bool,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was decided.
    pub at: Timestamp,
}

impl FileLine {
    /// Its name, and whether it is a second try.
    pub fn title(&self) -> String {
        if self.again { format!("{} (again)", self.name) } else { self.name.clone() }
    }

    /// How it ended, in a word: `SUCCESS`, `PARTIAL`, `FAILED`, `PENDING`, `REJECTED`,
    /// `DUPLICATE`, `UNCLASSIFIED`.
    pub fn outcome_word(&self) -> &'static str {
        match (self.verdict, self.outcome) {
            (FileVerdict::Rejected, _) => "REJECTED",
            (FileVerdict::Duplicate, _) => "DUPLICATE",
            (FileVerdict::Unclassified, _) => "UNCLASSIFIED",
            (FileVerdict::Accepted, Some(FileEnd::Partial)) => "PARTIAL",
            (FileVerdict::Accepted, Some(FileEnd::Failed)) => "FAILED",
            (FileVerdict::Accepted, Some(FileEnd::Pending)) => "PENDING",
            (FileVerdict::Accepted, Some(FileEnd::Success) | None) => "SUCCESS",
        }
    }
}

/// How many records ended with a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeLine {
    /// Push.
    pub push: PushId,
    /// Operation.
    pub operation: String,
    /// The API's code, or ours; `-` where there is none.
    pub code: String,
    /// What it meant: `ok`, `failed`, `again`, …
    pub verdict: String,
    /// Records.
    pub records: u64,
}

/// Calls of one push.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PushLine {
    /// Tenant.
    pub tenant: TenantId,
    /// Push.
    pub push: PushId,
    /// Calls that were sent.
    pub calls: u64,
    /// Answers that said "too many".
    pub throttled: u64,
    /// Calls without an answer, and answers that tell of a fault of the API.
    pub faults: u64,
    /// Calls that it may make in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Most calls that any 60 seconds held, by our clocks.
    pub most_in_a_minute: usize,
    /// Half of the answers took at most so long, in milliseconds.
    pub p50_ms: u64,
    /// 95 of 100 answers took at most so long, in milliseconds.
    pub p95_ms: u64,
    /// Time that calls waited for a permit, in milliseconds.
    pub waited_ms: u64,
    /// What happened minute by minute.
    pub minutes: Vec<Minute>,
}

/// One minute of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// Its beginning.
    pub at: Timestamp,
    /// Calls that were sent in it.
    pub calls: u64,
    /// Calls without an answer, throttled ones, faults of the API.
    pub faults: u64,
    /// Records that were decided.
    pub records: u64,
    /// Records that were refused for good.
    pub failed: u64,
    /// Half of the answers took at most so long, in milliseconds.
    pub p50_ms: u64,
    /// 95 of 100 answers took at most so long, in milliseconds.
    pub p95_ms: u64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The days make no sense.
    #[error("a report has 1 to {MOST_DAYS} days, from the earlier to the later")]
    Days,
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// The lake is out of reach.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// A name that has no place in the lake.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A fact cannot be read.
    #[error("`{key}` cannot be read")]
    Fact {
        /// Where it stands.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Days | Self::Key(_) | Self::Fact { .. } => Retry::Never,
            Self::Configuration(error) => error.retry(),
            Self::Store(error) => error.retry(),
        }
    }
}

/// Makes the report.
pub async fn report(deps: &Deps, question: &Question) -> Result<Report, Error> {
    let days = span::days(question.from, question.to).ok_or(Error::Days)?;
    let mut fold = Fold::default();
    let tenants = match &question.tenant {
        Some(tenant) => vec![tenant.clone()],
        None => deps.configuration.tenants().await?,
    };
    for tenant in &tenants {
        let file = deps.configuration.tenant(tenant).await?;
        let routes = routes(&file);
        for (push, used) in &file.pushes {
            let limit = limits::limit(&deps.configuration, used, question.now).await?;
            fold.limit((tenant.clone(), push.clone()), limit);
        }
        for day in &days {
            deps.files(tenant, *day, &routes, &mut fold).await?;
            deps.batches(tenant, *day, &mut fold).await?;
        }
    }
    Ok(fold.finish(question))
}

/// Which pushes take what comes from where.
type Routes = BTreeMap<Origin, BTreeSet<PushId>>;

fn routes(file: &TenantFile) -> Routes {
    let feeds = file.feeds.keys().map(|feed| (Origin::Feed(feed.clone()), BTreeSet::new()));
    let mut routes: Routes = feeds.collect();
    for (push, used) in &file.pushes {
        for source in &used.from {
            let feed = source.feed.clone().map(Origin::Feed);
            let Some(origin) = feed.or_else(|| source.model.clone().map(Origin::Model)) else {
                continue;
            };
            routes.entry(origin).or_default().insert(push.clone());
        }
    }
    routes
}

impl Deps {
    /// Decisions of a day, and files that were accepted.
    async fn files(
        &self,
        tenant: &TenantId,
        day: Day,
        routes: &Routes,
        fold: &mut Fold,
    ) -> Result<(), Error> {
        for (origin, pushes) in routes {
            for key in self.keys(&FileKey::prefix(origin, tenant, day)).await? {
                if let Some(file) = self.read(&key, Accepted::from_json).await? {
                    fold.accepted(&file, pushes);
                }
            }
        }
        for key in self.keys(&AgainKey::prefix(tenant, day)).await? {
            let (place, file) = (AgainKey::parse(&key)?, self.read(&key, Accepted::from_json));
            if let Some(file) = file.await? {
                fold.again(&file, place.push);
            }
        }
        for key in self.keys(&FactKey::prefix(tenant, day)).await? {
            if let Some(fact) = self.read(&key, FileFact::from_json).await? {
                fold.fact(fact);
            }
        }
        Ok(())
    }

    async fn batches(&self, tenant: &TenantId, day: Day, fold: &mut Fold) -> Result<(), Error> {
        let keys = self.keys(&Stage::Batches.prefix(tenant, day)).await?;
        let room = usize::try_from(MOST_BATCHES - fold.batches().min(MOST_BATCHES)).unwrap_or(0);
        fold.left_out(keys.len().saturating_sub(room));
        let read = keys.iter().take(room).map(|key| self.read(key, BatchOutcome::from_json));
        let mut outcomes = stream::iter(read).buffered(SIDE_BY_SIDE);
        while let Some(outcome) = outcomes.try_next().await? {
            if let Some(outcome) = outcome {
                fold.batch(&outcome);
            }
        }
        Ok(())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<ObjectKey>, Error> {
        let found = self.lake.list_all(prefix).await?;
        Ok(found.into_iter().map(|meta| meta.key).collect())
    }

    /// A fact, unless it was removed after it was listed.
    async fn read<T>(
        &self,
        key: &ObjectKey,
        parse: fn(&[u8]) -> Result<T, CommitError>,
    ) -> Result<Option<T>, Error> {
        match self.lake.get(key).await {
            Ok(object) => {
                let fact = parse(&object.body);
                Ok(Some(fact.map_err(|source| Error::Fact { key: key.clone(), source })?))
            }
            Err(ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
