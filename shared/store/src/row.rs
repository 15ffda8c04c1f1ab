//! Rows: typed values as JSON text under a format version.

use model::Timestamp;
use ports::{Expect, Item, Key, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// The format that this program writes. A row of a newer one is refused, never guessed at.
pub(crate) const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Written<'a, T> {
    v: u32,
    #[serde(flatten)]
    row: &'a T,
}

#[derive(Deserialize)]
struct Format {
    v: u32,
}

/// Renders a row.
pub(crate) fn encode<T: Serialize>(key: &Key, row: &T) -> Result<String, StoreError> {
    serde_json::to_string(&Written { v: FORMAT, row })
        .map_err(|error| StoreError::Format { key: key.to_string(), reason: error.to_string() })
}

/// Reads a row.
pub(crate) fn decode<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    let fault = |reason: String| StoreError::Format { key: item.key.to_string(), reason };
    let Format { v } = serde_json::from_str(&item.body).map_err(|e| fault(e.to_string()))?;
    if v != FORMAT {
        return Err(fault(format!("format {v} is not {FORMAT}, the one this program knows")));
    }
    serde_json::from_str(&item.body).map_err(|e| fault(e.to_string()))
}

/// A write that puts a row whatever stands there. Such a write is safe inside a transaction that
/// is conditional on something else, or when its content never differs.
pub(crate) fn put<T: Serialize>(key: Key, row: &T) -> Result<Write, StoreError> {
    put_until(key, row, None)
}

/// As [`put`], with an expiry.
pub(crate) fn put_until<T: Serialize>(
    key: Key,
    row: &T,
    expires: Option<Timestamp>,
) -> Result<Write, StoreError> {
    let body = encode(&key, row)?;
    Ok(Write::Put { key, expect: Expect::Any, body, expires })
}

/// A write that removes a row, whatever it holds.
pub(crate) fn remove(key: Key) -> Write {
    Write::Delete { key, expect: Expect::Any }
}
