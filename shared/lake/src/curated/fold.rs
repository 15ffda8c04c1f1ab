//! The rows that a model's view shows, told plainly: what the views are held against.

use std::collections::BTreeMap;

use model::{ObjectKey, fixed_text};

use super::visible::{StreamId, visible};
use super::{Receipt, RowKind};

/// A row of a curated object. Fields stand in the order of versions: of two records of one key,
/// the one whose rows are greater is later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShownRow {
    /// The record's place in its stream's order.
    pub cursor: Option<String>,
    /// When it was seen: its request's start, or its last attempt's when that took it over.
    pub seen: String,
    /// Landing object.
    pub object: ObjectKey,
    /// Page.
    pub page: i64,
    /// Place within the page.
    pub ordinal: i64,
    /// Line of the object.
    pub line: i64,
    /// The row's place in its record's list.
    pub place: Option<i64>,
    /// What tells its record from others.
    pub record_key: String,
    /// What it is.
    pub kind: RowKind,
    /// What its fields hold.
    pub fields: String,
}

type Version<'r> = (&'r Option<String>, &'r str, &'r ObjectKey, i64, i64, i64);

impl ShownRow {
    fn version(&self) -> Version<'_> {
        (&self.cursor, &self.seen, &self.object, self.page, self.ordinal, self.line)
    }
}

/// The rows that a model's view shows, per stream, from all its receipts and the rows of all
/// files, in any order; `seen` of these rows is their request's start.
pub fn shown_rows(
    receipts: &[Receipt],
    files: &BTreeMap<ObjectKey, Vec<ShownRow>>,
) -> BTreeMap<StreamId, Vec<ShownRow>> {
    let of_stream = |(stream, visible): (StreamId, super::Visible)| {
        let mut rows = Vec::new();
        for part in visible.parts.values() {
            let file = part.file.as_ref().and_then(|file| files.get(file));
            for row in file.into_iter().flatten() {
                let seen = fixed_text(part.started).max(row.seen.clone());
                rows.push(ShownRow { seen, ..row.clone() });
            }
        }
        (stream, latest(&rows))
    };
    visible(receipts, &BTreeMap::new()).into_iter().map(of_stream).collect()
}

fn latest(rows: &[ShownRow]) -> Vec<ShownRow> {
    let mut records: BTreeMap<&str, Vec<&ShownRow>> = BTreeMap::new();
    for row in rows {
        records.entry(&row.record_key).or_default().push(row);
    }
    let mut shown = Vec::new();
    for rows in records.into_values() {
        let gone = rows.iter().filter(|row| row.kind == RowKind::Gone).map(|row| &row.seen).max();
        let lives = |row: &&&ShownRow| {
            row.kind != RowKind::Gone && gone.is_none_or(|gone| row.seen >= *gone)
        };
        let living: Vec<&&ShownRow> = rows.iter().filter(lives).collect();
        let last = living.iter().map(|row| row.version()).max();
        let is_last = |row: &&&&ShownRow| Some(row.version()) == last && row.kind == RowKind::Row;
        shown.extend(living.iter().filter(is_last).map(|row| (**row).clone()));
    }
    shown.sort();
    shown
}
