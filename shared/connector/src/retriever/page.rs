//! What a page's body holds: its records, on the raw path or the value path.

use std::sync::Mutex;

use bytes::Bytes;
use model::{Classify, CursorValue, Retry};
use request::decoder::{DecodeError, Decoder, Encoded, Paging};
use request::interpolation::{Context, EvalError};
use request::value::{Number, Selection, Style, Value};

use super::fetch::Answer;
use super::{Record, Span, headers};
use crate::cursor::{DatetimeCursor, Moment};
use crate::error::{At, Error};
use crate::paginator::Seen;
use crate::record_selector::Extracted;
use crate::record_selector::raw::{RawCursor, RawError, RawPage, Reader};
use crate::stream::Core;

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
        let read = core.response_reads.as_ref().unwrap_or(&nothing);
        // Templates that read into the records themselves need the body a second time.
        let within = read.field(path.first().map_or("", String::as_str)).is_some();
        let beside = if within && !path.is_empty() { &nothing } else { read };
        let field = core.cursor.as_ref().map(|cursor| cursor.field.as_str());
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
            let cursor = core.cursor.as_ref().and_then(|cursor| moment(cursor, &found.cursor));
            let inside = span.is_none_or(|span| span.holds(cursor));
            let raw = body.slice(found.place);
            if inside || feed {
                content.passed += 1;
                content.known = feed && !inside;
                content.last = Last::Raw(raw.clone());
            }
            if inside {
                content.records.push(Record { raw, cursor: cursor.map(instant), moment: cursor });
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
        core.extract(answer, at, &mut |bodies, found| {
            page.count += found.dropped;
            if page.response.is_none() {
                page.response = bodies.first().cloned().map(Response::Ready);
            }
            for record in found.records {
                written += page.take(core, record, span, (context, at))?;
                if written > limit.saturating_mul(EXPANSION) {
                    return Err(Error::TooLarge { at: at.clone(), limit });
                }
            }
            Ok(())
        })?;
        if core.decoder.paging() != Paging::Reads {
            page.response = Some(Response::Ready(Value::empty_dict()));
        }
        Ok(page)
    }

    /// Takes one record of the page; gives its size where it passed.
    fn take(
        &mut self,
        core: &Core,
        record: Value,
        span: Option<Span>,
        (context, at): (&Context<'_>, &At),
    ) -> Result<u64, Error> {
        let shape = |message: String| Error::Shape { at: at.clone(), message };
        if record.as_dict().is_none() {
            return Err(shape(format!("expected records, found {}", record.type_name())));
        }
        self.count += 1;
        if core.job.is_some() {
            // What pages a job's results have does not depend on what is made of its records.
            self.passed += 1;
            self.last = Last::Value(record.clone());
        }
        let feed = core.is_feed();
        let place =
            |record: &Value| core.cursor.as_ref().and_then(|c| c.parse(record.get(&c.field)?));
        let inside = |record: &Value| span.is_none_or(|span| span.holds(place(record)));
        let record = core
            .selector
            .select(record, |record| feed || inside(record), core.schema.loaded(), context)
            .map_err(|e| shape(e.to_string()))?;
        let Some(record) = record else { return Ok(0) };
        let is_inside = inside(&record);
        self.passed += u64::from(core.job.is_none());
        self.known = feed && !is_inside;
        let mut size = 0;
        if !feed || is_inside {
            let mut raw = Vec::new();
            record.write_json(&mut raw, Style::Compact);
            size = raw.len() as u64;
            let moment = place(&record);
            self.records.push(Record { raw: raw.into(), cursor: moment.map(instant), moment });
        }
        if core.job.is_none() {
            self.last = Last::Value(record);
        }
        Ok(size)
    }

    /// The token of the page after this one.
    pub(super) fn next(
        &mut self,
        core: &Core,
        answer: &Answer,
        token: &Value,
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
            .with("page_size", core.paginator.page_size());
        let seen = Seen { context: &scope, count: self.count, token };
        let next = core.paginator.next(&seen);
        drop(scope);
        if let Some(reason) = failed.into_inner().ok().flatten() {
            return Err(not_json(at, &reason));
        }
        next.map_err(|source: EvalError| Error::Request { at: at.clone(), source: source.into() })
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

/// A page may hold so many times the bytes of its largest body: the names of a table's columns are
/// written with every row.
const EXPANSION: u64 = 8;

fn is_blank(body: &Bytes) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

fn moment(cursor: &DatetimeCursor, raw: &RawCursor) -> Option<Moment> {
    match raw {
        RawCursor::Absent => None,
        RawCursor::Text(text) => cursor.parse_text(text),
        RawCursor::Number(token) => cursor.parse(&Value::Number(Number::from_token(token)?)),
    }
}

fn instant(moment: Moment) -> CursorValue {
    CursorValue::Instant(moment.at())
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
