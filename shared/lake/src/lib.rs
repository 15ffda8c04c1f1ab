//! The lake: keys, lines, codecs, commits, tables and views.
