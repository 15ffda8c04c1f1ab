//! Accepted files, their records, and what was decided of files that were seen.

use model::{FeedId, ObjectKey, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::key::{FactKey, FileKey};
use super::name::{Day, FileDigest, Moment, Origin};
use crate::commit::fixed;
use crate::digest::Sha256Hex;

/// A line of a part: one record and where in the file it stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct InboxLine<'a> {
    /// Line of the file on which the record begins, from 1; for a list of JSON, its place in it.
    pub line: u64,
    /// The record: a mapping of columns to texts, or JSON as the file has it.
    #[serde(borrow)]
    pub record: &'a RawValue,
}

/// A row that is no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLine {
    /// Line of the file, from 1.
    pub line: u64,
    /// Which rule it breaks, such as `RAGGED_ROW`.
    pub code: String,
    /// What is wrong, without any value.
    pub message: String,
}

/// Some records of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPart {
    /// The part's object.
    pub key: ObjectKey,
    /// Records in it.
    pub records: u64,
    /// Line on which its first record begins.
    pub first: u64,
    /// Line on which its last record begins.
    pub last: u64,
    /// Bytes of its lines, before compression.
    pub bytes: u64,
    /// Digest of what is stored.
    pub sha256: Sha256Hex,
}

/// Rows of a file that are no records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The object that lists them.
    pub key: ObjectKey,
    /// How many.
    pub rows: u64,
}

/// A file whose records count. It is put after all that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The file.
    pub file: FileDigest,
    /// Where its records come from.
    pub origin: Origin,
    /// Tenant.
    pub tenant: TenantId,
    /// What it holds: `user`, `transaction`, or the model's name.
    pub kind: String,
    /// Place of its kind among the feed's.
    pub rank: u8,
    /// When it was accepted: each file of a feed at an instant of its own, in order.
    pub accepted: Moment,
    /// Its name at the place where it arrived; what a model's changes were made from.
    pub name: String,
    /// Digest of its bytes as they came.
    pub sha256: Sha256Hex,
    /// Its bytes as they came.
    pub bytes: u64,
    /// Where it is kept as it came; none for changes of a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ObjectKey>,
    /// Records, in order.
    pub parts: Vec<InboxPart>,
    /// Records in all parts.
    pub records: u64,
    /// Rows that are no records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

impl Accepted {
    /// Where it stands.
    pub fn place(&self) -> FileKey {
        FileKey {
            origin: self.origin.clone(),
            tenant: self.tenant.clone(),
            accepted: self.accepted,
            rank: self.rank,
            kind: self.kind.clone(),
            file: self.file.clone(),
        }
    }
}

stored!(Accepted);

/// What was decided of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its records count.
    Accepted,
    /// Nothing of it counts, for the reason told.
    Rejected,
    /// Its content was accepted before.
    Duplicate,
    /// Nobody can tell what it holds.
    Unclassified,
}

/// A file as it was seen at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its path at the place.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was changed last, as the place says.
    #[serde(with = "fixed")]
    pub modified: Timestamp,
}

/// What was decided of a file that was seen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    /// Tenant.
    pub tenant: TenantId,
    /// Feed.
    pub feed: FeedId,
    /// What was seen.
    pub seen: Seen,
    /// What was decided.
    pub verdict: Verdict,
    /// The file, once its content is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileDigest>,
    /// What it holds, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Records; rows that are no records.
    #[serde(default)]
    pub records: u64,
    /// Rows that are no records.
    #[serde(default)]
    pub refused: u64,
    /// Which rule it breaks, such as `CHECKSUM`; absent when it breaks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong and what to do, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it is kept as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ObjectKey>,
    /// When it was decided.
    #[serde(with = "fixed")]
    pub at: Timestamp,
}

impl FileFact {
    /// What tells this sight of a file from all others: its path, size and time.
    pub fn seen(&self) -> FileDigest {
        let Seen { path, size, modified } = &self.seen;
        FileDigest::of(&[path, &size.to_string(), &modified.to_string()])
    }

    /// Where it stands.
    pub fn place(&self) -> FactKey {
        FactKey {
            tenant: self.tenant.clone(),
            day: Day::from(self.at),
            feed: self.feed.clone(),
            seen: self.seen(),
        }
    }
}

stored!(FileFact);

#[cfg(test)]
mod tests {
    use super::super::key::{ArchiveKey, PartKey};
    use super::*;

    fn accepted() -> Accepted {
        let origin = Origin::Feed("loyalty".parse().unwrap());
        let sha256 = Sha256Hex::of(b"abc");
        let file = FileDigest::of(&["heron", &origin.to_string(), sha256.as_str()]);
        let mut accepted = Accepted {
            file,
            origin,
            tenant: "heron".parse().unwrap(),
            kind: "user".to_owned(),
            rank: 0,
            accepted: "20260102T030405678Z".parse().unwrap(),
            name: "heron_USER_20260102030000_001.csv".to_owned(),
            sha256: sha256.clone(),
            bytes: 3,
            archive: None,
            parts: Vec::new(),
            records: 2,
            refused: None,
        };
        let folder = accepted.place().folder();
        let name = accepted.name.clone();
        let archive = ArchiveKey { folder: folder.clone(), name };
        accepted.archive = Some(archive.render().unwrap());
        let part = |part| PartKey { folder: folder.clone(), part }.render().unwrap();
        let (key, records, bytes) = (part(Some(0)), 2, 70);
        accepted.parts = vec![InboxPart { key, records, first: 2, last: 4, bytes, sha256 }];
        accepted.refused = Some(Refused { key: part(None), rows: 1 });
        accepted
    }

    #[test]
    fn the_stored_form_of_an_accepted_file_is_pinned() {
        let stored = include_str!("golden/accepted.json");
        assert_eq!(String::from_utf8(accepted().to_json().unwrap().to_vec()).unwrap(), stored);
        assert_eq!(Accepted::from_json(stored.as_bytes()).unwrap(), accepted());
        assert_eq!(
            FileKey::parse(&accepted().place().render().unwrap()).unwrap(),
            accepted().place()
        );
    }

    #[test]
    fn the_stored_form_of_a_decision_is_pinned() {
        let fact = FileFact {
            tenant: "heron".parse().unwrap(),
            feed: "loyalty".parse().unwrap(),
            seen: Seen {
                path: "in/a.csv".to_owned(),
                size: 3,
                modified: "2026-01-02T03:00:00Z".parse().unwrap(),
            },
            verdict: Verdict::Rejected,
            file: Some(accepted().file),
            kind: None,
            records: 0,
            refused: 0,
            code: Some("CHECKSUM".to_owned()),
            message: Some("the .ctl file names another digest: ask the partner".to_owned()),
            archive: None,
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
        };
        let stored = include_str!("golden/fact.json");
        assert_eq!(String::from_utf8(fact.to_json().unwrap().to_vec()).unwrap(), stored);
        assert_eq!(FileFact::from_json(stored.as_bytes()).unwrap(), fact);
        let key = fact.place().render().unwrap().to_string();
        assert!(key.starts_with("outcomes/files/tenant=heron/date=2026-01-02/loyalty/"));
    }

    #[test]
    fn records_of_a_part_are_read_without_being_copied() {
        let line: InboxLine<'_> =
            serde_json::from_str(r#"{"line":7,"record":{"amount":1.10}}"#).unwrap();
        assert_eq!((line.line, line.record.get()), (7, r#"{"amount":1.10}"#));
    }
}
