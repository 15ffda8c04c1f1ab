//! Records as rows of a curated object.

use std::borrow::Cow;

use lake::Line;
use lake::curated::{
    Broken, Column, Curated, CuratedError, CuratedWriter, LINEAGE, PartCounts, Reason, RowKind,
    Value, columns,
};
use model::ObjectKey;
use normalize::{Cell, Model, Refusal, Row, Sink};

use super::keys::own_key;
use super::models::Known;
use super::refuse::{About, Quarantine};
use crate::tables::fields;

/// Where the lines come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) connection: &'a str,
    pub(super) source: &'a str,
    pub(super) stream: &'a str,
    pub(super) object: &'a ObjectKey,
}

/// A line that is a landing line of the right stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered<'a> {
    pub(super) line: &'a Line<'a>,
    /// From 1.
    pub(super) number: u64,
    /// The record's key, where the stream has one.
    pub(super) key: Option<&'a str>,
}

impl<'a> Numbered<'a> {
    fn about(&self) -> About<'a> {
        let Self { line, number, key } = *self;
        About { line: Some(number), place: None, run: Some(&line.run), key }
    }
}

/// The rows of one landing object for one model.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    known: &'a Known,
    origin: Origin<'a>,
    writer: CuratedWriter,
    pub(super) quarantine: Quarantine,
    pub(super) counts: PartCounts,
    failed: Option<CuratedError>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        known: &'a Known,
        origin: Origin<'a>,
        quarantine: Quarantine,
    ) -> Result<Self, CuratedError> {
        let writer = CuratedWriter::new(&row_columns(known.model()))?;
        let counts = PartCounts::default();
        Ok(Self { known, origin, writer, quarantine, counts, failed: None })
    }

    /// Takes a line in.
    pub(super) fn take(
        &mut self,
        reader: &mut normalize::Reader<'_>,
        line: Numbered<'_>,
    ) -> Result<(), Failed> {
        if line.line.deleted {
            self.gone(line);
        } else {
            self.record(reader, line)?;
        }
        self.failed.take().map_or(Ok(()), |error| Err(Failed::Encode(error)))
    }

    fn gone(&mut self, line: Numbered<'_>) {
        let Some(key) = line.line.key else {
            let found = "a tombstone without a key".to_owned();
            self.bad(line.about(), super::refuse::rule_of("key", found, "a key"));
            return;
        };
        self.counts.gone += 1;
        self.mark(RowKind::Gone, line, key.get());
    }

    fn record(
        &mut self,
        reader: &mut normalize::Reader<'_>,
        line: Numbered<'_>,
    ) -> Result<(), Failed> {
        let record = line.line.record.get().as_bytes();
        let mut pass = Pass { rows: self, line, whole: false };
        let tally = reader.rows(record, &mut pass).map_err(Failed::Violated)?;
        let whole = pass.whole;
        self.counts.rows += tally.rows;
        self.counts.refused += tally.refused;
        self.counts.nulled += tally.nulled;
        if whole {
            self.counts.bad += 1;
        } else if tally.rows + tally.refused > 0 {
            self.counts.records += 1;
        } else {
            self.counts.none += 1;
            if let Some(key) = line.key {
                self.mark(RowKind::Empty, line, key);
            }
        }
        Ok(())
    }

    /// Sets a whole line aside.
    pub(super) fn bad(&mut self, about: About<'_>, broken: Broken) {
        self.counts.bad += 1;
        self.counts.refused += 1;
        self.quarantine.add(about, Reason::Line, vec![broken]);
    }

    /// A row without cells.
    fn mark(&mut self, kind: RowKind, line: Numbered<'_>, key: &str) {
        let cells = self.known.model().fields.iter().map(|_| Value::Null);
        let behind = self.behind(kind, line, (key, None), "{}");
        let written = self.writer.write(cells.chain(behind));
        self.keep(written);
    }

    fn row(&mut self, line: Numbered<'_>, row: &Row<'_>) {
        let key = match line.key {
            Some(key) => Cow::Borrowed(key),
            None => Cow::Owned(own_key(self.known.model(), row)),
        };
        let behind = self.behind(RowKind::Row, line, (&key, row.place), row.extra);
        let written = self.writer.write(row.cells.iter().map(value).chain(behind));
        self.keep(written);
    }

    /// What stands behind the cells, in the order of [`LINEAGE`].
    fn behind<'v>(
        &self,
        kind: RowKind,
        Numbered { line, number, .. }: Numbered<'v>,
        (key, place): (&'v str, Option<u32>),
        extra: &'v str,
    ) -> [Value<'v>; LINEAGE.len()]
    where
        'a: 'v,
    {
        let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        [
            Value::Text(self.origin.connection),
            Value::Text(self.origin.source),
            Value::Text(self.origin.stream),
            Value::Text(key),
            place.map_or(Value::Null, |place| Value::Integer(i64::from(place))),
            Value::Text(kind.as_str()),
            line.cursor.as_deref().map_or(Value::Null, Value::Text),
            Value::Text(&line.request_start),
            Value::Text(self.origin.object.as_str()),
            integer(number),
            integer(line.page),
            integer(line.ordinal),
            Value::Text(&line.run),
            Value::Text(extra),
            Value::Integer(i64::from(self.known.revised.revision.version)),
        ]
    }

    fn keep(&mut self, written: Result<(), CuratedError>) {
        if let Err(error) = written
            && self.failed.is_none()
        {
            self.failed = Some(error);
        }
    }

    /// The object, when there is any row.
    pub(super) fn finish(self) -> Result<(PartCounts, Option<Curated>, Quarantine), CuratedError> {
        let is_empty = self.writer.rows() == 0;
        let curated = if is_empty { None } else { Some(self.writer.finish()?) };
        Ok((self.counts, curated, self.quarantine))
    }
}

/// Why a line could not be taken in.
#[derive(Debug)]
pub(super) enum Failed {
    /// A field lets nothing of its object pass.
    Violated(Refusal),
    /// A row cannot be written down.
    Encode(CuratedError),
}

/// The columns of a model's curated objects.
fn row_columns(model: &Model) -> Vec<Column> {
    columns(fields(model), &[&LINEAGE])
}

fn value<'v>(cell: &'v Cell<'_>) -> Value<'v> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) | Cell::Json(text) => Value::Text(text),
        Cell::Integer(number) => Value::Integer(*number),
        Cell::Decimal(decimal) => Value::Decimal(decimal.unscaled),
        Cell::Boolean(truth) => Value::Boolean(*truth),
        Cell::Timestamp(at) => Value::Timestamp(*at),
        Cell::Date(day) => Value::Date(*day),
        Cell::Texts(texts) => Value::Texts(texts),
    }
}

/// What one record becomes.
struct Pass<'p, 'a> {
    rows: &'p mut Rows<'a>,
    line: Numbered<'p>,
    /// Whether the record was refused as a whole.
    whole: bool,
}

impl Sink for Pass<'_, '_> {
    fn row(&mut self, row: &Row<'_>) {
        self.rows.row(self.line, row);
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.whole |= refusal.place.is_none();
        self.rows.quarantine.refuse(self.line.about(), refusal);
    }
}
