//! Records in, rows and refusals out.

mod column;

use serde_json::{Map, Value};

use crate::cell::Cell;
use crate::drift::{Drift, Fact};
use crate::extra::Rest;
use crate::file::{Extra, Field, InputFrom, Model, OnViolation, Source};
use crate::kind::JsonTypes;
use crate::violation::{Action, Refusal, Rule, Violation};
use crate::walk::{RowPlace, Walk};

/// Bytes of the largest record that is read.
pub const MAX_RECORD: usize = 32 * 1024 * 1024;
/// Reasons that one refusal tells.
const MAX_VIOLATIONS: usize = 16;

/// Takes what records become.
pub trait Sink {
    /// A row that keeps every rule.
    fn row(&mut self, row: &Row<'_>);
    /// A record, or a child of it, that does not become a row.
    fn refused(&mut self, refusal: &Refusal);
}

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    /// One value a field, in the order of the model's fields.
    pub cells: &'a [Cell<'a>],
    /// What no cell says, as JSON of the source's own tokens; `{}` when nothing is left.
    pub extra: &'a str,
    /// The row's place in its record's list, from 1, where the model explodes one.
    pub place: Option<u32>,
    /// Values that break a rule and were left out, as their fields have it; sixteen at most.
    pub nulled: &'a [Violation],
}

impl Row<'_> {
    /// The fields that are there, by name: instants, days and decimals as texts.
    pub fn fields(&self, model: &Model) -> Map<String, Value> {
        let there = model.fields.iter().zip(self.cells).filter(|(_, cell)| !cell.is_null());
        there
            .filter_map(|(f, cell)| Some((f.name.clone(), serde_json::to_value(cell).ok()?)))
            .collect()
    }
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows that were given to the sink.
    pub rows: u64,
    /// Refusals that were given to the sink.
    pub refused: u64,
    /// Values that were left out of rows.
    pub nulled: u64,
}

/// Reads the records of one stream for one model.
///
/// Every record ends as rows, as refusals, or, where the model explodes an empty list, as
/// neither; nothing is lost on the way, and what no field took is in the rows' rest.
#[derive(Debug)]
pub struct Reader<'m> {
    model: &'m Model,
    source: &'m Source,
    walk: Walk,
    drift: Drift,
    /// The captures of each slot, for the row at hand.
    slots: Vec<Vec<usize>>,
    /// Whether a capture's value stands in a cell.
    taken: Vec<bool>,
    extra: Vec<u8>,
}

impl<'m> Reader<'m> {
    pub(crate) fn new(model: &'m Model, source: &'m Source) -> Self {
        Self {
            model,
            source,
            walk: Walk::default(),
            drift: Drift::new(&source.plan),
            slots: vec![Vec::new(); source.plan.slots.len()],
            taken: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Turns one record into rows, or tells why not.
    ///
    /// An error is a refusal of a field that says `on_violation: fail`: what the sink got before
    /// it is not to be used.
    pub fn rows<S: Sink + ?Sized>(
        &mut self,
        record: &[u8],
        sink: &mut S,
    ) -> Result<Tally, Refusal> {
        self.drift.record();
        let read = text(record).and_then(|text| {
            self.walk.read(record, &self.source.plan, &mut self.drift).map(|()| text)
        });
        let text = match read {
            Ok(text) => text,
            Err(violation) => {
                let action = Action::Quarantine;
                sink.refused(&Refusal { action, place: None, violations: vec![violation] });
                return Ok(Tally { refused: 1, ..Tally::default() });
            }
        };
        self.taken.clear();
        self.taken.resize(self.walk.captures.len(), false);
        self.around();
        let mut tally = Tally::default();
        for number in 0..self.walk.rows.len() {
            self.row(text, number, sink, &mut tally)?;
        }
        Ok(tally)
    }

    /// How all records so far differ from what the model says.
    pub fn drift(&self) -> Vec<Fact> {
        self.drift.facts(&self.source.plan)
    }

    /// Every place that values were seen at, with their types: to be compared with those of
    /// earlier objects where the model itself says nothing.
    pub fn places(&self) -> Vec<(String, JsonTypes)> {
        self.drift.places(&self.source.plan)
    }

    /// Records read so far, and values under more unknown names than are told.
    pub fn counts(&self) -> (u64, u64) {
        (self.drift.records(), self.drift.untold())
    }

    /// Sorts the captures that lie around the rows into their slots.
    fn around(&mut self) {
        self.slots.iter_mut().for_each(Vec::clear);
        for (number, capture) in self.walk.captures.iter().enumerate() {
            if self.source.plan.slots.get(capture.slot) == Some(&false)
                && let Some(slot) = self.slots.get_mut(capture.slot)
            {
                slot.push(number);
            }
        }
    }

    fn row<'r, S: Sink + ?Sized>(
        &mut self,
        text: &'r str,
        number: usize,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), Refusal> {
        let Some(row) = self.walk.rows.get(number).copied() else { return Ok(()) };
        self.fill(row);
        let explodes = self.source.plan.row != 0;
        let place = explodes.then(|| u32::try_from(number + 1).unwrap_or(u32::MAX));
        let mut cells: Vec<Cell<'r>> = Vec::with_capacity(self.model.fields.len());
        let mut reasons = Reasons::default();
        for (field, column) in self.model.fields.iter().zip(&self.source.columns) {
            cells.push(self.cell(text, (field, column), place, &mut reasons));
        }
        if let Some(refusal) = reasons.refusal(place) {
            if refusal.action == Action::Fail {
                return Err(refusal);
            }
            tally.refused += 1;
            sink.refused(&refusal);
            return Ok(());
        }
        self.rest(text, row);
        tally.rows += 1;
        tally.nulled += reasons.left_out;
        let extra = std::str::from_utf8(&self.extra).unwrap_or("{}");
        sink.row(&Row { cells: &cells, extra, place, nulled: &reasons.nulled });
        Ok(())
    }

    /// Sorts the captures of a row into their slots.
    fn fill(&mut self, row: RowPlace) {
        let (first, end) = row.captures;
        for (slot, is_row) in self.slots.iter_mut().zip(&self.source.plan.slots) {
            if *is_row {
                slot.clear();
            }
        }
        let captures = self.walk.captures.get(first..end).unwrap_or_default();
        for (number, capture) in captures.iter().enumerate() {
            if let Some(slot) = self.slots.get_mut(capture.slot) {
                slot.push(first + number);
            }
        }
    }

    fn rest(&mut self, text: &str, row: RowPlace) {
        self.extra.clear();
        let (record, walk, taken) = (text.as_bytes(), &self.walk, self.taken.as_slice());
        let rest = Rest { record, walk, taken };
        if self.model.extra == Extra::Drop || !rest.value(&mut self.extra, row.entry) {
            self.extra.extend_from_slice(b"{}");
        }
    }
}

/// The record's text, when it is one of a size that is read.
fn text(record: &[u8]) -> Result<&str, Violation> {
    let violation = |rule, found, accepted: &str| Violation {
        path: String::new(),
        field: None,
        rule,
        found,
        accepted: accepted.to_owned(),
    };
    if record.len() > MAX_RECORD {
        let found = format!("{} bytes", record.len());
        return Err(violation(Rule::Size, found, "at most 32 MiB"));
    }
    std::str::from_utf8(record).map_err(|error| {
        let found = format!("other bytes at byte {}", error.valid_up_to());
        violation(Rule::Utf8, found, "UTF-8")
    })
}

/// Why a row does not pass, and what it passes without.
#[derive(Debug, Default)]
struct Reasons {
    violations: Vec<Violation>,
    nulled: Vec<Violation>,
    /// Values that are left out, also those beyond the most that are told.
    left_out: u64,
    /// Reasons not to pass, also those beyond the most that are told.
    found: usize,
    fails: bool,
}

impl Reasons {
    /// Notes that a value cannot be a field's.
    fn add(&mut self, field: &Field, violation: Violation) {
        let reasons = match field.on_violation {
            OnViolation::Null if !field.required => {
                self.left_out += 1;
                &mut self.nulled
            }
            policy => {
                self.fails |= policy == OnViolation::Fail;
                self.found += 1;
                &mut self.violations
            }
        };
        if reasons.len() < MAX_VIOLATIONS {
            reasons.push(violation);
        }
    }

    fn refusal(&mut self, place: Option<u32>) -> Option<Refusal> {
        let violations = std::mem::take(&mut self.violations);
        let action = if self.fails { Action::Fail } else { Action::Quarantine };
        (!violations.is_empty()).then_some(Refusal { action, place, violations })
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
