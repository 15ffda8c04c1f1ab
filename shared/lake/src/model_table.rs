//! A model as SQL sees it: names and typed columns.

use model::ModelName;

use crate::curated::{Column, Kind, LINEAGE, SNAPSHOT, THING, columns};
use crate::table::sql_name;

/// The columns of ours that a model's view has behind the model's own.
pub const MODEL_COLUMNS: [&str; 13] = [
    "_tenant",
    "_connection",
    "_source",
    "_stream",
    "_record_key",
    "_place",
    "_cursor",
    "_request_start",
    "_object",
    "_line",
    "_run",
    "_extra",
    "_version",
];

/// The columns of ours that a view of merged things has behind the model's own.
pub const THING_COLUMNS: [&str; 7] =
    ["_tenant", "_id", "_number", "_sources", "_provenance", "_conflicts", "_at"];

/// A model as SQL sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelTable {
    /// The model.
    pub model: ModelName,
    /// The view's name; the tables under it add `_files`, `_receipts`, `_snapshots`, `_pointers`
    /// and `_things`.
    pub name: String,
    /// The model's fields, in order.
    pub fields: Vec<(String, Kind)>,
    /// Whether records become things by identity rules: then the view of that name shows things,
    /// and `<name>_records` the rows of their sources.
    pub merges: bool,
}

impl ModelTable {
    /// The table of a model with these fields.
    pub fn new(
        model: &ModelName,
        fields: impl IntoIterator<Item = (String, Kind)>,
        merges: bool,
    ) -> Self {
        let name = format!("model_{}", sql_name(model.as_str()));
        Self { model: model.clone(), name, fields: fields.into_iter().collect(), merges }
    }

    fn fields(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.fields.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// The columns of curated objects.
    pub fn file_columns(&self) -> Vec<Column> {
        columns(self.fields(), &[&LINEAGE])
    }

    /// The columns of snapshots.
    pub fn snapshot_columns(&self) -> Vec<Column> {
        columns(self.fields(), &[&LINEAGE, &SNAPSHOT])
    }

    /// The columns of merged things.
    pub fn thing_columns(&self) -> Vec<Column> {
        columns(self.fields(), &[&THING])
    }

    /// The view of rows: one a record or, where the model explodes a list, one a place.
    pub fn records_view(&self) -> String {
        if self.merges { format!("{}_records", self.name) } else { self.name.clone() }
    }

    /// Every table and view, as statements name them.
    pub fn relations(&self) -> Vec<String> {
        let rows = ["", "_files", "_receipts", "_snapshots", "_pointers"];
        let things: &[&str] = if self.merges { &["_records", "_things"] } else { &[] };
        rows.iter().chain(things).map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}
