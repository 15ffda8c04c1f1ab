//! Where rows lie.

use std::fmt;

use model::{
    ConnectionId, PlanId, SourceName, StreamName, TenantId, Timestamp, encode_segment, fixed_text,
};
use ports::Key;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Partitions that the due index and the index of unpublished commits are spread over, so that no
/// one of them meets DynamoDB's limit of 1,000 writes a second for a partition.
pub(crate) const SHARDS: u8 = 16;

/// One stream of one connection of one tenant: the unit that is leased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Connection.
    pub connection: ConnectionId,
    /// Stream.
    pub stream: StreamName,
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.connection, self.stream)
    }
}

/// Which slice of a plan: its partition and where it starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SliceId {
    /// Digest of the partition's key.
    pub partition: String,
    /// Place among the partition's slices, in text order: the window's first instant, or `-`.
    pub start: String,
}

impl SliceId {
    /// The slice of a partition that starts at this instant; none when it has no window.
    pub fn new(partition: &str, start: Option<Timestamp>) -> Self {
        let start = start.map_or_else(|| "-".to_owned(), fixed_text);
        Self { partition: partition.to_owned(), start }
    }
}

impl fmt::Display for SliceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.partition, self.start)
    }
}

impl StreamKey {
    /// The partition that holds all rows of the stream.
    pub(crate) fn partition(&self) -> String {
        let stream = encode_segment(self.stream.as_str());
        format!("stream#{}#{}#{stream}", self.tenant, self.connection)
    }

    fn row(&self, sort: String) -> Key {
        Key { partition: self.partition(), sort }
    }

    pub(crate) fn head(&self) -> Key {
        self.row("head".to_owned())
    }

    pub(crate) fn plan(&self, plan: &PlanId) -> Key {
        self.row(format!("plan#{plan}"))
    }

    pub(crate) fn open(&self, plan: &PlanId, slice: &SliceId) -> Key {
        self.row(format!("open#{plan}#{slice}"))
    }

    pub(crate) fn done(&self, plan: &PlanId, slice: &SliceId) -> Key {
        self.row(format!("done#{plan}#{slice}"))
    }

    pub(crate) fn part(&self, digest: &str) -> Key {
        self.row(format!("partition#{digest}"))
    }

    /// The row that says: a job waits for the end of a run.
    pub(crate) fn asked(&self) -> Key {
        self.row("asked".to_owned())
    }

    /// The row that says: this row of the source may be gone.
    pub(crate) fn doubt(&self, digest: &str) -> Key {
        self.row(format!("doubt#{digest}"))
    }

    /// Its row in the tenant's list of streams.
    pub(crate) fn listed(&self) -> Key {
        let stream = encode_segment(self.stream.as_str());
        Key {
            partition: format!("streams#{}", self.tenant),
            sort: format!("{}#{stream}", self.connection),
        }
    }

    pub(crate) fn shard(&self) -> u8 {
        let digest = Sha256::digest(self.partition().as_bytes());
        digest.first().copied().unwrap_or_default() % SHARDS
    }

    /// Its row in the due index.
    pub(crate) fn due(&self, at: Timestamp) -> Key {
        Key {
            partition: due_partition(self.shard()),
            sort: format!("{}#{}", fixed_text(at), self.partition()),
        }
    }

    /// The row that says: this commit's object may not be there yet.
    pub(crate) fn unpublished(&self, plan: &PlanId, slice: &str) -> Key {
        Key {
            partition: unpublished_partition(self.shard()),
            sort: format!("{}#{plan}#{slice}", self.partition()),
        }
    }

    /// Where the run records of its connection lie.
    pub(crate) fn runs(&self) -> String {
        runs_partition(&self.tenant, &self.connection)
    }
}

pub(crate) fn runs_partition(tenant: &TenantId, connection: &ConnectionId) -> String {
    format!("runs#{tenant}#{connection}")
}

pub(crate) fn due_partition(shard: u8) -> String {
    format!("due#{shard:02}")
}

pub(crate) fn unpublished_partition(shard: u8) -> String {
    format!("unpublished#{shard:02}")
}

/// A number that stands for a text.
pub(crate) fn fingerprint(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(0, |all, byte| all << 8 | u128::from(*byte))
}

/// 32 hexadecimal digits that stand for a text.
pub(crate) fn digest(text: &str) -> String {
    format!("{:032x}", fingerprint(text))
}

/// What the due index and the tenant's list say of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Stream.
    #[serde(flatten)]
    pub key: StreamKey,
    /// Its source.
    pub source: SourceName,
}
