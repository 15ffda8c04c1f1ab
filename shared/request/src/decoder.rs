//! Bodies of answers: the values in them.

mod compression;
mod csv;
mod encoding;
mod file;
mod json;
mod xml;

use bytes::Bytes;
use model::{Classify, Retry};

use crate::component::Component;
use crate::value::Value;
use csv::Csv;
pub use file::Cells;

/// A body that cannot be decoded. It says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is something else.
    #[error("the body is not {wanted} (byte {at} of {length})")]
    Not {
        /// What was expected.
        wanted: &'static str,
        /// Where that ends.
        at: usize,
        /// Length of the body, in bytes.
        length: usize,
    },
    /// Its bytes are no text of its encoding.
    #[error("the body is not {encoding} text")]
    Encoding {
        /// The encoding that the manifest or the answer names.
        encoding: String,
    },
    /// A row of a table that cannot be read.
    #[error("row {row}: {reason}")]
    Row {
        /// Its number, from 1, the header counted.
        row: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be unpacked.
    #[error("the body cannot be unpacked: {0}")]
    Packed(String),
    /// Unpacked it is larger than allowed.
    #[error("unpacked, the body is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A file inside of an archive.
    #[error("file `{name}` in the archive: {source}")]
    Inside {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: Box<Self>,
    },
}

impl DecodeError {
    fn inside(self, name: &str) -> Self {
        Self::Inside { name: name.to_owned(), source: Box::new(self) }
    }
}

impl Classify for DecodeError {
    /// A body that was cut off, or an error page, may be whole the next time.
    fn retry(&self) -> Retry {
        match self {
            Self::Not { .. } | Self::Encoding { .. } | Self::Row { .. } | Self::Packed(_) => {
                Retry::Backoff
            }
            Self::TooLarge { .. } => Retry::Never,
            Self::Inside { source, .. } => source.retry(),
        }
    }
}

/// A body to be decoded.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'b> {
    /// Its bytes, content encoding removed.
    pub body: &'b Bytes,
    /// What the answer says it is: the `Content-Type` header.
    pub content_type: Option<&'b str>,
    /// Most bytes that it may be unpacked to.
    pub limit: u64,
}

/// The values of a body, one after the other.
pub type Values<'d> = Box<dyn Iterator<Item = Result<Value, DecodeError>> + Send + 'd>;

/// A decoder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Decoder {
    /// One JSON value; the elements of a list count one by one.
    #[default]
    Json,
    /// One text a line.
    Lines,
    /// An XML document as one mapping.
    Xml,
    /// The files of a ZIP archive, one after the other.
    Zip(Parser),
    /// One value after the other.
    Parsed(Parser),
    /// A table of any size, packed or not; what a `ResponseToFileExtractor` reads.
    File(Cells),
}

/// How the values of a text, or of an unpacked file, stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parser {
    /// One JSON value; the elements of a list count one by one.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// The elements of lists at a path of a JSON value.
    JsonItems(json::Items),
    /// A table with a header.
    Csv(Csv),
    /// One of the others, packed or not.
    Gzip(Box<Self>),
}

/// Whether the pages of an answer can be told from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// A paginator reads the answer.
    Reads,
    /// A paginator goes by records and headers; the answer is closed to it.
    Blind,
    /// There is one page.
    None,
}

const KINDS: [&str; 8] = [
    "JsonDecoder",
    "JsonlDecoder",
    "JsonItemsDecoder",
    "CsvDecoder",
    "XmlDecoder",
    "IterableDecoder",
    "GzipDecoder",
    "ZipfileDecoder",
];

impl Decoder {
    /// Builds a decoder; what is wrong with it goes to the component's faults.
    pub fn build(component: &Component) -> Self {
        match component.kind() {
            "JsonDecoder" => Self::Json,
            "IterableDecoder" => Self::Lines,
            "XmlDecoder" => Self::Xml,
            "ZipfileDecoder" => Self::Zip(Parser::inner(component)),
            "JsonlDecoder" | "JsonItemsDecoder" | "CsvDecoder" | "GzipDecoder" => {
                Self::Parsed(Parser::build(component))
            }
            _ => {
                component.unknown_kind(&KINDS);
                Self::Json
            }
        }
    }

    /// What a paginator can do with the answers.
    pub fn paging(&self) -> Paging {
        match self {
            Self::Json | Self::Xml => Paging::Reads,
            Self::Parsed(Parser::Gzip(inner)) if **inner == Parser::Json => Paging::Blind,
            Self::File(_) => Paging::Blind,
            Self::Lines | Self::Zip(_) | Self::Parsed(_) => Paging::None,
        }
    }

    /// Whether the answer is read once, from its beginning to its end.
    pub fn streams(&self) -> bool {
        matches!(self, Self::Lines | Self::Parsed(_) | Self::File(_))
    }

    /// The name of the component.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json | Self::Parsed(Parser::Json) => "JsonDecoder",
            Self::Lines => "IterableDecoder",
            Self::Xml => "XmlDecoder",
            Self::Zip(_) => "ZipfileDecoder",
            Self::File(_) => "ResponseToFileExtractor",
            Self::Parsed(Parser::JsonLines) => "JsonlDecoder",
            Self::Parsed(Parser::JsonItems(_)) => "JsonItemsDecoder",
            Self::Parsed(Parser::Csv(_)) => "CsvDecoder",
            Self::Parsed(Parser::Gzip(_)) => "GzipDecoder",
        }
    }

    /// The values of a body. For [`Decoder::Json`] an empty body and an empty list are one empty
    /// mapping. A body of another kind is refused, where the reference reads it as empty and so
    /// takes an error page for the end of the data.
    pub fn values(&self, encoded: Encoded<'_>) -> Result<Values<'_>, DecodeError> {
        let Encoded { body, limit, .. } = encoded;
        match self {
            Self::Json => {
                let mut bodies = json::elements(body)?;
                if bodies.is_empty() {
                    bodies.push(Bytes::from_static(b"{}"));
                }
                Ok(json::read(bodies))
            }
            Self::Lines => Ok(Box::new(json::lines(body).into_iter().map(|line| {
                let text = String::from_utf8_lossy(&line);
                Ok(Value::from(crate::value::Dict::from_iter([("record", Value::from(&*text))])))
            }))),
            Self::Xml => {
                let value = xml::read(&encoding::marked_up(body, encoded.content_type)?)?;
                Ok(Box::new(std::iter::once(Ok(value))))
            }
            Self::Zip(parser) => {
                let files = compression::unzip(body, limit)?;
                Ok(Box::new(files.into_iter().flat_map(move |(name, body)| {
                    let values = parser
                        .values(&body, limit)
                        .unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
                    values.map(move |value| value.map_err(|error| error.inside(&name)))
                })))
            }
            Self::Parsed(parser) => parser.values(body, limit),
            Self::File(cells) => cells.rows(body, limit),
        }
    }
}

impl Parser {
    /// The decoder within a decoder.
    fn inner(component: &Component) -> Self {
        match component.required("decoder", component.child("decoder")) {
            Some(inner) => Self::build(&inner),
            None => Self::Json,
        }
    }

    fn build(component: &Component) -> Self {
        match component.kind() {
            "JsonDecoder" => Self::Json,
            "JsonlDecoder" => Self::JsonLines,
            "JsonItemsDecoder" => Self::JsonItems(json::Items::build(component)),
            "CsvDecoder" => Self::Csv(Csv::build(component)),
            "GzipDecoder" => Self::Gzip(Box::new(Self::inner(component))),
            _ => {
                component.unknown_kind(&[
                    "JsonDecoder",
                    "JsonlDecoder",
                    "JsonItemsDecoder",
                    "CsvDecoder",
                    "GzipDecoder",
                ]);
                Self::Json
            }
        }
    }

    fn values(&self, body: &Bytes, limit: u64) -> Result<Values<'_>, DecodeError> {
        match self {
            Self::Json => Ok(json::read(json::inner(body)?)),
            Self::JsonLines => Ok(json::read(json::lines(body))),
            Self::JsonItems(items) => Ok(json::read(items.find(body)?)),
            Self::Csv(csv) => csv.rows(body),
            Self::Gzip(inner) => inner.values(&compression::gunzip(body, limit)?, limit),
        }
    }
}

#[cfg(test)]
mod tests;
