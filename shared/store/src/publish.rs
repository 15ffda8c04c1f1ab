//! Commits whose object may not be there yet: found by whoever comes by, published again.

use model::PlanId;
use ports::{Direction, SortRange, Write};
use serde::{Deserialize, Serialize};

use crate::key::unpublished_partition;
use crate::repository::Paging;
use crate::row::{decode, put, remove};
use crate::work::GENERATION;
use crate::{SliceId, Store, StoreError, StreamKey};

/// A committed attempt, or generation, whose commit object may be missing. The object follows
/// from the rows alone, so putting it again is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpublished {
    /// Stream.
    #[serde(flatten)]
    pub key: StreamKey,
    /// Plan.
    pub plan: PlanId,
    /// Slice; none for a generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<SliceId>,
}

fn name(slice: Option<&SliceId>) -> String {
    slice.map_or_else(|| GENERATION.to_owned(), ToString::to_string)
}

pub(crate) fn unpublished(
    key: &StreamKey,
    plan: &PlanId,
    slice: Option<&SliceId>,
) -> Result<Write, StoreError> {
    let row = Unpublished { key: key.clone(), plan: plan.clone(), slice: slice.cloned() };
    put(key.unpublished(plan, &name(slice)), &row)
}

impl Store {
    /// One page of a shard of the unpublished.
    pub async fn unpublished(
        &self,
        shard: u8,
        after: Option<&str>,
    ) -> Result<(Vec<Unpublished>, Option<String>), StoreError> {
        self.awaiting(unpublished_partition(shard), SortRange::All, after).await
    }

    /// One page of what one stream has not published.
    pub async fn unpublished_of(
        &self,
        key: &StreamKey,
        after: Option<&str>,
    ) -> Result<(Vec<Unpublished>, Option<String>), StoreError> {
        let range = SortRange::Prefix(format!("{}#", key.partition()));
        self.awaiting(unpublished_partition(key.shard()), range, after).await
    }

    async fn awaiting(
        &self,
        partition: String,
        range: SortRange,
        after: Option<&str>,
    ) -> Result<(Vec<Unpublished>, Option<String>), StoreError> {
        let paging = Paging { after, limit: 100 };
        let page = self.rows(partition, range, Direction::Forward, paging).await?;
        let found = page.items.iter().map(decode).collect::<Result<_, _>>()?;
        Ok((found, page.next))
    }

    /// Notes that the commit object is there.
    pub async fn published(&self, commit: &Unpublished) -> Result<(), StoreError> {
        let key = commit.key.unpublished(&commit.plan, &name(commit.slice.as_ref()));
        self.write(&[remove(key)], &self.write_id()).await?;
        Ok(())
    }
}
