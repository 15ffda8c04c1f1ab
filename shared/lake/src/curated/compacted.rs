//! What a snapshot stands for, until it is removed.

use bytes::Bytes;
use model::{ModelName, ObjectKey, TenantId};
use serde::{Deserialize, Serialize};

use crate::commit::{CommitError, from_line, to_line};
use crate::key::KeyFault;

/// Version of the stored form; readers refuse others.
const FORMAT: u32 = 1;

/// The objects that a snapshot stands for: exactly these are removed when nobody reads them any
/// more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Receipts.
    pub receipts: Vec<ObjectKey>,
    /// Curated objects that no other receipt named.
    pub files: Vec<ObjectKey>,
}

impl Compacted {
    /// The folder of a tenant's lists of a model.
    pub fn prefix(model: &ModelName, tenant: &TenantId) -> String {
        format!("compacted/{model}/tenant={tenant}/")
    }

    /// Where the list of a snapshot stands.
    pub fn key(model: &ModelName, tenant: &TenantId, name: &str) -> Result<ObjectKey, KeyFault> {
        Ok(ObjectKey::try_from(format!("{}{name}.json", Self::prefix(model, tenant)))?)
    }

    /// The stored form: one line of JSON.
    pub fn to_json(&self) -> Result<Bytes, CommitError> {
        to_line(FORMAT, self)
    }

    /// Reads the stored form.
    pub fn from_json(text: &[u8]) -> Result<Self, CommitError> {
        from_line(FORMAT, text)
    }
}
