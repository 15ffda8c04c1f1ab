//! The first records of a stream.

use bytes::Bytes;
use connector::{Error, Slice, Stream};
use futures_util::TryStreamExt;
use model::Timestamp;
use serde_json::Value;

/// How much of a stream is read.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Amount {
    /// Most slices of each stream: the latest ones of a partition.
    #[arg(long, default_value_t = 5)]
    pub(super) slices: usize,

    /// Most pages of each slice.
    #[arg(long, default_value_t = 5)]
    pub(super) pages: usize,

    /// Most records of each stream.
    #[arg(long, default_value_t = 100)]
    pub(super) records: usize,
}

/// What was read of a stream.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// What the manifest says of its records; it may be the API that says it.
    pub(super) schema: Value,
    pub(super) records: Vec<Bytes>,
    pub(super) slices: usize,
    pub(super) pages: usize,
    /// Whether there is more than was to be read.
    pub(super) more: bool,
    /// Why it ended early.
    pub(super) error: Option<Error>,
}

impl Sample {
    /// Reads no more than that.
    pub(super) async fn of(stream: &Stream, amount: Amount, now: Timestamp) -> Self {
        let mut sample = Self::default();
        sample.error = sample.fill(stream, amount, now).await.err();
        sample
    }

    async fn fill(&mut self, stream: &Stream, most: Amount, now: Timestamp) -> Result<(), Error> {
        self.schema = stream.json_schema().await?.clone();
        let mut partitions = stream.partitions();
        while let Some(partition) = partitions.try_next().await? {
            let slices = stream.slices(&partition, None, now)?;
            let skipped = slices.len().saturating_sub(most.slices);
            self.more |= skipped > 0;
            for slice in slices.into_iter().skip(skipped) {
                if self.slices == most.slices || self.records.len() == most.records {
                    self.more = true;
                    return Ok(());
                }
                self.slices += 1;
                self.walk(stream, &slice, most).await?;
            }
        }
        Ok(())
    }

    async fn walk(&mut self, stream: &Stream, slice: &Slice, most: Amount) -> Result<(), Error> {
        let mut reader = stream.read(slice, None);
        for _ in 0..most.pages {
            let Some(page) = reader.next().await? else { return Ok(()) };
            self.pages += 1;
            let room = most.records - self.records.len();
            self.more |= page.records.len() > room;
            self.records.extend(page.records.into_iter().take(room).map(|record| record.raw));
            if self.records.len() == most.records || page.next.is_none() {
                self.more |= page.next.is_some();
                return Ok(());
            }
        }
        self.more = true;
        Ok(())
    }
}
