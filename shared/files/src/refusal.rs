//! Why a file, or a row of it, is not taken.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// The code, as reports show it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// Why a file is refused as a whole.
    Code {
        /// Smaller than the feed allows.
        FileTooSmall = "FILE_TOO_SMALL",
        /// Larger than the feed allows.
        FileTooLarge = "FILE_TOO_LARGE",
        /// Neither its name, nor its header, nor its tags tell what it holds.
        Unclassified = "UNCLASSIFIED",
        /// Its name ends in no format that is known, and the feed names none.
        UnknownFormat = "UNKNOWN_FORMAT",
        /// It cannot be decrypted.
        Decrypt = "DECRYPT",
        /// The feed wants encrypted files and it is not one.
        NotEncrypted = "NOT_ENCRYPTED",
        /// Its signature is missing or not the partner's.
        Signature = "SIGNATURE",
        /// It unpacks to more than it may.
        Bomb = "BOMB",
        /// It cannot be unpacked.
        Archive = "ARCHIVE",
        /// What is packed in it has a name that leads elsewhere, or is not one file.
        ArchiveEntry = "ARCHIVE_ENTRY",
        /// It is not text of its encoding.
        Charset = "CHARSET",
        /// Its header is not the one of its kind.
        Header = "HEADER",
        /// It is not JSON.
        Syntax = "SYNTAX",
        /// One record is larger than the feed allows, as when a quote is never closed.
        RecordTooLarge = "RECORD_TOO_LARGE",
        /// More records than the feed allows.
        TooManyRecords = "TOO_MANY_RECORDS",
        /// More faulty rows than the feed allows.
        TooManyErrors = "TOO_MANY_ERRORS",
        /// The trailer is missing: the file may have been cut off.
        TrailerMissing = "TRAILER_MISSING",
        /// Not as many records as announced.
        CountMismatch = "COUNT_MISMATCH",
        /// The records do not add up to the announced total.
        TotalMismatch = "TOTAL_MISMATCH",
        /// The bytes are not those that were announced.
        Checksum = "CHECKSUM",
        /// The control file cannot be read, or is about another file.
        Control = "CONTROL",
        /// Another content under a name that was taken already.
        Correction = "CORRECTION",
    }
}

codes! {
    /// Why a row is refused.
    RowCode {
        /// It has more or fewer fields than the header.
        Ragged = "RAGGED_ROW",
        /// It is not UTF-8.
        Text = "INVALID_TEXT",
        /// It is not JSON.
        Json = "INVALID_JSON",
        /// It is JSON, but no object.
        NotAnObject = "NOT_AN_OBJECT",
        /// A value that must be there is not.
        Missing = "MISSING_VALUE",
        /// A number is none.
        Number = "INVALID_NUMBER",
        /// A date is none.
        Date = "INVALID_DATE",
    }
}

/// Why a file is refused, in a sentence that a person can act on. No text of the file's records is
/// in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// Code.
    pub code: Code,
    /// Sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A refusal on its way through readers.
pub(crate) fn through(refusal: Refusal) -> io::Error {
    io::Error::other(refusal)
}

/// The refusal that came through readers, or what the reader's own error means here.
pub(crate) fn out_of(error: io::Error, code: Code, what: &str) -> Refusal {
    match error.downcast::<Refusal>() {
        Ok(refusal) => refusal,
        Err(error) => Refusal::new(code, format!("{what}: {error}")),
    }
}

/// A row that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// Its line, or for a JSON array the number of the record, from 1.
    pub line: u64,
    /// Code.
    pub code: RowCode,
    /// Sentence; no value of the row is in it.
    pub message: String,
}
