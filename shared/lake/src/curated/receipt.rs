//! Receipts: that a revision of a model took in a commit, and what became of its lines.

use bytes::Bytes;
use model::{ModelName, ObjectKey, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::key::{CuratedKey, KeyDigest, Layer, Revision};
use crate::commit::{Commit, CommitError, Generation, Mode, fixed, from_line, to_line};
use crate::key::{Attempt, CommitKey, KeyFault};

/// Version of the stored form; readers refuse others.
const FORMAT: u32 = 1;

/// What became of a landing object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPart {
    /// The landing object.
    pub object: ObjectKey,
    /// Its rows; none when it gave none.
    pub file: Option<ObjectKey>,
    /// What was refused; none when nothing was.
    pub quarantine: Option<ObjectKey>,
    /// Counts.
    #[serde(flatten)]
    pub counts: PartCounts,
}

/// What became of the lines of a landing object. Each line is one of `records`, `none`, `gone`,
/// `bad` and `missing`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCounts {
    /// Lines that the commit says there are, or those that there are when they are more.
    pub lines: u64,
    /// Rows.
    pub rows: u64,
    /// Rows and records that were refused: `bad`, and rows of records that gave others.
    pub refused: u64,
    /// Values that were left out of rows.
    pub nulled: u64,
    /// Tombstones.
    pub gone: u64,
    /// Records that had rows, refused ones among them.
    #[serde(default)]
    pub records: u64,
    /// Records that have no rows.
    #[serde(default)]
    pub none: u64,
    /// Lines that were refused as a whole.
    #[serde(default)]
    pub bad: u64,
    /// Lines that the commit names and the object does not have.
    #[serde(default)]
    pub missing: u64,
}

impl PartCounts {
    /// Whether nothing was lost: each line ended as one thing.
    pub fn add_up(&self) -> bool {
        self.lines == self.records + self.none + self.gone + self.bad + self.missing
            && self.refused >= self.bad
            && self.rows + self.refused - self.bad >= self.records
    }
}

/// What became of the records of a commit, of a model with identity rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThingCounts {
    /// Things that nobody had seen.
    pub inserted: u64,
    /// New information on things that were known.
    pub updated: u64,
    /// What was known already.
    pub unchanged: u64,
    /// Older than what was known.
    pub stale: u64,
    /// What could not take part.
    pub rejected: u64,
}

impl std::ops::AddAssign for ThingCounts {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.rejected += other.rejected;
    }
}

/// That a revision of a model took in a commit. It is put after all that it names is there, and
/// makes the commit visible in the model's views, all parts at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Model.
    pub model: ModelName,
    /// The model's version.
    pub version: u32,
    /// The model's revision.
    pub revision: Revision,
    /// The attempt that was committed.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// How the stream's rows become its view.
    pub mode: Mode,
    /// The full refresh that the commit belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// When the attempt's first request started.
    #[serde(with = "fixed")]
    pub started: Timestamp,
    /// Run that committed.
    pub run: RunId,
    /// The commit object.
    pub commit: ObjectKey,
    /// What became of each part.
    pub parts: Vec<ReceiptPart>,
    /// Lines in all parts.
    pub lines: u64,
    /// Rows of all parts.
    pub rows: u64,
    /// What was refused of all parts.
    pub refused: u64,
    /// What became of the records, where the model has identity rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub things: Option<ThingCounts>,
    /// When it was taken in.
    #[serde(with = "fixed")]
    pub at: Timestamp,
}

impl Receipt {
    /// The receipt of a commit whose parts became these.
    pub fn new(
        (model, revision): (ModelName, Revision),
        commit: &Commit,
        parts: Vec<ReceiptPart>,
        at: Timestamp,
    ) -> Result<Self, KeyFault> {
        let sum = |count: fn(&PartCounts) -> u64| parts.iter().map(|p| count(&p.counts)).sum();
        Ok(Self {
            model,
            version: revision.version,
            revision,
            attempt: commit.attempt.clone(),
            mode: commit.mode,
            generation: commit.generation,
            started: commit.started,
            run: commit.run.clone(),
            commit: CommitKey(commit.attempt.clone()).render()?,
            lines: sum(|counts| counts.lines),
            rows: sum(|counts| counts.rows),
            refused: sum(|counts| counts.refused),
            things: None,
            parts,
            at,
        })
    }

    /// Where it stands.
    pub fn key(&self) -> Result<ObjectKey, KeyFault> {
        let key = CuratedKey {
            layer: Layer::Receipts,
            model: self.model.clone(),
            tenant: self.attempt.tenant.clone(),
            month: self.attempt.month,
            made_from: KeyDigest::of(&self.commit),
            revision: self.revision.clone(),
        };
        key.render()
    }

    /// The stored form: one line of JSON.
    pub fn to_json(&self) -> Result<Bytes, CommitError> {
        to_line(FORMAT, self)
    }

    /// Reads the stored form.
    pub fn from_json(text: &[u8]) -> Result<Self, CommitError> {
        from_line(FORMAT, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SliceStart;

    fn receipt() -> Receipt {
        let attempt = Attempt {
            source: "rutter".parse().unwrap(),
            stream: "orders".parse().unwrap(),
            tenant: "bluebird".parse().unwrap(),
            connection: "shop".parse().unwrap(),
            month: "2024-05".parse().unwrap(),
            plan: "0192f0c1".parse().unwrap(),
            partition: "e3b0c442".parse().unwrap(),
            slice: SliceStart::ALL,
            fence: 17,
        };
        let commit = Commit {
            attempt,
            window: None,
            mode: Mode::FullRefresh,
            generation: Some(Generation { number: 4, slices: Some(1) }),
            started: "2024-05-02T00:00:01Z".parse().unwrap(),
            parts: Vec::new(),
            rows: 10,
            run: "r1".parse().unwrap(),
            at: "2024-05-02T00:00:09.25Z".parse().unwrap(),
        };
        let counts = PartCounts {
            lines: 10,
            rows: 12,
            refused: 3,
            nulled: 1,
            gone: 1,
            records: 5,
            none: 1,
            bad: 2,
            missing: 1,
        };
        assert!(counts.add_up());
        let key = |text: &str| text.parse::<ObjectKey>().unwrap();
        let part = ReceiptPart {
            object: key("landing/x.ndjson"),
            file: Some(key("curated/x.parquet")),
            quarantine: None,
            counts,
        };
        let made_by = ("order".parse().unwrap(), Revision::of(3, b"version: 3\n"));
        let at = "2024-05-02T00:01:00Z".parse().unwrap();
        let receipt = Receipt::new(made_by, &commit, vec![part], at).unwrap();
        Receipt { things: Some(ThingCounts { inserted: 2, ..ThingCounts::default() }), ..receipt }
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let stored = include_str!("golden/receipt.json");
        assert_eq!(String::from_utf8(receipt().to_json().unwrap().to_vec()).unwrap(), stored);
        assert_eq!(Receipt::from_json(stored.as_bytes()).unwrap(), receipt());
    }

    #[test]
    fn other_formats_are_refused() {
        let other = include_str!("golden/receipt.json").replace("\"format\":1", "\"format\":2");
        let refused = Receipt::from_json(other.as_bytes());
        assert!(matches!(refused, Err(CommitError::Format { found: 2, .. })));
    }

    #[test]
    fn counts_that_lose_a_line_do_not_add_up() {
        let counts = receipt().parts[0].counts;
        assert!(!PartCounts { missing: 0, ..counts }.add_up());
        assert!(!PartCounts { rows: 3, ..counts }.add_up());
        assert!(!PartCounts { refused: 1, ..counts }.add_up());
    }
}
