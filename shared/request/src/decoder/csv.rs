//! `CsvDecoder`: the rows of a table, as Python's `csv.DictReader` gives them.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use csv::{ReaderBuilder, StringRecord};

use super::{DecodeError, Values, encoding};
use crate::component::Component;
use crate::value::{Dict, Key, Value, unescape};

/// A table with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    encoding: String,
    delimiter: u8,
    /// Texts that stand for nothing.
    nothing: Vec<String>,
}

/// Most columns of a table.
const MAX_COLUMNS: usize = 20_000;

/// A line that ends every table: when it does not come out alone, the last quotation was never
/// closed.
const END: &str = "\u{0}end";

impl Csv {
    pub(super) fn build(component: &Component) -> Self {
        let nothing = component.field("set_values_to_none").and_then(serde_json::Value::as_array);
        let texts = nothing.into_iter().flatten().filter_map(|text| text.as_str());
        Self {
            encoding: encoding::of(component),
            delimiter: delimiter(component),
            nothing: texts.map(str::to_owned).collect(),
        }
    }

    /// The rows. A table that ends within quotation marks was cut off, and is refused.
    pub(super) fn rows(&self, body: &Bytes) -> Result<Values<'_>, DecodeError> {
        let text = encoding::decode(body, &self.encoding)?;
        // The reader takes one mark away; Python leaves it with the first name.
        let text = format!("\u{feff}{text}\n{END}").replace("\r\n", "\n").replace('\r', "\n");
        let nameless = text.starts_with("\u{feff}\n");
        let mut reader = ReaderBuilder::new()
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Cursor::new(text))
            .into_records();
        let header = if nameless { Some(StringRecord::new()) } else { next(&mut reader, 1)? };
        let header: Arc<[Key]> = header.iter().flatten().map(Key::from).collect();
        if header.len() > MAX_COLUMNS {
            let reason = format!("more than {MAX_COLUMNS} columns");
            return Err(DecodeError::Row { row: 1, reason });
        }
        let rows = (2..).map_while(move |row| next(&mut reader, row).transpose());
        Ok(Box::new(rows.map(move |row| row.map(|row| self.value(&header, &row)))))
    }

    /// Cells without a name are a list under no name; names without a cell have no value.
    fn value(&self, header: &[Key], row: &StringRecord) -> Value {
        let mut dict = Dict::default();
        let cell = |cell: &str| {
            let nothing = self.nothing.iter().any(|nothing| nothing == cell);
            if nothing { Value::None } else { Value::from(cell) }
        };
        for (i, name) in header.iter().enumerate() {
            dict.insert(name.clone(), row.get(i).map_or(Value::None, cell));
        }
        if row.len() > header.len()
            && let Some(rest) = Key::new(Value::None)
        {
            let cells: Vec<_> = row.iter().skip(header.len()).map(Value::from).collect();
            dict.insert(rest, Value::from(cells));
        }
        Value::from(dict)
    }
}

/// The next row; none after the last one.
fn next(
    rows: &mut impl Iterator<Item = Result<StringRecord, csv::Error>>,
    row: u64,
) -> Result<Option<StringRecord>, DecodeError> {
    let fault = |row, reason: &str| DecodeError::Row { row, reason: reason.to_owned() };
    match rows.next() {
        None => Err(fault(row.saturating_sub(1), "the table ends within quotation marks")),
        Some(Err(_)) => Err(fault(row, "it cannot be read")),
        Some(Ok(cells)) if cells.len() == 1 && cells.get(0) == Some(END) => Ok(None),
        Some(Ok(cells)) => Ok(Some(cells)),
    }
}

fn delimiter(component: &Component) -> u8 {
    let text = component.text("delimiter").filter(|text| !text.is_empty()).unwrap_or(",");
    let text = if text.starts_with('\\') { unescape(text) } else { Some(text.to_owned()) };
    match text.as_deref().map(str::as_bytes) {
        Some([one]) if one.is_ascii() && !matches!(one, b'\n' | b'\r' | b'"') => *one,
        _ => {
            component.fault_at("delimiter", "must be one ASCII character, or its escape");
            b','
        }
    }
}
