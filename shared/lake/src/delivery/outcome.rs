//! What was sent, and what came of it.

use model::{DestinationName, OperationName, PushId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::key::{BatchKey, Stage};
use super::name::{BatchDigest, Day, FileDigest, GroupDigest};
use crate::commit::fixed;

/// One record of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemRef {
    /// The file.
    pub file: FileDigest,
    /// Its line.
    pub line: u64,
}

/// What a batch is, whichever round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Tenant.
    pub tenant: TenantId,
    /// Push.
    pub push: PushId,
    /// Destination.
    pub destination: DestinationName,
    /// Operation.
    pub operation: OperationName,
    /// Day on which the group's files were accepted.
    pub day: Day,
    /// Files that were planned together.
    pub group: GroupDigest,
    /// Batch.
    pub batch: BatchDigest,
    /// Round.
    pub round: u32,
    /// What the API tells repetitions by.
    pub key: String,
    /// Method.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Headers, those with credentials aside.
    pub headers: Vec<(String, String)>,
    /// The exact body.
    pub body: String,
    /// What it carries, in the order of the body.
    pub items: Vec<ItemRef>,
    /// When it was stored.
    #[serde(with = "fixed")]
    pub at: Timestamp,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The API took it.
    Ok,
    /// The API had it already.
    Duplicate,
    /// The API refused it, or it could not be sent.
    Failed,
    /// A newer one of the same entity was sent.
    Superseded,
    /// Nobody knows whether the API took it: to be reconciled by a person.
    Unknown,
    /// Not final: it goes on in another batch.
    Again,
}

impl Verdict {
    /// Whether nothing more happens to the item.
    pub fn is_final(self) -> bool {
        self != Self::Again
    }
}

/// What became of one item in one round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOutcome {
    /// Which.
    #[serde(flatten)]
    pub item: ItemRef,
    /// What became of it.
    pub verdict: Verdict,
    /// The API's code for it, or ours in capitals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the API calls the entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The batch that it goes on in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<BatchDigest>,
}

/// A batch that goes on with items of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextBatch {
    /// The batch.
    pub batch: BatchDigest,
    /// Its operation.
    pub operation: OperationName,
    /// It is not sent before this instant.
    #[serde(with = "fixed")]
    pub not_before: Timestamp,
    /// Tries of its items that failed.
    #[serde(default)]
    pub tries: u32,
    /// How often its items went on with another operation.
    #[serde(default)]
    pub reroutes: u32,
    /// How often its items were put off.
    #[serde(default)]
    pub defers: u32,
}

/// What came of one round of a batch. It is put once: who comes second adopts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchOutcome {
    /// Tenant.
    pub tenant: TenantId,
    /// Push.
    pub push: PushId,
    /// Destination.
    pub destination: DestinationName,
    /// Operation.
    pub operation: OperationName,
    /// Day on which the group's files were accepted.
    pub day: Day,
    /// Files that were planned together.
    pub group: GroupDigest,
    /// Batch.
    pub batch: BatchDigest,
    /// Round.
    pub round: u32,
    /// Status of the answer; none when there was none, or nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When the call was sent; none when nothing was.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// When the answer was there, or what stood for it.
    #[serde(with = "fixed")]
    pub answered: Timestamp,
    /// How long it waited for a permit, in milliseconds.
    #[serde(default)]
    pub waited_ms: u64,
    /// Each item that it carried.
    pub items: Vec<ItemOutcome>,
    /// The batches that go on with those that are not final, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<NextBatch>,
}

mod optional {
    use model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::commit::fixed;

    #[derive(Serialize, Deserialize)]
    struct Fixed(#[serde(with = "fixed")] Timestamp);

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Fixed).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Fixed>::deserialize(deserializer)?.map(|Fixed(at)| at))
    }
}

stored!(Intent);
stored!(BatchOutcome);

/// Where what is told of a round of a batch stands.
macro_rules! batch_key {
    ($name:ident, $stage:expr) => {
        impl $name {
            /// Where it stands.
            pub fn place(&self) -> BatchKey {
                BatchKey {
                    stage: $stage,
                    tenant: self.tenant.clone(),
                    day: self.day,
                    push: self.push.clone(),
                    group: self.group.clone(),
                    batch: self.batch.clone(),
                    round: self.round,
                }
            }
        }
    };
}

batch_key!(Intent, Stage::Intents);
batch_key!(BatchOutcome, Stage::Batches);

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> BatchOutcome {
        let item = |line| ItemRef { file: FileDigest::of(&["f"]), line };
        let plain = |line, verdict| ItemOutcome {
            item: item(line),
            verdict,
            code: None,
            message: None,
            entity: None,
            then: None,
        };
        BatchOutcome {
            tenant: "heron".parse().unwrap(),
            push: "crm".parse().unwrap(),
            destination: "crm".parse().unwrap(),
            operation: "ADD_CUST".parse().unwrap(),
            day: "2026-01-02".parse().unwrap(),
            group: GroupDigest::of(&["g"]),
            batch: BatchDigest::of(&["b"]),
            round: 1,
            status: Some(200),
            sent: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            answered: "2026-01-02T03:04:05.25Z".parse().unwrap(),
            waited_ms: 12,
            items: vec![
                ItemOutcome { entity: Some("c1".to_owned()), ..plain(2, Verdict::Ok) },
                ItemOutcome {
                    code: Some("8006".to_owned()),
                    message: Some("exists".to_owned()),
                    then: Some(BatchDigest::of(&["c"])),
                    ..plain(3, Verdict::Again)
                },
            ],
            next: vec![NextBatch {
                batch: BatchDigest::of(&["c"]),
                operation: "UPD_CUST".parse().unwrap(),
                not_before: "2026-01-02T03:04:06Z".parse().unwrap(),
                tries: 0,
                reroutes: 1,
                defers: 0,
            }],
        }
    }

    #[test]
    fn the_stored_form_of_an_outcome_is_pinned() {
        let stored = include_str!("golden/outcome.json");
        assert_eq!(String::from_utf8(outcome().to_json().unwrap().to_vec()).unwrap(), stored);
        assert_eq!(BatchOutcome::from_json(stored.as_bytes()).unwrap(), outcome());
        let unsent = BatchOutcome { sent: None, status: None, ..outcome() };
        assert_eq!(BatchOutcome::from_json(&unsent.to_json().unwrap()).unwrap(), unsent);
    }
}
