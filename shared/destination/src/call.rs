//! Items, and the calls that carry them.

use bytes::Bytes;
use ports::Method;
use request::interpolation::Context;
use request::value::{JsonError, Value};
use serde::{Deserialize, Serialize};

use crate::destination::Session;

/// A record on its way to a destination.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is called between us and the destination; unique in a batch.
    pub reference: String,
    /// The file it comes from.
    pub file_name: String,
    /// Its line there.
    pub line: u64,
    /// What it says.
    pub record: Value,
}

impl Item {
    /// An item whose record is this JSON text; numbers keep their digits.
    pub fn read(
        reference: &str,
        file_name: &str,
        line: u64,
        record: &[u8],
    ) -> Result<Self, JsonError> {
        let record = Value::from_json(record)?;
        let (reference, file_name) = (reference.to_owned(), file_name.to_owned());
        Ok(Self { reference, file_name, line, record })
    }

    /// The names that its templates see.
    pub(crate) fn context(&self, session: &Session) -> Context<'static> {
        let line = i64::try_from(self.line).unwrap_or(i64::MAX);
        session
            .context()
            .with("record", self.record.clone())
            .with("ref", Value::from(self.reference.as_str()))
            .with("file", Value::from(self.file_name.as_str()))
            .with("line", Value::from(line))
    }
}

/// A request without credentials: what is stored before it is sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Header fields, the idempotency key's among them.
    pub headers: Vec<(String, String)>,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    pub body: Option<Bytes>,
    /// Tells this call from all others: a digest of destination, operation, items, bytes and
    /// round.
    pub key: String,
    /// The items in it, in order.
    pub references: Vec<String>,
}

impl std::fmt::Debug for Call {
    /// Shows no body: it holds what people entrusted to us.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("url", &request::requester::without_query(&self.url))
            .field("key", &self.key)
            .field("items", &self.references.len())
            .finish_non_exhaustive()
    }
}

/// Bodies are JSON, so a stored call holds them as text.
mod text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, ser::Error as _};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(
        body: &Option<Bytes>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match body {
            None => serializer.serialize_none(),
            Some(body) => {
                let text = std::str::from_utf8(body).map_err(S::Error::custom)?;
                serializer.serialize_some(text)
            }
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Bytes::from))
    }
}

/// An item that cannot be put into a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrenderable {
    /// The item.
    pub reference: String,
    /// `BAD_DATA` or `ITEM_TOO_LARGE`.
    pub code: String,
    /// Why; it quotes the file of the destination, never the item.
    pub message: String,
}

/// What became of items that were to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendering {
    /// A call, unless no item can be rendered.
    Ready(Rendered),
    /// Together they are too large: they go in halves.
    Split,
}

/// A call, and the items that are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The call; none when no item is left for it.
    pub call: Option<Call>,
    /// Items that failed by themselves.
    pub unrenderable: Vec<Unrenderable>,
}

impl Rendering {
    /// What was rendered; none when it is too large for one request.
    pub fn ready(self) -> Option<Rendered> {
        match self {
            Self::Ready(rendered) => Some(rendered),
            Self::Split => None,
        }
    }
}
