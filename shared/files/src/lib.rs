//! The landing zone: how files of partners are named, told apart, read and checked.
//!
//! A [`Feed`] is read from its file. A [`Look`] tells which of a drop's files have arrived whole.
//! A [`Decoding`] takes the bytes of one file as they come and gives its records in parts, or a
//! [`Refusal`] that a person can act on; it never holds more than a part and a record, whatever
//! the file's size.
//!
//! It does no I/O but through [`ports::FileDrop`], and it does not know where records go.

mod classify;
mod control;
mod decimal;
mod decode;
mod feed;
mod look;
mod name;
mod object_drop;
mod refusal;

pub use control::{Control, MAX_CONTROL};
pub use decimal::Decimal;
pub use decode::{Announced, Decoded, Decoding, Keys, Part, Plan, Row, Step};
pub use feed::{
    After, ColumnRule, Complete, Corrections, Encryption, Expect, Feed, Format, FormatKind, Header,
    Kind, Limits, TextEncoding, Unmatched, Verify, schema,
};
pub use look::{Found, Look, Sight, is_late, is_marker_overdue};
pub use object_drop::{ObjectDrop, copy};
pub use refusal::{Code, Refusal, RefusedRow, RowCode};
