//! A guard against walks on the spot.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Record;

/// Pages in a row that hold the same, so that a walk on the spot is seen.
#[derive(Debug, Default)]
pub(super) struct Same {
    digest: u64,
    pages: u64,
}

/// So many pages in a row may hold the same records.
const SAME_PAGES: u64 = 100;

/// So many pages in a row may be empty and still promise more.
const EMPTY_PAGES: u64 = 1_000;

impl Same {
    /// Takes the records of a page that held `count` of them before they were filtered; gives how
    /// many pages have held the same when that is too many.
    pub(super) fn exceeded(&mut self, records: &[Record], count: u64) -> Option<u64> {
        if records.is_empty() && count > 0 {
            *self = Self::default();
            return None;
        }
        let mut digest = DefaultHasher::new();
        for record in records.first().into_iter().chain(records.last()) {
            record.raw.hash(&mut digest);
        }
        records.len().hash(&mut digest);
        let digest = digest.finish();
        self.pages = if self.digest == digest { self.pages + 1 } else { 1 };
        self.digest = digest;
        let most = if records.is_empty() { EMPTY_PAGES } else { SAME_PAGES };
        (self.pages > most).then_some(most)
    }
}
