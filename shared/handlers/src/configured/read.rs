//! A connector's stream, as extract reads it.

use async_trait::async_trait;
use connector::{Page, PageReader, Partition, Position, PositionKind, Slice, Source, Stream};
use futures_util::stream::{BoxStream, StreamExt};
use model::{CursorValue, Retry, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failed;
use crate::pull::{
    Evidence, Pages, Place, Placing, Pull, PullError, PullPage, PullPartition, PullRecord,
    PullSlice,
};

/// A stream that is open for one run.
#[derive(Debug)]
pub(super) struct Connected {
    source: Source,
    stream: Stream,
    now: Timestamp,
}

impl Connected {
    pub(super) fn new(source: Source, stream: Stream, now: Timestamp) -> Self {
        Self { source, stream, now }
    }
}

#[async_trait]
impl Pull for Connected {
    fn partitions(&self) -> BoxStream<'_, Result<PullPartition, PullError>> {
        let partition = |found: Result<Partition, connector::Error>| {
            let partition = found.map_err(failed)?;
            Ok(PullPartition { detail: written(&partition)?, key: partition.key })
        };
        self.stream.partitions().map(partition).boxed()
    }

    async fn slices(
        &self,
        partition: &PullPartition,
        from: Option<&CursorValue>,
    ) -> Result<Vec<PullSlice>, PullError> {
        let partition: Partition = read(&partition.detail)?;
        let slices = self.stream.slices(&partition, from, self.now).map_err(failed)?;
        let slice = |slice: &Slice| Ok(PullSlice { window: slice.window, detail: written(slice)? });
        slices.iter().map(slice).collect()
    }

    async fn read(&self, slice: &Value, from: Option<&Value>) -> Result<Box<dyn Pages>, PullError> {
        let slice: Slice = read(slice)?;
        let from: Option<Position> = from.map(read).transpose()?;
        let resumed = from.is_some();
        Ok(Box::new(Walk { reader: self.stream.read(&slice, from), resumed }))
    }

    async fn is_gone(&self, path: &str) -> Result<bool, PullError> {
        self.source.is_gone(self.stream.name(), path).await.map_err(failed)
    }
}

/// The pages of a slice.
#[derive(Debug)]
struct Walk {
    reader: PageReader,
    /// Whether its next page is one that an earlier walk was told of.
    resumed: bool,
}

#[async_trait]
impl Pages for Walk {
    async fn next(&mut self) -> Result<Option<PullPage>, PullError> {
        let resumed = std::mem::take(&mut self.resumed);
        let page = self.reader.next().await.map_err(|error| match error {
            error if resumed && error.may_be_the_place() => {
                PullError::Misplaced { source: Box::new(error) }
            }
            error => failed(error),
        })?;
        let Some(page) = page else { return Ok(None) };
        let Page { records, number, request_start, this, next, evidence, .. } = page;
        let record =
            |record: connector::Record| PullRecord { raw: record.raw, cursor: record.cursor };
        Ok(Some(PullPage {
            records: records.into_iter().map(record).collect(),
            number,
            request_start,
            this: place(&this)?,
            next: next.as_ref().map(place).transpose()?,
            evidence: read_evidence(&evidence)?,
        }))
    }
}

fn read_evidence(page: &connector::Evidence) -> Result<Evidence, PullError> {
    Ok(Evidence {
        found: page.found,
        limit: page.limit,
        by_cursor: page.by_cursor,
        more: page.more,
        total: page.total,
        beyond: page.beyond.as_ref().map(place).transpose()?,
    })
}

fn place(position: &Position) -> Result<Place, PullError> {
    let placing = match position.kind {
        PositionKind::First | PositionKind::Cursor | PositionKind::Url => Placing::Token,
        PositionKind::Offset | PositionKind::Page => Placing::Count,
    };
    Ok(Place { placing, detail: written(position)? })
}

fn written(value: &impl Serialize) -> Result<Value, PullError> {
    serde_json::to_value(value).map_err(unreadable)
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, PullError> {
    serde_json::from_value(value.clone()).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> PullError {
    PullError::Failed { retry: Retry::Never, source: Box::new(error) }
}
