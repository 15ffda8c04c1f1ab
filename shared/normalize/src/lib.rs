//! Standard models: one file a model says which fields its rows have, and where each source keeps
//! them.
//!
//! A [`Model`] is read from its file once, with every path and pattern compiled. A [`Reader`] of
//! one of its sources then turns records into rows of typed [`Cell`]s, or into a [`Refusal`] that
//! says which value of the record breaks which rule. What no field takes is kept as JSON beside
//! the cells, token by token; what the model does not know of is told as [`Drift`].
//!
//! ```
//! use model::document::Document;
//! use normalize::{Model, Refusal, Row, Sink};
//!
//! struct Print;
//! impl Sink for Print {
//!     fn row(&mut self, row: &Row<'_>) {
//!         assert_eq!(row.cells[1].to_string(), "250.00");
//!         assert_eq!(row.extra, r#"{"tags":["new"]}"#);
//!     }
//!     fn refused(&mut self, refusal: &Refusal) {
//!         panic!("{refusal}");
//!     }
//! }
//!
//! let file = "
//! version: 1
//! fields:
//!   id: {type: string, required: true}
//!   total: decimal(18,2)
//! identity: [id]
//! sources:
//!   shop/orders:
//!     fields: {id: id, total: price.total}
//!     known: [tags]
//! ";
//! let model = Model::parse(&Document::parse("order.yaml", file)?).map_err(|faults| format!("{faults:?}"))?;
//! let mut reader = model.reader("shop", "orders").ok_or("no such source")?;
//! reader.rows(br#"{"id":"a","price":{"total":250},"tags":["new"]}"#, &mut Print)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does no I/O, and it does not say which rows are the same thing: that is identity.

mod cell;
mod convert;
mod drift;
mod extra;
mod file;
pub mod identity;
mod kind;
mod path;
mod plan;
mod reader;
#[cfg(test)]
mod shipped;
mod violation;
mod walk;

pub use cell::{Cell, Decimal};
pub use drift::{Drift, DriftKind, Fact};
pub use file::{Extra, Field, Model, OnViolation, Source, schema};
pub use jiff::civil::Date;
pub use kind::{JsonType, JsonTypes, Kind};
pub use reader::{MAX_RECORD, Reader, Row, Sink, Tally};
pub use violation::{Action, Refusal, Rule, Violation};
