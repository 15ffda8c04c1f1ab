//! What a stream is read in: partitions, slices of time, and places inside a slice.

use std::fmt;

use bytes::Bytes;
use model::Window;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// One part of a stream: an account, a parent record, an entry of a list.
///
/// A stream without a partition router has one partition, the empty one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Partition {
    /// What names it, as the reference's state does, keys sorted.
    pub key: Map<String, Value>,
    /// What the parent record gives along; not part of the name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Its first page, where the parent record holds it already.
    #[serde(skip)]
    pub(crate) first_page: Option<Bytes>,
}

impl Partition {
    /// From a key in any order.
    pub fn new(key: Map<String, Value>, extra: Map<String, Value>) -> Self {
        Self { key: sorted(key), extra, first_page: None }
    }

    /// The key as one text, equal for equal keys.
    pub fn canonical(&self) -> String {
        Value::Object(self.key.clone()).to_string()
    }

    /// A short name of the key that fits into object keys: 16 hexadecimal digits.
    pub fn digest(&self) -> String {
        use std::fmt::Write;
        let digest = Sha256::digest(self.canonical().as_bytes());
        digest.iter().take(8).fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").ok();
            text
        })
    }
}

/// What tells texts apart, in few bytes.
pub(crate) fn digest_of(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(Sha256::digest(text.as_bytes())) {
        *to = from;
    }
    short
}

fn sorted(map: Map<String, Value>) -> Map<String, Value> {
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let inner = |value| match value {
        Value::Object(map) => Value::Object(sorted(map)),
        other => other,
    };
    entries.into_iter().map(|(key, value)| (key, inner(value))).collect()
}

/// What one walk over pages covers: a partition, and a window of time where the stream has a
/// cursor.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Slice {
    /// The partition.
    pub partition: Partition,
    /// The window; slices of one plan follow each other without gap or overlap.
    pub window: Option<Window>,
    /// The window's start as it is sent.
    pub start: Option<String>,
    /// The window's end as it is sent; inclusive where the source is.
    pub end: Option<String>,
    /// Whether the `incremental_stream` of a `StateDelegatingStream` reads it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) delegated: bool,
}

impl fmt::Display for Partition {
    /// Short: what names it, without its parents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.key.iter().filter(|(name, _)| *name != "parent_slice");
        for (i, (name, value)) in own.enumerate() {
            write!(f, "{}{name}={value}", if i > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Slice {
    /// Short: partition and bounds as they are sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.partition)?;
        let separator = if self.partition.key.is_empty() { "" } else { " " };
        match (&self.start, &self.end) {
            (Some(start), Some(end)) => write!(f, "{separator}{start}..{end}"),
            _ => Ok(()),
        }
    }
}

/// How a place inside a slice is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionKind {
    /// The first page.
    First,
    /// By a token that the source gave: it holds as long as the source says.
    Cursor,
    /// By a number of records to skip: it moves when the source changes.
    Offset,
    /// By the number of a page: it moves when the source changes.
    Page,
    /// By the address of the next page.
    Url,
}

/// The request of one page of a slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// How it is found.
    pub kind: PositionKind,
    /// The page token; null on the first page.
    pub token: Value,
    /// Number of the page within the slice, from 0.
    pub page: u64,
    /// The part of the slice that is being walked, by the bounds that are sent, where it is not
    /// the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<[String; 2]>,
}

impl Position {
    /// The first page.
    pub const FIRST: Self =
        Self { kind: PositionKind::First, token: Value::Null, page: 0, window: None };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn partition(value: Value) -> Partition {
        let Value::Object(key) = value else { panic!("not an object") };
        Partition::new(key, Map::new())
    }

    #[test]
    fn the_order_of_keys_does_not_name_another_partition() {
        let one = partition(json!({"id": 1, "parent_slice": {"b": 1, "a": 2}}));
        let two = partition(json!({"parent_slice": {"a": 2, "b": 1}, "id": 1}));
        assert_eq!(one.canonical(), r#"{"id":1,"parent_slice":{"a":2,"b":1}}"#);
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), Partition::default().digest());
        assert_eq!(one.digest().len(), 16);
    }
}
