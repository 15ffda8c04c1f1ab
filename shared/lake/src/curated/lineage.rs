//! Where a row comes from, as the columns that stand behind a model's fields.

use super::{RowKind, Value};

/// Where a row comes from: its values of [`super::LINEAGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage<'a> {
    /// Connection.
    pub connection: &'a str,
    /// Source.
    pub source: &'a str,
    /// Stream.
    pub stream: &'a str,
    /// What tells its record from others of the stream.
    pub record_key: &'a str,
    /// The row's place in its record's list, where the model explodes one.
    pub place: Option<i64>,
    /// What it is.
    pub kind: RowKind,
    /// The record's place in its stream's order.
    pub cursor: Option<&'a str>,
    /// When its page was asked for, in text of fixed width.
    pub request_start: &'a str,
    /// Landing object.
    pub object: &'a str,
    /// Line in it, from 1.
    pub line: i64,
    /// Page.
    pub page: i64,
    /// Place within the page.
    pub ordinal: i64,
    /// Run.
    pub run: &'a str,
    /// What no field takes, as JSON.
    pub extra: Option<&'a str>,
    /// The model's version.
    pub version: i64,
}

impl<'a> Lineage<'a> {
    /// The values, in the order of the columns.
    pub fn values(&self) -> [Value<'a>; 15] {
        let optional = |text: Option<&'a str>| text.map_or(Value::Null, Value::Text);
        [
            Value::Text(self.connection),
            Value::Text(self.source),
            Value::Text(self.stream),
            Value::Text(self.record_key),
            self.place.map_or(Value::Null, Value::Integer),
            Value::Text(self.kind.as_str()),
            optional(self.cursor),
            Value::Text(self.request_start),
            Value::Text(self.object),
            Value::Integer(self.line),
            Value::Integer(self.page),
            Value::Integer(self.ordinal),
            Value::Text(self.run),
            optional(self.extra),
            Value::Integer(self.version),
        ]
    }

    /// Reads the values back; none when one is missing that every row has.
    pub fn read(values: &[Value<'a>]) -> Option<Self> {
        let text = |at: usize| match values.get(at) {
            Some(Value::Text(text)) => Some(*text),
            _ => None,
        };
        let number = |at: usize| match values.get(at) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        };
        Some(Self {
            connection: text(0)?,
            source: text(1)?,
            stream: text(2)?,
            record_key: text(3)?,
            place: number(4),
            kind: RowKind::from_word(text(5)?)?,
            cursor: text(6),
            request_start: text(7)?,
            object: text(8)?,
            line: number(9)?,
            page: number(10)?,
            ordinal: number(11)?,
            run: text(12)?,
            extra: text(13),
            version: number(14)?,
        })
    }
}
