//! The values of one column that are not in a row group yet.

use bytes::Bytes;
use jiff::civil::Date;
use parquet::column::writer::{ColumnWriter, get_typed_column_writer_mut};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};

use super::schema::SHORT;
use super::{Column, CuratedError, Kind, Value};

/// The values of one column.
#[derive(Debug)]
pub(super) struct Buffer {
    column: Column,
    data: Data,
    /// Definition levels, where a value may be missing.
    there: Vec<i16>,
    /// Repetition levels, of a list.
    again: Vec<i16>,
}

#[derive(Debug)]
enum Data {
    Booleans(Vec<bool>),
    Days(Vec<i32>),
    Numbers(Vec<i64>),
    Long(Vec<FixedLenByteArray>),
    Texts(Texts),
}

/// Texts, end to end.
#[derive(Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) -> usize {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
        text.len() + size_of::<usize>()
    }

    /// The texts as values that share their bytes.
    fn drain(&mut self) -> Vec<ByteArray> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let mut start = 0;
        let text = |end: usize| {
            let text = bytes.slice(start..end);
            start = end;
            ByteArray::from(text)
        };
        std::mem::take(&mut self.ends).into_iter().map(text).collect()
    }
}

impl Buffer {
    pub(super) fn new(column: Column) -> Self {
        let data = match column.kind {
            Kind::Text | Kind::Json | Kind::Texts => Data::Texts(Texts::default()),
            Kind::Boolean => Data::Booleans(Vec::new()),
            Kind::Date => Data::Days(Vec::new()),
            Kind::Integer | Kind::Timestamp => Data::Numbers(Vec::new()),
            Kind::Decimal { precision, .. } if precision <= SHORT => Data::Numbers(Vec::new()),
            Kind::Decimal { .. } => Data::Long(Vec::new()),
        };
        Self { column, data, there: Vec::new(), again: Vec::new() }
    }

    /// Adds a value; gives about how many bytes it holds.
    pub(super) fn push(&mut self, value: Value<'_>) -> Result<usize, CuratedError> {
        if value == Value::Null {
            if self.column.required {
                return Err(self.refused("nothing"));
            }
            self.there.push(0);
            if self.column.kind == Kind::Texts {
                self.again.push(0);
            }
            return Ok(size_of::<i16>());
        }
        let size = match (self.column.kind, &mut self.data, value) {
            (Kind::Texts, Data::Texts(data), Value::Texts(texts)) => {
                let level = i16::from(!self.column.required);
                let mut size = size_of::<i16>();
                if texts.is_empty() {
                    self.there.push(level);
                    self.again.push(0);
                }
                for (i, text) in texts.iter().enumerate() {
                    self.there.push(level + 1);
                    self.again.push(i16::from(i > 0));
                    size += data.push(text);
                }
                return Ok(size);
            }
            (Kind::Text | Kind::Json, Data::Texts(data), Value::Text(text)) => data.push(text),
            (Kind::Boolean, Data::Booleans(data), Value::Boolean(truth)) => put(data, truth),
            (Kind::Integer, Data::Numbers(data), Value::Integer(number)) => put(data, number),
            (Kind::Timestamp, Data::Numbers(data), Value::Timestamp(at)) => {
                put(data, at.as_microsecond())
            }
            (Kind::Date, Data::Days(data), Value::Date(day)) => put(data, days(day)),
            (Kind::Decimal { .. }, Data::Long(data), Value::Decimal(digits)) => {
                put(data, FixedLenByteArray::from(digits.to_be_bytes().to_vec()))
            }
            (Kind::Decimal { .. }, Data::Numbers(data), Value::Decimal(digits)) => {
                match i64::try_from(digits) {
                    Ok(digits) => put(data, digits),
                    Err(_) => return Err(self.refused("a longer decimal")),
                }
            }
            (.., other) => return Err(self.refused(name(other))),
        };
        if !self.column.required {
            self.there.push(1);
        }
        Ok(size)
    }

    fn refused(&self, value: &'static str) -> CuratedError {
        let Column { name, kind, .. } = self.column.clone();
        CuratedError::Value { column: name, kind, value }
    }

    /// Hands all values to a row group.
    pub(super) fn drain(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), CuratedError> {
        let there = std::mem::take(&mut self.there);
        let again = std::mem::take(&mut self.again);
        let levels = Levels {
            there: (!there.is_empty()).then_some(there),
            again: (!again.is_empty()).then_some(again),
        };
        match &mut self.data {
            Data::Booleans(data) => levels.write::<BoolType>(writer, &std::mem::take(data)),
            Data::Days(data) => levels.write::<Int32Type>(writer, &std::mem::take(data)),
            Data::Numbers(data) => levels.write::<Int64Type>(writer, &std::mem::take(data)),
            Data::Long(data) => {
                levels.write::<FixedLenByteArrayType>(writer, &std::mem::take(data))
            }
            Data::Texts(data) => levels.write::<ByteArrayType>(writer, &data.drain()),
        }
    }
}

struct Levels {
    there: Option<Vec<i16>>,
    again: Option<Vec<i16>>,
}

impl Levels {
    fn write<T: DataType>(
        &self,
        writer: &mut ColumnWriter<'_>,
        values: &[T::T],
    ) -> Result<(), CuratedError> {
        let writer = get_typed_column_writer_mut::<T>(writer);
        writer.write_batch(values, self.there.as_deref(), self.again.as_deref())?;
        Ok(())
    }
}

fn put<T>(data: &mut Vec<T>, value: T) -> usize {
    data.push(value);
    size_of::<T>()
}

/// Days since 1970-01-01.
fn days(date: Date) -> i32 {
    let since = date.since(Date::constant(1970, 1, 1));
    since.map_or(0, |span| span.get_days())
}

fn name(value: Value<'_>) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Text(_) => "a text",
        Value::Integer(_) => "an integer",
        Value::Decimal(_) => "a decimal",
        Value::Boolean(_) => "a boolean",
        Value::Timestamp(_) => "an instant",
        Value::Date(_) => "a day",
        Value::Texts(_) => "a list",
    }
}
