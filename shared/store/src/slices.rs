//! Reading plans, slices and partitions, page by page.

use model::PlanId;
use ports::{Direction, SortRange};

use crate::repository::Paging;
use crate::row::decode;
use crate::{DoneSlice, OpenSlice, Partition, Plan, SliceId, Store, StoreError, StreamKey};

impl Store {
    /// A plan of a stream.
    pub async fn plan(&self, key: &StreamKey, id: &PlanId) -> Result<Option<Plan>, StoreError> {
        Ok(self.row(&key.plan(id)).await?.map(|(plan, _)| plan))
    }

    /// A partition of a stream.
    pub async fn partition(
        &self,
        key: &StreamKey,
        digest: &str,
    ) -> Result<Option<Partition>, StoreError> {
        Ok(self.row(&key.part(digest)).await?.map(|(partition, _)| partition))
    }

    /// One page of the partitions of a stream, by digest.
    pub async fn partitions(
        &self,
        key: &StreamKey,
        after: Option<&str>,
    ) -> Result<(Vec<Partition>, Option<String>), StoreError> {
        self.listed(key, "partition#".to_owned(), after, 200).await
    }

    /// One page of the open slices of a plan: by partition, then by start.
    pub async fn open_slices(
        &self,
        key: &StreamKey,
        plan: &PlanId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<OpenSlice>, Option<String>), StoreError> {
        self.listed(key, format!("open#{plan}#"), after, limit).await
    }

    /// One page of the committed slices of a plan: by partition, then by start.
    pub async fn done_slices(
        &self,
        key: &StreamKey,
        plan: &PlanId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DoneSlice>, Option<String>), StoreError> {
        self.listed(key, format!("done#{plan}#"), after, limit).await
    }

    /// A committed slice.
    pub async fn done_slice(
        &self,
        key: &StreamKey,
        plan: &PlanId,
        slice: &SliceId,
    ) -> Result<Option<DoneSlice>, StoreError> {
        Ok(self.row(&key.done(plan, slice)).await?.map(|(done, _)| done))
    }

    pub(crate) async fn listed<T: serde::de::DeserializeOwned>(
        &self,
        key: &StreamKey,
        prefix: String,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<T>, Option<String>), StoreError> {
        let paging = Paging { after, limit };
        let range = SortRange::Prefix(prefix);
        let page = self.rows(key.partition(), range, Direction::Forward, paging).await?;
        let rows = page.items.iter().map(decode).collect::<Result<_, _>>()?;
        Ok((rows, page.next))
    }
}
