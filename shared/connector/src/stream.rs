//! One stream of a source, as other crates read it.

mod delegating;

use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use model::{StreamName, Timestamp, Window};
use request::decoder::{Decoder, Paging};
use request::requester::Options;
use request::value::{Selection, Value};
use serde_json::{Map, Value as Json, json};

use crate::cursor::{Bounds, DatetimeCursor, Moment, Progress};
use crate::error::{At, Error};
use crate::option::Injection;
use crate::paginator::Paginator;
use crate::part::{BuildError, Part};
use crate::partition_router::{Router, slice_value};
use crate::record_selector::{Extractor, Selector};
use crate::retriever::{Fetcher, Job, PageReader, Span, job};
use crate::run::{Event, PartitionWalk, StreamRun};
use crate::schema::{self, Schema};
use crate::slice::{Partition, Position, Slice};
use crate::source::Shared;
pub(crate) use delegating::Delegated;

/// How much of a record is understood on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Its bytes are copied; nothing but its cursor is read.
    Raw,
    /// It is read, changed and written again.
    Value,
}

/// A stream, built.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) name: StreamName,
    pub(crate) shared: Arc<Shared>,
    pub(crate) cursor: Option<DatetimeCursor>,
    pub(crate) router: Option<Router>,
    pub(crate) fetcher: Fetcher,
    pub(crate) paginator: Paginator,
    pub(crate) selector: Selector,
    pub(crate) decoder: Decoder,
    pub(crate) schema: Schema,
    /// What reads the stream once it has a state.
    pub(crate) delegated: Option<Delegated>,
    /// What must be done before there is anything to read.
    pub(crate) job: Option<Box<Job>>,
    /// Parts of a body that the paginator reads.
    pub(crate) response_reads: Option<Selection>,
    /// Slice and partition options go with the first page only.
    pub(crate) first_page_options_only: bool,
    primary_key: Vec<Vec<String>>,
    start_option: Option<Injection>,
    end_option: Option<Injection>,
}

impl Core {
    /// A stream of any kind.
    pub(crate) fn build(part: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        match part.kind() {
            "StateDelegatingStream" => Self::delegating(part, shared),
            _ => Self::declarative(part, shared),
        }
    }

    /// A retriever alone, under a name, whose answers are shared by all that ask the same.
    pub(crate) fn of_shared_retriever(
        name: &str,
        retriever: &Part<'_>,
        shared: &Arc<Shared>,
    ) -> Result<Self, BuildError> {
        let mut json = retriever.json.clone();
        if let Some(Json::Object(requester)) = json.get_mut("requester") {
            requester.insert("use_cache".into(), Json::Bool(true));
        }
        Self::of_retriever(name, &retriever.around(&json), shared)
    }

    /// A retriever alone, under a name.
    pub(crate) fn of_retriever(
        name: &str,
        retriever: &Part<'_>,
        shared: &Arc<Shared>,
    ) -> Result<Self, BuildError> {
        let json = json!({"type": "DeclarativeStream", "name": name, "retriever": retriever.json});
        Self::declarative(&retriever.around(&json), shared)
    }

    fn declarative(part: &Part<'_>, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let context = shared.context();
        let retriever = part.needed("retriever")?;
        let name = part.text("name")?.unwrap_or_default();
        let name: StreamName = name.parse().map_err(|e| part.fault(format!("name: {e}")))?;
        let overlay = shared.overlay.stream(&name);
        let sync = part.child("incremental_sync");
        let zone = shared.zone(part)?;
        let cursor =
            sync.as_ref().map(|sync| DatetimeCursor::build(sync, &context, &overlay, zone));
        let cursor = cursor.transpose()?;
        let option = |field| match &sync {
            Some(sync) => Injection::at(sync, field, &context),
            None => Ok(None),
        };
        let parent = |part: &Part<'_>| Self::build(part, shared);
        let job = Job::build(&retriever, &name, shared)?;
        let (requester, paginator) = match &job {
            Some(_) => ("download_requester", "download_paginator"),
            None => ("requester", "paginator"),
        };
        let paginator = match retriever.child(paginator) {
            Some(paginator) => Paginator::build(&paginator, &context)?,
            None => Paginator::none(),
        };
        let client_side = job.is_none() && cursor.as_ref().is_some_and(|c| c.client_side);
        let selector = retriever.needed("record_selector")?;
        let (decoder, extractor) = if job.is_some() {
            job::download(&retriever, shared)?
        } else {
            let extractor = Extractor::build(&selector.needed("extractor")?, shared)?;
            (job::decoder(&retriever, "decoder")?, extractor)
        };
        fits(&decoder, &paginator, &extractor).map_err(|message| retriever.fault(message))?;
        Ok(Self {
            router: Router::build(&retriever, &context, &parent)?,
            fetcher: Fetcher::build(&retriever.needed(requester)?, shared)?,
            job: job.map(Box::new),
            selector: Selector::build(part, &selector, extractor, client_side, &context)?,
            decoder,
            schema: Schema::build(part, shared)?,
            delegated: None,
            response_reads: paginator.reads("response"),
            paginator,
            first_page_options_only: retriever
                .flag("ignore_stream_slicer_parameters_on_paginated_requests")?,
            primary_key: schema::primary_key(part)?,
            start_option: option("start_time_option")?,
            end_option: option("end_time_option")?,
            cursor,
            name,
            shared: Arc::clone(shared),
        })
    }

    /// The names of the streams whose records are its partitions, where it keeps a state of each:
    /// only such a stream reads its parents while it is read itself.
    pub(crate) fn ancestors(&self) -> Vec<StreamName> {
        let router = self.router.as_ref().filter(|_| self.cursor.is_some());
        router.map(Router::streams).unwrap_or_default()
    }

    /// A slice as templates see it.
    pub(crate) fn slice_value(&self, slice: &Slice) -> Value {
        let mut bounds = Vec::new();
        if let (Some(cursor), Some(start), Some(end)) = (&self.cursor, &slice.start, &slice.end) {
            bounds.push((cursor.start_field.as_str(), start.as_str()));
            bounds.push((cursor.end_field.as_str(), end.as_str()));
        }
        slice_value(&slice.partition, &bounds)
    }

    /// What a request carries of its slice; what a job makes is of the slice as a whole.
    pub(crate) fn inject(&self, slice: &Value, options: &mut Options) {
        if self.job.is_some() {
            return;
        }
        if let Some(router) = &self.router {
            router.inject(slice, options);
        }
        let Some(cursor) = &self.cursor else { return };
        let bound = |field: &str| slice.get(field).cloned().unwrap_or_default();
        if let Some(option) = &self.start_option {
            option.put(options, bound(&cursor.start_field));
        }
        if let Some(option) = &self.end_option {
            option.put(options, bound(&cursor.end_field));
        }
    }

    /// The path of the records, when their bytes can be taken as they are.
    pub(crate) fn raw_path(&self) -> Option<&[String]> {
        self.selector.raw_path().filter(|_| self.decoder == Decoder::Json)
    }

    /// Whether records outside the time to be read are dropped here.
    pub(crate) fn filters_by_cursor(&self) -> bool {
        let cursor = self.cursor.as_ref().filter(|_| self.job.is_none());
        cursor.is_some_and(|cursor| cursor.client_side || cursor.data_feed)
    }

    /// Whether pages come newest first, so that known records end the walk.
    pub(crate) fn is_feed(&self) -> bool {
        let cursor = self.cursor.as_ref().filter(|_| self.job.is_none());
        cursor.is_some_and(|cursor| cursor.data_feed)
    }

    /// One slice of a partition and a window.
    pub(crate) fn slice(&self, partition: &Partition, bounds: Option<&Bounds>) -> Slice {
        let mut slice = Slice { partition: partition.clone(), ..Slice::default() };
        if let (Some(cursor), Some(bounds)) = (&self.cursor, bounds) {
            let (start, end) = cursor.texts(bounds);
            (slice.start, slice.end) = (Some(start), Some(end));
            slice.window = Window::new(bounds.from.at(), bounds.until.at()).ok();
        }
        slice
    }

    /// The name of the stream in an error about its state.
    pub(crate) fn state_error(&self, error: &crate::cursor::CursorError) -> Error {
        Error::State { stream: self.name.to_string(), message: error.to_string() }
    }
}

/// Refuses what would lose records: a paginator that cannot read the answers, or counts more
/// records than the source does; several extractors over an answer that is read once.
fn fits(decoder: &Decoder, paginator: &Paginator, extractor: &Extractor) -> Result<(), String> {
    let kind = decoder.name();
    if extractor.combines() && decoder.streams() {
        return Err(format!("a CombinedExtractor cannot read answers through a {kind}"));
    }
    if extractor.unites() && paginator.counts_records() {
        return Err("an OffsetIncrement cannot count what a union of extractors finds".to_owned());
    }
    match decoder.paging() {
        Paging::None if !paginator.is_none() => {
            Err(format!("answers that a {kind} reads have no pages; use NoPagination"))
        }
        Paging::Blind if paginator.reads("response").is_some() => {
            Err(format!("`response` is not known to a paginator where a {kind} reads the answers"))
        }
        _ => Ok(()),
    }
}

/// A stream of a source.
#[derive(Debug, Clone)]
pub struct Stream(pub(crate) Arc<Core>);

impl Stream {
    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.0.name
    }

    /// What identifies a record: paths of field names; none when the manifest gives none.
    pub fn primary_key(&self) -> &[Vec<String>] {
        &self.0.primary_key
    }

    /// The top-level field that orders the versions of a record.
    pub fn cursor_field(&self) -> Option<&str> {
        self.0.cursor.as_ref().map(|cursor| cursor.field.as_str())
    }

    /// The JSON schema of its records; where the manifest says so, the API is asked for it.
    pub async fn json_schema(&self) -> Result<&Json, Error> {
        self.0.schema.load(self.0.name.as_str()).await
    }

    /// How much of a record is understood on its way.
    pub fn tier(&self) -> Tier {
        if self.0.raw_path().is_some() { Tier::Raw } else { Tier::Value }
    }

    /// Whether it can be read from where the last read ended.
    pub fn is_incremental(&self) -> bool {
        self.0.cursor.is_some()
    }

    /// Whether it has partitions other than the empty one.
    pub fn is_partitioned(&self) -> bool {
        self.0.router.is_some()
    }

    /// Its partitions; parent streams are read for them, page by page, as they are asked for. A
    /// stream without a router has one, the empty one.
    pub fn partitions(&self) -> BoxStream<'static, Result<Partition, Error>> {
        let walk = match PartitionWalk::new(&self.0, &Map::new()) {
            Ok(walk) => walk,
            Err(error) => return Box::pin(stream::once(async { Err(error) })),
        };
        Box::pin(stream::try_unfold(walk, |mut walk| async move {
            Ok(walk.next().await?.map(|partition| (partition, walk)))
        }))
    }

    /// The slices of a partition, from an instant (its lookback is taken off here) to `now`, or
    /// to the manifest's own end. A stream without a cursor has one slice.
    pub fn slices(
        &self,
        partition: &Partition,
        from: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Slice>, Error> {
        let core = &self.0;
        let Some(cursor) = &core.cursor else { return Ok(vec![core.slice(partition, None)]) };
        let most = core.shared.runtime.limits.max_slices;
        let mut progress = Progress::resuming(cursor, from.map(Moment::utc), Map::new());
        let windows = progress.windows(cursor, cursor.end(Moment::utc(now)), most);
        let windows = windows.map_err(|e| core.state_error(&e))?;
        let parts = windows.into_iter().flat_map(|window| cursor.parts(window));
        Ok(parts.map(|bounds| core.slice(partition, Some(&bounds))).collect())
    }

    /// Reads the pages of a slice, from its start or from a place that an earlier read gave.
    pub fn read(&self, slice: &Slice, from: Option<Position>) -> PageReader {
        let core = &self.0;
        let span = slice.window.filter(|_| core.filters_by_cursor()).map(|window| Span {
            low: Moment::utc(window.from()),
            high: Moment::utc(window.until()),
        });
        PageReader::new(Arc::clone(core), slice.clone(), from, span)
    }

    /// Reads the first record of its first slice.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let mut run = StreamRun::new(&self.0, &Map::new())?;
        while let Some(event) = run.next().await? {
            match event {
                Event::Records(records, _) if records.is_empty() => {}
                Event::Records(..) | Event::Closed => return Ok(()),
            }
        }
        let at = At { stream: self.0.name.to_string(), slice: String::new(), page: 0 };
        let message = "there is nothing to connect to: no slices were found".to_owned();
        Err(Error::Shape { at, message })
    }
}
