//! What is delivered and pushed: accepted files, their records, and what became of each.
//!
//! A partner's file is kept as it came under `archive/`; its records stand in parts under
//! `inbox/parts/`, and one object under `inbox/files/`, put last, makes them count. What was sent
//! and what came of it stands under `outcomes/`: counts are folds of these objects.

mod accepted;
mod key;
mod name;
mod outcome;

pub use accepted::{
    Accepted, FileFact, InboxLine, InboxPart, Refused, RefusedLine, Seen, Verdict as FileVerdict,
};
pub use key::{ArchiveKey, BatchKey, DoneKey, FactKey, FailedKey, FileKey, Folder, PartKey, Stage};
pub use name::{BatchDigest, Day, FileDigest, GroupDigest, Moment, Origin};
pub use outcome::{
    BatchOutcome, FileCounts, FileEnd, FileOutcome, Intent, ItemOutcome, ItemRef, NextBatch,
    Verdict,
};
