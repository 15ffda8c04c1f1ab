//! `feeds/<feed>.yaml`: how the files of a kind of partner look.

mod parse;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;

pub use schema::schema;

/// How files of a feed are named, told apart, read, checked, and what becomes of them.
#[derive(Debug, Clone)]
pub struct Feed {
    /// What it is, for people.
    pub description: Option<String>,
    /// How its files are named; groups `client`, `entity`, `ts`, `seq` and `total` are read.
    pub pattern: Option<Regex>,
    /// What becomes of files whose names do not match.
    pub unmatched: Unmatched,
    /// What files can be, in the order in which files of one look are accepted.
    pub kinds: Vec<Kind>,
    /// How they are written.
    pub format: Format,
    /// What is known of columns, by the name in the header.
    pub columns: BTreeMap<String, ColumnRule>,
    /// When a file has arrived whole.
    pub complete: Complete,
    /// How large they may be.
    pub limits: Limits,
    /// How often one is expected.
    pub expect: Option<Expect>,
    /// Whether they are encrypted.
    pub encryption: Encryption,
    /// What is compared before anything is accepted.
    pub verify: Verify,
    /// What becomes of the source.
    pub after: After,
    /// What becomes of other content under a name that was taken already.
    pub corrections: Corrections,
}

/// What becomes of files whose names do not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// Header and tags tell what they are.
    Classify,
    /// They are left alone.
    Ignore,
}

/// What a file can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its name: `user`, `transaction`.
    pub name: String,
    /// Values of the pattern's group `entity` that mean it.
    pub entities: Vec<String>,
    /// Columns that a header of it has, and that no other kind's has together.
    pub columns: Vec<String>,
    /// Tags, or fields of the control file, that mean it.
    pub tags: BTreeMap<String, String>,
    /// The column whose sum the trailer or the control file announces.
    pub total: Option<String>,
}

/// How files are written. What is not said is told by the file's name and first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Rows or JSON; by the name's ending unless said.
    pub kind: Option<FormatKind>,
    /// Encoding; UTF-8, or by a byte order mark, unless said.
    pub encoding: Option<TextEncoding>,
    /// Between fields; by the name's ending unless said.
    pub delimiter: Option<u8>,
    /// Around fields; none where quotes mean nothing.
    pub quote: Option<u8>,
    /// Before a quote inside of a field, where it is not doubled.
    pub escape: Option<u8>,
    /// The names of the columns, where files have no header.
    pub header: Header,
    /// Texts that mean nothing.
    pub nulls: Vec<String>,
    /// Whether blanks around unquoted fields are left out.
    pub trim: bool,
    /// Names that lead to the list of records of a JSON file that is no list itself.
    pub records: Vec<String>,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatKind {
    /// Rows of fields.
    Csv,
    /// One JSON list.
    Json,
    /// A JSON object a line.
    Ndjson,
}

/// Encoding of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// Windows-1252, of which ISO 8859-1 is a part.
    Windows1252,
}

/// Where the names of columns come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// The first row.
    FirstRow,
    /// The feed.
    Columns(Vec<String>),
}

/// What is known of a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnRule {
    /// What it is called in records.
    pub name: Option<String>,
    /// Every row has a value in it.
    pub required: bool,
    /// Its numbers have a decimal comma, and points between thousands.
    pub decimal_comma: bool,
    /// Its dates are written so (as in strftime); records have them as in ISO 8601.
    pub date: Option<String>,
}

/// When a file has arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// Size and time have not changed for so long, seen at two looks; at once when zero.
    pub stable_for: Duration,
    /// Endings of the file that says so; none where size and time tell.
    pub markers: Vec<String>,
    /// Names that are never looked at: `*.part`, `.*`.
    pub ignore: Vec<String>,
    /// A marker alone is told after so long.
    pub marker_alone: Duration,
    /// A file without its marker is told after so long.
    pub file_alone: Duration,
}

/// How large files may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Least bytes.
    pub min_bytes: u64,
    /// Most bytes, as they arrive.
    pub max_bytes: u64,
    /// Most bytes, unpacked.
    pub max_unpacked_bytes: u64,
    /// Most bytes that one packed byte may become.
    pub max_ratio: u64,
    /// Most records.
    pub max_records: u64,
    /// Most bytes of a record.
    pub max_record_bytes: usize,
    /// Most faulty rows of a hundred.
    pub max_error_pct: f64,
    /// Most faulty rows in all.
    pub max_errors: u64,
}

/// How often a file is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// Between two files.
    pub every: Duration,
    /// Beyond that, it is late.
    pub late_after: Duration,
}

/// Whether files are encrypted with OpenPGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// Files that are not are refused.
    pub required: bool,
    /// Files without the partner's signature are refused.
    pub signed: bool,
}

/// What is compared before anything is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verify {
    /// First field of a header record before the header: `H`.
    pub header: Option<String>,
    /// First field of a trailer with count and control total: `T`.
    pub trailer: Option<String>,
    /// Whether a file without trailer is refused.
    pub trailer_required: bool,
}

/// What becomes of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// It is moved into a folder of the drop; refused files into `failed`, repeated ones into
    /// `duplicate`.
    Move(String),
    /// It is removed; the lake has the original.
    Delete,
    /// It stays; only the ledger knows that it was taken.
    Leave,
}

/// What becomes of other content under a name that was taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corrections {
    /// It is one more file.
    Process,
    /// It is refused.
    Reject,
}

/// Names that are never looked at, unless the feed says otherwise: what clients call uploads that
/// are under way.
const IGNORED: &[&str] = &["*.part", "*.tmp", "*.filepart", "*.partial", "*~", ".*"];

impl Default for Format {
    fn default() -> Self {
        Self {
            kind: None,
            encoding: None,
            delimiter: None,
            quote: Some(b'"'),
            escape: None,
            header: Header::FirstRow,
            nulls: vec![String::new(), "NULL".to_owned(), "\\N".to_owned()],
            trim: true,
            records: Vec::new(),
        }
    }
}

impl Default for Complete {
    fn default() -> Self {
        Self {
            stable_for: Duration::from_mins(1),
            markers: Vec::new(),
            ignore: IGNORED.iter().map(|name| (*name).to_owned()).collect(),
            marker_alone: Duration::from_hours(1),
            file_alone: Duration::from_hours(4),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_bytes: 1,
            max_bytes: 10 << 30,
            max_unpacked_bytes: 100 << 30,
            max_ratio: 100,
            max_records: 200_000_000,
            max_record_bytes: 1 << 20,
            max_error_pct: 5.0,
            max_errors: 10_000,
        }
    }
}

impl Feed {
    /// The kind of that name, and its place among the kinds.
    pub fn kind(&self, name: &str) -> Option<(usize, &Kind)> {
        self.kinds.iter().enumerate().find(|(_, kind)| kind.name == name)
    }
}
