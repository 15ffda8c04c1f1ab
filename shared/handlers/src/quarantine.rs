//! What was refused: found again, shown with its record, and taken in once more.

mod mask;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::curated::{CuratedKey, Layer, Quarantined, Reason, Receipt};
use lake::{CommitError, KeyFault, LandingKey, Limits, Line, LineReader, ReadError};
use model::{Classify, ModelName, ObjectKey, Retry, TenantId};
use ports::{ObjectError, ObjectStore, ObjectStoreExt};
use serde::Serialize;

pub use mask::masked;

/// Objects read side by side.
const SIDE_BY_SIDE: usize = 8;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these models.
    pub models: Vec<ModelName>,
    /// Of this tenant; of all when there is none.
    pub tenant: Option<TenantId>,
}

impl Filter {
    fn prefixes(&self, layer: Layer) -> Vec<String> {
        let prefix = |model: &ModelName| match &self.tenant {
            Some(tenant) => layer.tenant_prefix(model, tenant),
            None => layer.prefix(model),
        };
        self.models.iter().map(prefix).collect()
    }
}

/// Why something cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake is out of reach.
    #[error("the lake is out of reach")]
    Lake(#[from] ObjectError),
    /// A quarantine file with a line that is none.
    #[error("`{key}` line {line} cannot be read")]
    Entry {
        /// The file.
        key: ObjectKey,
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A receipt that cannot be read.
    #[error("`{key}` cannot be read")]
    Receipt {
        /// The receipt.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// A key that is none of the lake's.
    #[error(transparent)]
    Key(#[from] KeyFault),
}

impl Classify for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Lake(error) => error.retry(),
            Self::Entry { .. } | Self::Receipt { .. } | Self::Key(_) => Retry::BadData,
        }
    }
}

/// What entries have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Group {
    /// Model.
    pub model: ModelName,
    /// Tenant.
    pub tenant: TenantId,
    /// Source and stream: `rutter/orders`.
    pub stream: String,
    /// What was refused.
    pub reason: Reason,
    /// The rule.
    pub rule: String,
    /// The field; empty where it is about more than one.
    pub field: String,
}

/// How often, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Broken rules.
    pub count: u64,
    /// Landing objects.
    pub objects: BTreeSet<ObjectKey>,
    /// What was found the first time, by type and shape.
    pub example: String,
    /// The line of that, in the first of the objects.
    pub line: Option<u64>,
}

/// The quarantine files that a filter lets through, in the order of their keys.
pub async fn files(lake: &dyn ObjectStore, filter: &Filter) -> Result<Vec<ObjectKey>, Error> {
    let mut found = Vec::new();
    for prefix in filter.prefixes(Layer::Quarantine) {
        found.extend(lake.list_all(&prefix).await?.into_iter().map(|meta| meta.key));
    }
    found.retain(|key| CuratedKey::parse(key).is_ok());
    Ok(found)
}

/// The entries of a file.
pub async fn entries(lake: &dyn ObjectStore, key: &ObjectKey) -> Result<Vec<Quarantined>, Error> {
    let body = match lake.get(key).await {
        Ok(object) => object.body,
        // A newer revision has retired it meanwhile.
        Err(ObjectError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let lines = body.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let entry = |(n, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|source| Error::Entry {
            key: key.clone(),
            line: n + 1,
            source,
        })
    };
    lines.map(entry).collect()
}

/// Everything that was refused, counted by what it has in common.
pub async fn summary(
    lake: &dyn ObjectStore,
    filter: &Filter,
) -> Result<BTreeMap<Group, Found>, Error> {
    let files = files(lake, filter).await?;
    let mut read = stream::iter(files.iter().map(|key| entries(lake, key))).buffered(SIDE_BY_SIDE);
    let mut groups: BTreeMap<Group, Found> = BTreeMap::new();
    while let Some(entries) = read.try_next().await? {
        for entry in entries {
            for broken in &entry.violations {
                let group = Group {
                    model: entry.model.clone(),
                    tenant: entry.tenant.clone(),
                    stream: format!("{}/{}", entry.source, entry.stream),
                    reason: entry.reason,
                    rule: broken.rule.clone(),
                    field: broken.field.clone().unwrap_or_default(),
                };
                let found = groups.entry(group).or_default();
                if found.count == 0 {
                    found.example.clone_from(&broken.found);
                    found.line = entry.line;
                }
                found.count += 1;
                found.objects.insert(entry.object.clone());
            }
        }
    }
    Ok(groups)
}

/// The records of some lines of a landing object, as they landed; a line that cannot be read, and
/// those behind an unreadable place, have none.
pub async fn records(
    lake: &dyn ObjectStore,
    object: &ObjectKey,
    lines: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, String>, Error> {
    let codec = LandingKey::parse(object)?.codec;
    let body = match lake.get(object).await {
        Ok(object) => object.body,
        Err(ObjectError::NotFound { .. }) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = BTreeMap::new();
    let last = lines.last().copied().unwrap_or_default();
    let Ok(mut reader) = LineReader::new(body, codec, Limits::default()) else { return Ok(found) };
    for number in 1..=last {
        let text: Result<Option<&[u8]>, ReadError> = reader.next_line();
        let Ok(Some(text)) = text else { break };
        if lines.contains(&number)
            && let Ok(line) = Line::parse(text)
        {
            found.insert(number, line.record.get().to_owned());
        }
    }
    Ok(found)
}

/// The commits of which something was refused, by model, with how much.
pub async fn refused_commits(
    lake: &dyn ObjectStore,
    filter: &Filter,
) -> Result<BTreeMap<(ModelName, ObjectKey), u64>, Error> {
    let mut keys = Vec::new();
    for prefix in filter.prefixes(Layer::Receipts) {
        keys.extend(lake.list_all(&prefix).await?.into_iter().map(|meta| meta.key));
    }
    let mut read = stream::iter(keys.iter().map(|key| receipt(lake, key))).buffered(SIDE_BY_SIDE);
    let mut newest: BTreeMap<(ModelName, ObjectKey), Receipt> = BTreeMap::new();
    while let Some(receipt) = read.try_next().await? {
        let Some(receipt) = receipt else { continue };
        let commit = (receipt.model.clone(), receipt.commit.clone());
        let age = |receipt: &Receipt| (receipt.version, receipt.at, receipt.revision.clone());
        let known = newest.get(&commit).map(age);
        if known.is_none_or(|known| known < age(&receipt)) {
            newest.insert(commit, receipt);
        }
    }
    let has_refused = |receipt: &Receipt| {
        receipt.refused > 0 || receipt.parts.iter().any(|part| part.quarantine.is_some())
    };
    let refused = newest.into_iter().filter(|(_, receipt)| has_refused(receipt));
    Ok(refused.map(|(commit, receipt)| (commit, receipt.refused)).collect())
}

async fn receipt(lake: &dyn ObjectStore, key: &ObjectKey) -> Result<Option<Receipt>, Error> {
    match lake.get(key).await {
        Ok(object) => Receipt::from_json(&object.body)
            .map(Some)
            .map_err(|source| Error::Receipt { key: key.clone(), source }),
        Err(ObjectError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
