//! What a copy consists of, for those who read it.

use bytes::Bytes;
use model::{ObjectKey, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Version of the stored forms; readers refuse others.
const FORMAT: u32 = 1;

/// A whole copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Whose it is.
    pub customer: String,
    /// Its name: greater is later.
    pub export: String,
    /// Whose rows are in it.
    pub tenants: Vec<TenantId>,
    /// When the first view was read. Views are read one after another.
    pub started: Timestamp,
    /// When the last one was.
    pub at: Timestamp,
    /// The views.
    pub relations: Vec<Copy>,
}

/// The copy of one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// The view.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Rows in all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The engine's id of the query that made it.
    pub query: Option<String>,
    /// Its files; none when there are no rows.
    pub files: Vec<File>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its key.
    pub key: ObjectKey,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// Which copy is the newest whole one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Its name.
    pub export: String,
    /// Its manifest.
    pub manifest: ObjectKey,
    /// When it was whole.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    format: u32,
    #[serde(flatten)]
    content: T,
}

/// The stored form: one line of JSON.
pub(super) fn to_json(content: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    let mut text = serde_json::to_vec(&Stored { format: FORMAT, content })?;
    text.push(b'\n');
    Ok(Bytes::from(text))
}

/// Reads a stored form.
pub fn from_json<T: for<'de> Deserialize<'de>>(text: &[u8]) -> Result<T, serde_json::Error> {
    let stored: Stored<T> = serde_json::from_slice(text)?;
    if stored.format == FORMAT {
        return Ok(stored.content);
    }
    Err(serde::de::Error::custom(format!("format {} is not {FORMAT}", stored.format)))
}
