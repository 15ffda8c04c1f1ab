//! Where curated objects stand.

use std::fmt;
use std::str::FromStr;

use model::{ModelName, ObjectKey, TenantId};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Hex;
use crate::key::{KeyFault, Month, canonical, fault, text_form};

/// Hexadecimal digits of a file's digest in a revision.
const SHORT: usize = 8;

/// Hexadecimal digits of a key's digest.
const DIGITS: usize = 32;

/// What a model was when something was made by it: its version, and a digest of its file, so that
/// a change without a new version is one all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    /// The version that the file says.
    pub version: u32,
    digest: String,
}

impl Revision {
    /// The revision of a model file of this version.
    pub fn of(version: u32, file: &[u8]) -> Self {
        Self { version, digest: first(file, SHORT) }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}-{}", self.version, self.digest)
    }
}

impl FromStr for Revision {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let fault = || fault("a revision such as `v3-0a1b2c3d`", text);
        let rest = text.strip_prefix('v').ok_or_else(fault)?;
        let (version, digest) = rest.split_once('-').ok_or_else(fault)?;
        let version = version.parse().map_err(|_| fault())?;
        let revision = Self { version, digest: digest.to_owned() };
        let fits = is_hex(digest, SHORT) && revision.to_string() == text;
        if fits { Ok(revision) } else { Err(fault()) }
    }
}

text_form!(Revision);

/// Stands for a landing or commit key in the keys of what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest(String);

impl KeyDigest {
    /// The digest of a key.
    pub fn of(key: &ObjectKey) -> Self {
        Self(first(key.as_str().as_bytes(), DIGITS))
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyDigest {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        if is_hex(text, DIGITS) {
            return Ok(Self(text.to_owned()));
        }
        Err(fault("a key's digest: 32 lower-case hexadecimal digits", text))
    }
}

text_form!(KeyDigest);

fn first(bytes: &[u8], digits: usize) -> String {
    Sha256Hex::of(bytes).as_str().chars().take(digits).collect()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What transform makes of landing objects and commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Rows of a landing object, Parquet.
    Curated,
    /// That a commit was taken in, JSON.
    Receipts,
    /// What of a landing object was refused, NDJSON.
    Quarantine,
    /// How far somebody came with a commit who ran out of time, JSON.
    Underway,
}

impl Layer {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Curated, Self::Receipts, Self::Quarantine, Self::Underway];

    /// The folder.
    pub fn root(self) -> &'static str {
        match self {
            Self::Curated => "curated",
            Self::Receipts => "receipts",
            Self::Quarantine => "quarantine",
            Self::Underway => "underway",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Curated => "parquet",
            Self::Receipts | Self::Underway => "json",
            Self::Quarantine => "ndjson",
        }
    }

    /// The folder of a model, all tenants together.
    pub fn prefix(self, model: &ModelName) -> String {
        format!("{}/{model}/", self.root())
    }

    /// The folder of a tenant's rows of a model.
    pub fn tenant_prefix(self, model: &ModelName, tenant: &TenantId) -> String {
        format!("{}/{model}/tenant={tenant}/", self.root())
    }
}

/// The key of what a revision of a model made of one landing object or commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CuratedKey {
    /// What it is.
    pub layer: Layer,
    /// Model.
    pub model: ModelName,
    /// Tenant.
    pub tenant: TenantId,
    /// Month of the run, as in the key that it was made from.
    pub month: Month,
    /// Digest of the landing key; of the commit key for receipts and what is under way.
    pub made_from: KeyDigest,
    /// The model's revision.
    pub revision: Revision,
}

impl CuratedKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { layer, model, tenant, month, made_from, revision } = self;
        let folder = layer.tenant_prefix(model, tenant);
        let extension = layer.extension();
        let key = format!("{folder}month={month}/{made_from}.{revision}.{extension}");
        Ok(ObjectKey::try_from(key)?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (root, model, tenant, rest) = folders(key)?;
            let layer = Layer::ALL.into_iter().find(|layer| layer.root() == root)?;
            let (month, file) = rest.split_once('/')?;
            let (made_from, rest) = file.split_once('.')?;
            let (revision, _) = rest.split_once('.')?;
            Some(Self {
                layer,
                model,
                tenant,
                month: month.strip_prefix("month=")?.parse().ok()?,
                made_from: made_from.parse().ok()?,
                revision: revision.parse().ok()?,
            })
        };
        canonical(parse(), Self::render, key, "the key of a curated object, receipt or quarantine")
    }
}

/// The key of merged things, of a model with identity rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThingsKey {
    /// Model.
    pub model: ModelName,
    /// Tenant.
    pub tenant: TenantId,
    /// Month in which they were told.
    pub month: Month,
    /// What tells it from all others: letters and digits.
    pub id: String,
}

const THINGS: &str = "things";

impl ThingsKey {
    /// The folder of a model's things, all tenants together.
    pub fn prefix(model: &ModelName) -> String {
        format!("{THINGS}/{model}/")
    }

    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { model, tenant, month, id } = self;
        let key = format!("{THINGS}/{model}/tenant={tenant}/month={month}/{id}.parquet");
        Ok(ObjectKey::try_from(key)?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (root, model, tenant, rest) = folders(key)?;
            let (month, file) = rest.split_once('/')?;
            let id = file.strip_suffix(".parquet")?;
            let month = month.strip_prefix("month=")?.parse().ok()?;
            let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
            (root == THINGS && plain).then(|| Self { model, tenant, month, id: id.to_owned() })
        };
        canonical(parse(), Self::render, key, "the key of merged things")
    }
}

/// The key of one file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotKey {
    /// Model.
    pub model: ModelName,
    /// Tenant.
    pub tenant: TenantId,
    /// Number of the snapshot; the next one's is greater by one.
    pub number: u64,
    /// What tells it from others that tried to be the same number: letters and digits.
    pub id: String,
    /// Number of the file, from 1.
    pub part: u32,
}

const SNAPSHOTS: &str = "snapshot";

impl SnapshotKey {
    /// The folder of a model's snapshots, all tenants together.
    pub fn prefix(model: &ModelName) -> String {
        format!("{SNAPSHOTS}/{model}/")
    }

    /// The folder of a tenant's snapshots of a model.
    pub fn tenant_prefix(model: &ModelName, tenant: &TenantId) -> String {
        format!("{}tenant={tenant}/", Self::prefix(model))
    }

    /// The snapshot's name: `<number>-<id>`.
    pub fn name(&self) -> String {
        format!("{:08}-{}", self.number, self.id)
    }

    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { model, tenant, part, .. } = self;
        let name = self.name();
        let key = format!("{SNAPSHOTS}/{model}/tenant={tenant}/{name}/{part:05}.parquet");
        Ok(ObjectKey::try_from(key)?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (root, model, tenant, rest) = folders(key)?;
            let (name, file) = rest.split_once('/')?;
            let (number, id) = name.split_once('-')?;
            let (number, id) = (number.parse().ok()?, id.to_owned());
            let part = file.strip_suffix(".parquet")?.parse().ok()?;
            let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
            (root == SNAPSHOTS && plain).then_some(Self { model, tenant, number, id, part })
        };
        canonical(parse(), Self::render, key, "the key of a snapshot's file")
    }
}

/// The folder of the pointers of a model, all tenants together.
pub fn pointers_prefix(model: &ModelName) -> String {
    format!("pointers/{model}/")
}

/// The key of the pointer to a tenant's snapshot of a model.
pub fn pointer_key(model: &ModelName, tenant: &TenantId) -> Result<ObjectKey, KeyFault> {
    let key = format!("{}tenant={tenant}/current.json", pointers_prefix(model));
    Ok(ObjectKey::try_from(key)?)
}

/// Takes `<root>/<model>/tenant=<tenant>/<rest>` apart.
fn folders(key: &ObjectKey) -> Option<(&str, ModelName, TenantId, &str)> {
    let (root, rest) = key.as_str().split_once('/')?;
    let (model, rest) = rest.split_once('/')?;
    let (tenant, rest) = rest.split_once('/')?;
    let tenant = tenant.strip_prefix("tenant=")?;
    Some((root, model.parse().ok()?, tenant.parse().ok()?, rest))
}

#[cfg(test)]
mod tests;
