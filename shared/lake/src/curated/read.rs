//! Curated objects, read back.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::{Column, CuratedError, Kind, Value, schema};

/// Reads the rows of one object, a row group at a time.
pub struct CuratedReader {
    file: SerializedFileReader<Bytes>,
    columns: Vec<Asked>,
}

/// A column that was asked for, and which of the object's it is.
#[derive(Debug)]
struct Asked {
    column: Column,
    place: Option<usize>,
}

impl std::fmt::Debug for CuratedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CuratedReader").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl CuratedReader {
    /// Opens an object to read these columns, by name. One that the object does not have is null
    /// in each row; one that is of another type there is an error.
    pub fn new(body: Bytes, columns: &[Column]) -> Result<Self, CuratedError> {
        let file = SerializedFileReader::new(body)?;
        let there = file.metadata().file_metadata().schema_descr();
        let ask = |column: &Column| {
            let name = |found: &ColumnDescriptor| {
                found.path().parts().first().is_some_and(|name| *name == column.name)
            };
            let place = there.columns().iter().position(|found| name(found));
            let found = place.and_then(|place| there.columns().get(place));
            if let Some(found) = found
                && !schema::holds(column, found)?
            {
                return Err(CuratedError::Retyped { column: column.name.clone() });
            }
            Ok(Asked { column: column.clone(), place })
        };
        let columns = columns.iter().map(ask).collect::<Result<_, CuratedError>>()?;
        Ok(Self { file, columns })
    }

    /// Gives each row, a value for each column that was asked for.
    pub fn for_each<E: From<CuratedError>>(
        &self,
        mut row: impl FnMut(&[Value<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        for number in 0..self.file.num_row_groups() {
            let group = self.file.get_row_group(number).map_err(CuratedError::from)?;
            let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
            let chunk = |asked: &Asked| match asked.place {
                None => Ok(Chunk::none()),
                Some(place) => Chunk::read(group.get_column_reader(place)?, &asked.column, rows),
            };
            let mut chunks =
                self.columns.iter().map(chunk).collect::<Result<Vec<_>, CuratedError>>()?;
            for _ in 0..rows {
                let values: Vec<Value<'_>> =
                    chunks.iter_mut().map(Chunk::next).collect::<Result<_, CuratedError>>()?;
                row(&values)?;
            }
        }
        Ok(())
    }
}

/// One column of a row group.
struct Chunk {
    data: Data,
    kind: Kind,
    /// Definition levels, and the one of a value that is there; none where all are.
    there: Vec<i16>,
    full: i16,
    /// The row and the value to come.
    row: usize,
    value: usize,
}

enum Data {
    None,
    Booleans(Vec<bool>),
    Days(Vec<i32>),
    Numbers(Vec<i64>),
    Long(Vec<FixedLenByteArray>),
    Texts(Vec<ByteArray>),
    Lists(Vec<Option<Vec<Cow<'static, str>>>>),
}

/// The values of a column with their levels.
struct Levels<T> {
    values: Vec<T>,
    there: Vec<i16>,
    again: Vec<i16>,
}

fn levels<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Levels<T::T>, CuratedError> {
    let mut all = Levels { values: Vec::new(), there: Vec::new(), again: Vec::new() };
    let mut read = 0;
    while read < rows {
        let (records, ..) = reader.read_records(
            rows - read,
            Some(&mut all.there),
            Some(&mut all.again),
            &mut all.values,
        )?;
        if records == 0 {
            return Err(broken("a column ends before its rows do"));
        }
        read += records;
    }
    Ok(all)
}

fn broken(what: &str) -> CuratedError {
    CuratedError::Parquet(ParquetError::General(what.to_owned()))
}

impl Chunk {
    fn none() -> Self {
        Self { data: Data::None, kind: Kind::Text, there: Vec::new(), full: 0, row: 0, value: 0 }
    }

    fn read(reader: ColumnReader, column: &Column, rows: usize) -> Result<Self, CuratedError> {
        let kind = column.kind;
        let chunk = |data, there: Vec<i16>| {
            let full = there.iter().copied().max().unwrap_or_default().max(1);
            Self { data, kind, there, full, row: 0, value: 0 }
        };
        Ok(match reader {
            ColumnReader::BoolColumnReader(reader) => {
                let Levels { values, there, .. } = levels(reader, rows)?;
                chunk(Data::Booleans(values), there)
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let Levels { values, there, .. } = levels(reader, rows)?;
                chunk(Data::Days(values), there)
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let Levels { values, there, .. } = levels(reader, rows)?;
                chunk(Data::Numbers(values), there)
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                let Levels { values, there, .. } = levels(reader, rows)?;
                chunk(Data::Long(values), there)
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                let read = levels(reader, rows)?;
                if kind == Kind::Texts {
                    chunk(Data::Lists(lists(read)?), Vec::new())
                } else {
                    chunk(Data::Texts(read.values), read.there)
                }
            }
            _ => return Err(broken("a column of a type that is never written")),
        })
    }

    /// The value of the next row.
    fn next(&mut self) -> Result<Value<'_>, CuratedError> {
        let row = self.row;
        self.row += 1;
        let is_there = self.there.is_empty() || self.there.get(row) == Some(&self.full);
        if matches!(self.data, Data::None) || !is_there {
            return Ok(Value::Null);
        }
        let at = self.value;
        self.value += 1;
        let value = match &self.data {
            Data::None => None,
            Data::Booleans(values) => values.get(at).map(|truth| Value::Boolean(*truth)),
            Data::Days(values) => values.get(at).and_then(|days| day(*days)),
            Data::Numbers(values) => values.get(at).and_then(|number| self.number(*number)),
            Data::Long(values) => values.get(at).and_then(|bytes| decimal(bytes.data())),
            Data::Texts(values) => values.get(at).and_then(|bytes| text(bytes.data())),
            Data::Lists(values) => {
                values.get(at).map(|list| list.as_deref().map_or(Value::Null, Value::Texts))
            }
        };
        value.ok_or_else(|| broken("a value that its column cannot hold"))
    }

    fn number(&self, number: i64) -> Option<Value<'static>> {
        match self.kind {
            Kind::Timestamp => Timestamp::from_microsecond(number).ok().map(Value::Timestamp),
            Kind::Decimal { .. } => Some(Value::Decimal(i128::from(number))),
            _ => Some(Value::Integer(number)),
        }
    }
}

fn text(bytes: &[u8]) -> Option<Value<'_>> {
    std::str::from_utf8(bytes).ok().map(Value::Text)
}

fn day(days: i32) -> Option<Value<'static>> {
    Date::constant(1970, 1, 1).checked_add(i64::from(days).days()).ok().map(Value::Date)
}

fn decimal(bytes: &[u8]) -> Option<Value<'static>> {
    bytes.try_into().ok().map(|bytes| Value::Decimal(i128::from_be_bytes(bytes)))
}

/// The lists of a column: null, empty, or with items.
fn lists(read: Levels<ByteArray>) -> Result<Vec<Option<Vec<Cow<'static, str>>>>, CuratedError> {
    let Levels { values, there, again } = read;
    let mut items = values.into_iter();
    let mut lists: Vec<Option<Vec<Cow<'static, str>>>> = Vec::new();
    // The levels of a list that may be null: 0 nothing, 1 without items, 2 an item.
    for (there, again) in there.into_iter().zip(again) {
        if again == 0 {
            lists.push((there > 0).then(Vec::new));
        }
        if there == 2 {
            let item = items.next().ok_or_else(|| broken("a list ends before its items do"))?;
            let item = item.as_utf8()?.to_owned();
            if let Some(Some(list)) = lists.last_mut() {
                list.push(Cow::Owned(item));
            }
        }
    }
    Ok(lists)
}
