//! What a page's body holds: its records, on the raw path or the value path.

mod place;

use std::sync::Mutex;

use bytes::Bytes;
use model::{Classify, Retry};
use request::decoder::{DecodeError, Decoder, Encoded, Paging};
use request::interpolation::{Context, EvalError};
use request::value::{Selection, Style, Value};

use super::fetch::Answer;
use super::{Record, Span, evidence, headers};
use crate::cursor::Cursor;
use crate::error::{At, Error};
use crate::paginator::Seen;
use crate::record_selector::Extracted;
use crate::record_selector::raw::{RawError, RawPage, Reader};
use crate::stream::Core;
use place::Place;

/// The records of a page, and what its successor depends on.
#[derive(Default)]
pub(super) struct Content {
    pub(super) records: Vec<Record>,
    /// How many records the page held, filtered ones among them.
    pub(super) count: u64,
    /// How many of them passed the filters within the page.
    passed: u64,
    /// The last one that passed, and its cursor value.
    last: Last,
    response: Option<Response>,
    /// Whether the walk ends here: a data feed has come to records that are known.
    known: bool,
}

/// The body as templates see it.
enum Response {
    /// The parts that are read, or all.
    Ready(Value),
    /// The first element of a list, still unread.
    First(Bytes),
}

/// The last record of a page, unread on the raw path.
#[derive(Default)]
enum Last {
    #[default]
    None,
    Raw(Bytes),
    Value(Value),
}

impl Content {
    pub(super) fn read(
        core: &Core,
        answer: &Answer,
        span: Option<Span>,
        (context, at): (&Context<'_>, &At),
    ) -> Result<Self, Error> {
        let body = &answer.body;
        if let Some(path) = core.raw_path() {
            match Self::raw(core, body, path, span) {
                Ok(found) => return Ok(found),
                Err(RawError::Json(reason)) if !is_blank(body) => {
                    return Err(not_json(at, &reason));
                }
                // Anything unusual is left to the value path, which knows every shape.
                Err(_) => {}
            }
        }
        Self::values(core, answer, span, (context, at))
    }

    fn raw(
        core: &Core,
        body: &Bytes,
        path: &[String],
        span: Option<Span>,
    ) -> Result<Self, RawError> {
        if std::str::from_utf8(body).is_err() {
            return Err(RawError::Json("not UTF-8".into()));
        }
        let nothing = Selection::nothing();
        let read = &core.response_reads;
        // Templates that read into the records themselves need the body a second time.
        let within = read.field(path.first().map_or("", String::as_str)).is_some();
        let beside = if within && !path.is_empty() { &nothing } else { read };
        let field = core.cursor.as_ref().map(Cursor::field);
        let RawPage { records: found, listed, response } =
            Reader::new(body, field).read(path, beside)?;
        if core.shared.overlay.needs_list && !listed {
            return Err(RawError::Shape);
        }
        let mut content = Self {
            records: Vec::with_capacity(found.len()),
            count: found.len() as u64,
            passed: 0,
            last: Last::None,
            response: Some(match found.first() {
                Some(first) if path.is_empty() => Response::First(body.slice(first.place.clone())),
                _ if within => Response::Ready(
                    Value::select_json(body, read).map_err(|e| RawError::Json(e.to_string()))?,
                ),
                _ => Response::Ready(Value::from(response)),
            }),
            known: false,
        };
        let feed = core.is_feed();
        for found in found {
            let place = Place::of_raw(core.cursor.as_ref(), &found.cursor)?;
            let inside = span.is_none_or(|span| span.holds(place.moment()));
            let raw = body.slice(found.place);
            if inside || feed {
                content.passed += 1;
                content.known = feed && !inside;
                content.last = Last::Raw(raw.clone());
            }
            if inside {
                content.records.push(place.of_record(raw));
            }
        }
        Ok(content)
    }

    /// Body by body, so that of a large table no more is held than its records.
    fn values(
        core: &Core,
        answer: &Answer,
        span: Option<Span>,
        (context, at): (&Context<'_>, &At),
    ) -> Result<Self, Error> {
        let mut page = Self::default();
        let mut written = 0;
        let limit = core.shared.runtime.limits.max_body;
        page.select(core, answer, (context, at, span), &mut |page, record| {
            written += page.hold(core, record, span, at)?;
            if written > limit.saturating_mul(EXPANSION) {
                return Err(Error::TooLarge { at: at.clone(), limit });
            }
            Ok(())
        })?;
        Ok(page)
    }

    /// The records of an answer as values, filtered and changed; they are not held yet.
    pub(super) fn values_of(
        core: &Core,
        answer: &Answer,
        span: Option<Span>,
        (context, at): (&Context<'_>, &At),
    ) -> Result<(Self, Vec<Value>), Error> {
        let mut page = Self::default();
        let mut values = Vec::new();
        page.select(core, answer, (context, at, span), &mut |_, record| {
            values.push(record);
            Ok(())
        })?;
        Ok((page, values))
    }

    /// Finds, filters and changes the records of an answer, and hands each of them on.
    fn select(
        &mut self,
        core: &Core,
        answer: &Answer,
        (context, at, span): (&Context<'_>, &At, Option<Span>),
        take: &mut dyn FnMut(&mut Self, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let shape = |message: String| Error::Shape { at: at.clone(), message };
        let feed = core.is_feed();
        core.extract(answer, at, &mut |bodies, found| {
            self.count += found.dropped;
            if self.response.is_none() {
                self.response = bodies.first().cloned().map(Response::Ready);
            }
            for record in found.records {
                if record.as_dict().is_none() {
                    let message = format!("expected records, found {}", record.type_name());
                    return Err(shape(message));
                }
                self.count += 1;
                if core.job.is_some() {
                    // What pages a job's results have does not depend on what is made of them.
                    self.passed += 1;
                    self.last = Last::Value(record.clone());
                }
                let keep = |record: &Value| feed || is_inside(core, span, record);
                let record = core.selector.select(record, keep, core.schema.loaded(), context);
                if let Some(record) = record.map_err(|e| shape(e.to_string()))? {
                    take(self, record)?;
                }
            }
            Ok(())
        })?;
        if core.decoder.paging() != Paging::Reads {
            self.response = Some(Response::Ready(Value::empty_dict()));
        }
        Ok(())
    }

    /// Takes one record that passed; gives its size.
    pub(super) fn hold(
        &mut self,
        core: &Core,
        record: Value,
        span: Option<Span>,
        at: &At,
    ) -> Result<u64, Error> {
        let inside = is_inside(core, span, &record);
        let feed = core.is_feed();
        self.passed += u64::from(core.job.is_none());
        self.known = feed && !inside;
        let mut size = 0;
        if !feed || inside {
            let mut raw = Vec::new();
            record.write_json(&mut raw, Style::Compact);
            size = raw.len() as u64;
            let place = Place::of_value(core.cursor.as_ref(), &record);
            let place =
                place.map_err(|e| Error::Shape { at: at.clone(), message: e.to_string() })?;
            self.records.push(place.of_record(raw.into()));
        }
        if core.job.is_none() {
            self.last = Last::Value(record);
        }
        Ok(size)
    }

    /// What the page says of the walk, beside its records.
    pub(super) fn says(&self, answer: &Answer) -> (Option<bool>, Option<u64>) {
        let body = match &self.response {
            Some(Response::Ready(body)) => body,
            _ => &Value::None,
        };
        (evidence::more(body), evidence::total(body, &answer.headers))
    }

    /// The token of the page after this one.
    pub(super) fn next(
        &mut self,
        core: &Core,
        answer: &Answer,
        (token, size): (&Value, Option<u64>),
        (context, at): (&Context<'_>, &At),
    ) -> Result<Option<Value>, Error> {
        if self.known {
            return Ok(None);
        }
        let failed: Mutex<Option<String>> = Mutex::new(None);
        let parse = |bytes: &Bytes| {
            Value::from_json(bytes).unwrap_or_else(|error| {
                if let Ok(mut failed) = failed.lock() {
                    *failed = Some(error.to_string());
                }
                Value::None
            })
        };
        let response = || match &self.response {
            None => Value::None,
            Some(Response::Ready(value)) => value.clone(),
            Some(Response::First(bytes)) => parse(bytes),
        };
        let last = || match &self.last {
            Last::None => Value::None,
            Last::Raw(bytes) => parse(bytes),
            Last::Value(value) => value.clone(),
        };
        let read = core.paginator.reads("headers");
        let headers = || headers::value(&answer.headers, read.as_ref());
        let passed = i64::try_from(self.passed).unwrap_or(i64::MAX);
        let scope = Context::within(context)
            .lazily("response", &response)
            .lazily("headers", &headers)
            .lazily("last_record", &last)
            .with("last_page_size", Value::from(passed))
            .with("page_size", core.paginator.page_size(size));
        let seen = Seen { context: &scope, count: self.count, token, size };
        let next = core.paginator.next(&seen);
        drop(scope);
        if let Some(reason) = failed.into_inner().ok().flatten() {
            return Err(not_json(at, &reason));
        }
        let next = next.map_err(|source: EvalError| Error::Request {
            at: at.clone(),
            source: source.into(),
        })?;
        let full = size.is_some_and(|size| self.passed >= size);
        if next.is_none() && full && core.paginator.stops_by_size() {
            let message = "`stop_condition` takes a full page of fewer records for the last one: \
                           compare with `page_size`";
            return Err(Error::Shape { at: at.clone(), message: message.to_owned() });
        }
        Ok(next)
    }
}

/// What a decoder takes of an answer.
pub(super) fn encoded(answer: &Answer, limit: u64) -> Encoded<'_> {
    let header = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("content-type");
    let content_type = answer.headers.iter().find(header).map(|(_, value)| value.as_str());
    Encoded { body: &answer.body, content_type, limit }
}

/// Takes bodies and what was found in them.
type Visit<'v> = dyn FnMut(&[Value], Extracted) -> Result<(), Error> + 'v;

impl Core {
    /// Finds the records of an answer, of one body after the other, or of all at once where an
    /// extractor combines them.
    pub(super) fn extract(
        &self,
        answer: &Answer,
        at: &At,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let shape = |message: String| Error::Shape { at: at.clone(), message };
        let undecoded = |error| undecoded(at, &error);
        let encoded = encoded(answer, self.shared.runtime.limits.max_body);
        let needs_list = self.shared.overlay.needs_list && self.decoder == Decoder::Json;
        let mut each = |bodies: &[Value]| {
            let found = self
                .selector
                .extractor()
                .extract(bodies, &answer.lists)
                .map_err(|e| shape(e.to_string()))?;
            for body in bodies.iter().filter(|_| needs_list) {
                let listed = self.selector.is_listed(body, &answer.body);
                if !listed.map_err(|e| shape(e.to_string()))? {
                    let message = "the answer has no list of records where they belong";
                    return Err(shape(message.to_owned()));
                }
            }
            visit(bodies, found)
        };
        let mut values = self.decoder.values(encoded).map_err(undecoded)?;
        if self.selector.extractor().combines() {
            return each(&values.collect::<Result<Vec<_>, _>>().map_err(undecoded)?);
        }
        values.try_for_each(|body| each(&[body.map_err(undecoded)?]))
    }
}

/// Whether a record lies in the time that is read.
fn is_inside(core: &Core, span: Option<Span>, record: &Value) -> bool {
    let place = || Place::of_value(core.cursor.as_ref(), record).ok().and_then(Place::moment);
    span.is_none_or(|span| span.holds(place()))
}

/// A page may hold so many times the bytes of its largest body: the names of a table's columns are
/// written with every row.
const EXPANSION: u64 = 8;

fn is_blank(body: &Bytes) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

pub(super) fn undecoded(at: &At, error: &DecodeError) -> Error {
    match (error.retry(), error) {
        (Retry::Never, DecodeError::TooLarge { limit }) => {
            Error::TooLarge { at: at.clone(), limit: *limit }
        }
        _ => not_json(at, &error.to_string()),
    }
}

fn not_json(at: &At, reason: &str) -> Error {
    Error::Shape { at: at.clone(), message: format!("the answer cannot be read: {reason}") }
}
