//! Curated objects: rows of typed columns as Parquet, compressed with zstd; their keys, and the
//! receipts that make them visible.
//!
//! ```
//! use lake::curated::{Column, CuratedWriter, Kind, Value};
//!
//! let columns = [Column::required("id", Kind::Text), Column::optional("n", Kind::Integer)];
//! let mut writer = CuratedWriter::new(&columns)?;
//! writer.write([Value::Text("a"), Value::Null])?;
//! let object = writer.finish()?;
//! assert_eq!(object.rows, 1);
//! # Ok::<(), lake::curated::CuratedError>(())
//! ```

mod buffer;
mod columns;
mod compact;
mod compacted;
mod fold;
mod key;
mod lineage;
mod pointer;
mod quarantine;
mod read;
mod receipt;
mod schema;
mod tail;
#[cfg(test)]
mod tests;
mod visible;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use buffer::Buffer;
pub use columns::{LINEAGE, RowKind, SNAPSHOT, THING, columns};
pub use compact::{Kept, Selection, Standing};
pub use compacted::Compacted;
pub use fold::{ShownRow, shown_rows};
pub use key::{
    CuratedKey, KeyDigest, Layer, Revision, SnapshotKey, ThingsKey, pointer_key, pointers_prefix,
};
pub use lineage::Lineage;
pub use pointer::{KeptGeneration, Pointer};
pub use quarantine::{Broken, Quarantined, Reason};
pub use read::CuratedReader;
pub use receipt::{PartCounts, Receipt, ReceiptPart, ThingCounts};
pub use tail::{Tail, rows_of_tail};
pub use visible::{StreamId, Visible, VisiblePart, visible};

/// Bytes of values that are held before they become a row group.
const ROW_GROUP: usize = 32 * 1024 * 1024;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// JSON as UTF-8.
    Json,
    /// 64 bits, signed.
    Integer,
    /// Exact, of so many digits, so many of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// True or false.
    Boolean,
    /// UTC, in microseconds; finer digits are cut off.
    Timestamp,
    /// A day.
    Date,
    /// A list of UTF-8 texts.
    Texts,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether each row has a value.
    pub required: bool,
}

impl Column {
    /// Each row has a value.
    pub fn required(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, required: true }
    }

    /// A row may have none.
    pub fn optional(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, required: false }
    }
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// Of a text or JSON column.
    Text(&'a str),
    /// Of an integer column.
    Integer(i64),
    /// The digits of a decimal of the column's scale.
    Decimal(i128),
    /// Of a boolean column.
    Boolean(bool),
    /// Of a column of instants.
    Timestamp(Timestamp),
    /// Of a column of days.
    Date(Date),
    /// Of a column of lists.
    Texts(&'a [Cow<'a, str>]),
}

/// Why rows do not become an object.
#[derive(Debug, thiserror::Error)]
pub enum CuratedError {
    /// A value that its column cannot hold, or none where there must be one.
    #[error("column `{column}` is {kind:?} and cannot hold {value}")]
    Value {
        /// Column.
        column: String,
        /// Its type.
        kind: Kind,
        /// What came, without its content.
        value: &'static str,
    },
    /// A row of another length.
    #[error("a row has {found} values, there are {columns} columns")]
    Length {
        /// Columns.
        columns: usize,
        /// Values.
        found: usize,
    },
    /// An object's column is of another type than it is now.
    #[error("column `{column}` is of another type in this object than in the model")]
    Retyped {
        /// Column.
        column: String,
    },
    /// The format refused.
    #[error("Parquet that cannot be written or read")]
    Parquet(#[from] ParquetError),
}

/// A finished object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curated {
    /// Its bytes.
    pub body: Bytes,
    /// Its rows.
    pub rows: u64,
}

/// Writes rows into one object, row group by row group.
#[derive(Debug)]
pub struct CuratedWriter {
    columns: Vec<Buffer>,
    file: File,
    rows: u64,
    /// Rows and bytes that are not in a row group yet.
    pending: u64,
    held: usize,
}

struct File(SerializedFileWriter<Vec<u8>>);

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("bytes", &self.0.bytes_written()).finish_non_exhaustive()
    }
}

impl CuratedWriter {
    /// An object of these columns, still empty.
    pub fn new(columns: &[Column]) -> Result<Self, CuratedError> {
        let properties = Arc::new(schema::properties(columns)?);
        let file = SerializedFileWriter::new(Vec::new(), schema::schema(columns)?, properties)?;
        let columns = columns.iter().cloned().map(Buffer::new).collect();
        Ok(Self { columns, file: File(file), rows: 0, pending: 0, held: 0 })
    }

    /// Adds a row: a value for each column, in their order. After an error the object is lost.
    pub fn write<'a>(
        &mut self,
        row: impl IntoIterator<Item = Value<'a>>,
    ) -> Result<(), CuratedError> {
        let mut found = 0;
        for value in row {
            if let Some(column) = self.columns.get_mut(found) {
                self.held += column.push(value)?;
            }
            found += 1;
        }
        if found != self.columns.len() {
            return Err(CuratedError::Length { columns: self.columns.len(), found });
        }
        self.rows += 1;
        self.pending += 1;
        if self.held >= ROW_GROUP { self.flush() } else { Ok(()) }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of the object so far, those that are held uncompressed.
    pub fn size(&self) -> usize {
        self.file.0.bytes_written() + self.held
    }

    fn flush(&mut self) -> Result<(), CuratedError> {
        if self.pending == 0 {
            return Ok(());
        }
        let mut group = self.file.0.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.drain(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        (self.pending, self.held) = (0, 0);
        Ok(())
    }

    /// The object.
    pub fn finish(mut self) -> Result<Curated, CuratedError> {
        self.flush()?;
        let body = self.file.0.into_inner()?;
        Ok(Curated { body: body.into(), rows: self.rows })
    }
}
