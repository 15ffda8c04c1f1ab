//! Where a record stands in the order of its stream.

use bytes::Bytes;
use model::CursorValue;
use request::value::{Number, Value};

use crate::cursor::{CountCursor, Cursor, CursorError, Moment};
use crate::record_selector::raw::{RawCursor, RawError};
use crate::retriever::Record;

/// What a record says of its place in the stream's order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Nowhere,
    At(Moment),
    Count(i128),
}

impl Place {
    pub(super) fn of_raw(cursor: Option<&Cursor>, raw: &RawCursor) -> Result<Self, RawError> {
        let at = |moment: Option<Moment>| moment.map_or(Self::Nowhere, Self::At);
        Ok(match (cursor, raw) {
            (None, _) | (_, RawCursor::Absent) => Self::Nowhere,
            (Some(Cursor::Datetime(cursor)), RawCursor::Text(text)) => at(cursor.parse_text(text)),
            (Some(Cursor::Datetime(cursor)), RawCursor::Number(token)) => {
                let number = Number::from_token(token).map(Value::Number);
                at(number.and_then(|number| cursor.parse(&number)))
            }
            (Some(Cursor::Count(_)), RawCursor::Number(token)) => {
                Self::Count(CountCursor::parse_token(token).ok_or(RawError::Shape)?)
            }
            (Some(Cursor::Count(_)), RawCursor::Text(_)) => return Err(RawError::Shape),
        })
    }

    pub(super) fn of_value(cursor: Option<&Cursor>, record: &Value) -> Result<Self, CursorError> {
        let Some(cursor) = cursor else { return Ok(Self::Nowhere) };
        let Some(value) = record.get(cursor.field()) else { return Ok(Self::Nowhere) };
        Ok(match cursor {
            Cursor::Datetime(cursor) => cursor.parse(value).map_or(Self::Nowhere, Self::At),
            Cursor::Count(_) => CountCursor::parse(value)?.map_or(Self::Nowhere, Self::Count),
        })
    }

    pub(super) fn moment(self) -> Option<Moment> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Nowhere | Self::Count(_) => None,
        }
    }

    pub(super) fn of_record(self, raw: Bytes) -> Record {
        let cursor = match self {
            Self::Nowhere => None,
            Self::At(moment) => Some(CursorValue::Instant(moment.at())),
            Self::Count(count) => Some(CursorValue::Integer(count)),
        };
        Record { raw, cursor, moment: self.moment() }
    }
}
