//! `LegacyToPerPartitionStateMigration`: states as streams wrote them before partitions had
//! cursors of their own.

use request::interpolation::Context;
use serde_json::{Map, Value as Json, json};

use crate::part::{BuildError, Part};

/// What turns an old state of a stream into one of today.
#[derive(Debug)]
pub(crate) struct StateMigration {
    /// Name of the partition's field.
    partition: String,
    /// Name of the cursor's field.
    cursor: String,
    /// Whether its partitions have one origin, so that an old key can be told.
    one_parent: bool,
}

impl StateMigration {
    /// Those of a stream.
    pub(crate) fn of(stream: &Part<'_>, context: &Context<'_>) -> Result<Vec<Self>, BuildError> {
        let migrations = stream.children("state_migrations");
        migrations.iter().map(|part| Self::build(part, stream, context)).collect()
    }

    fn build(
        part: &Part<'_>,
        stream: &Part<'_>,
        context: &Context<'_>,
    ) -> Result<Self, BuildError> {
        let routers = "SubstreamPartitionRouter or UnionPartitionRouter";
        let misplaced = || part.fault(format!("{} needs one {routers}", part.kind()));
        let router = stream.needed("retriever")?.child("partition_router");
        let router = router.filter(|router| router.json.is_object()).ok_or_else(misplaced)?;
        let parents = router.children("parent_stream_configs");
        let field = match (router.kind(), parents.first()) {
            ("UnionPartitionRouter", _) => router.child("partition_field"),
            ("SubstreamPartitionRouter", Some(first)) => first.child("partition_field"),
            _ => None,
        };
        let cursor = stream.needed("incremental_sync")?.needed("cursor_field")?;
        // Both are templates of the stream: its parameters count.
        let text = |part: &Part<'_>| {
            let template = part.template(&stream.parameters())?;
            template.text(context).map_err(|error| part.fault(error.to_string()))
        };
        Ok(Self {
            partition: text(&field.ok_or_else(misplaced)?)?,
            cursor: text(&cursor)?,
            one_parent: parents.len() <= 1,
        })
    }

    /// The state, migrated if it is an old one: `{partition: {cursor field: value}}`.
    pub(crate) fn migrate(&self, state: Map<String, Json>) -> Map<String, Json> {
        let entry = |value: &Json| {
            let fields = value.as_object();
            fields.is_some_and(|fields| fields.len() == 1 && fields.contains_key(&self.cursor))
        };
        let old = !state.is_empty() && !state.contains_key("states");
        if !old || !self.one_parent || !state.values().all(entry) {
            return state;
        }
        let states = state
            .into_iter()
            .map(|(key, cursor)| json!({"partition": {&self.partition: key}, "cursor": cursor}));
        [("states".to_owned(), states.collect())].into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Json, after: &Json) {
        let migration = StateMigration {
            partition: "board".to_owned(),
            cursor: "at".to_owned(),
            one_parent: true,
        };
        let Json::Object(before) = before else { panic!("not an object") };
        assert_eq!(&Json::Object(migration.migrate(before)), after);
    }

    #[test]
    fn an_old_state_becomes_one_of_partitions() {
        check(
            json!({"7": {"at": "2024-01-01"}}),
            &json!({"states": [{"partition": {"board": "7"}, "cursor": {"at": "2024-01-01"}}]}),
        );
    }

    #[test]
    fn any_other_state_stays() {
        for state in [
            json!({}),
            json!({"states": []}),
            json!({"at": "2024-01-01"}),
            json!({"7": {"at": "2024-01-01", "x": 1}}),
            json!({"7": {"x": 1}}),
        ] {
            check(state.clone(), &state);
        }
    }
}
