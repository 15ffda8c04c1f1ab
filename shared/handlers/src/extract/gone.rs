//! Rows that are gone at the source: what a walk over everything did not meet becomes tombstones.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use lake::{
    Absent, Codec, Commit, Limits, Line, LineContext, LineHeader, LineReader, PartWriter, RowKey,
    Shown, commits_prefix, met_prefix, visible_parts,
};
use model::{Metric, ObjectKey, Timestamp};
use ports::{ObjectError, ObjectStoreExt};
use store::{GONE, Known, Landed, OpenSlice, SliceId, Sofar, Walk};

use super::Error;
use super::land::{Lander, encode};
use super::publish::publish;
use super::work::Work;

/// A reconcile that rested longer than this is not concluded from: the rows that tell what it met
/// do not stay for ever.
const OUTDATED: Duration = Duration::from_hours(30 * 24);

/// Objects fetched side by side.
const FETCHED: usize = 4;

/// Fewer rows than this may go without anybody being asked.
const NOTABLE: u64 = 20;

impl Work<'_> {
    /// Compares what the views show with what the reconcile and the plan after it met, and lands
    /// a tombstone for each row that neither did. Tombstones carry the start of the reconcile:
    /// they hide what was seen before it, and nothing that was seen since.
    pub(super) async fn tombstones(&self, walk: &Walk) -> Result<(), Error> {
        let id = SliceId::new(GONE, None);
        if self.deps.store.done_slice(self.key(), &self.plan.id, &id).await?.is_some() {
            return Ok(());
        }
        self.publish_all().await?;
        let (absent, met) = self.absent(walk).await?;
        if absent.is_empty() || self.is_too_many(absent.len() as u64, met) {
            return Ok(());
        }
        self.hide(&absent, walk.started, id).await
    }

    /// Lands and commits a tombstone for each of some rows, which were seen to be gone then.
    pub(super) async fn hide(
        &self,
        rows: &[RowKey],
        seen: Timestamp,
        id: SliceId,
    ) -> Result<(), Error> {
        let open = OpenSlice {
            id,
            slice: serde_json::Value::Null,
            window: None,
            known: Known::default(),
            sofar: Sofar::default(),
        };
        let mut lander = Lander::new(self, &open)?;
        let mut writer = PartWriter::new(self.codec(), self.part_bytes()).map_err(encode)?;
        let header = self.tombstone_header(seen);
        for (ordinal, key) in (0u64..).zip(rows) {
            writer.write_tombstone(&header, ordinal, key).map_err(encode)?;
            if writer.is_full()
                && let Some(part) = writer.finish().map_err(encode)?
            {
                lander.store(part).await?;
            }
        }
        if let Some(part) = writer.finish().map_err(encode)? {
            lander.store(part).await?;
        }
        let rows = rows.len() as u64;
        let sofar = Sofar { rows, started: Some(seen), ..lander.sofar };
        let whole = Landed { sofar, ..Landed::default() };
        let done = self.hold.commit(&self.plan, &open, whole).await?;
        self.count(|counts| counts.gone += rows);
        self.publish(Some(&done.id)).await;
        Ok(())
    }

    /// Commits whose objects are missing would look like rows that are gone.
    async fn publish_all(&self) -> Result<(), Error> {
        let store = &self.deps.store;
        loop {
            let (waiting, _) = store.unpublished_of(self.key(), None).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            for commit in &waiting {
                publish(store, &self.deps.lake, commit).await?;
            }
        }
    }

    /// A source that suddenly has hardly any rows is more likely broken than empty.
    fn is_too_many(&self, gone: u64, met: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of row counts")]
        let share = met as f64 / (met + gone) as f64;
        let too_many = gone >= NOTABLE && share < self.described.settings.smallest_generation;
        if too_many {
            self.deps.watch.count(Metric::GenerationsHeld, 1);
            tracing::error!(stream = %self.key(), gone, met, "too many rows are gone: none is hidden");
        }
        too_many
    }

    fn tombstone_header(&self, seen: Timestamp) -> LineHeader {
        let key = self.key();
        LineHeader::new(&LineContext {
            tenant: &key.tenant,
            connection: &key.connection,
            stream: &key.stream,
            run: self.hold.run(),
            request_start: seen,
            slice: GONE,
            page: 0,
        })
    }

    /// Reads what the view shows, so that a reconcile lands only what differs.
    pub(super) async fn learn_what_shows(&self) -> Result<(), Error> {
        self.publish_all().await?;
        let mut shown = Shown::new(&self.described.primary_key);
        let parts = self.visible().await?;
        let mut objects = self.fetch(parts.keys());
        for started in parts.values() {
            let Some((key, body)) = objects.try_next().await? else { break };
            shown.begin_object();
            let mut lines = lines(&key, body)?;
            while let Some(line) = lines.next_line().map_err(encode)? {
                shown.add(&Line::parse(line).map_err(encode)?, *started);
            }
        }
        // A plan's work is one walk over its slices: this is set once.
        self.shown.get_or_init(|| shown);
        Ok(())
    }

    /// Removes the objects that name what reconciles met, once a reconcile is told of.
    pub(super) async fn forget_met(&self) {
        let key = self.key();
        let folder = met_prefix(&self.described.source, &key.stream, &key.tenant, &key.connection);
        let removed = async {
            for meta in self.deps.lake.list_all(&folder).await? {
                self.deps.lake.delete(&meta.key).await?;
            }
            Ok::<(), ObjectError>(())
        };
        if let Err(error) = removed.await {
            tracing::warn!(stream = %key, %error, "what a reconcile met is left to the lifecycle");
        }
    }

    /// The rows that views show and the walk did not meet, and how many rows it met.
    async fn absent(&self, walk: &Walk) -> Result<(Vec<RowKey>, u64), Error> {
        let mut absent = Absent::new(&self.described.primary_key, walk.started);
        if let Some(reason) = self.inconclusive(&mut absent, walk).await? {
            tracing::warn!(stream = %self.key(), reason, "no row is hidden");
            return Ok((Vec::new(), 0));
        }
        let (walked, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.visible().await?.into_iter().partition(|(_, started)| *started >= walk.started);
        self.add_landed(&mut absent, &walked).await?;
        self.add_landed(&mut absent, &others).await?;
        let met = absent.met();
        Ok((absent.into_keys(), met))
    }

    /// Adds the rows that the walk met and did not land; gives why nothing follows from it, if so.
    async fn inconclusive(
        &self,
        absent: &mut Absent,
        walk: &Walk,
    ) -> Result<Option<&'static str>, Error> {
        if self.deps.store.now().duration_since(walk.started).unsigned_abs() > OUTDATED {
            return Ok(Some("the reconcile rested too long"));
        }
        // Where nothing could be asked, nothing is concluded: a list of partitions that has become
        // empty looks like lost permissions.
        let asked = self.add_met(absent, walk).await?;
        Ok((!asked).then_some("no partition is left to read"))
    }

    /// Adds the lines of landing objects.
    async fn add_landed(
        &self,
        absent: &mut Absent,
        parts: &BTreeMap<ObjectKey, Timestamp>,
    ) -> Result<(), Error> {
        let mut objects = self.fetch(parts.keys());
        for started in parts.values() {
            let Some((key, body)) = objects.try_next().await? else { break };
            let mut lines = lines(&key, body)?;
            while let Some(line) = lines.next_line().map_err(encode)? {
                absent.add(&Line::parse(line).map_err(encode)?, *started);
            }
        }
        Ok(())
    }

    /// Adds the rows that the walk met and did not land; gives whether it asked for any.
    async fn add_met(&self, absent: &mut Absent, walk: &Walk) -> Result<bool, Error> {
        let mut asked = false;
        let mut after: Option<String> = None;
        loop {
            let (done, next) =
                self.deps.store.done_slices(self.key(), &walk.plan, after.as_deref(), 200).await?;
            asked |= !done.is_empty();
            let mut objects = self.fetch(done.iter().flat_map(|slice| &slice.met));
            while let Some((key, body)) = objects.try_next().await? {
                let mut lines = lines(&key, body)?;
                while let Some(line) = lines.next_line().map_err(encode)? {
                    absent.add_met(line.trim_ascii_end());
                }
            }
            after = next;
            if after.is_none() {
                return Ok(asked);
            }
        }
    }

    async fn visible(&self) -> Result<BTreeMap<ObjectKey, Timestamp>, Error> {
        let commits = self.commits().await?;
        Ok(visible_parts(&commits.iter().collect::<Vec<_>>()))
    }

    async fn commits(&self) -> Result<Vec<Commit>, Error> {
        let key = self.key();
        let folder = commits_prefix(&self.described.source, &key.stream);
        let prefix = format!("{folder}tenant={}/connection={}/", key.tenant, key.connection);
        let keys: Vec<ObjectKey> =
            self.deps.lake.list_all(&prefix).await?.into_iter().map(|meta| meta.key).collect();
        let mut objects = self.fetch(&keys);
        let mut commits = Vec::with_capacity(keys.len());
        while let Some((_, body)) = objects.try_next().await? {
            commits.push(Commit::from_json(&body).map_err(encode)?);
        }
        Ok(commits)
    }

    /// Objects in the order of these keys.
    fn fetch<'k>(
        &'k self,
        keys: impl IntoIterator<Item = &'k ObjectKey, IntoIter: Send + 'k>,
    ) -> BoxStream<'k, Result<(ObjectKey, Bytes), Error>> {
        let get = |key: &'k ObjectKey| async {
            let object = self.deps.lake.get(key).await?;
            Ok((key.clone(), object.body))
        };
        stream::iter(keys.into_iter().map(get)).buffered(FETCHED).boxed()
    }
}

fn lines(key: &ObjectKey, body: Bytes) -> Result<LineReader, Error> {
    LineReader::new(body, Codec::of_key(key), Limits::default()).map_err(encode)
}
