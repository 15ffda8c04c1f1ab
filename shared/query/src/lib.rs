//! The embedded query engine: SQLite over the lake's files.
