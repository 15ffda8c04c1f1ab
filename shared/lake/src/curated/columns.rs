//! The columns of what a model's rows are stored as.

use super::{Column, Kind};

/// What stands behind a model's fields in each row: where it comes from.
pub const LINEAGE: [(&str, Kind); 15] = [
    ("_connection", Kind::Text),
    ("_source", Kind::Text),
    ("_stream", Kind::Text),
    ("_record_key", Kind::Text),
    ("_place", Kind::Integer),
    ("_kind", Kind::Text),
    ("_cursor", Kind::Text),
    ("_request_start", Kind::Text),
    ("_object", Kind::Text),
    ("_line", Kind::Integer),
    ("_page", Kind::Integer),
    ("_ordinal", Kind::Integer),
    ("_run", Kind::Text),
    ("_extra", Kind::Json),
    ("_version", Kind::Integer),
];

/// What stands behind that in snapshots: what the commit said that named the row's object.
pub const SNAPSHOT: [(&str, Kind); 3] =
    [("_mode", Kind::Text), ("_generation", Kind::Integer), ("_started", Kind::Text)];

/// What stands behind a model's fields in merged things.
pub const THING: [(&str, Kind); 8] = [
    ("_id", Kind::Text),
    ("_number", Kind::Integer),
    ("_kind", Kind::Text),
    ("_into", Kind::Text),
    ("_sources", Kind::Json),
    ("_provenance", Kind::Json),
    ("_conflicts", Kind::Json),
    ("_at", Kind::Text),
];

/// What a row of a curated object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// A row of the model.
    Row,
    /// A record without rows: it hides older rows of the record.
    Empty,
    /// A record that is no more.
    Gone,
}

impl RowKind {
    /// The word in column `_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Empty => "none",
            Self::Gone => "gone",
        }
    }

    /// What the word says.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Row, Self::Empty, Self::Gone].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A model's fields and what stands behind them, none of them required: cells of tombstones are
/// null, and a field that is required today was not when older rows were made.
pub fn columns<'a>(
    fields: impl IntoIterator<Item = (&'a str, Kind)>,
    behind: &[&[(&'a str, Kind)]],
) -> Vec<Column> {
    let behind = behind.iter().flat_map(|columns| columns.iter().copied());
    fields.into_iter().chain(behind).map(|(name, kind)| Column::optional(name, kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_columns_may_be_null_and_stand_in_order() {
        let fields = [("id", Kind::Text), ("n", Kind::Integer)];
        let all = columns(fields, &[&LINEAGE, &SNAPSHOT]);
        assert!(all.iter().all(|column| !column.required));
        let names: Vec<&str> = all.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names[..3], ["id", "n", "_connection"]);
        assert_eq!(names.last(), Some(&"_started"));
        assert_eq!(columns([], &[&THING]).len(), THING.len());
    }
}
