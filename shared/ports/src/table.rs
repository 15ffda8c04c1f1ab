//! Small items under two-part keys: DynamoDB, SQLite, a map.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use jiff::Timestamp;
use model::{Classify, Retry};
use serde::{Deserialize, Serialize};

/// Largest item, keys and names included, in bytes (DynamoDB's limit:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>).
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Most writes of one transaction (DynamoDB's limit), which may also hold 4 MB at most.
pub const MAX_TRANSACTION_ITEMS: usize = 100;

/// Where an item lies: partition ≤ 2048 bytes, sort ≤ 1024 bytes, neither empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Items of one partition are read together, in order of `sort`.
    pub partition: String,
    /// Order within the partition, as bytes.
    pub sort: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.partition, self.sort)
    }
}

/// Name of one write, fresh for each decision to write and kept across its repeats. It becomes
/// the item's version, so a repeat after a lost reply recognises its own success.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WriteId(pub String);

/// The write that made an item what it is; never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version(pub String);

/// An item as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where.
    pub key: Key,
    /// Which write made it.
    pub version: Version,
    /// Content: JSON text, opaque to the table.
    pub body: String,
    /// From this instant on reads do not see it, and its key is free.
    pub expires: Option<Timestamp>,
}

/// What a write demands of the item that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing stands there (or it has expired).
    Absent,
    /// Exactly this version stands there.
    Version(Version),
    /// Anything or nothing.
    Any,
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts an item.
    Put {
        /// Where.
        key: Key,
        /// Demand.
        expect: Expect,
        /// Content.
        body: String,
        /// Expiry.
        expires: Option<Timestamp>,
    },
    /// Removes an item. With [`Expect::Version`], one that is absent already counts as removed.
    Delete {
        /// Where.
        key: Key,
        /// Demand.
        expect: Expect,
    },
    /// Changes nothing, but holds the whole transaction to its demand.
    Check {
        /// Where.
        key: Key,
        /// Demand.
        expect: Expect,
    },
}

impl Write {
    /// Where it writes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// What it demands of the item that stands there.
    pub fn expect(&self) -> &Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } | Self::Check { expect, .. } => {
                expect
            }
        }
    }

    /// Whether its demand is met by what stands there: the live item, or nothing.
    pub fn is_met_by(&self, current: Option<&Item>) -> bool {
        match (self.expect(), current) {
            (Expect::Any, _) | (Expect::Absent, None) => true,
            (Expect::Absent, Some(_)) => false,
            (Expect::Version(wanted), Some(item)) => item.version == *wanted,
            (Expect::Version(_), None) => matches!(self, Self::Delete { .. }),
        }
    }

    /// Whether a transaction whose demands are not met has happened already: every item that it
    /// puts stands there as it put it. `stands` gives the version of the live item at a key.
    pub fn have_happened<E>(
        writes: &[Self],
        write: &WriteId,
        stands: impl Fn(&Key) -> Result<Option<Version>, E>,
    ) -> Result<bool, E> {
        let mut puts = 0;
        for key in writes.iter().filter(|each| matches!(each, Self::Put { .. })).map(Self::key) {
            puts += 1;
            if stands(key)?.is_none_or(|version| version.0 != write.0) {
                return Ok(false);
            }
        }
        Ok(puts > 0)
    }
}

/// A range of sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortRange {
    /// All of the partition.
    All,
    /// Those that start with this text.
    Prefix(String),
    /// `from ≤ sort ≤ until`, as bytes.
    Between(String, String),
}

/// Order of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest sort key first.
    Forward,
    /// Largest first.
    Backward,
}

/// What to read of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Partition.
    pub partition: String,
    /// Which sort keys.
    pub range: SortRange,
    /// Order.
    pub direction: Direction,
    /// Most items of a page, ≥ 1.
    pub limit: usize,
    /// Starts behind this sort key, in the direction of the query.
    pub after: Option<String>,
}

/// One page of a query.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Items.
    pub items: Vec<Item>,
    /// Pass as `after` to go on; none at the end.
    pub next: Option<String>,
}

/// Why a table operation failed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A demand was not met. Nothing was written.
    #[error("`{key}` is not as expected")]
    Contended {
        /// The first write whose demand failed.
        key: Key,
        /// What stands there now, when it was there and live.
        current: Option<Box<Item>>,
    },
    /// The write breaks a limit. Nothing was written.
    #[error("write refused: {reason}")]
    Refused {
        /// Which limit, and by how much.
        reason: String,
    },
    /// The table asks to slow down. Nothing was written.
    #[error("the table asks to slow down")]
    Throttled,
    /// No answer; the write may or may not have happened. Repeat it with the same [`WriteId`].
    #[error("the table is unavailable")]
    Unavailable {
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Classify for TableError {
    fn retry(&self) -> Retry {
        match self {
            Self::Refused { .. } => Retry::Never,
            Self::Contended { .. } | Self::Unavailable { .. } => Retry::Backoff,
            Self::Throttled => Retry::After(std::time::Duration::from_secs(1)),
        }
    }
}

/// Small items under two-part keys, with strong reads and conditional writes.
///
/// Every adapter enforces DynamoDB's limits, so that what works on one machine works there.
#[async_trait]
pub trait Table: Debug + Send + Sync + 'static {
    /// The item as of the last completed write; none when absent or expired.
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError>;

    /// Items of a partition in order, strongly read. A page may be short or empty and still have
    /// a `next`.
    async fn query(&self, query: &Query) -> Result<Page, TableError>;

    /// All of the writes or none: 1 to [`MAX_TRANSACTION_ITEMS`], one action a key. Every item it
    /// puts gets `write` as its version. Repeating it with the same `write` succeeds if it
    /// happened and nobody has written there since; `Contended` otherwise.
    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError>;

    /// Adds to a counter that stands apart from items (same key space as items is not shared)
    /// and gives the sum. Not idempotent: only for numbers that may be a little off.
    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError>;
}
