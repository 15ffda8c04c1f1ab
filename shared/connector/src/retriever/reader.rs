//! The walk over the pages of one slice.

mod made;
mod turns;

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use request::interpolation::Context;
use request::requester::Options;
use request::value::{Dict, Object, Value};

use super::fetch::{Answer, Fetched};
use super::job::{JobWalk, Step};
use super::page::Content;
use super::properties::{self, QueryProperties};
use super::reduction::Reducer;
use super::same::Same;
use super::window::{Tracker, Window};
use super::{Evidence, Page, Span};
use crate::error::{At, Error};
use crate::slice::{Position, PositionKind, Slice};
use crate::stream::Core;

/// Reads the pages of one slice, from a place in it.
#[derive(Debug)]
pub struct PageReader {
    core: Arc<Core>,
    slice: Slice,
    /// The slice as templates see it: the part of it that is being walked.
    pub(super) value: Value,
    span: Option<Span>,
    /// Token and number of the next page; none when there is none.
    next: Option<(Value, u64)>,
    /// The part of the slice that is being walked, if it has bounds.
    window: Option<Window>,
    /// Parts that are still to be walked, the next one last.
    windows: Vec<Window>,
    /// Digests of the requests made, so that a walk in a circle is seen.
    asked: HashSet<u64>,
    same: Same,
    tracker: Tracker,
    reducer: Option<Reducer>,
    /// How many records are asked for, since fewer were left than before.
    tail: Option<u64>,
    /// The job that makes the pages, where one does.
    job: Option<JobWalk>,
    /// Number of the next page, whatever it is asked for with.
    number: u64,
}

impl PageReader {
    pub(crate) fn new(
        core: Arc<Core>,
        slice: Slice,
        from: Option<Position>,
        span: Option<Span>,
    ) -> Self {
        if core.job.is_some() {
            return Self::of_job(core, slice, from.as_ref());
        }
        let mut window = Window::of(&slice);
        let mut windows = Vec::new();
        if let Some(bounds) = from.as_ref().and_then(|from| from.window.as_ref()) {
            let present = Window::between(bounds);
            windows.extend(present.rest(&slice, core.datetime()));
            window = Some(present);
        }
        let first = match from {
            Some(position) if position.kind != PositionKind::First => {
                (Value::from(&position.token), position.page)
            }
            _ => (core.paginator.initial(), 0),
        };
        let mut this = Self { span, windows, ..Self::at_place(core, slice, first) };
        this.enter(window);
        this
    }

    fn at_place(core: Arc<Core>, slice: Slice, next: (Value, u64)) -> Self {
        let reducer = core.page_size_reduction.as_ref();
        Self {
            value: core.slice_value(&slice),
            span: None,
            next: Some(next),
            window: None,
            windows: Vec::new(),
            asked: HashSet::new(),
            same: Same::default(),
            tracker: Tracker::new(core.reset),
            reducer: reducer.map(|config| Reducer::new(config, &core.paginator)),
            tail: None,
            job: None,
            number: 0,
            core,
            slice,
        }
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
        while let Some((token, number)) = self.next.take() {
            let core = Arc::clone(&self.core);
            core.schema.load(core.name.as_str()).await?;
            let at = self.at(number);
            let most = self.core.shared.runtime.limits.max_pages;
            if number >= most {
                let message = format!("more than {most} pages");
                return Err(Error::Endless { at, message });
            }
            if let Some(page) = self.step(token, number, &at).await? {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// One page, or none yet: the next page is another one then.
    async fn step(&mut self, token: Value, number: u64, at: &At) -> Result<Option<Page>, Error> {
        let core = Arc::clone(&self.core);
        let page_token = if token.is_nothing() {
            Value::None
        } else {
            Value::from([("next_page_token", token.clone())].into_iter().collect::<Dict>())
        };
        let base = core.shared.context();
        let context = match &self.job {
            Some(job) => job.names(Context::within(&base), &self.value),
            None => Context::within(&base),
        };
        let context = context.with("next_page_token", page_token);
        let found = match self.fetch(&context, &token, at).await? {
            Ok(found) => found,
            Err(Fetched::Smaller(message)) => {
                self.shrink(message, at).await?;
                self.next = Some((token, number));
                return Ok(None);
            }
            Err(Fetched::Split(message)) => {
                self.halve(message, number, at)?;
                return Ok(None);
            }
            Err(Fetched::Tail(size)) => {
                self.tail = Some(size);
                self.next = Some((token, number));
                return Ok(None);
            }
            Err(_) => {
                self.begin_again(number, at)?;
                return Ok(None);
            }
        };
        let context = self.scope(context);
        self.page(found, &context, (token, number), at).map(Some)
    }

    /// The answer of a page and what it holds, or what is to be done instead of reading it.
    async fn fetch(
        &mut self,
        context: &Context<'_>,
        token: &Value,
        at: &At,
    ) -> Result<Result<(Answer, Option<Content>), Fetched>, Error> {
        let core = Arc::clone(&self.core);
        if let Some(properties) = &core.properties {
            return self.chunks(properties, context, token, at).await;
        }
        let given = self.slice.partition.first_page.take().filter(|_| at.page == 0);
        let context = self.scope(Context::within(context));
        let answer = if let Some(body) = given {
            Answer::given(body, core.shared.runtime.clock.now())
        } else {
            let request = (self.options(token, at)?, core.paginator.path(token));
            match core.fetch(&context, request, at, &mut self.asked).await? {
                Fetched::Answer(answer) if let Some(size) = self.tail_of(&answer) => {
                    return Ok(Err(Fetched::Tail(size)));
                }
                Fetched::Answer(mut answer) => {
                    core.complete(&mut answer, at).await?;
                    answer
                }
                other => return Ok(Err(other)),
            }
        };
        let held =
            answer.has_records.then(|| Content::read(&core, &answer, self.span, (&context, at)));
        Ok(Ok((answer, held.transpose()?)))
    }

    /// The slice as templates see it; a job has its own.
    fn scope<'c>(&self, context: Context<'c>) -> Context<'c> {
        match &self.job {
            Some(_) => context,
            None => context.with("stream_slice", self.value.clone()),
        }
    }

    /// The same of a page whose properties are asked for in several requests.
    async fn chunks(
        &mut self,
        properties: &QueryProperties,
        context: &Context<'_>,
        token: &Value,
        at: &At,
    ) -> Result<Result<(Answer, Option<Content>), Fetched>, Error> {
        let core = Arc::clone(&self.core);
        let mut merged: IndexMap<String, Value> = IndexMap::new();
        let mut values = Vec::new();
        let mut last = None;
        for (i, chunk) in properties.chunks().await?.into_iter().enumerate() {
            let mut options = self.options(token, at)?;
            if let Some(name) = &properties.parameter {
                options.params.insert(name.as_str(), Value::from(chunk.join(",")));
            }
            let slice = with_properties(&self.value, chunk);
            let context = Context::within(context).with("stream_slice", slice);
            // Requests that do not name their properties are the same one.
            let mut again = HashSet::new();
            let asked = if i == 0 { &mut self.asked } else { &mut again };
            let request = (options, core.paginator.path(token));
            let mut answer = match core.fetch(&context, request, at, asked).await? {
                Fetched::Answer(answer) => answer,
                other => return Ok(Err(other)),
            };
            core.complete(&mut answer, at).await?;
            let mut page = None;
            if answer.has_records {
                let (found, read) = Content::values_of(&core, &answer, self.span, (&context, at))?;
                for value in read {
                    match properties.merge_key(&value) {
                        Some(key) => match merged.get_mut(&key) {
                            Some(held) => properties::merge(held, &value),
                            None => {
                                merged.insert(key, value);
                            }
                        },
                        None => values.push(value),
                    }
                }
                page = Some(found);
            }
            last = Some((answer, page));
        }
        let Some((answer, page)) = last else {
            let message = "there are no properties to ask for".to_owned();
            return Err(Error::Shape { at: at.clone(), message });
        };
        let mut held = page.unwrap_or_default();
        for value in values.into_iter().chain(merged.into_values()) {
            held.hold(&core, value, self.span, at)?;
        }
        Ok(Ok((answer, Some(held))))
    }

    /// What this page's request carries beside what every request of the stream does.
    fn options(&self, token: &Value, at: &At) -> Result<Options, Error> {
        let mut options = Options::default();
        self.core.paginator.inject(token, self.size(), &mut options);
        if !token.is_nothing() && self.core.first_page_options_only {
            return Ok(options);
        }
        let mut more = Options::default();
        self.core.inject(&self.value, &mut more);
        options.merge(more).map_err(|source| Error::Request { at: at.clone(), source })
    }

    fn page(
        &mut self,
        (answer, held): (Answer, Option<Content>),
        context: &Context<'_>,
        (token, number): (Value, u64),
        at: &At,
    ) -> Result<Page, Error> {
        let core = Arc::clone(&self.core);
        let mut page = Page {
            records: Vec::new(),
            number,
            request_start: answer.started,
            this: self.position(&token, number),
            next: None,
            evidence: Evidence::default(),
            bytes: answer.body.len() as u64,
            waiting: false,
        };
        let size = self.size();
        if let Some(reducer) = &mut self.reducer {
            reducer.passed();
        }
        let mut next = None;
        if let Some(mut found) = held {
            page.records = std::mem::take(&mut found.records);
            self.tracker.observe(&page.records);
            if answer.has_records && self.tracker.has_reached_limit() {
                self.begin_again(number + 1, at)?;
            } else if answer.has_records {
                next = found.next(&core, &answer, (&token, size), (context, at))?;
            }
            let ends = next.is_none() && self.next.is_none();
            page.evidence = self.evidence((&found, &answer), (&token, number), ends);
            if let Some(pages) = self.same.exceeded(&page.records, found.count)
                && (next.is_some() || self.next.is_some())
            {
                let message =
                    format!("{pages} pages in a row hold the same, and more are promised");
                return Err(Error::Endless { at: at.clone(), message });
            }
        }
        if let Some(next) = next {
            self.next = Some((next, number + 1));
        } else if self.next.is_none()
            && let Some(window) = self.windows.pop()
        {
            self.enter(Some(window));
            self.next = Some((core.paginator.initial(), number + 1));
        }
        page.next = self.next.as_ref().map(|(token, number)| self.position(token, *number));
        Ok(page)
    }

    /// The number of records to ask for, where it is not the manifest's.
    fn size(&self) -> Option<u64> {
        self.tail.or_else(|| self.reducer.as_ref().and_then(|reducer| reducer.present))
    }

    /// How many records to ask for instead, where an answer may mean only that so many as were
    /// asked for are not left.
    fn tail_of(&self, answer: &Answer) -> Option<u64> {
        self.core.paginator.tail(self.size()).filter(|_| answer.is_end)
    }

    /// The place of a page.
    fn position(&self, token: &Value, number: u64) -> Position {
        let whole = self.window == Window::of(&self.slice);
        let window = self.window.as_ref().filter(|_| !whole).map(Window::bounds);
        Position { window, ..self.core.paginator.position(token, number) }
    }

    /// Goes on in another part of the slice.
    fn enter(&mut self, window: Option<Window>) {
        self.value = match &window {
            Some(window) => self.core.slice_value(&window.within(&self.slice)),
            None => self.core.slice_value(&self.slice),
        };
        self.window = window;
    }

    pub(super) fn at(&self, page: u64) -> At {
        At { stream: self.core.name.to_string(), slice: self.slice.to_string(), page }
    }
}

/// The slice with the properties that one request names, as templates see them.
fn with_properties(slice: &Value, chunk: Vec<String>) -> Value {
    let Value::Object(object) = slice else { return slice.clone() };
    let mut object = Object::clone(object);
    let list = Value::from(chunk.into_iter().map(Value::from).collect::<Vec<_>>());
    let extra = [("query_properties", list)].into_iter().collect::<Dict>();
    for (name, value) in &mut object.attributes {
        if *name == "extra_fields" {
            *value = Value::from(extra.clone());
        }
    }
    Value::Object(Arc::new(object))
}
