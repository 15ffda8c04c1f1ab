//! The embedded query engine: SQLite over the lake's files.
//!
//! It fills SQLite tables from commit and landing objects, each once (they are write-once), and
//! creates the views that `lake` defines, the same ones that Athena gets. Statements only read.
//! JSON values are taken out by functions of ours, which keep numbers as they were written:
//! SQLite's own turn long ones into floating point.
//!
//! Not a general engine over any files: it knows the tables that it is given.

mod cache;
mod engine;
mod function;
mod statement;
mod unload;

pub use engine::{Engine, OpenError};
