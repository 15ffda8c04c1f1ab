//! The proof that a person's records were erased: what was changed and removed, never whose.

use std::fmt;

use model::{ObjectKey, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::commit::fixed;
use crate::digest::Sha256Hex;
use crate::key::{KeyFault, canonical};

/// Where the proof of an erasure stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErasureKey {
    /// Tenant.
    pub tenant: TenantId,
    /// The erasure's id.
    pub id: String,
}

const ERASURES: &str = "erasures/";

impl ErasureKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { tenant, id } = self;
        Ok(ObjectKey::try_from(format!("{ERASURES}tenant={tenant}/{id}.json"))?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (tenant, name) = key.as_str().strip_prefix(ERASURES)?.split_once('/')?;
            let tenant = tenant.strip_prefix("tenant=")?.parse().ok()?;
            let id = name.strip_suffix(".json").filter(|id| !id.contains('/'))?;
            Some(Self { tenant, id: id.to_owned() })
        };
        canonical(parse(), Self::render, key, "the key of a proof of erasure")
    }
}

/// A person, by a field that tells them apart: who knows the value can tell that it was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the field.
    pub field: String,
    /// Digest of the erasure's id, a line feed, and the value in lower case.
    pub sha256: Sha256Hex,
}

impl Subject {
    /// What a proof says of a field's value.
    pub fn of(id: &str, field: &str, value: &str) -> Self {
        let text = format!("{id}\n{}", value.to_lowercase());
        Self { field: field.to_owned(), sha256: Sha256Hex::of(text.as_bytes()) }
    }
}

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It holds all that it held but the person's.
    Rewritten,
    /// It is no more. Where it held others' records, those stand in objects that were added.
    Removed,
    /// What is left of one that was removed.
    Added,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rewritten => "rewritten",
            Self::Removed => "removed",
            Self::Added => "added",
        })
    }
}

/// One object that an erasure changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The object.
    pub key: ObjectKey,
    /// What was done to it.
    pub deed: Deed,
    /// How many records or lines of it were the person's.
    pub lines: u64,
}

/// An object that may hold something of the person still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The object.
    pub key: ObjectKey,
    /// Why, and what to do.
    pub reason: String,
}

/// What an erasure did. It is put before anything is changed and after all is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: String,
    /// Tenant.
    pub tenant: TenantId,
    /// Who, without saying it.
    pub subject: Vec<Subject>,
    /// When it began.
    #[serde(with = "fixed")]
    pub begun: Timestamp,
    /// Objects that were read.
    pub searched: u64,
    /// Records of the person, each file's counted once.
    pub records: u64,
    /// What was changed, in order.
    pub changed: Vec<Erased>,
    /// What may hold something still.
    pub left: Vec<Left>,
    /// Whether it came to its end.
    pub ended: bool,
}

stored!(Erasure);

impl Erasure {
    /// Where it stands.
    pub fn place(&self) -> ErasureKey {
        ErasureKey { tenant: self.tenant.clone(), id: self.id.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_of_a_proof_is_pinned() {
        let key: ObjectKey = "archive/feed=loyalty/a.csv".parse().unwrap();
        let erasure = Erasure {
            id: "e1".to_owned(),
            tenant: "heron".parse().unwrap(),
            subject: vec![Subject::of("e1", "email", "Ada@example.test")],
            begun: "2026-01-02T03:04:05Z".parse().unwrap(),
            searched: 7,
            records: 1,
            changed: vec![Erased { key: key.clone(), deed: Deed::Removed, lines: 1 }],
            left: vec![Left { key, reason: "it cannot be read: look at it".to_owned() }],
            ended: true,
        };
        let stored = include_str!("golden/erasure.json");
        assert_eq!(String::from_utf8(erasure.to_json().unwrap().to_vec()).unwrap(), stored);
        assert_eq!(Erasure::from_json(stored.as_bytes()).unwrap(), erasure);
        assert!(!stored.contains("ada@") && !stored.contains("Ada@"));
        let place = erasure.place().render().unwrap();
        assert_eq!(place.as_str(), "erasures/tenant=heron/e1.json");
        assert_eq!(ErasureKey::parse(&place).unwrap(), erasure.place());
    }

    #[test]
    fn who_knows_a_value_can_tell_that_it_was_meant() {
        let told = Subject::of("e1", "email", "Ada@example.test");
        assert_eq!(told, Subject::of("e1", "email", "ada@example.test"));
        assert_ne!(told, Subject::of("e2", "email", "ada@example.test"));
    }
}
