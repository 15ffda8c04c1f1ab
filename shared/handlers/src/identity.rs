//! Things that several sources know: rows become observations, and clusters of records hold what
//! a model's rules make of them.

use std::sync::Arc;

use model::{SourceName, Timestamp};
use normalize::identity::{self, Entity, Observation, Outcome, Raw, Record, Rules};
use normalize::{Model, Row};
use store::cluster::{Change, Derived, Scope, Shape};
use store::{Store, StoreError};

/// The rules of a model, as the store's clusters take them.
#[derive(Debug, Clone)]
pub struct ByRules {
    rules: Arc<Rules>,
    digest: String,
    scope: String,
}

/// What became of an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What it changed.
    pub outcome: Outcome,
    /// Why it could not take part.
    pub reason: Option<String>,
    /// The things that are not what they were; none when nothing was written.
    pub change: Option<Change>,
}

impl ByRules {
    /// Rules for the things of one scope, whose ids are its own.
    pub fn new(rules: Arc<Rules>, scope: &Scope) -> Self {
        let digest = rules.digest();
        Self { rules, digest, scope: scope.to_string() }
    }
}

impl Shape for ByRules {
    type Record = Record;
    type Entity = Entity;

    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn name(&self, record: &Record) -> String {
        record.name()
    }

    fn keys(&self, record: &Record) -> Vec<String> {
        record.keys(&self.rules)
    }

    fn join(&self, one: &Record, other: &Record) -> Record {
        one.join(other, &self.rules)
    }

    fn entities(&self, records: &[Record]) -> Vec<Derived<Entity>> {
        let made = identity::entities(&self.rules, &self.scope, records);
        let derived = |entity: Entity| Derived {
            id: entity.id.clone(),
            records: entity.sources.iter().map(identity::Member::name).collect(),
            former: identity::former_ids(&self.scope, &entity),
            entity,
        };
        made.into_iter().map(derived).collect()
    }
}

/// Takes an observation in. Repeating it changes nothing.
pub async fn take(
    store: &Store,
    scope: &Scope,
    shape: &ByRules,
    observation: Observation,
) -> Result<Taken, StoreError> {
    let rejected = |reason: String| {
        Ok(Taken { outcome: Outcome::Rejected, reason: Some(reason), change: None })
    };
    let new = match observation.into_record(&shape.rules) {
        Ok(new) => new,
        Err(rejection) => return rejected(rejection.to_string()),
    };
    match store.clusters(scope, shape).observe(&new).await? {
        Err(overfull) => rejected(overfull.to_string()),
        Ok(observed) => {
            let alone = observed.change.as_ref().is_some_and(|change| change.alone);
            let outcome = observed.record.outcome(&new, observed.standing.as_ref(), alone);
            Ok(Taken { outcome, reason: None, change: observed.change })
        }
    }
}

/// A row as an observation of the record that the model's key names.
pub fn observation(
    model: &Model,
    row: &Row<'_>,
    source: SourceName,
    fetched: Timestamp,
    raw: Raw,
) -> Observation {
    let key = model.key.iter().filter_map(|number| row.cells.get(*number));
    let id = key.map(ToString::to_string).collect::<Vec<_>>().join("/");
    Observation { source, id, fetched, fields: row.fields(model), raw }
}
