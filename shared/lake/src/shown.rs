//! What a latest-row view shows, by digests: so that a walk over everything lands only what differs.

use std::collections::HashMap;
use std::sync::Arc;

use model::json::minify_into;
use model::{Timestamp, fixed_text};

use crate::digest::RecordsDigest;
use crate::line::{Line, RowKey};

/// The rows that a view shows.
///
/// Where it is in doubt it knows nothing: a row counts as shown only when the view shows exactly
/// that record under its key. About 140 bytes a row.
#[derive(Debug)]
pub struct Shown {
    primary_key: Vec<Vec<String>>,
    rows: HashMap<RecordsDigest, Life>,
    instant: Arc<str>,
    object: u32,
}

#[derive(Debug, Default)]
struct Life {
    latest: Option<Version>,
    gone: Option<Arc<str>>,
}

/// A version of a row. Fields stand in the order of versions, as in [`crate::Row`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    cursor: Option<Box<str>>,
    seen: Arc<str>,
    object: u32,
    page: u64,
    ordinal: u64,
    record: RecordsDigest,
}

/// A record held against what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The view shows this very record; its key, and the record's digest.
    Same(RowKey, RecordsDigest),
    /// The view shows another one, hides it, or the record has no key.
    Other,
    /// No version of it has been added.
    New,
}

impl Shown {
    /// Nothing added yet.
    pub fn new(primary_key: &[Vec<String>]) -> Self {
        Self {
            primary_key: primary_key.to_vec(),
            rows: HashMap::new(),
            instant: Arc::from(""),
            object: 0,
        }
    }

    /// Begins the next landing object, in the order of their keys.
    pub fn begin_object(&mut self) {
        self.object += 1;
    }

    /// Adds a line of the object; `started` is the start of the last attempt that names it.
    pub fn add(&mut self, line: &Line<'_>, started: Timestamp) {
        let key = match line.key.filter(|_| line.deleted) {
            Some(key) => Some(RowKey::written(key)),
            None => RowKey::of(line.record.get(), &self.primary_key),
        };
        let Some(key) = key else { return };
        let seen = self.shared(fixed_text(started).as_str().max(&line.request_start));
        let known = self.rows.entry(key.digest()).or_default();
        if line.deleted {
            known.gone = known.gone.take().max(Some(seen));
            return;
        }
        let mut record = RecordsDigest::default();
        record.add(line.record.get().as_bytes());
        let version = Version {
            cursor: line.cursor.as_deref().map(Box::from),
            seen,
            object: self.object,
            page: line.page,
            ordinal: line.ordinal,
            record,
        };
        known.latest = known.latest.take().max(Some(version));
    }

    /// Lines of a page have one instant: it is held once.
    fn shared(&mut self, instant: &str) -> Arc<str> {
        if *self.instant != *instant {
            self.instant = Arc::from(instant);
        }
        Arc::clone(&self.instant)
    }

    /// Compares a record, valid JSON as it came.
    pub fn compare(&self, raw: &[u8], scratch: &mut Vec<u8>) -> Compared {
        scratch.clear();
        minify_into(scratch, raw);
        let key = std::str::from_utf8(scratch)
            .ok()
            .and_then(|record| RowKey::of(record, &self.primary_key));
        let Some(key) = key else { return Compared::Other };
        let mut record = RecordsDigest::default();
        record.add(scratch);
        match self.rows.get(&key.digest()) {
            None => Compared::New,
            Some(life) if life.shows() == Some(record) => Compared::Same(key, record),
            Some(_) => Compared::Other,
        }
    }
}

impl Life {
    /// The record that the view shows. When its latest version is hidden an earlier one may show:
    /// that is not looked into.
    fn shows(&self) -> Option<RecordsDigest> {
        let latest = self.latest.as_ref()?;
        let is_hidden = self.gone.as_ref().is_some_and(|gone| latest.seen < *gone);
        (!is_hidden).then_some(latest.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{LineContext, LineHeader, write_line, write_tombstone};
    use model::CursorValue;

    /// Adds `{"id":1,"v":value}` with a cursor, or its tombstone.
    fn add(shown: &mut Shown, second: i64, version: Option<(i64, u64)>) {
        let header = LineHeader::new(&LineContext {
            tenant: &"bluebird".parse().unwrap(),
            connection: &"main".parse().unwrap(),
            stream: &"orders".parse().unwrap(),
            run: &"r1".parse().unwrap(),
            request_start: Timestamp::from_second(second).unwrap(),
            slice: "e3.all",
            page: 1,
        });
        let mut out = Vec::new();
        if let Some((cursor, value)) = version {
            let cursor = CursorValue::Integer(cursor.into());
            let record = format!("{{\"id\":1,\"v\":{value}}}");
            write_line(&mut out, &header, 0, Some(&cursor), record.as_bytes());
        } else {
            let key = RowKey::of("{\"id\":1}", &[vec!["id".to_owned()]]).unwrap();
            write_tombstone(&mut out, &header, 0, &key);
        }
        shown.begin_object();
        shown.add(&Line::parse(&out).unwrap(), Timestamp::UNIX_EPOCH);
    }

    fn shows(shown: &Shown, raw: &str) -> bool {
        matches!(shown.compare(raw.as_bytes(), &mut Vec::new()), Compared::Same(..))
    }

    #[test]
    fn only_the_record_that_the_view_shows_is_the_same() {
        let mut shown = Shown::new(&[vec!["id".to_owned()]]);
        add(&mut shown, 10, Some((5, 1)));
        assert!(shows(&shown, "{ \"id\": 1, \"v\": 1 }"));
        add(&mut shown, 20, Some((6, 2)));
        add(&mut shown, 30, Some((5, 3)));
        assert!(shows(&shown, "{\"id\":1,\"v\":2}"));
        assert!(!shows(&shown, "{\"id\":1,\"v\":1}") && !shows(&shown, "{\"id\":1,\"v\":3}"));
        assert!(!shows(&shown, "{\"id\":2,\"v\":2}") && !shows(&shown, "{\"v\":2}"));
    }

    #[test]
    fn a_row_that_is_hidden_is_not_the_same() {
        let mut shown = Shown::new(&[vec!["id".to_owned()]]);
        add(&mut shown, 10, Some((5, 1)));
        add(&mut shown, 20, None);
        assert!(!shows(&shown, "{\"id\":1,\"v\":1}"));
        add(&mut shown, 30, Some((5, 1)));
        assert!(shows(&shown, "{\"id\":1,\"v\":1}"));
    }
}
