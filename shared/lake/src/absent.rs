//! Rows that a walk over everything did not meet: they are gone at the source.

use std::collections::{HashMap, HashSet};

use model::{Timestamp, fixed_text};

use crate::digest::RecordsDigest;
use crate::line::{Line, RowKey};

/// Compares what the views show with what a walk met, line by line.
///
/// Add what the walk met without landing it, and the lines of all visible landing objects
/// ([`crate::visible_parts`]), the walk's own included, in any order; memory stays small when what
/// was met comes first, because of such a row only 16 bytes are kept.
#[derive(Debug)]
pub struct Absent {
    primary_key: Vec<Vec<String>>,
    walk_started: String,
    met: HashSet<RecordsDigest>,
    others: HashMap<RowKey, Life>,
}

/// When a row was last seen, and last seen to be gone.
#[derive(Debug, Default)]
struct Life {
    seen: Option<String>,
    gone: Option<String>,
}

impl Absent {
    /// Nothing added yet. A row that was seen at `walk_started` or later counts as met.
    pub fn new(primary_key: &[Vec<String>], walk_started: Timestamp) -> Self {
        Self {
            primary_key: primary_key.to_vec(),
            walk_started: fixed_text(walk_started),
            met: HashSet::new(),
            others: HashMap::new(),
        }
    }

    /// Adds a row that the walk met, by its key as [`crate::PartWriter::write_key`] wrote it.
    pub fn add_met(&mut self, key: &[u8]) {
        let mut digest = RecordsDigest::default();
        digest.add(key);
        self.met.insert(digest);
    }

    /// Number of rows that the walk met.
    pub fn met(&self) -> u64 {
        self.met.len() as u64
    }

    /// Adds a line of a landing object; `started` is the start of the last attempt that names it.
    pub fn add(&mut self, line: &Line<'_>, started: Timestamp) {
        let started = fixed_text(started);
        let seen = started.as_str().max(&line.request_start);
        let key = match line.key.filter(|_| line.deleted) {
            Some(key) => Some(RowKey::written(key)),
            None => RowKey::of(line.record.get(), &self.primary_key),
        };
        let Some(key) = key else { return };
        let digest = key.digest();
        if !line.deleted && seen >= self.walk_started.as_str() {
            self.others.remove(&key);
            self.met.insert(digest);
        } else if !self.met.contains(&digest) {
            let known = self.others.entry(key).or_default();
            let last = if line.deleted { &mut known.gone } else { &mut known.seen };
            if last.as_deref().is_none_or(|last| last < seen) {
                *last = Some(seen.to_owned());
            }
        }
    }

    /// The rows that the views still show and the walk did not meet, in order.
    pub fn into_keys(self) -> Vec<RowKey> {
        let shows = |life: &Life| life.seen.is_some() && life.seen >= life.gone;
        let mut keys: Vec<RowKey> =
            self.others.into_iter().filter(|(_, life)| shows(life)).map(|(key, _)| key).collect();
        keys.sort();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{LineContext, LineHeader, write_line, write_tombstone};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(id: u64) -> RowKey {
        RowKey::of(&format!("{{\"id\":{id}}}"), &[vec!["id".to_owned()]]).unwrap()
    }

    /// Adds a row seen at an instant, or its tombstone.
    fn add(absent: &mut Absent, id: u64, second: i64, is_gone: bool) {
        let header = LineHeader::new(&LineContext {
            tenant: &"bluebird".parse().unwrap(),
            connection: &"main".parse().unwrap(),
            stream: &"orders".parse().unwrap(),
            run: &"r1".parse().unwrap(),
            request_start: at(second),
            slice: "e3.all",
            page: 1,
        });
        let mut out = Vec::new();
        if is_gone {
            write_tombstone(&mut out, &header, 0, &key(id));
        } else {
            write_line(&mut out, &header, 0, None, format!("{{\"id\":{id}}}").as_bytes());
        }
        absent.add(&Line::parse(&out).unwrap(), at(0));
    }

    #[test]
    fn only_rows_that_show_and_were_not_met_are_absent() {
        let told = [
            (1, 10, false),
            (1, 100, false),
            (2, 10, false),
            (3, 10, false),
            (3, 20, true),
            (4, 20, true),
            (4, 30, false),
            (5, 120, false),
            (6, 10, true),
            (7, 10, false),
        ];
        for order in [true, false] {
            let mut absent = Absent::new(&[vec!["id".to_owned()]], at(100));
            absent.add_met(key(7).as_str().as_bytes());
            let mut told = told.to_vec();
            if order {
                told.reverse();
            }
            for (id, second, is_gone) in told {
                add(&mut absent, id, second, is_gone);
            }
            assert_eq!(absent.met(), 3);
            assert_eq!(absent.into_keys(), [key(2), key(4)]);
        }
    }

    #[test]
    fn a_part_that_the_walk_took_over_counts_as_met() {
        let mut absent = Absent::new(&[vec!["id".to_owned()]], at(100));
        add(&mut absent, 1, 10, false);
        let mut out = Vec::new();
        let header = LineHeader::new(&LineContext {
            tenant: &"bluebird".parse().unwrap(),
            connection: &"main".parse().unwrap(),
            stream: &"orders".parse().unwrap(),
            run: &"r1".parse().unwrap(),
            request_start: at(10),
            slice: "e3.all",
            page: 1,
        });
        write_line(&mut out, &header, 0, None, b"{\"id\":1}");
        absent.add(&Line::parse(&out).unwrap(), at(100));
        assert!(absent.into_keys().is_empty());
    }
}
