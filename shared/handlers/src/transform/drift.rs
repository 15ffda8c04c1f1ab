//! How records differ from their models: noted once, told once.

use std::collections::HashSet;

use lake::Attempt;
use model::{Metric, ObjectKey, Timestamp};
use normalize::{Fact, JsonType};
use store::{DriftScope, Drifted};

use super::models::Known;
use super::{Deps, Error};

/// What is known of a model's differences by now, so that each is asked for once.
#[derive(Debug)]
pub(super) struct Ledger {
    scope: DriftScope,
    told: HashSet<(String, String)>,
}

impl Ledger {
    pub(super) async fn open(deps: &Deps, known: &Known, attempt: &Attempt) -> Result<Self, Error> {
        let scope = DriftScope {
            source: attempt.source.clone(),
            stream: attempt.stream.clone(),
            model: known.name.clone(),
        };
        let mut told = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            let (rows, next) = deps.store.drift(&scope, after.as_deref()).await?;
            let rows = rows.into_iter().filter(|row| row.told);
            told.extend(rows.map(|row| (row.kind, row.path)));
            after = next;
            if after.is_none() {
                return Ok(Self { scope, told });
            }
        }
    }

    /// Tells what nobody was told of yet.
    pub(super) async fn note(
        &mut self,
        deps: &Deps,
        (attempt, object): (&Attempt, &ObjectKey),
        facts: Vec<Fact>,
        at: Timestamp,
    ) -> Result<(), Error> {
        for fact in facts {
            let place = (fact.kind.as_str().to_owned(), fact.path.clone());
            if self.told.contains(&place) {
                continue;
            }
            let types = |types: &normalize::JsonTypes| {
                types.iter().map(JsonType::as_str).map(str::to_owned).collect()
            };
            let drifted = Drifted {
                kind: place.0.clone(),
                path: fact.path,
                found: types(&fact.found),
                expected: types(&fact.expected),
                first_seen: at,
                tenant: attempt.tenant.clone(),
                connection: attempt.connection.clone(),
                object: object.clone(),
                line: None,
                told: false,
            };
            if deps.store.put_drift(&self.scope, &drifted).await? {
                self.tell(deps, &drifted);
                deps.store.drift_told(&self.scope, &drifted).await?;
            }
            self.told.insert(place);
        }
        Ok(())
    }

    fn tell(&self, deps: &Deps, drifted: &Drifted) {
        let DriftScope { source, stream, model } = &self.scope;
        let Drifted { kind, path, found, expected, tenant, connection, object, .. } = drifted;
        tracing::warn!(
            %source, %stream, %model, kind, path, found = found.join(" or "),
            expected = expected.join(" or "), %tenant, %connection, %object,
            "records differ from their model"
        );
        deps.metrics.count(Metric::DriftFound, 1);
    }
}
