//! Quarantine: what of a landing object was refused and why, a line each. The record itself stays
//! where it landed; no value of it is told.

use model::{
    ConnectionId, ModelName, ObjectKey, RunId, SourceName, StreamName, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::key::Revision;
use crate::commit::fixed;

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A record or a row of it, by the model.
    Contract,
    /// A line that is none.
    Line,
    /// The object: it is not what its commit names.
    Object,
    /// A record of which nothing could be known, by the model's identity rules.
    Identity,
}

/// One rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Where in the record; empty for all of it.
    pub path: String,
    /// The field that the value was meant for.
    pub field: Option<String>,
    /// The rule.
    pub rule: String,
    /// What was found, by type and shape.
    pub found: String,
    /// What would be accepted.
    pub accepted: String,
}

/// One line of a quarantine file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The landing object.
    pub object: ObjectKey,
    /// The line in it, from 1; none when it is about the object.
    pub line: Option<u64>,
    /// Which row of the record, from 1; none when it is about the record.
    pub place: Option<u32>,
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: ConnectionId,
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
    /// Model.
    pub model: ModelName,
    /// The model's revision.
    pub revision: Revision,
    /// Run that fetched the record; that committed it, where the line does not say.
    pub run: RunId,
    /// The record's key, where it has one.
    pub key: Option<String>,
    /// What was refused.
    pub reason: Reason,
    /// Why.
    pub violations: Vec<Broken>,
    /// When it was refused.
    #[serde(with = "fixed")]
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_pinned() {
        let stored = include_str!("golden/quarantined.json");
        let quarantined = Quarantined {
            object: "landing/x.ndjson".parse().unwrap(),
            line: Some(7),
            place: None,
            tenant: "bluebird".parse().unwrap(),
            connection: "shop".parse().unwrap(),
            source: "rutter".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            model: "order".parse().unwrap(),
            revision: Revision::of(3, b"version: 3\n"),
            run: "r1".parse().unwrap(),
            key: Some("{\"id\":\"24\"}".to_owned()),
            reason: Reason::Contract,
            violations: vec![Broken {
                path: "total".to_owned(),
                field: Some("total_amount".to_owned()),
                rule: "type".to_owned(),
                found: "the text \"aaa\"".to_owned(),
                accepted: "a number".to_owned(),
            }],
            at: "2024-05-02T00:01:00Z".parse().unwrap(),
        };
        assert_eq!(format!("{}\n", serde_json::to_string(&quarantined).unwrap()), stored);
        assert_eq!(serde_json::from_str::<Quarantined>(stored).unwrap(), quarantined);
    }
}
