//! Headers, and the records around the rows.

use std::collections::BTreeSet;

use super::csv::Fields;
use super::{Announced, Plan};
use crate::decimal::Decimal;
use crate::feed::ColumnRule;
use crate::name::NameFacts;
use crate::refusal::{Code, Refusal};

/// A header or trailer record: `H|client|entity|date|seq`, `T|count|total`.
pub(super) struct Edge(Vec<String>);

impl Edge {
    /// The record, if its first field is the mark. It may have bars between its fields whatever
    /// the rows have.
    pub(super) fn of(fields: &Fields, mark: &str) -> Option<Self> {
        let first = fields.iter().next()?;
        if first == mark.as_bytes() {
            return fields.texts().map(Self);
        }
        let joined = first.strip_prefix(mark.as_bytes())?.starts_with(b"|");
        let text = std::str::from_utf8(first).ok().filter(|_| joined && fields.len() == 1)?;
        Some(Self(text.split('|').map(str::to_owned).collect()))
    }

    fn field(&self, place: usize) -> Option<&str> {
        self.0.get(place).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// Compares a header record with the file's name.
    pub(super) fn check_header(&self, facts: &NameFacts) -> Result<(), Refusal> {
        let pairs = [
            ("client", self.field(1), facts.client.as_deref()),
            ("entity", self.field(2), facts.entity.as_deref()),
            ("sequence", self.field(4), facts.seq.as_deref()),
        ];
        let plain = |text: &str| text.trim_start_matches('0').to_ascii_lowercase();
        for (what, said, named) in pairs {
            let (Some(said), Some(named)) = (said, named) else { continue };
            if plain(said) != plain(named) {
                let message = format!(
                    "the header record names the {what} `{said}`, the file's name has `{named}`"
                );
                return Err(Refusal::new(Code::Header, message));
            }
        }
        Ok(())
    }

    /// What a trailer announces.
    pub(super) fn trailer(&self) -> Result<Announced, Refusal> {
        let records = self.field(1).map(|text| {
            text.parse::<u64>().map_err(|_| {
                Refusal::new(Code::CountMismatch, "the trailer's count is no whole number")
            })
        });
        let total = self.field(2).map(|text| {
            Decimal::parse(text).ok_or_else(|| {
                Refusal::new(Code::TotalMismatch, "the trailer's control total is no number")
            })
        });
        Ok(Announced { records: records.transpose()?, total: total.transpose()? })
    }
}

/// The columns of a table.
pub(super) struct Header {
    /// One a column.
    pub(super) columns: Vec<Column>,
}

/// A column.
pub(super) struct Column {
    /// Its name in the file.
    pub(super) name: String,
    /// Its name in records.
    pub(super) field: String,
    /// `"name":`, as it stands in records.
    pub(super) key: Vec<u8>,
    /// What is known of it.
    pub(super) rule: ColumnRule,
}

impl Header {
    pub(super) fn new(plan: &Plan, names: Vec<String>) -> Result<Self, Refusal> {
        let refuse = |message: String| Err(Refusal::new(Code::Header, message));
        let rules = &plan.feed.columns;
        let (mut columns, mut seen) = (Vec::with_capacity(names.len()), BTreeSet::new());
        for (place, name) in names.into_iter().enumerate() {
            if name.is_empty() {
                return refuse(format!("column {} of the header has no name", place + 1));
            }
            let rule = rules.get(&name).cloned().unwrap_or_default();
            let field = rule.name.clone().unwrap_or_else(|| name.clone());
            if !seen.insert(field.clone()) {
                return refuse(format!("the header has the column `{field}` twice"));
            }
            let mut key = serde_json::to_vec(&field).unwrap_or_default();
            key.push(b':');
            columns.push(Column { name, field, key, rule });
        }
        let has = |name: &String| columns.iter().any(|column| column.name == *name);
        let missing = rules.iter().find(|(name, rule)| rule.required && !has(name));
        if let Some((missing, _)) = missing {
            let found: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let found = found.join(", ");
            return refuse(format!("the header lacks the column `{missing}`; it has: {found}"));
        }
        Ok(Self { columns })
    }
}
