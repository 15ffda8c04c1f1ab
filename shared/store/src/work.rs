//! The holder's work: plans, slices, places, commits, generations.

use std::time::Duration;

use model::{CursorValue, PlanId, Timestamp};
use ports::MAX_TRANSACTION_ITEMS;
use serde_json::{Map, Value};

use crate::hold::Seen;
use crate::plan::partition_digest;
use crate::repository::later;
use crate::resume::{Progress, counted, counts, resume_point};
use crate::row::{put, put_until, remove};
use crate::{
    Attempt, DoneSlice, Edge, Generation, Head, Hold, OpenSlice, Partition, Plan, Purpose, SliceId,
    Sofar, StoreError, Walk,
};

/// Finished plans and committed slices are kept this long, for publishing again and for questions.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Slices in one transaction, beside the head, its due rows and the partition's row.
const CHUNK: usize = MAX_TRANSACTION_ITEMS - 10;

/// Key of a generation's commit among the unpublished, in the place of a slice.
pub const GENERATION: &str = "generation";

/// An attempt with more parts than this is not kept to compare the next one with.
const COMPARED: usize = 4;

/// The smallest committed generation that a later one is measured against.
const NOTABLE: u64 = 20;

/// Partition of the slice that holds a plan's tombstones. No partition of a source has it.
pub const GONE: &str = "gone";

/// What a finished attempt has, and whether its walk can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// Parts, rows, cursor and digest.
    pub sofar: Sofar,
    /// Whether its pages could have shifted while it was read, and two walks did not agree.
    pub unsettled: bool,
    /// Whether the rows are those of the partition's last attempt, whose parts these are.
    pub repeats: bool,
}

/// What became of a refresh that read everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Views show it from now on.
    Committed(Generation),
    /// It is much smaller than the one before it; a person has to accept it.
    Held(Generation),
}

impl Hold {
    /// Stores a plan before its first request, and makes it the stream's open one.
    pub async fn begin(&self, mut plan: Plan) -> Result<Plan, StoreError> {
        let mut seen = self.lock().await;
        if plan.purpose == Purpose::Refresh {
            plan.generation = Some(seen.head.generations.begun + 1);
        }
        self.change(&mut seen, |head| {
            head.plan = Some(plan.id.clone());
            head.hop = 0;
            head.last_checked = Some(plan.now);
            head.generations.begun = plan.generation.unwrap_or(head.generations.begun);
            Ok(vec![self.plan_row(&plan)?])
        })
        .await?;
        Ok(plan)
    }

    fn plan_row(&self, plan: &Plan) -> Result<ports::Write, StoreError> {
        put_until(self.key().plan(&plan.id), plan, Some(self.kept()))
    }

    fn kept(&self) -> Timestamp {
        later(self.store().now(), KEPT)
    }

    /// Gives a partition its slices, once a plan.
    pub async fn expand(
        &self,
        plan: &Plan,
        key: &Map<String, Value>,
        slices: &[OpenSlice],
    ) -> Result<(), StoreError> {
        let digest = partition_digest(key);
        let mut seen = self.lock().await;
        let known = self.store().partition(self.key(), &digest).await?;
        let mut partition = known.unwrap_or_default();
        if partition.plan.as_ref() == Some(&plan.id) {
            return Ok(());
        }
        partition.plan = Some(plan.id.clone());
        partition.key.clone_from(key);
        let mut chunks = slices.chunks(CHUNK).peekable();
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let last = chunks.peek().is_none();
            self.change(&mut seen, |_| {
                let row = |open: &OpenSlice| put(self.key().open(&plan.id, &open.id), open);
                let mut writes = chunk.iter().map(row).collect::<Result<Vec<_>, _>>()?;
                if last {
                    writes.push(put(self.key().part(&digest), &partition)?);
                }
                Ok(writes)
            })
            .await?;
            if last {
                return Ok(());
            }
        }
    }

    /// Marks that all partitions have their slices.
    pub async fn expanded(&self, plan: &mut Plan) -> Result<(), StoreError> {
        plan.expanded = true;
        let mut seen = self.lock().await;
        self.change(&mut seen, |_| Ok(vec![self.plan_row(plan)?])).await
    }

    /// Saves what an open slice has in durable parts, and where it goes on.
    pub async fn save(&self, plan: &Plan, slice: &OpenSlice) -> Result<(), StoreError> {
        let row = self.key().open(&plan.id, &slice.id);
        let mut seen = self.lock().await;
        self.change(&mut seen, |_| Ok(vec![put(row.clone(), slice)?])).await
    }

    /// Makes a finished attempt data: the slice, its parts and the state that follows from them,
    /// in one fenced transaction. The commit object is put afterwards.
    pub async fn commit(
        &self,
        plan: &Plan,
        slice: &OpenSlice,
        landed: Landed,
    ) -> Result<DoneSlice, StoreError> {
        let mut seen = self.lock().await;
        let at_cursor = landed.sofar.at_cursor;
        let done = self.done(slice, landed);
        let partition = self.advanced(plan, &done, at_cursor).await?;
        let publishes = plan.generation.is_none() && !done.parts.is_empty();
        self.change(&mut seen, |head| {
            advance_head(head, &done, &partition);
            let (key, id) = (self.key(), &plan.id);
            let mut writes = vec![
                remove(key.open(id, &done.id)),
                put_until(key.done(id, &done.id), &done, Some(self.kept()))?,
            ];
            if done.id.partition != GONE {
                writes.push(put(key.part(&done.id.partition), &partition)?);
            }
            if publishes {
                writes.push(self.unpublished_row(id, Some(&done.id))?);
            }
            Ok(writes)
        })
        .await?;
        Ok(done)
    }

    fn done(&self, slice: &OpenSlice, landed: Landed) -> DoneSlice {
        let Sofar { started, parts, met, rows, cursor, digest, .. } = landed.sofar;
        let at = self.store().now();
        DoneSlice {
            id: slice.id.clone(),
            window: slice.window,
            fence: self.fence(),
            run: self.run().clone(),
            at,
            started: started.unwrap_or(at),
            parts,
            met,
            rows,
            cursor,
            digest,
            repeats: landed.repeats,
            unsettled: landed.unsettled,
        }
    }

    /// The partition as it is once the slice is committed. Reads under the head's lock: nobody
    /// else writes these rows while the fence holds.
    async fn advanced(
        &self,
        plan: &Plan,
        done: &DoneSlice,
        at_cursor: u64,
    ) -> Result<Partition, StoreError> {
        let digest = &done.id.partition;
        let known = self.store().partition(self.key(), digest).await?;
        let mut partition = known.unwrap_or_default();
        let before = partition.resume;
        if let Some(cursor) = done.cursor.clone().filter(|at| counts(Some(at), plan.now))
            && partition.cursor.as_ref().is_none_or(|known| *known <= cursor)
        {
            partition.edge = Some(Edge { cursor: cursor.clone(), rows: at_cursor, at: plan.now });
            partition.cursor = Some(cursor);
        }
        partition.resume = resume_point(Progress {
            before,
            cursor: counted(partition.cursor.as_ref(), plan.now),
            run_start: plan.now,
            first_open: self.first_open(plan, &done.id).await?,
        });
        debug_assert_eq!(crate::invariant::moves_forward(before, partition.resume), None);
        let few = (1..=COMPARED).contains(&done.parts.len());
        if let (Purpose::Incremental, true, Some(digest)) = (plan.purpose, few, done.digest.clone())
        {
            let (start, parts) = (done.id.start.clone(), done.parts.clone());
            partition.last = Some(Attempt { start, rows: done.rows, digest, parts });
        }
        Ok(partition)
    }

    async fn first_open(
        &self,
        plan: &Plan,
        besides: &SliceId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let prefix = format!("open#{}#{}#", plan.id, besides.partition);
        let mut after: Option<String> = None;
        loop {
            let (open, next) = self
                .store()
                .listed::<OpenSlice>(self.key(), prefix.clone(), after.as_deref(), 2)
                .await?;
            if let Some(first) = open.iter().find(|slice| slice.id != *besides) {
                return Ok(first.window.map(model::Window::from));
            }
            after = next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    fn unpublished_row(
        &self,
        plan: &PlanId,
        slice: Option<&SliceId>,
    ) -> Result<ports::Write, StoreError> {
        crate::publish::unpublished(self.key(), plan, slice)
    }

    /// Whether nothing of the plan is open any more.
    pub async fn is_finished(&self, plan: &Plan) -> Result<bool, StoreError> {
        if !plan.expanded {
            return Ok(false);
        }
        let mut after: Option<String> = None;
        loop {
            let (open, next) =
                self.store().open_slices(self.key(), &plan.id, after.as_deref(), 1).await?;
            if !open.is_empty() {
                return Ok(false);
            }
            after = next;
            if after.is_none() {
                return Ok(true);
            }
        }
    }

    /// Closes a plan of which nothing is open. A generation with less than the share `smallest`
    /// of the last one's rows is held aside.
    pub async fn finish(
        &self,
        plan: &Plan,
        smallest: f64,
    ) -> Result<Option<Refreshed>, StoreError> {
        let generation = self.generation(plan).await?;
        let mut seen = self.lock().await;
        let refreshed = generation.map(|generation| weigh(&seen, generation, smallest));
        self.change(&mut seen, |head| {
            head.plan = None;
            head.hop = 0;
            count_reconcile(head, plan);
            match &refreshed {
                None => Ok(Vec::new()),
                Some(Refreshed::Held(generation)) => {
                    head.generations.held = Some(generation.clone());
                    Ok(Vec::new())
                }
                Some(Refreshed::Committed(generation)) => {
                    head.generations.held = None;
                    head.generations.committed = Some(generation.clone());
                    Ok(vec![self.unpublished_row(&plan.id, None)?])
                }
            }
        })
        .await?;
        Ok(refreshed)
    }

    /// Accepts the generation that was held aside, as a person asked.
    pub async fn accept(&self) -> Result<Option<Generation>, StoreError> {
        let mut seen = self.lock().await;
        let Some(held) = seen.head.generations.held.clone() else { return Ok(None) };
        self.change(&mut seen, |head| {
            head.generations.held = None;
            head.generations.committed = Some(held.clone());
            Ok(vec![self.unpublished_row(&held.plan, None)?])
        })
        .await?;
        Ok(Some(held))
    }

    async fn generation(&self, plan: &Plan) -> Result<Option<Generation>, StoreError> {
        let Some(number) = plan.generation else { return Ok(None) };
        let (mut rows, mut settled) = (0, true);
        let mut after: Option<String> = None;
        loop {
            let (done, next) =
                self.store().done_slices(self.key(), &plan.id, after.as_deref(), 200).await?;
            rows += done.iter().map(|slice| slice.rows).sum::<u64>();
            settled &= done.iter().all(|slice| !slice.unsettled);
            after = next;
            if after.is_none() {
                break;
            }
        }
        let (at, fence) = (self.store().now(), self.fence());
        Ok(Some(Generation { number, plan: plan.id.clone(), rows, at, fence, settled }))
    }
}

/// A reconcile is complete with the incremental plan after it, which reads what moved meanwhile.
fn count_reconcile(head: &mut Head, plan: &Plan) {
    if plan.purpose == Purpose::Reconcile {
        head.reconciling = Some(Walk { plan: plan.id.clone(), started: plan.now });
        return;
    }
    if let Some(walk) = head.reconciling.take() {
        head.reconciled = Some(walk.started);
        head.since_reconcile = 0;
        return;
    }
    head.since_reconcile = head.since_reconcile.saturating_add(1);
    head.reconciled = head.reconciled.or(Some(plan.now));
}

fn weigh(seen: &Seen, generation: Generation, smallest: f64) -> Refreshed {
    #[expect(clippy::cast_precision_loss, reason = "a ratio of row counts")]
    let shrunk = |last: u64| (generation.rows as f64) < last as f64 * smallest;
    let committed = seen.head.generations.committed.as_ref();
    if committed.is_some_and(|last| last.rows >= NOTABLE && shrunk(last.rows)) {
        return Refreshed::Held(generation);
    }
    Refreshed::Committed(generation)
}

fn advance_head(head: &mut Head, done: &DoneSlice, partition: &Partition) {
    let greater = |cursor: &CursorValue| head.cursor.as_ref().is_none_or(|known| known < cursor);
    if let Some(cursor) = partition.cursor.clone().filter(greater) {
        head.cursor = Some(cursor);
    }
    if done.id.partition == partition_digest(&Map::new()) {
        head.resume = partition.resume;
    }
}
