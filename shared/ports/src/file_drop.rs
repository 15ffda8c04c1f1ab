//! Places where partners drop files: a folder on an SFTP server, a prefix of a bucket.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use model::config::SftpPlace;
use model::{Classify, Retry, Secret};

/// A file of a drop, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the drop: names with `/` between them, none of them empty, `.` or `..`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was last written, by the server's clock; whole seconds on SFTP servers.
    pub modified: Timestamp,
}

/// What [`FileDrop::stat`] knows beyond the listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The file.
    pub entry: Entry,
    /// What is stored beside it; empty where a server has no such thing.
    pub tags: BTreeMap<String, String>,
}

/// Why a drop did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// No such file.
    #[error("there is no file `{path}` in the drop")]
    NotFound {
        /// Path.
        path: String,
    },
    /// A rename met another file.
    #[error("there is a file `{path}` in the drop already")]
    Exists {
        /// Path.
        path: String,
    },
    /// The server is not the one that the configuration names.
    #[error(
        "{host} showed the host key {seen}, which is not among `host_keys`; if the server's \
         operator confirms it, add it there"
    )]
    HostKey {
        /// Host and port.
        host: String,
        /// The fingerprint that it showed.
        seen: String,
    },
    /// No right, a read-only server, credentials that do not hold: a person has to act.
    #[error("the drop refuses {what}: {reason}")]
    Refused {
        /// What was asked for.
        what: String,
        /// What the server said.
        reason: String,
    },
    /// No answer, or a connection that broke. The operation may or may not have happened.
    #[error("the drop is unavailable: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
}

impl Classify for DropError {
    fn retry(&self) -> Retry {
        match self {
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::HostKey { .. }
            | Self::Refused { .. } => Retry::Never,
            Self::Unavailable { .. } => Retry::Backoff,
        }
    }
}

/// A place where files are dropped.
#[async_trait]
pub trait FileDrop: Debug + Send + Sync + 'static {
    /// The files directly in the drop, folders and what is in them aside, in order of their paths;
    /// at most so many.
    async fn list(&self, limit: usize) -> Result<Vec<Entry>, DropError>;

    /// What is known of a file.
    async fn stat(&self, path: &str) -> Result<Known, DropError>;

    /// Bytes of a file from `offset` on, as many as asked for unless the file ends.
    async fn read(&self, path: &str, offset: u64, len: usize) -> Result<Bytes, DropError>;

    /// Moves a file, into a folder that is made when it is missing; `Exists` rather than over
    /// another file. A failed rename may have happened.
    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError>;

    /// Removes a file; one that is absent is removed already.
    async fn remove(&self, path: &str) -> Result<(), DropError>;

    /// Writes a small file, over what stands there.
    async fn put(&self, path: &str, body: Bytes) -> Result<(), DropError>;
}

/// How an SFTP server knows us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A password.
    Password(Secret<String>),
    /// A private key in OpenSSH's or PEM form, with its passphrase when it has one.
    Key {
        /// The key.
        key: Secret<String>,
        /// Its passphrase.
        passphrase: Option<Secret<String>>,
    },
}

/// A folder of an SFTP server, and how we log in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Server, user, host keys and folder.
    pub place: SftpPlace,
    /// How it knows the user.
    pub credential: Credential,
}

/// Opens drops on servers.
#[async_trait]
pub trait Drops: Debug + Send + Sync + 'static {
    /// A connection to a drop. It ends with the last reference.
    async fn open(&self, login: &Login) -> Result<Arc<dyn FileDrop>, DropError>;
}
