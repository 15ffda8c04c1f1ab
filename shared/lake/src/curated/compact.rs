//! Which rows a snapshot has to keep, so that views over it equal views over all that it stands
//! for, whatever comes later.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::{Lineage, RowKind};

/// How a row stands in the view, beside what it says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Number of the file that it was read from.
    pub file: u32,
    /// Whether that is a file of a landing object, and not of a snapshot.
    pub live: bool,
    /// Start of the last attempt that names its landing object, in text of fixed width.
    pub started: &'a str,
    /// The generation that it belongs to; none for rows that stay while their attempt started no
    /// earlier than the last whole generation.
    pub generation: Option<u64>,
}

/// What a snapshot says of a row that it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Start of the last attempt that names its landing object.
    pub started: Arc<str>,
    /// The generation that it belongs to.
    pub generation: Option<u64>,
}

/// Chooses the rows of a snapshot, from all rows that receipts and the former snapshot make
/// visible, in any order: about 250 bytes a record.
///
/// A record's version goes when another one stands before it, was seen no earlier, and stays
/// visible at least as long: then no tombstone, refresh or row that is yet to come can make it
/// show. It goes when a tombstone hides it that stays visible at least as long. Of tombstones the
/// latest stay, because landing objects may be read again.
#[derive(Debug)]
pub struct Selection {
    pass: u128,
    passes: u128,
    texts: HashMap<Arc<str>, u32>,
    records: HashMap<u128, Vec<Version>>,
    kept: HashMap<(u32, u32, i64), Kept>,
}

/// A version of a record, with all of its rows in one file.
#[derive(Debug)]
struct Version {
    cursor: Option<Box<str>>,
    seen: Arc<str>,
    object: Arc<str>,
    place: (i64, i64, i64),
    model: i64,
    live: bool,
    kind: RowKind,
    file: u32,
    kept: Kept,
}

impl Version {
    /// The order of versions; the last one shows.
    fn order(&self) -> impl Ord + '_ {
        (&self.cursor, &self.seen, &self.object, self.place, self.model, self.live)
    }

    /// How long it stays visible: rows of a generation go with the next one, other rows when the
    /// next one started after them.
    fn stays(&self) -> Option<&str> {
        self.kept.generation.is_none().then_some(&*self.kept.started)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.object == other.object && self.place == other.place && self.model == other.model
    }

    /// Whether this one can never show, or matter, because of the other.
    fn yields_to(&self, other: &Self) -> bool {
        if other.stays() < self.stays() {
            return false;
        }
        match (self.kind == RowKind::Gone, other.kind == RowKind::Gone) {
            (false, true) => self.seen < other.seen,
            (true, false) => false,
            (true, true) => (&self.seen, self.order()) < (&other.seen, other.order()),
            (false, false) => self.order() < other.order() && self.seen <= other.seen,
        }
    }
}

impl Selection {
    /// One of so many passes over the same rows, counted from 0: each chooses among its share of
    /// the records.
    pub fn new(pass: u64, passes: u64) -> Self {
        Self {
            pass: u128::from(pass),
            passes: u128::from(passes.max(1)),
            texts: HashMap::new(),
            records: HashMap::new(),
            kept: HashMap::new(),
        }
    }

    /// Adds a row that is visible.
    pub fn add(&mut self, row: &Lineage<'_>, standing: Standing<'_>) {
        let key = [row.connection, row.source, row.stream, row.record_key].join("\n");
        let record = xxh3_128(key.as_bytes());
        if record % self.passes != self.pass {
            return;
        }
        let version = Version {
            cursor: row.cursor.map(Box::from),
            seen: self.text(row.request_start.max(standing.started)).0,
            object: self.text(row.object).0,
            place: (row.page, row.ordinal, row.line),
            model: row.version,
            live: standing.live,
            kind: row.kind,
            file: standing.file,
            kept: Kept { started: self.text(standing.started).0, generation: standing.generation },
        };
        join(self.records.entry(record).or_default(), version);
    }

    /// A text that many rows have, held once, and its number.
    fn text(&mut self, text: &str) -> (Arc<str>, u32) {
        if let Some((known, number)) = self.texts.get_key_value(text) {
            return (Arc::clone(known), *number);
        }
        let (held, number) =
            (Arc::<str>::from(text), self.texts.len().try_into().unwrap_or(u32::MAX));
        self.texts.insert(Arc::clone(&held), number);
        (held, number)
    }

    /// All rows have been added: what is kept can be asked from now on.
    pub fn settle(&mut self) {
        for version in std::mem::take(&mut self.records).into_values().flatten() {
            let object = self.text(&version.object).1;
            self.kept.insert((version.file, object, version.place.2), version.kept);
        }
    }

    /// Whether the rows of a line, in this file, are kept.
    pub fn keeps(&self, file: u32, row: &Lineage<'_>) -> Option<&Kept> {
        let object = self.texts.get(row.object)?;
        self.kept.get(&(file, *object, row.line))
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// Adds a version to those of its record, and leaves out what yields.
fn join(versions: &mut Vec<Version>, mut version: Version) {
    if let Some(place) = versions.iter().position(|known| known.is_same(&version)) {
        let known = versions.swap_remove(place);
        if known.live && !version.live || known.file == version.file {
            (version.live, version.file) = (known.live, known.file);
        }
        version.seen = known.seen.max(version.seen);
        version.kept.started = known.kept.started.max(version.kept.started);
        version.kept.generation = known.kept.generation.and(version.kept.generation);
    }
    if versions.iter().any(|known| version.yields_to(known)) {
        return;
    }
    versions.retain(|known| !known.yields_to(&version));
    versions.push(version);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version: cursor, seen, start, generation, kind.
    type Told = (Option<u8>, u8, u8, Option<u64>, RowKind);

    /// The lines of the versions that are kept.
    fn kept(told: &[Told]) -> Vec<i64> {
        let mut selection = Selection::new(0, 1);
        let lines: Vec<(i64, &Told)> = (1..).zip(told).collect();
        let mut found = Vec::new();
        for asked in [false, true] {
            for (line, (cursor, seen, started, generation, kind)) in &lines {
                let cursor = cursor.map(|cursor| cursor.to_string());
                let (seen, started) = (seen.to_string(), started.to_string());
                let row = Lineage {
                    connection: "main",
                    source: "rutter",
                    stream: "orders",
                    record_key: "{\"id\":\"1\"}",
                    place: None,
                    kind: *kind,
                    cursor: cursor.as_deref(),
                    request_start: &seen,
                    object: "o",
                    line: *line,
                    page: 1,
                    ordinal: *line,
                    run: "r",
                    extra: None,
                    version: 1,
                };
                let standing =
                    Standing { file: 0, live: true, started: &started, generation: *generation };
                if !asked {
                    selection.add(&row, standing);
                } else if selection.keeps(0, &row).is_some() {
                    found.push(*line);
                }
            }
            selection.settle();
        }
        found
    }

    #[test]
    fn the_last_version_and_the_last_tombstone_stay() {
        use RowKind::{Empty, Gone, Row};
        assert_eq!(kept(&[(Some(1), 1, 1, None, Row), (Some(2), 2, 2, None, Row)]), [2]);
        assert_eq!(kept(&[(Some(1), 1, 1, None, Row), (None, 2, 2, None, Gone)]), [2]);
        assert_eq!(kept(&[(None, 1, 1, None, Gone), (None, 2, 2, None, Gone)]), [2]);
        assert_eq!(kept(&[(Some(1), 3, 3, None, Row), (None, 2, 2, None, Gone)]), [1, 2]);
        assert_eq!(kept(&[(Some(1), 1, 1, None, Row), (Some(2), 2, 2, None, Empty)]), [2]);
    }

    #[test]
    fn what_may_show_again_stays() {
        use RowKind::Row;
        // The first is before the second, but a tombstone may come that hides the first alone.
        assert_eq!(kept(&[(Some(2), 1, 1, None, Row), (Some(1), 2, 2, None, Row)]), [1, 2]);
        // The first goes with the next generation, the second may stay.
        assert_eq!(kept(&[(Some(2), 3, 1, Some(1), Row), (Some(1), 3, 2, None, Row)]), [1, 2]);
        assert_eq!(kept(&[(Some(1), 3, 1, Some(1), Row), (Some(2), 3, 2, None, Row)]), [2]);
    }
}
