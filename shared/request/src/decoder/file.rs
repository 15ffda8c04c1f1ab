//! `ResponseToFileExtractor`: a table in an answer, packed or not, as pandas reads it.

use std::collections::HashSet;

use bytes::Bytes;
use csv::StringRecord;

use super::csv::Table;
use super::{DecodeError, Values, compression};
use crate::value::{Dict, Key, Value};

/// How the cells of a table are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Words for nothing stand for nothing.
    Words,
    /// Only empty cells do.
    Kept,
}

/// What pandas takes for a missing value.
const NOTHING: [&str; 18] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

impl Cells {
    /// The rows of a table in UTF-8. A row with more cells than the header has names is refused.
    pub(super) fn rows(self, body: &Bytes, limit: u64) -> Result<Values<'static>, DecodeError> {
        let unpacked = compression::inflate(body, limit)?;
        let text = match &unpacked {
            Some(unpacked) => unpacked.to_vec(),
            None => body.iter().copied().filter(|byte| *byte != 0).collect(),
        };
        let text = String::from_utf8(text)
            .map_err(|_| DecodeError::Encoding { encoding: "utf-8".to_owned() })?;
        let mut table = Table::new(text.trim_start_matches('\u{feff}'), b',');
        let Some(header) = table.next()? else { return Ok(Box::new(std::iter::empty())) };
        let names = names(&header);
        Ok(Box::new(std::iter::from_fn(move || {
            let row = table.next().transpose()?;
            let number = table.row();
            Some(row.and_then(|row| self.value(&names, &row, number)))
        })))
    }

    fn value(self, names: &[Key], row: &StringRecord, number: u64) -> Result<Value, DecodeError> {
        if row.len() > names.len() {
            let reason = format!("{} cells under {} names", row.len(), names.len());
            return Err(DecodeError::Row { row: number, reason });
        }
        let cell = |cell: &str| {
            let nothing = cell.is_empty() || self == Self::Words && NOTHING.contains(&cell);
            if nothing { Value::None } else { Value::from(cell) }
        };
        let cells = names.iter().enumerate();
        let cells = cells.map(|(i, name)| (name.clone(), row.get(i).map_or(Value::None, cell)));
        Ok(Value::from(cells.collect::<Dict>()))
    }
}

/// The names of the columns: a name that comes again is numbered, one that is missing is made.
fn names(header: &StringRecord) -> Vec<Key> {
    let mut seen: HashSet<String> = HashSet::new();
    let name = |(i, name): (usize, &str)| {
        let name = if name.is_empty() { format!("Unnamed: {i}") } else { name.to_owned() };
        let mut unique = name.clone();
        let mut again = 1_usize;
        while !seen.insert(unique.clone()) {
            unique = format!("{name}.{again}");
            again += 1;
        }
        Key::from(unique.as_str())
    };
    header.iter().enumerate().map(name).collect()
}
