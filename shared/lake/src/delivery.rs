//! What is delivered and pushed: accepted files, their records, and what became of each.
//!
//! A partner's file is kept as it came under `archive/`; its records stand in parts under
//! `inbox/parts/`, and one object under `inbox/files/`, put last, makes them count. What was sent
//! and what came of it stands under `outcomes/`: counts are folds of these objects.

/// Version of the stored forms; readers refuse others.
const FORMAT: u32 = 1;

/// Gives a type its stored form.
macro_rules! stored {
    ($name:ident) => {
        impl $name {
            /// The stored form: one line of JSON.
            pub fn to_json(&self) -> Result<bytes::Bytes, crate::commit::CommitError> {
                crate::commit::to_line(super::FORMAT, self)
            }

            /// Reads the stored form.
            pub fn from_json(text: &[u8]) -> Result<Self, crate::commit::CommitError> {
                crate::commit::from_line(super::FORMAT, text)
            }
        }
    };
}

mod accepted;
mod again;
mod erasure;
mod file_outcome;
mod key;
mod name;
mod outcome;
mod report;

pub use accepted::{
    Accepted, FileFact, InboxLine, InboxPart, Refused, RefusedLine, Seen, Verdict as FileVerdict,
};
pub use again::AgainKey;
pub use erasure::{Deed, Erased, Erasure, ErasureKey, Left, Subject};
pub use file_outcome::{FileCounts, FileEnd, FileOutcome};
pub use key::{
    ArchiveKey, BatchKey, DoneKey, FactKey, FailedKey, FileKey, Folder, Kept, PartKey, Stage,
};
pub use name::{BatchDigest, Day, FileDigest, GroupDigest, Moment, Origin};
pub use outcome::{BatchOutcome, Intent, ItemOutcome, ItemRef, NextBatch, Verdict};
pub use report::{Page, ReportKey};
