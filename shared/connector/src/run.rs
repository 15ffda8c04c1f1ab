//! One read of a stream: its partitions, slices and pages in turn, and the state that results.

mod ahead;
mod walk;

use std::collections::VecDeque;
use std::sync::Arc;

use model::CursorValue;
use serde_json::{Map, Value as Json};

use crate::cursor::{Counted, Cursor, CursorError, Moment, Partitions, Progress};
use crate::error::Error;
use crate::file_uploader::FileUploader;
use crate::retriever::{PageReader, Record, Span};
use crate::slice::{Partition, Slice};
use crate::stream::Core;
use ahead::{Ahead, Open, Step};
pub(crate) use walk::PartitionWalk;

/// The key of the state of a stream that has none.
pub(crate) const NO_STATE: &str = "__ab_no_cursor_state_message";

/// A stream being read.
#[derive(Debug)]
pub(crate) struct StreamRun {
    core: Arc<Core>,
    tracker: Tracker,
    walk: PartitionWalk,
    /// Slices of the present partition that are still to be read.
    slices: VecDeque<Slice>,
    partition: Option<Partition>,
    ahead: Ahead,
    /// Whether all partitions are known, or what stands in the way.
    walked: Option<Result<(), Error>>,
    /// Whether first pages are taken from the records of the parent: there is no state yet.
    lazy: bool,
    /// When this read began, as the clock says.
    began: model::Timestamp,
}

/// What the state of a stream is made of.
#[derive(Debug)]
enum Tracker {
    /// The stream has no cursor.
    None,
    /// One cursor.
    One(Progress),
    /// A count.
    Count(Counted),
    /// One for each partition.
    Many(Partitions),
}

/// What comes next of a read.
#[derive(Debug)]
pub(crate) enum Event {
    /// Records of a slice.
    Records(Vec<Record>, Partition),
    /// A slice was read whole.
    Closed,
}

impl StreamRun {
    /// From a state, empty at first.
    pub(crate) fn new(core: &Arc<Core>, state: &Map<String, Json>) -> Result<Self, Error> {
        let (core, counts) = core.reading(state);
        let fault = |error: CursorError| core.state_error(&error);
        let fresh = state.contains_key(NO_STATE) || !counts;
        let known = if fresh { Map::new() } else { state.clone() };
        let known = core.migrations.iter().fold(known, |state, step| step.migrate(state));
        // What a read without a cursor left is kept beside what this one leaves.
        let kept = if counts && fresh { state } else { &known };
        let tracker = match (&core.cursor, &core.router) {
            (None, _) => Tracker::None,
            (Some(Cursor::Count(cursor)), _) => {
                Tracker::Count(Counted::from_state(cursor, kept).map_err(fault)?)
            }
            (Some(Cursor::Datetime(cursor)), None) => {
                Tracker::One(Progress::from_state(cursor, kept, None).map_err(fault)?)
            }
            (Some(Cursor::Datetime(cursor)), Some(_)) => {
                Tracker::Many(Partitions::from_state(cursor, &known).map_err(fault)?)
            }
        };
        Ok(Self {
            tracker,
            walk: PartitionWalk::new(&core, &known)?,
            slices: VecDeque::new(),
            partition: None,
            ahead: Ahead::new(1),
            walked: None,
            lazy: core.reads_lazily && state.is_empty(),
            began: core.shared.runtime.clock.now(),
            core,
        })
    }

    /// The same with so many slices read side by side; their pages come as they arrive. Where
    /// records are dropped by what was read before, and where jobs make the pages, one is read
    /// after the other.
    pub(crate) fn side_by_side(mut self, slices: usize) -> Self {
        if !self.core.filters_by_cursor() && self.core.job.is_none() {
            self.ahead = Ahead::new(slices);
        }
        self
    }

    /// What comes next; none when the stream was read whole.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            self.fill().await;
            match self.ahead.step().await? {
                Step::Page(number, page) => {
                    self.observe(number, &page.records);
                    let open = self.ahead.slice(number);
                    let partition = open.map(|open| open.slice.partition.clone());
                    return Ok(Some(Event::Records(page.records, partition.unwrap_or_default())));
                }
                Step::Closed(open) => {
                    self.close(&open)?;
                    return Ok(Some(Event::Closed));
                }
                Step::Skipped => return Ok(Some(Event::Closed)),
                Step::Partition(partition) => self.finish_partition(&partition),
                Step::Idle => {
                    return match self.walked.take() {
                        None => Ok(None),
                        Some(Ok(())) => {
                            self.finish();
                            self.walked = Some(Ok(()));
                            Ok(None)
                        }
                        Some(Err(error)) => Err(error),
                    };
                }
            }
        }
    }

    /// Begins slices while there is room. What fails here is told once the slices before it have
    /// been read.
    async fn fill(&mut self) {
        while self.walked.is_none() && self.ahead.has_room() {
            if let Some(slice) = self.slices.pop_front() {
                let span = self.span(&slice);
                let reader = PageReader::new(Arc::clone(&self.core), slice.clone(), None, span);
                self.ahead.begin(slice, reader);
                if self.slices.is_empty()
                    && let Some(partition) = self.partition.take()
                {
                    self.ahead.end_partition(partition);
                }
                continue;
            }
            match self.next_partition().await {
                Ok(true) => {}
                Ok(false) => self.walked = Some(Ok(())),
                Err(error) => self.walked = Some(Err(error)),
            }
        }
    }

    /// Gives the next partition its slices; gives whether there is one.
    async fn next_partition(&mut self) -> Result<bool, Error> {
        let Some(mut partition) = self.walk.next().await? else { return Ok(false) };
        partition.first_page = partition.first_page.filter(|_| self.lazy);
        self.slices = self.plan(&partition)?;
        self.partition = Some(partition).filter(|_| !self.slices.is_empty());
        Ok(true)
    }

    /// The slices of a partition.
    fn plan(&mut self, partition: &Partition) -> Result<VecDeque<Slice>, Error> {
        let core = &self.core;
        if let Tracker::Count(counted) = &self.tracker {
            return Ok(VecDeque::from([counted.slice(partition)]));
        }
        let Some(cursor) = core.datetime() else {
            return Ok(VecDeque::from([core.slice(partition, None)]));
        };
        let most = core.shared.runtime.limits.max_slices;
        let end = cursor.end(Moment::utc(core.shared.runtime.now));
        let windows = match &mut self.tracker {
            Tracker::None | Tracker::Count(_) => Ok(None),
            Tracker::One(progress) => progress.windows(cursor, end, most).map(Some),
            Tracker::Many(partitions) => partitions.windows(cursor, partition, end, most),
        };
        let windows = windows.map_err(|e| core.state_error(&e))?.unwrap_or_default();
        Ok(windows.iter().map(|bounds| core.slice(partition, Some(bounds))).collect())
    }

    /// Which records of a slice are read, where the source does not choose them.
    fn span(&self, slice: &Slice) -> Option<Span> {
        let cursor = self.core.datetime().filter(|_| self.core.filters_by_cursor())?;
        let progress = match &self.tracker {
            Tracker::None | Tracker::Count(_) => None,
            Tracker::One(progress) => Some(progress),
            Tracker::Many(partitions) => partitions.progress(&slice.partition),
        };
        let high = cursor.end(Moment::utc(self.core.shared.runtime.now));
        Some(Span { low: progress?.lowest(cursor), high })
    }

    fn observe(&mut self, number: u64, records: &[Record]) {
        let Some(open) = self.ahead.slice(number) else { return };
        for record in records {
            if let Some(CursorValue::Integer(count)) = record.cursor {
                open.count = open.count.max(Some(count));
            }
        }
        let Some(cursor) = self.core.datetime() else { return };
        for value in records.iter().filter_map(|record| record.moment) {
            open.latest = open.latest.max(Some(value));
            if let Tracker::Many(partitions) = &mut self.tracker {
                partitions.observe(cursor, value);
            }
        }
    }

    fn close(&mut self, open: &Open) -> Result<(), Error> {
        if let Tracker::Count(counted) = &mut self.tracker {
            counted.close(open.count);
        }
        let Some(cursor) = self.core.datetime() else { return Ok(()) };
        let slice = &open.slice;
        let (Some(start), Some(end)) = (&slice.start, &slice.end) else { return Ok(()) };
        let closed = match &mut self.tracker {
            Tracker::None | Tracker::Count(_) => Ok(()),
            Tracker::One(progress) => progress.close(cursor, (start, end), open.latest),
            Tracker::Many(partitions) => {
                partitions.close(cursor, &slice.partition, (start, end), open.latest)
            }
        };
        closed.map_err(|error| self.core.state_error(&error))
    }

    fn finish_partition(&mut self, partition: &Partition) {
        if let (Tracker::Many(partitions), Some(cursor)) = (&mut self.tracker, self.core.datetime())
        {
            partitions.finish_partition(cursor, partition);
        }
    }

    fn finish(&mut self) {
        let seconds = self.core.shared.runtime.clock.now().duration_since(self.began).as_secs();
        let parents = self.walk.state();
        if let Tracker::Many(partitions) = &mut self.tracker {
            partitions.finish(seconds.max(0), parents);
        }
    }

    /// What fetches the files of the records, where they have some.
    pub(crate) fn files(&self) -> Option<&FileUploader> {
        self.core.files.as_deref()
    }

    /// The state, as the reference writes it.
    pub(crate) fn state(&self) -> Map<String, Json> {
        match (&self.tracker, &self.core.cursor) {
            (Tracker::One(progress), Some(Cursor::Datetime(cursor))) => progress.state(cursor),
            (Tracker::Many(partitions), Some(Cursor::Datetime(cursor))) => partitions.state(cursor),
            (Tracker::Count(counted), Some(Cursor::Count(cursor))) => counted.state(cursor),
            _ => [(NO_STATE.to_owned(), Json::Bool(true))].into_iter().collect(),
        }
    }

    /// Whether the state can be told before the stream was read whole.
    pub(crate) fn checkpoints(&self) -> bool {
        match &self.tracker {
            Tracker::One(_) => true,
            Tracker::Count(counted) => counted.has_moved(),
            Tracker::None | Tracker::Many(_) => false,
        }
    }
}
