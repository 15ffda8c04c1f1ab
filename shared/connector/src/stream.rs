//! One stream of a source, as other crates read it.

mod delegating;
mod parts;

use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use model::{CursorValue, StreamName, Timestamp, Window};
use request::decoder::Decoder;
use request::requester::Options;
use request::value::{Selection, Value};
use serde_json::{Map, Value as Json, json};

use crate::cursor::{Bounds, CountCursor, Counted, Cursor, DatetimeCursor, Moment, Progress};
use crate::error::{At, Error};
use crate::file_uploader::FileUploader;
use crate::option::Injection;
use crate::paginator::Paginator;
use crate::part::{BuildError, Part};
use crate::partition_router::{Router, slice_value};
use crate::record_selector::Selector;
use crate::retriever::{
    Fetcher, Job, PageReader, PageSizeReduction, QueryProperties, Reset, Span, Splitting, job,
    telling,
};
use crate::run::{Event, PartitionWalk, StreamRun};
use crate::schema::{self, Schema};
use crate::slice::{Partition, Position, Slice};
use crate::source::Shared;
use crate::state_migration::StateMigration;
pub(crate) use delegating::Delegated;
use parts::{cursor, fits, is_chosen, reading, reads_lazily};

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
    pub(crate) cursor: Option<Cursor>,
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
    /// What fetches the files of its records.
    pub(crate) files: Option<Box<FileUploader>>,
    /// Parts of a body that the paginator reads, and those that tell of the walk.
    pub(crate) response_reads: Selection,
    /// Slice and partition options go with the first page only.
    pub(crate) first_page_options_only: bool,
    /// What turns old states into those of today.
    pub(crate) migrations: Vec<StateMigration>,
    /// Its reader may choose another cursor field.
    cursor_is_chosen: bool,
    /// The properties that its requests name.
    pub(crate) properties: Option<QueryProperties>,
    pub(crate) page_size_reduction: Option<PageSizeReduction>,
    pub(crate) splitting: Option<Splitting>,
    pub(crate) reset: Reset,
    /// A first read finds its first pages in the records of the parent.
    pub(crate) reads_lazily: bool,
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
        let sync = part.child("incremental_sync");
        let router = Router::build(&retriever, &context, &|part| Self::build(part, shared))?;
        let cursor = cursor(part, &name, router.as_ref(), shared)?;
        let option = |field| match &sync {
            Some(sync) => Injection::at(sync, field, &context),
            None => Ok(None),
        };
        let job = Job::build(&retriever, &name, shared)?;
        let (requester, paginator) = match &job {
            Some(_) => ("download_requester", "download_paginator"),
            None => ("requester", "paginator"),
        };
        let pages = shared.overlay.stream(&name).pages;
        let paginator = parts::paginator(&retriever, paginator, pages, &context)?;
        let datetime = cursor.as_ref().and_then(Cursor::datetime);
        let client_side = job.is_none() && datetime.is_some_and(|cursor| cursor.client_side);
        let selector = retriever.needed("record_selector")?;
        let (decoder, extractor) = match &job {
            Some(_) => job::download(&retriever, shared)?,
            None => reading(&retriever, &selector, shared)?,
        };
        fits(&decoder, &paginator, &extractor).map_err(|message| retriever.fault(message))?;
        let requester = retriever.needed(requester)?;
        let reads_lazily = reads_lazily(router.as_ref(), &retriever, sync.as_ref())?;
        let selector = Selector::build(part, &selector, extractor, client_side, &context)?;
        Ok(Self {
            files: FileUploader::build(part, name.as_str(), shared)?.map(Box::new),
            router,
            reads_lazily,
            properties: QueryProperties::build(&requester, name.as_str(), shared)?,
            cursor_is_chosen: sync.as_ref().is_some_and(is_chosen),
            page_size_reduction: PageSizeReduction::build(&retriever)?,
            splitting: Splitting::build(&retriever, sync.as_ref())?,
            reset: Reset::build(&retriever, cursor.as_ref())?,
            fetcher: Fetcher::build(&requester, shared, shared.is_parent(name.as_str()))?,
            job: job.map(Box::new),
            response_reads: response_reads(&paginator, &selector),
            selector,
            decoder,
            schema: Schema::build(part, shared)?,
            delegated: None,
            paginator,
            first_page_options_only: retriever
                .flag("ignore_stream_slicer_parameters_on_paginated_requests")?,
            migrations: StateMigration::of(part, &context)?,
            primary_key: schema::primary_key(part)?,
            start_option: option(match &cursor {
                Some(Cursor::Count(_)) => "start_value_option",
                _ => "start_time_option",
            })?,
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
        let bounds = match (&self.cursor, &slice.start, &slice.end) {
            (Some(Cursor::Datetime(cursor)), Some(start), Some(end)) => vec![
                (cursor.start_field.as_str(), Value::from(start.as_str())),
                (cursor.end_field.as_str(), Value::from(end.as_str())),
            ],
            (Some(Cursor::Count(_)), Some(start), _) => CountCursor::bounds(start).to_vec(),
            _ => Vec::new(),
        };
        slice_value(&slice.partition, bounds)
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
        let (start, end) = cursor.bound_fields();
        let bound = |field: &str| slice.get(field).cloned().unwrap_or_default();
        if let Some(option) = &self.start_option {
            option.put(options, bound(start));
        }
        if let Some(option) = &self.end_option {
            option.put(options, bound(end));
        }
    }

    /// The path of the records, when their bytes can be taken as they are.
    pub(crate) fn raw_path(&self) -> Option<&[String]> {
        let whole = self.decoder == Decoder::Json && self.properties.is_none();
        self.selector.raw_path().filter(|_| whole)
    }

    /// Whether records outside the time to be read are dropped here.
    pub(crate) fn filters_by_cursor(&self) -> bool {
        let cursor = self.datetime().filter(|_| self.job.is_none());
        cursor.is_some_and(|cursor| cursor.client_side || cursor.data_feed)
    }

    /// Whether the next page is asked for by the cursor value of the last record alone.
    pub(crate) fn pages_by_cursor(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| self.paginator.goes_by(cursor.field()))
    }

    /// Whether pages come newest first, so that known records end the walk.
    pub(crate) fn is_feed(&self) -> bool {
        let cursor = self.datetime().filter(|_| self.job.is_none());
        cursor.is_some_and(|cursor| cursor.data_feed)
    }

    /// The cursor over time, if it has one.
    pub(crate) fn datetime(&self) -> Option<&DatetimeCursor> {
        self.cursor.as_ref().and_then(Cursor::datetime)
    }

    /// One slice of a partition and a window.
    pub(crate) fn slice(&self, partition: &Partition, bounds: Option<&Bounds>) -> Slice {
        let mut slice = Slice { partition: partition.clone(), ..Slice::default() };
        if let (Some(cursor), Some(bounds)) = (self.datetime(), bounds) {
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

/// What of a body is read beside its records: by the paginator, and to tell whether there is more.
fn response_reads(paginator: &Paginator, selector: &Selector) -> Selection {
    let records = selector.raw_path().and_then(|path| path.first());
    let mut reads = paginator.reads("response").unwrap_or_else(Selection::nothing);
    reads.merge(&telling(records.map(String::as_str)));
    reads
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
        self.0.cursor.as_ref().map(Cursor::field)
    }

    /// The JSON schema of its records; where the manifest says so, the API is asked for it.
    pub async fn json_schema(&self) -> Result<&Json, Error> {
        self.0.schema.load(self.0.name.as_str()).await
    }

    /// How much of a record is understood on its way.
    pub fn tier(&self) -> Tier {
        if self.0.raw_path().is_some() { Tier::Raw } else { Tier::Value }
    }

    /// Whether the reader of the stream may choose another cursor field.
    pub fn cursor_is_chosen(&self) -> bool {
        self.0.cursor_is_chosen
    }

    /// Whether it can be read from where the last read ended.
    pub fn is_incremental(&self) -> bool {
        self.0.cursor.is_some()
    }

    /// Whether its records have files.
    pub fn has_files(&self) -> bool {
        self.0.files.is_some()
    }

    /// Refuses a stream that a lake cannot hold: there is no place in it for files.
    pub fn landable(&self) -> Result<(), Error> {
        let later = self.0.delegated.as_ref().and_then(|later| later.incremental.files.as_ref());
        let Some(files) = self.0.files.as_ref().or(later) else { return Ok(()) };
        let message = "`file_uploader` is not supported in the lake: `headwater source read` \
                       reads this stream";
        Err(Error::Stream { stream: self.0.name.to_string(), source: files.fault(message.into()) })
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
            let partition = walk.next().await?;
            Ok(partition.map(|partition| (Partition { first_page: None, ..partition }, walk)))
        }))
    }

    /// The slices of a partition, from an instant (its lookback is taken off here) to `now`, or
    /// to the manifest's own end. A stream without a cursor has one slice, and so has one that
    /// keeps a count, from there on.
    pub fn slices(
        &self,
        partition: &Partition,
        from: Option<&CursorValue>,
        now: Timestamp,
    ) -> Result<Vec<Slice>, Error> {
        let (core, delegated) = self.0.going_on(from);
        let cursor = match &core.cursor {
            None => return Ok(vec![core.slice(partition, None)]),
            Some(Cursor::Count(cursor)) => {
                let known = match from {
                    Some(CursorValue::Integer(count)) => Some(*count),
                    _ => None,
                };
                let counted = Counted::resuming(cursor, known, Map::new());
                return Ok(vec![counted.slice(partition)]);
            }
            Some(Cursor::Datetime(cursor)) => cursor,
        };
        let from = match from {
            Some(CursorValue::Instant(at)) => Some(Moment::utc(*at)),
            _ => None,
        };
        let most = core.shared.runtime.limits.max_slices;
        let mut progress = Progress::resuming(cursor, from, Map::new());
        let windows = progress.windows(cursor, cursor.end(Moment::utc(now)), most);
        let windows = windows.map_err(|e| core.state_error(&e))?;
        let parts = windows.into_iter().flat_map(|window| cursor.parts(window));
        let slice = |bounds| Slice { delegated, ..core.slice(partition, Some(&bounds)) };
        Ok(parts.map(slice).collect())
    }

    /// Reads the pages of a slice, from its start or from a place that an earlier read gave.
    pub fn read(&self, slice: &Slice, from: Option<Position>) -> PageReader {
        let core = self.0.of_slice(slice);
        let span = slice.window.filter(|_| core.filters_by_cursor()).map(|window| Span {
            low: Moment::utc(window.from()),
            high: Moment::utc(window.until()),
        });
        PageReader::new(Arc::clone(core), slice.clone(), from, span)
    }

    /// Reads the first record of its first slice, and its file.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let mut run = StreamRun::new(&self.0, &Map::new())?;
        while let Some(event) = run.next().await? {
            let Event::Records(records, partition) = event else { return Ok(()) };
            let Some(first) = records.first() else { continue };
            if let Some(files) = run.files() {
                files.fetch(&first.raw, &partition).await?;
            }
            return Ok(());
        }
        let at = At { stream: self.0.name.to_string(), slice: String::new(), page: 0 };
        let message = "there is nothing to connect to: no slices were found".to_owned();
        Err(Error::Shape { at, message })
    }
}
