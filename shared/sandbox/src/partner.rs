//! Files as partners send them, whole ones and broken ones, with what is to become of each.
//!
//! Everything is drawn from a seed: the same seed and size give the same files, and the same
//! content of the CRM when all of them have been pushed.

mod admin;
mod cases;
mod maker;
mod pack;
mod people;
mod text;
mod truth;

use serde::Serialize;
use serde_json::Value;

pub(crate) use admin::router;
use maker::Maker;
#[cfg(test)]
pub(crate) use pack::sha256;

/// Opens what is encrypted for the tenant: an armored PGP secret key without a passphrase.
pub const SECRET_KEY: &str = include_str!("partner/keys/heron-secret.asc");
/// The armored public key that partners encrypt with.
pub const PUBLIC_KEY: &str = include_str!("partner/keys/heron-public.asc");

/// Which kind of partner a file comes from: each has its own folder and its own feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Landing {
    /// Rows with commas, bars or tabs, JSON, NDJSON; packed or encrypted; told apart by their names
    /// and first bytes.
    Loyalty,
    /// Windows-1252, semicolons, decimal commas, German columns, a header and a trailer record.
    Till,
    /// Files that have arrived when a `.ctl`, `.done` or `.ok` lies beside them.
    Control,
}

impl Landing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Loyalty, Self::Till, Self::Control];

    /// The name of its folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Loyalty => "loyalty",
            Self::Till => "till",
            Self::Control => "control",
        }
    }
}

/// A file, what lies beside it, and what is to become of it.
#[derive(Debug, Clone)]
pub struct PartnerFile {
    /// Where it lands.
    pub landing: Landing,
    /// Files of wave 1 come when those of wave 0 have been taken.
    pub wave: u8,
    /// Name within the folder.
    pub name: String,
    /// What is special about it.
    pub special: &'static str,
    /// Content.
    pub bytes: Vec<u8>,
    /// Names and contents of what comes after it.
    pub companions: Vec<(String, Vec<u8>)>,
    /// What is to become of it.
    pub expected: Expected,
}

/// What is to become of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Of it as a whole.
    #[serde(flatten)]
    pub fate: Fate,
    /// `user` or `transaction`, where that can be told.
    pub kind: Option<&'static str>,
    /// Rows, faulty ones included.
    #[serde(rename = "in")]
    pub rows: u64,
    /// Rows that the CRM takes.
    pub ok: u64,
    /// Faulty rows, and rows that the CRM refuses.
    pub failed: u64,
    /// Rows that the CRM has already.
    pub duplicate: u64,
    /// Ids that the CRM refuses, with its code.
    pub failures: Vec<(String, String)>,
}

/// What is to become of a file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", content = "code", rename_all = "lowercase")]
pub enum Fate {
    /// It is pushed.
    Accepted,
    /// It is refused before any call, with that code.
    Rejected(&'static str),
    /// Its content was taken already.
    Duplicate,
    /// It is not looked at, or something is waited for.
    Waiting,
}

/// All files, and what the CRM holds in the end.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// In no order that matters but that of the waves.
    pub files: Vec<PartnerFile>,
    /// The CRM's customers by external id.
    pub customers: Vec<Value>,
    /// The CRM's transactions by id.
    pub transactions: Vec<Value>,
}

/// Makes a delivery in which a large file has so many rows; 60 at least.
pub fn delivery(seed: u64, rows: usize) -> Delivery {
    let mut maker = Maker::new(seed, rows.max(60));
    cases::loyalty(&mut maker);
    cases::till(&mut maker);
    cases::control(&mut maker);
    cases::second_wave(&mut maker);
    maker.close()
}
