//! Receipts: which commits a model has taken in, so that repeats are free and what was missed is
//! found. What became of them stands in objects; a row only says that it does.

use model::{ModelName, SourceName, StreamName, TenantId, Timestamp, encode_segment};
use ports::{Direction, Key, SortRange};
use serde::{Deserialize, Serialize};

use crate::repository::Paging;
use crate::row::{decode, put};
use crate::{Store, StoreError};

/// The commits of one month that a model takes in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptMonth {
    /// Model.
    pub model: ModelName,
    /// Tenant.
    pub tenant: TenantId,
    /// Source.
    pub source: SourceName,
    /// Stream.
    pub stream: StreamName,
    /// Month of the run, `2024-05`.
    pub month: String,
}

impl ReceiptMonth {
    fn partition(&self) -> String {
        let Self { model, tenant, source, stream, month } = self;
        format!("receipts#{model}#{tenant}#{}#{month}", path(source, stream))
    }

    fn key(&self, commit: &str) -> Key {
        Key { partition: self.partition(), sort: commit.to_owned() }
    }
}

pub(crate) fn path(source: &SourceName, stream: &StreamName) -> String {
    format!("{}/{}", encode_segment(source.as_str()), encode_segment(stream.as_str()))
}

/// That a commit was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipted {
    /// The model's revision.
    pub revision: String,
    /// Rows that it gave.
    pub rows: u64,
    /// Rows and records that were refused.
    pub refused: u64,
    /// When.
    pub at: Timestamp,
}

/// Up to which month nothing of a connection's stream is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// By this revision.
    pub revision: String,
    /// This month included, `2024-05`.
    pub through: String,
}

/// A stream of a connection, as a model takes it in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feed {
    /// Model.
    pub model: ModelName,
    /// Source.
    pub source: SourceName,
    /// The stream of the connection.
    pub stream: crate::StreamKey,
}

impl Feed {
    fn key(&self) -> Key {
        let crate::StreamKey { tenant, connection, stream } = &self.stream;
        let sort = format!("{}#{tenant}#{connection}", path(&self.source, stream));
        Key { partition: format!("settled#{}", self.model), sort }
    }
}

impl Store {
    /// What is known of a commit; `commit` is the digest of its key.
    pub async fn receipt(
        &self,
        month: &ReceiptMonth,
        commit: &str,
    ) -> Result<Option<Receipted>, StoreError> {
        Ok(self.row(&month.key(commit)).await?.map(|(row, _)| row))
    }

    /// Notes that a commit was taken in. The receipt's object is there already.
    pub async fn put_receipt(
        &self,
        month: &ReceiptMonth,
        commit: &str,
        row: &Receipted,
    ) -> Result<(), StoreError> {
        self.write(&[put(month.key(commit), row)?], &self.write_id()).await?;
        Ok(())
    }

    /// One page of a month: digests of commit keys, and what is known of them.
    pub async fn receipts(
        &self,
        month: &ReceiptMonth,
        after: Option<&str>,
    ) -> Result<(Vec<(String, Receipted)>, Option<String>), StoreError> {
        let paging = Paging { after, limit: 1000 };
        let range = SortRange::All;
        let page = self.rows(month.partition(), range, Direction::Forward, paging).await?;
        let row = |item: &ports::Item| Ok((item.key.sort.clone(), decode(item)?));
        Ok((page.items.iter().map(row).collect::<Result<_, StoreError>>()?, page.next))
    }

    /// Up to which month nothing is missing.
    pub async fn settled(&self, feed: &Feed) -> Result<Option<Settled>, StoreError> {
        Ok(self.row(&feed.key()).await?.map(|(row, _)| row))
    }

    /// Notes that up to a month nothing is missing.
    pub async fn put_settled(&self, feed: &Feed, row: &Settled) -> Result<(), StoreError> {
        self.write(&[put(feed.key(), row)?], &self.write_id()).await?;
        Ok(())
    }
}
