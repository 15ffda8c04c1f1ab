//! `SimpleRetriever`: the pages of a slice, one after the other.

mod fetch;
mod headers;
pub(crate) mod job;
mod lists;
mod page;
mod rules;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use model::{CursorValue, Timestamp};
use request::interpolation::Context;
use request::requester::Options;
use request::value::{Dict, Value};

use crate::cursor::Moment;
use crate::error::{At, Error};
use crate::slice::{Position, PositionKind, Slice};
use crate::stream::Core;
use fetch::Answer;
pub(crate) use fetch::Fetcher;
pub(crate) use job::{Job, Slots};
use job::{JobWalk, Step};
use page::Content;
pub(crate) use rules::Rules;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its JSON; on the raw path a slice of the page's body.
    pub raw: Bytes,
    /// What it says about its place in the stream's order, if it does.
    pub cursor: Option<CursorValue>,
    pub(crate) moment: Option<Moment>,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its records, in the source's order.
    pub records: Vec<Record>,
    /// Its number within the slice, from 0.
    pub number: u64,
    /// When its request was started.
    pub request_start: Timestamp,
    /// Its place.
    pub this: Position,
    /// The place of the page after it; none at the end of the slice.
    pub next: Option<Position>,
    /// Whether it holds as many records as a page can.
    pub full: bool,
    /// Size of its body.
    pub bytes: u64,
    /// Whether it is no page at all: the source is still at work on them.
    pub waiting: bool,
}

/// Which records belong to a read that filters by cursor here, not at the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) low: Moment,
    pub(crate) high: Moment,
}

impl Span {
    /// Whether a record belongs; one without a cursor value does.
    fn holds(self, value: Option<Moment>) -> bool {
        value.is_none_or(|value| self.low <= value && value <= self.high)
    }
}

/// Reads the pages of one slice, from a place in it.
#[derive(Debug)]
pub struct PageReader {
    core: Arc<Core>,
    slice: Slice,
    value: Value,
    span: Option<Span>,
    /// Token and number of the next page; none when there is none.
    next: Option<(Value, u64)>,
    /// Digests of the requests made, so that a walk in a circle is seen.
    asked: HashSet<u64>,
    same: Same,
    /// The job that makes the pages, where one does.
    job: Option<JobWalk>,
    /// Number of the next page, whatever it is asked for with.
    number: u64,
}

/// Pages in a row that hold the same, so that a walk on the spot is seen.
#[derive(Debug, Default)]
struct Same {
    digest: u64,
    pages: u64,
}

/// So many pages in a row may hold the same records.
const SAME_PAGES: u64 = 100;

/// So many pages in a row may be empty and still promise more.
const EMPTY_PAGES: u64 = 1_000;

impl Same {
    /// Takes the records of a page that held `count` of them before they were filtered; gives how
    /// many pages have held the same when that is too many.
    fn exceeded(&mut self, records: &[Record], count: u64) -> Option<u64> {
        if records.is_empty() && count > 0 {
            *self = Self::default();
            return None;
        }
        let mut digest = DefaultHasher::new();
        for record in records.first().into_iter().chain(records.last()) {
            record.raw.hash(&mut digest);
        }
        records.len().hash(&mut digest);
        let digest = digest.finish();
        self.pages = if self.digest == digest { self.pages + 1 } else { 1 };
        self.digest = digest;
        let most = if records.is_empty() { EMPTY_PAGES } else { SAME_PAGES };
        (self.pages > most).then_some(most)
    }
}

impl PageReader {
    pub(crate) fn new(
        core: Arc<Core>,
        slice: Slice,
        from: Option<Position>,
        span: Option<Span>,
    ) -> Self {
        let value = core.slice_value(&slice);
        if core.job.is_some() {
            return Self::of_job(core, (slice, value), from.as_ref());
        }
        let first = match from {
            Some(position) if position.kind != PositionKind::First => {
                (Value::from(&position.token), position.page)
            }
            _ => (core.paginator.initial(), 0),
        };
        Self {
            core,
            slice,
            value,
            span,
            next: Some(first),
            asked: HashSet::new(),
            same: Same::default(),
            job: None,
            number: 0,
        }
    }

    /// Where a job makes the pages: they are there when it is done.
    fn of_job(core: Arc<Core>, (slice, value): (Slice, Value), from: Option<&Position>) -> Self {
        let (walk, token, number) = JobWalk::new(from);
        let token = if token.is_nothing() { core.paginator.initial() } else { token };
        Self {
            next: Some((token, number)),
            core,
            slice,
            value,
            span: None,
            asked: HashSet::new(),
            same: Same::default(),
            job: Some(walk),
            number,
        }
    }

    /// Whether the source said that there is nothing to read: the slice was not read at all.
    pub(crate) fn skipped(&self) -> bool {
        self.job.as_ref().is_some_and(JobWalk::skipped)
    }

    /// The slice.
    pub fn slice(&self) -> &Slice {
        &self.slice
    }

    /// The next page, with retries and their waits inside; none after the last one.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        let core = Arc::clone(&self.core);
        let at = self.at(self.number);
        if let Some(job) = &mut self.job {
            match job.advance(&core, &self.value, &at).await? {
                Step::Waiting => return Ok(Some(self.waiting(&core))),
                Step::Ended => return Ok(None),
                Step::Ready => {}
            }
        }
        let page = self.read().await?;
        Ok(page.map(|page| self.of_target(&core, page)))
    }

    async fn read(&mut self) -> Result<Option<Page>, Error> {
        let Some((token, number)) = self.next.take() else { return Ok(None) };
        let core = Arc::clone(&self.core);
        let at = self.at(number);
        let most = core.shared.runtime.limits.max_pages;
        if number >= most {
            let message = format!("more than {most} pages");
            return Err(Error::Endless { at, message });
        }
        core.schema.load(core.name.as_str()).await?;
        let page_token = if token.is_nothing() {
            Value::None
        } else {
            Value::from([("next_page_token", token.clone())].into_iter().collect::<Dict>())
        };
        let base = core.shared.context();
        let mut context = Context::within(&base).with("stream_slice", self.value.clone());
        if let Some(job) = &self.job {
            context = job.names(context, &self.value);
        }
        let context = context.with("next_page_token", page_token);
        let options = self.options(&token, &at)?;
        let path = core.paginator.path(&token);
        let mut answer = core.fetch(&context, (options, path), &at, &mut self.asked).await?;
        core.complete(&mut answer, &at).await?;
        self.page(&answer, &context, (token, number), &at).map(Some)
    }

    /// What this page's request carries beside what every request of the stream does.
    fn options(&self, token: &Value, at: &At) -> Result<Options, Error> {
        let mut options = Options::default();
        self.core.paginator.inject(token, &mut options);
        if !token.is_nothing() && self.core.first_page_options_only {
            return Ok(options);
        }
        let mut more = Options::default();
        self.core.inject(&self.value, &mut more);
        options.merge(more).map_err(|source| Error::Request { at: at.clone(), source })
    }

    fn page(
        &mut self,
        answer: &Answer,
        context: &Context<'_>,
        (token, number): (Value, u64),
        at: &At,
    ) -> Result<Page, Error> {
        let core = Arc::clone(&self.core);
        let this = core.paginator.position(&token, number);
        let mut page = Page {
            records: Vec::new(),
            number,
            request_start: answer.started,
            this,
            next: None,
            full: false,
            bytes: answer.body.len() as u64,
            waiting: false,
        };
        if !answer.has_records {
            return Ok(page);
        }
        let mut found = Content::read(&core, answer, self.span, (context, at))?;
        page.full = core.paginator.full().is_some_and(|full| found.count >= full);
        if let Some(next) = found.next(&core, answer, &token, (context, at))? {
            page.next = Some(core.paginator.position(&next, number + 1));
            self.next = Some((next, number + 1));
        }
        page.records = std::mem::take(&mut found.records);
        if let Some(pages) = self.same.exceeded(&page.records, found.count)
            && page.next.is_some()
        {
            let message = format!("{pages} pages in a row hold the same, and more are promised");
            return Err(Error::Endless { at: at.clone(), message });
        }
        Ok(page)
    }

    /// What is given while there is no page: a place to wait on from.
    fn waiting(&self, core: &Core) -> Page {
        let (token, number) = self.next.clone().unwrap_or_default();
        let token = if self.number == 0 { Value::None } else { token };
        let place = self.job.as_ref().map(|job| job.position(&token, number, 0));
        Page {
            records: Vec::new(),
            number,
            request_start: core.shared.runtime.clock.now(),
            this: place.clone().unwrap_or(Position::FIRST),
            next: place.or(Some(Position::FIRST)),
            full: false,
            bytes: 0,
            waiting: true,
        }
    }

    /// The places of a page of a job lead through its targets.
    fn of_target(&mut self, core: &Core, mut page: Page) -> Page {
        let Some(job) = &mut self.job else { return page };
        page.this = job.position(&Value::from(&page.this.token), page.number, 0);
        self.number = page.number + 1;
        if let Some((token, number)) = &self.next {
            page.next = Some(job.position(token, *number, 0));
            return page;
        }
        page.next = job.has_more().then(|| job.position(&Value::None, self.number, 1));
        job.next_target();
        self.asked.clear();
        self.next = Some((core.paginator.initial(), self.number));
        page
    }

    fn at(&self, page: u64) -> At {
        At { stream: self.core.name.to_string(), slice: self.slice.to_string(), page }
    }
}
