//! A stream as SQL sees it: a name, a key, typed columns.

use std::collections::BTreeSet;

use model::{SourceName, StreamName};
use serde_json::Value;

/// What a column holds. Values that do not fit are null there; `_record` has them verbatim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text: a string's content, or the token of a number or boolean.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A number, exact to 18 decimal places.
    Number,
    /// A boolean.
    Boolean,
    /// An object, a list, or what may be of several types: its JSON text.
    Json,
}

impl Kind {
    /// The kind that a JSON schema describes.
    fn of(schema: &Value) -> Self {
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let mut named = types.into_iter().filter(|name| *name != "null");
        match (named.next(), named.next()) {
            (Some("string"), None) => Self::Text,
            (Some("integer"), None) => Self::Integer,
            (Some("number"), None | Some("integer")) | (Some("integer"), Some("number")) => {
                Self::Number
            }
            (Some("boolean"), None) => Self::Boolean,
            _ => Self::Json,
        }
    }
}

/// A column of a view: one top-level field of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its SQL name.
    pub name: String,
    /// The field's name in the records.
    pub field: String,
    /// What it holds.
    pub kind: Kind,
}

/// The columns of ours that every view has behind the record's own.
pub const OWN_COLUMNS: [&str; 7] =
    ["_tenant", "_connection", "_cursor", "_request_start", "_run", "_object", "_record"];

/// A stream as SQL sees it.
///
/// How its rows become its view does not stand here: each commit says its own mode, so that
/// tenants may sync one stream in different modes, and may change their minds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTable {
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
    /// The view's name; the tables under it add `_landing` and `_commits`.
    pub name: String,
    /// Paths of the primary key; none for a stream whose rows are told apart by their content.
    pub primary_key: Vec<Vec<String>>,
    /// Columns, in the order of the schema.
    pub columns: Vec<Column>,
}

impl StreamTable {
    /// The table of a stream whose records follow this JSON schema. Top-level properties become
    /// columns; a schema without properties gives none, and `_record` still has everything.
    pub fn new(
        source: &SourceName,
        stream: &StreamName,
        primary_key: &[Vec<String>],
        schema: &Value,
    ) -> Self {
        let mut taken: BTreeSet<String> = OWN_COLUMNS.iter().map(ToString::to_string).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let columns = properties.into_iter().flatten().map(|(field, schema)| Column {
            name: free_name(&mut taken, sql_name(field)),
            field: field.clone(),
            kind: Kind::of(schema),
        });
        Self {
            source: source.clone(),
            stream: stream.clone(),
            name: format!("{}_{}", sql_name(source.as_str()), sql_name(stream.as_str())),
            primary_key: primary_key.to_vec(),
            columns: columns.collect(),
        }
    }

    /// Gives tables whose names came out equal names of their own, in order.
    pub fn tell_apart(tables: &mut [Self]) {
        let mut taken = BTreeSet::new();
        for table in tables {
            let name = std::mem::take(&mut table.name);
            table.name = free_name(&mut taken, name);
        }
    }
}

/// A name that every engine takes: lower-case letters, digits and `_`.
pub(crate) fn sql_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text.chars().map(plain).collect()
}

fn free_name(taken: &mut BTreeSet<String>, name: String) -> String {
    let numbered = (2..).map(|n: u32| format!("{name}_{n}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.unwrap_or(name);
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(schema: &Value) -> StreamTable {
        let (source, stream) = ("hub spot".parse().unwrap(), "Contact/Search".parse().unwrap());
        StreamTable::new(&source, &stream, &[], schema)
    }

    #[test]
    fn columns_follow_the_schema_in_order() {
        let table = table(&json!({"properties": {
            "Id": {"type": "integer"},
            "name": {"type": ["null", "string"]},
            "price": {"type": ["number", "null"]},
            "ok": {"type": "boolean"},
            "lines": {"type": "array"},
            "either": {"type": ["string", "object"]},
            "any": {},
        }}));
        let found: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
        assert_eq!(
            found,
            [
                ("id", Kind::Integer),
                ("name", Kind::Text),
                ("price", Kind::Number),
                ("ok", Kind::Boolean),
                ("lines", Kind::Json),
                ("either", Kind::Json),
                ("any", Kind::Json),
            ]
        );
        assert_eq!(table.name, "hub_spot_contact_search");
    }

    #[test]
    fn names_that_come_out_equal_are_told_apart() {
        let found = table(&json!({"properties": {"a b": {}, "A-b": {}, "_record": {}, "a_b": {}}}));
        let names: Vec<_> = found.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["a_b", "a_b_2", "_record_2", "a_b_3"]);
        let mut tables = [table(&json!({})), table(&json!({}))];
        StreamTable::tell_apart(&mut tables);
        assert_eq!(tables[1].name, "hub_spot_contact_search_2");
    }
}
