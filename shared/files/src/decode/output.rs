//! Where records go: parts of a bounded size, and counts that must come out even.

use std::sync::mpsc::SyncSender;

use super::csv::Fields;
use super::verify::{Column, Header};
use super::{Announced, Decoded, Plan, Step};
use crate::classify;
use crate::decimal::Decimal;
use crate::feed::Kind;
use crate::name::NameFacts;
use crate::refusal::{Code, Refusal, RefusedRow, RowCode};

/// Most records of a part.
const PART_RECORDS: usize = 5_000;

/// Bytes at which a part is full, and those that each record's frame is counted with.
const PART_BYTES: usize = 4 << 20;
const FRAME: usize = 40;

/// Some records of a file, in order.
#[derive(Debug, Default)]
pub struct Part {
    bytes: Vec<u8>,
    rows: Vec<(u64, usize)>,
}

/// A record of a part.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its line, or for a JSON list its number, from 1.
    pub line: u64,
    /// The record: a JSON object without line breaks.
    pub record: &'a [u8],
}

impl Part {
    /// The records.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let starts = std::iter::once(0).chain(self.rows.iter().map(|(_, end)| *end));
        let row = |(from, (line, until)): (usize, &(u64, usize))| Row {
            line: *line,
            record: self.bytes.get(from..*until).unwrap_or_default(),
        };
        starts.zip(&self.rows).map(row)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Takes records and refusals, and counts.
pub(super) struct Output<'p> {
    plan: &'p Plan,
    steps: &'p SyncSender<Step>,
    kind: Option<&'p Kind>,
    part: Part,
    rows: u64,
    records: u64,
    refused: Vec<RefusedRow>,
    total: Option<Decimal>,
    /// The place of the column that is summed up.
    summed: Option<usize>,
    announced: Announced,
}

impl<'p> Output<'p> {
    pub(super) fn new(plan: &'p Plan, facts: &NameFacts, steps: &'p SyncSender<Step>) -> Self {
        let announced = plan
            .control
            .as_ref()
            .map(|control| Announced { records: control.records, total: control.total });
        Self {
            plan,
            steps,
            kind: classify::by_name(&plan.feed, facts),
            part: Part::default(),
            rows: 0,
            records: 0,
            refused: Vec::new(),
            total: None,
            summed: None,
            announced: announced.unwrap_or_default(),
        }
    }

    /// Settles what the file holds, now that its columns are known.
    pub(super) fn classify(&mut self, names: &[String]) -> Result<(), Refusal> {
        if let Some(kind) = self.kind {
            let has = |name: &&String| names.iter().any(|n| n.eq_ignore_ascii_case(name));
            if let Some(missing) = kind.columns.iter().find(|name| !has(name)) {
                let (kind, found) = (&kind.name, names.join(", "));
                let message = format!(
                    "its name says `{kind}`, and its header lacks the column `{missing}` of that \
                     kind; it has: {found}"
                );
                return Err(Refusal::new(Code::Header, message));
            }
            return Ok(());
        }
        let control = self.plan.control.as_ref().map(|control| &control.fields);
        let feed = &self.plan.feed;
        self.kind = classify::by_columns(feed, names)
            .or_else(|| classify::by_tags(feed, &self.plan.tags))
            .or_else(|| control.and_then(|fields| classify::by_tags(feed, fields)));
        if self.kind.is_some() {
            return Ok(());
        }
        let kinds: Vec<&str> = feed.kinds.iter().map(|kind| kind.name.as_str()).collect();
        let message = format!(
            "neither its name, nor its columns ({}), nor its tags tell what it holds; the feed \
             has the kinds {}",
            names.join(", "),
            kinds.join(", ")
        );
        Err(Refusal::new(Code::Unclassified, message))
    }

    /// Whether it is known what the file holds.
    pub(super) fn is_classified(&self) -> bool {
        self.kind.is_some()
    }

    /// The field whose sum is announced.
    pub(super) fn total_field(&self) -> Option<&'p str> {
        self.kind.and_then(|kind| kind.total.as_deref())
    }

    /// Begins rows under a header.
    pub(super) fn begin(&mut self, header: &Header) -> Result<(), Refusal> {
        let Some(total) = self.total_field() else { return Ok(()) };
        let is = |column: &Column| column.name == total || column.field == total;
        self.summed = header.columns.iter().position(is);
        if self.summed.is_some() {
            return Ok(());
        }
        let message = format!("the header lacks the column `{total}`, whose sum is announced");
        Err(Refusal::new(Code::Header, message))
    }

    /// Takes a row of fields.
    pub(super) fn row(&mut self, header: &Header, fields: &Fields) -> Result<(), Refusal> {
        let start = self.part.bytes.len();
        let writer = RowWriter { header, nulls: &self.plan.feed.format.nulls, summed: self.summed };
        match writer.write(fields, &mut self.part.bytes) {
            Ok(sum) => self.written(fields.line, sum),
            Err((code, message)) => {
                self.part.bytes.truncate(start);
                self.refuse(fields.line, code, message)
            }
        }
    }

    /// Takes a record that is JSON already, without line breaks.
    pub(super) fn record(
        &mut self,
        line: u64,
        json: &[u8],
        sum: Option<Decimal>,
    ) -> Result<(), Refusal> {
        self.part.bytes.extend_from_slice(json);
        self.written(line, sum)
    }

    fn written(&mut self, line: u64, sum: Option<Decimal>) -> Result<(), Refusal> {
        self.part.rows.push((line, self.part.bytes.len()));
        self.records += 1;
        if let Some(sum) = sum {
            self.total = self.total.unwrap_or_default().plus(sum);
        }
        self.count()?;
        let bytes = self.part.bytes.len() + self.part.len() * FRAME;
        let room = self.plan.feed.limits.max_record_bytes.min(PART_BYTES / 4);
        if self.part.len() >= PART_RECORDS || bytes + room >= PART_BYTES {
            self.give();
        }
        Ok(())
    }

    /// Notes a row that is no record.
    pub(super) fn refuse(
        &mut self,
        line: u64,
        code: RowCode,
        message: String,
    ) -> Result<(), Refusal> {
        self.refused.push(RefusedRow { line, code, message });
        let most = self.plan.feed.limits.max_errors;
        if self.refused.len() as u64 > most {
            let message = format!("more than {most} rows are faulty, {}", self.example());
            return Err(Refusal::new(Code::TooManyErrors, message));
        }
        self.count()
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.rows += 1;
        let most = self.plan.feed.limits.max_records;
        if self.rows <= most {
            return Ok(());
        }
        let message = format!(
            "it has more than {most} records; send it in pieces, or raise `limits.max_records` of \
             the feed"
        );
        Err(Refusal::new(Code::TooManyRecords, message))
    }

    /// What a trailer announces counts before what the control file does.
    pub(super) fn announce(&mut self, trailer: Announced) -> Result<(), Refusal> {
        let both = self.announced.records.zip(trailer.records);
        if let Some((control, trailer)) = both.filter(|(control, trailer)| control != trailer) {
            let message =
                format!("the trailer announces {trailer} records, the control file {control}");
            return Err(Refusal::new(Code::CountMismatch, message));
        }
        self.announced.records = trailer.records.or(self.announced.records);
        self.announced.total = trailer.total.or(self.announced.total);
        Ok(())
    }

    fn example(&self) -> String {
        let first = self.refused.first();
        first.map_or_else(String::new, |row| {
            format!("the first at line {}: {}: {}", row.line, row.code, row.message)
        })
    }

    fn give(&mut self) {
        if !self.part.is_empty() {
            // A caller that has gone is met at the next chunk.
            drop(self.steps.send(Step::Part(std::mem::take(&mut self.part))));
        }
    }

    /// Compares what came with what was announced.
    pub(super) fn finish(mut self, unpacked: u64) -> Result<Decoded, Refusal> {
        if self.kind.is_none() {
            self.classify(&[])?;
        }
        self.check_announced()?;
        #[expect(clippy::cast_precision_loss, reason = "a percentage of counts far below 2^53")]
        let percentage = self.refused.len() as f64 * 100.0 / self.rows.max(1) as f64;
        let most = self.plan.feed.limits.max_error_pct;
        if percentage > most {
            let (refused, rows) = (self.refused.len(), self.rows);
            let message = format!(
                "{refused} of {rows} rows are faulty, more than {most} %, {}",
                self.example()
            );
            return Err(Refusal::new(Code::TooManyErrors, message));
        }
        self.give();
        let kind = self.kind.map(|kind| kind.name.clone()).unwrap_or_default();
        let rank = self.plan.feed.kind(&kind).map_or(0, |(rank, _)| rank);
        let Self { rows, records, refused, total, announced, .. } = self;
        Ok(Decoded { kind, rank, rows, records, refused, total, announced, unpacked })
    }

    fn check_announced(&self) -> Result<(), Refusal> {
        if let Some(announced) = self.announced.records.filter(|records| *records != self.rows) {
            let message = format!("{announced} records are announced, {} came", self.rows);
            return Err(Refusal::new(Code::CountMismatch, message));
        }
        let Some((announced, _)) = self.announced.total.zip(self.total_field()) else {
            return Ok(());
        };
        let total = self.total.unwrap_or_default();
        if announced != total {
            let message = format!("the records add up to {total}, {announced} is announced");
            return Err(Refusal::new(Code::TotalMismatch, message));
        }
        Ok(())
    }
}

/// Why a row is none.
type RowFault = (RowCode, String);

/// Writes rows as JSON objects.
struct RowWriter<'h> {
    header: &'h Header,
    nulls: &'h [String],
    summed: Option<usize>,
}

impl RowWriter<'_> {
    /// Writes a row; gives the number that is summed up.
    fn write(&self, fields: &Fields, to: &mut Vec<u8>) -> Result<Option<Decimal>, RowFault> {
        let columns = &self.header.columns;
        if fields.len() != columns.len() {
            let (found, expected) = (fields.len(), columns.len());
            return Err((RowCode::Ragged, format!("{found} fields, the header has {expected}")));
        }
        let mut sum = None;
        for (place, (column, field)) in columns.iter().zip(fields.iter()).enumerate() {
            let name = &column.name;
            let text = std::str::from_utf8(field)
                .map_err(|_| (RowCode::Text, format!("column `{name}` is not UTF-8")))?;
            to.push(if place == 0 { b'{' } else { b',' });
            to.extend_from_slice(&column.key);
            if self.nulls.iter().any(|null| null == text) {
                if column.rule.required {
                    return Err((RowCode::Missing, format!("column `{name}` has no value")));
                }
                to.extend_from_slice(b"null");
                continue;
            }
            let changed = value(column, text)?;
            let text = changed.as_deref().unwrap_or(text);
            if self.summed == Some(place) {
                let fault = || (RowCode::Number, format!("column `{name}` is no number"));
                sum = Some(Decimal::parse(text).ok_or_else(fault)?);
            }
            // Writing to memory does not fail.
            drop(serde_json::to_writer(&mut *to, text));
        }
        to.push(b'}');
        Ok(sum)
    }
}

/// A value as records have it, where that differs.
fn value(column: &Column, text: &str) -> Result<Option<String>, RowFault> {
    let name = &column.name;
    if column.rule.decimal_comma {
        let number = text.replace('.', "").replace(',', ".");
        if Decimal::parse(&number).is_none() {
            return Err((RowCode::Number, format!("column `{name}` is no number")));
        }
        return Ok(Some(number));
    }
    let Some(format) = &column.rule.date else { return Ok(None) };
    let has_time = ["%H", "%I", "%T", "%R"].iter().any(|part| format.contains(part));
    let read = if has_time {
        jiff::civil::DateTime::strptime(format, text).map(|at| at.to_string())
    } else {
        jiff::civil::Date::strptime(format, text).map(|day| day.to_string())
    };
    let refuse = |_| (RowCode::Date, format!("column `{name}` is no date of the form {format}"));
    read.map(Some).map_err(refuse)
}
