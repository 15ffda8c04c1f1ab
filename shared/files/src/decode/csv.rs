//! Rows of fields.

use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::output::Output;
use super::trim::Trimmed;
use super::verify::{Edge, Header};
use super::{Plan, damaged};
use crate::feed;
use crate::name::NameFacts;
use crate::refusal::{Code, Refusal};

/// How fields are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
}

impl Dialect {
    /// As the feed says, as the name says, as the first row looks.
    fn of(plan: &Plan, facts: &NameFacts, head: &[u8]) -> Self {
        let format = &plan.feed.format;
        let named = facts.format.and_then(|(_, delimiter)| delimiter);
        let certain = named.filter(|delimiter| *delimiter != b',');
        let delimiter = format
            .delimiter
            .or(certain)
            .unwrap_or_else(|| likely(first_row(plan, head), named.unwrap_or(b',')));
        Self { delimiter, quote: format.quote, escape: format.escape }
    }

    fn reader(self) -> Reader {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(self.delimiter).quoting(self.quote.is_some());
        builder.quote(self.quote.unwrap_or(b'"'));
        builder.escape(self.escape).double_quote(self.escape.is_none());
        builder.build()
    }
}

/// The first row, behind a header record, which may have other delimiters.
fn first_row<'h>(plan: &Plan, head: &'h [u8]) -> &'h [u8] {
    let mark = plan.feed.verify.header.as_deref();
    let is_edge = |line: &[u8]| {
        let rest = mark.and_then(|mark| line.strip_prefix(mark.as_bytes()));
        rest.and_then(<[u8]>::first).is_some_and(|byte| !byte.is_ascii_alphanumeric())
    };
    let mut lines = head.split(|b| matches!(b, b'\n' | b'\r'));
    lines.find(|line| !line.is_empty() && !is_edge(line)).unwrap_or_default()
}

/// The delimiter that a row has most of.
fn likely(first: &[u8], otherwise: u8) -> u8 {
    let count = |delimiter: u8| first.split(|byte| *byte == delimiter).count();
    let mut best = (otherwise, count(otherwise));
    for delimiter in [b',', b';', b'|', b'\t', 1] {
        if count(delimiter) > best.1 {
            best = (delimiter, count(delimiter));
        }
    }
    best.0
}

/// The fields of one row.
#[derive(Debug, Default, Clone)]
pub(super) struct Fields {
    pub(super) line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.iter().take(self.count);
        let starts = std::iter::once(&0).chain(self.ends.iter());
        starts.zip(ends).map(|(from, until)| self.bytes.get(*from..*until).unwrap_or_default())
    }

    /// The fields as text; for edges and headers, which are small.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        self.iter().map(|field| std::str::from_utf8(field).ok().map(str::to_owned)).collect()
    }
}

/// Gives the records of rows to the output.
pub(super) fn records(
    plan: &Plan,
    facts: &NameFacts,
    head: &[u8],
    reader: &mut dyn BufRead,
    output: &mut Output<'_>,
) -> Result<(), Refusal> {
    let dialect = Dialect::of(plan, facts, head);
    let newline = if head.contains(&b'\n') || !head.contains(&b'\r') { b'\n' } else { b'\r' };
    let mut trimmed;
    let reader: &mut dyn BufRead = if plan.feed.format.trim {
        trimmed = Trimmed::new(reader, dialect);
        &mut trimmed
    } else {
        reader
    };
    let most = plan.feed.limits.max_record_bytes;
    let mut rows = Rows { core: dialect.reader(), reader, newline, line: 1, most };
    let mut table = Table { plan, facts, header: None, held: None, first: true };
    let mut fields = Fields::default();
    while rows.next(&mut fields)? {
        table.row(&mut fields, output)?;
    }
    table.end(output)
}

/// Cuts rows out of bytes.
struct Rows<'r> {
    core: Reader,
    reader: &'r mut dyn BufRead,
    newline: u8,
    line: u64,
    most: usize,
}

impl Rows<'_> {
    /// Reads the next row; there is none at the end.
    fn next(&mut self, fields: &mut Fields) -> Result<bool, Refusal> {
        self.skip_line_ends()?;
        fields.line = self.line;
        let (mut written, mut ends) = (0, 0);
        fields.bytes.resize(fields.bytes.capacity().clamp(1024, self.most), 0);
        fields.ends.resize(fields.ends.capacity().max(32), 0);
        loop {
            let input = self.reader.fill_buf().map_err(damaged)?;
            let (result, read, wrote, ended) = self.core.read_record(
                input,
                fields.bytes.get_mut(written..).unwrap_or_default(),
                fields.ends.get_mut(ends..).unwrap_or_default(),
            );
            let newline = self.newline;
            let lines = input.iter().take(read).filter(|byte| **byte == newline).count();
            self.line += lines as u64;
            self.reader.consume(read);
            written += wrote;
            ends += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    if fields.bytes.len() >= self.most {
                        return Err(self.too_large(fields.line));
                    }
                    let grown = (fields.bytes.len() * 2).min(self.most);
                    fields.bytes.resize(grown, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    if fields.ends.len() >= MAX_FIELDS {
                        return Err(self.too_large(fields.line));
                    }
                    fields.ends.resize(fields.ends.len() * 2, 0);
                }
                ReadRecordResult::Record => {
                    fields.count = ends;
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Empty lines, and what is left of the last row's end, so that a row's line is its own.
    fn skip_line_ends(&mut self) -> Result<(), Refusal> {
        loop {
            let input = self.reader.fill_buf().map_err(damaged)?;
            let ends = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
            let (skipped, newlines) = ends.fold((0, 0), |(skipped, newlines), byte| {
                (skipped + 1, newlines + u64::from(*byte == self.newline))
            });
            let all = skipped == input.len() && skipped > 0;
            self.line += newlines;
            self.reader.consume(skipped);
            if !all {
                return Ok(());
            }
        }
    }

    fn too_large(&self, line: u64) -> Refusal {
        let most = self.most;
        let message = format!(
            "the record at line {line} has more than {most} bytes or {MAX_FIELDS} fields: is a \
             quote never closed? Otherwise raise `limits.max_record_bytes` of the feed"
        );
        Refusal::new(Code::RecordTooLarge, message)
    }
}

/// Most fields of a row.
const MAX_FIELDS: usize = 1 << 14;

/// Rows under a header, between the edges of a file.
struct Table<'p> {
    plan: &'p Plan,
    facts: &'p NameFacts,
    header: Option<Header>,
    /// The last row, which may be the trailer.
    held: Option<Fields>,
    first: bool,
}

impl Table<'_> {
    fn row(&mut self, fields: &mut Fields, output: &mut Output<'_>) -> Result<(), Refusal> {
        let verify = &self.plan.feed.verify;
        if std::mem::take(&mut self.first)
            && let Some(mark) = &verify.header
            && let Some(edge) = Edge::of(fields, mark)
        {
            return edge.check_header(self.facts);
        }
        if verify.trailer.is_none() {
            return self.data(fields, output);
        }
        let mut last = self.held.take().unwrap_or_default();
        std::mem::swap(&mut last, fields);
        // What was held comes back in `fields`, whose room is used again.
        let is_first = fields.count == 0;
        self.held = Some(last);
        if is_first { Ok(()) } else { self.data(fields, output) }
    }

    /// What the last row was.
    fn end(mut self, output: &mut Output<'_>) -> Result<(), Refusal> {
        let verify = &self.plan.feed.verify;
        let held = self.held.take();
        let edge = held.as_ref().zip(verify.trailer.as_ref());
        if let Some(edge) = edge.and_then(|(fields, mark)| Edge::of(fields, mark)) {
            output.announce(edge.trailer()?)?;
        } else if verify.trailer_required {
            let message =
                "the last row is no trailer: the file may have been cut off; send it again";
            return Err(Refusal::new(Code::TrailerMissing, message));
        } else if let Some(fields) = &held {
            self.data(fields, output)?;
        }
        if self.header.is_none() {
            return Err(Refusal::new(Code::Header, "the file is empty: it has not even a header"));
        }
        Ok(())
    }

    fn data(&mut self, fields: &Fields, output: &mut Output<'_>) -> Result<(), Refusal> {
        if let Some(header) = &self.header {
            return output.row(header, fields);
        }
        let (names, is_data) = match &self.plan.feed.format.header {
            feed::Header::Columns(names) => (names.clone(), true),
            feed::Header::FirstRow => {
                let names = fields.texts().ok_or_else(|| {
                    let message = "the header is not UTF-8; say `format.encoding` in the feed";
                    Refusal::new(Code::Charset, message)
                })?;
                (names, false)
            }
        };
        output.classify(&names)?;
        let header = Header::new(self.plan, names)?;
        output.begin(&header)?;
        let header = self.header.insert(header);
        if is_data { output.row(header, fields) } else { Ok(()) }
    }
}
