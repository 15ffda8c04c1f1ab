//! Rows that are gone at the source: what a walk over everything did not meet becomes tombstones.

use lake::{
    Absent, Codec, Commit, LandingKey, Limits, Line, LineContext, LineHeader, LineReader,
    PartWriter, RowKey, commits_prefix, visible_parts,
};
use model::{Metric, ObjectKey, Timestamp};
use ports::ObjectStoreExt;
use store::{GONE, Landed, OpenSlice, SliceId, Sofar};

use super::Error;
use super::land::{Lander, encode};
use super::publish::publish;
use super::work::Work;

/// Fewer rows than this may go without anybody being asked.
const NOTABLE: u64 = 20;

impl Work<'_> {
    /// Compares what the views show with what the reconcile and the plan after it met, and lands
    /// a tombstone for each row that neither did. Tombstones carry the start of the reconcile:
    /// they hide what was seen before it, and nothing that was seen since.
    pub(super) async fn tombstones(&self) -> Result<(), Error> {
        let Some(walk) = self.hold.head().await.reconciling else { return Ok(()) };
        let id = SliceId::new(GONE, None);
        if self.deps.store.done_slice(self.key(), &self.plan.id, &id).await?.is_some() {
            return Ok(());
        }
        self.publish_all().await?;
        let (absent, met) = self.absent(walk).await?;
        if absent.is_empty() || self.is_too_many(absent.len() as u64, met) {
            return Ok(());
        }
        let open =
            OpenSlice { id, slice: serde_json::Value::Null, window: None, sofar: Sofar::default() };
        let mut lander = Lander::new(self, &open)?;
        let mut writer = PartWriter::new(self.codec(), self.part_bytes()).map_err(encode)?;
        let header = self.tombstone_header(walk);
        for (ordinal, key) in (0u64..).zip(&absent) {
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
        let rows = absent.len() as u64;
        let sofar = Sofar { rows, started: Some(walk), ..lander.sofar };
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

    fn tombstone_header(&self, walk: Timestamp) -> LineHeader {
        let key = self.key();
        LineHeader::new(&LineContext {
            tenant: &key.tenant,
            connection: &key.connection,
            stream: &key.stream,
            run: self.hold.run(),
            request_start: walk,
            slice: GONE,
            page: 0,
        })
    }

    /// The rows that views show and the walk did not meet, and how many rows it met.
    async fn absent(&self, walk: Timestamp) -> Result<(Vec<RowKey>, u64), Error> {
        let commits = self.commits().await?;
        // Where nothing could be asked, nothing is concluded: a list of partitions that has become
        // empty looks like lost permissions.
        if !commits.iter().any(|commit| commit.started >= walk) {
            tracing::warn!(stream = %self.key(), "no partition is left to read: no row is hidden");
            return Ok((Vec::new(), 0));
        }
        let parts = visible_parts(&commits.iter().collect::<Vec<_>>());
        let mut absent = Absent::new(&self.described.primary_key, walk);
        let (walked, others): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|(_, started)| *started >= walk);
        let mut met = 0;
        for (key, started) in walked {
            met += self.add(&mut absent, &key, started).await?;
        }
        for (key, started) in others {
            self.add(&mut absent, &key, started).await?;
        }
        Ok((absent.into_keys(), met))
    }

    async fn commits(&self) -> Result<Vec<Commit>, Error> {
        let key = self.key();
        let folder = commits_prefix(&self.described.source, &key.stream);
        let prefix = format!("{folder}tenant={}/connection={}/", key.tenant, key.connection);
        let mut commits = Vec::new();
        for meta in self.deps.lake.list_all(&prefix).await? {
            let object = self.deps.lake.get(&meta.key).await?;
            commits.push(Commit::from_json(&object.body).map_err(encode)?);
        }
        Ok(commits)
    }

    /// Adds the lines of a landing object; gives how many rows it has.
    async fn add(
        &self,
        absent: &mut Absent,
        key: &ObjectKey,
        started: Timestamp,
    ) -> Result<u64, Error> {
        let codec = LandingKey::parse(key).map_or(Codec::Plain, |key| key.codec);
        let object = self.deps.lake.get(key).await?;
        let mut lines = LineReader::new(object.body, codec, Limits::default()).map_err(encode)?;
        let mut rows = 0;
        while let Some(line) = lines.next_line().map_err(encode)? {
            let line = Line::parse(line).map_err(encode)?;
            rows += u64::from(!line.deleted);
            absent.add(&line, started);
        }
        Ok(rows)
    }
}
