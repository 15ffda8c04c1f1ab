//! `CsvDecoder`: the rows of a table, as Python's `csv.DictReader` gives them.

use std::io::Cursor;

use bytes::Bytes;
use csv::{ReaderBuilder, StringRecord, StringRecordsIntoIter};

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

    /// The rows, as mappings.
    pub(super) fn rows(&self, body: &Bytes) -> Result<Values<'_>, DecodeError> {
        let text = encoding::decode(body, &self.encoding)?;
        let nameless = text.starts_with(['\n', '\r']);
        let mut table = Table::new(&text, self.delimiter);
        let header = if nameless { None } else { table.next()? };
        let header: Vec<Key> = header.iter().flatten().map(Key::from).collect();
        let rows = std::iter::from_fn(move || table.next().transpose());
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

/// The rows of a text, as lists of cells. A text that ends within quotation marks was cut off,
/// and is refused.
pub(super) struct Table {
    rows: StringRecordsIntoIter<Cursor<String>>,
    row: u64,
    ended: bool,
}

impl Table {
    pub(super) fn new(text: &str, delimiter: u8) -> Self {
        // The reader takes one mark away; Python leaves it with the first name.
        let text = format!("\u{feff}{text}\n{END}").replace("\r\n", "\n").replace('\r', "\n");
        let rows = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Cursor::new(text))
            .into_records();
        Self { rows, row: 0, ended: false }
    }

    /// Number of the row that was read last, from 1.
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    /// The next row that is not blank; none after the last one.
    pub(super) fn next(&mut self) -> Result<Option<StringRecord>, DecodeError> {
        let fault = |row, reason: String| DecodeError::Row { row, reason };
        if self.ended {
            return Ok(None);
        }
        let Some(row) = self.rows.next() else {
            return Err(fault(self.row, "the table ends within quotation marks".to_owned()));
        };
        self.row += 1;
        match row {
            Err(_) => Err(fault(self.row, "it cannot be read".to_owned())),
            Ok(cells) if cells.len() == 1 && cells.get(0) == Some(END) => {
                self.ended = true;
                Ok(None)
            }
            Ok(cells) if cells.len() > MAX_COLUMNS => {
                Err(fault(self.row, format!("more than {MAX_COLUMNS} columns")))
            }
            Ok(cells) => Ok(Some(cells)),
        }
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
