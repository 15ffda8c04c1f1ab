//! One field of one row.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::{Field, InputFrom, Reader, Reasons};
use crate::cell::Cell;
use crate::convert::{Problem, Reading, compare, scalar};
use crate::file::{Column, Input, Pick};
use crate::kind::{JsonType, Kind};
use crate::violation::{Rule, Violation, shape};

/// A list up to this long is searched, a longer one is hashed.
const SHORT: usize = 16;

impl Reader<'_> {
    /// The value of a field; nothing where it breaks a rule, which is noted.
    pub(super) fn cell<'r>(
        &mut self,
        text: &'r str,
        (field, column): (&Field, &Column),
        place: Option<u32>,
        reasons: &mut Reasons,
    ) -> Cell<'r> {
        let known = reasons.found;
        let cell = match field.kind {
            Kind::Texts => self.texts(text, field, column, reasons),
            Kind::Json => self.json(text, column),
            _ => self.scalar(text, (field, column), place, reasons),
        };
        if cell.is_null() && field.required && reasons.found == known {
            let paths: Vec<&str> = column.inputs.iter().map(|input| input.path.as_str()).collect();
            let violation = Violation {
                path: paths.join(", "),
                field: Some(field.name.clone()),
                rule: Rule::Required,
                found: self.absence(column).to_owned(),
                accepted: field.kind.to_string(),
            };
            reasons.add(field, violation);
        }
        cell
    }

    fn scalar<'r>(
        &mut self,
        text: &'r str,
        (field, column): (&Field, &Column),
        place: Option<u32>,
        reasons: &mut Reasons,
    ) -> Cell<'r> {
        let mut best = Best { pick: column.pick, found: None };
        for input in &column.inputs {
            match &input.from {
                InputFrom::Slot(slot) => {
                    self.values(text, (field, input, *slot), &mut best, reasons);
                }
                InputFrom::Constant(cell) => best.offer(cell.clone(), None),
                InputFrom::Place => {
                    best.offer(Cell::Integer(i64::from(place.unwrap_or(1))), None);
                }
            }
            if best.is_settled() {
                break;
            }
        }
        let Some((cell, number)) = best.found else { return Cell::Null };
        if let Some(number) = number {
            self.take(number);
        }
        cell
    }

    /// Offers the values of one place.
    fn values<'r>(
        &mut self,
        text: &'r str,
        (field, input, slot): (&Field, &Input, usize),
        best: &mut Best<'r>,
        reasons: &mut Reasons,
    ) {
        let mut at = 0;
        while let Some(number) = self.number(slot, at).filter(|_| !best.is_settled()) {
            at += 1;
            let Some((token, json)) = self.token(text, number) else { continue };
            if json == JsonType::Null {
                self.take(number);
                continue;
            }
            match read(field, field.kind, input, token) {
                Ok(Reading { cell, .. }) if cell.is_null() => {}
                Ok(Reading { cell, whole }) => best.offer(cell, whole.then_some(number)),
                Err(violation) => reasons.add(field, violation),
            }
        }
    }

    /// All values of all places, none twice.
    fn texts<'r>(
        &mut self,
        text: &'r str,
        field: &Field,
        column: &Column,
        reasons: &mut Reasons,
    ) -> Cell<'r> {
        let mut found = Found::default();
        for input in &column.inputs {
            let slot = match &input.from {
                InputFrom::Slot(slot) => *slot,
                InputFrom::Constant(Cell::Texts(texts)) => {
                    for text in texts {
                        found.add(text.clone());
                    }
                    continue;
                }
                InputFrom::Constant(_) | InputFrom::Place => continue,
            };
            let mut at = 0;
            while let Some(number) = self.number(slot, at) {
                at += 1;
                let Some((token, json)) = self.token(text, number) else { continue };
                let items = match json {
                    JsonType::Null => Ok(Vec::new()),
                    JsonType::Array => serde_json::from_str(token),
                    _ => serde_json::from_str(token).map(|one| vec![one]),
                };
                let Ok(items) = items else {
                    reasons.add(field, too_deep(field, input, token));
                    continue;
                };
                if items_into(field, input, &items, (&mut found, &mut *reasons)) {
                    self.take(number);
                }
            }
        }
        let none = found.list.is_empty();
        if none { Cell::Null } else { Cell::Texts(found.list) }
    }

    /// The value at the first place that has one; where a path leads through lists, a list of all
    /// values there.
    fn json<'r>(&mut self, text: &'r str, column: &Column) -> Cell<'r> {
        for input in &column.inputs {
            let slot = match &input.from {
                InputFrom::Slot(slot) => *slot,
                InputFrom::Constant(cell) => return cell.clone(),
                InputFrom::Place => continue,
            };
            let numbers = self.slots.get(slot).cloned().unwrap_or_default();
            let mut tokens = Vec::new();
            for number in numbers {
                let Some((token, json)) = self.token(text, number) else { continue };
                self.take(number);
                if json != JsonType::Null {
                    tokens.push(token);
                }
            }
            match tokens.as_slice() {
                [] => {}
                _ if input.many => {
                    return Cell::Json(Cow::Owned(format!("[{}]", tokens.join(","))));
                }
                [one, ..] => return Cell::Json(Cow::Borrowed(one)),
            }
        }
        Cell::Null
    }

    fn token<'r>(&self, text: &'r str, number: usize) -> Option<(&'r str, JsonType)> {
        let capture = self.walk.captures.get(number)?;
        Some((text.get(capture.start..capture.end)?, capture.json))
    }

    /// The capture at a place of a slot.
    fn number(&self, slot: usize, at: usize) -> Option<usize> {
        self.slots.get(slot)?.get(at).copied()
    }

    fn take(&mut self, number: usize) {
        if let Some(taken) = self.taken.get_mut(number) {
            *taken = true;
        }
    }

    /// Why there is nothing.
    fn absence(&self, column: &Column) -> &'static str {
        let slots = column.inputs.iter().filter_map(|input| match input.from {
            InputFrom::Slot(slot) => self.slots.get(slot),
            InputFrom::Constant(_) | InputFrom::Place => None,
        });
        let mut found = "nothing";
        for number in slots.flatten() {
            match self.walk.captures.get(*number).map(|capture| capture.json) {
                Some(JsonType::Null) | None => found = "null",
                Some(_) => return "a value that means nothing",
            }
        }
        found
    }
}

/// The value that counts, of those that were offered.
#[derive(Debug)]
struct Best<'r> {
    pick: Pick,
    found: Option<(Cell<'r>, Option<usize>)>,
}

impl<'r> Best<'r> {
    fn offer(&mut self, cell: Cell<'r>, number: Option<usize>) {
        let wanted = match self.pick {
            Pick::First => None,
            Pick::Min => Some(Ordering::Less),
            Pick::Max => Some(Ordering::Greater),
        };
        let is_better = self
            .found
            .as_ref()
            .is_none_or(|(known, _)| wanted.is_some() && compare(&cell, known) == wanted);
        if is_better {
            self.found = Some((cell, number));
        }
    }

    /// Whether nothing that follows can count.
    fn is_settled(&self) -> bool {
        self.pick == Pick::First && self.found.is_some()
    }
}

/// Adds the items of one value; true when the list says all that they say.
fn items_into<'r>(
    field: &Field,
    input: &Input,
    items: &[&'r RawValue],
    (found, reasons): (&mut Found<'r>, &mut Reasons),
) -> bool {
    let mut all = true;
    for item in items.iter().filter(|item| item.get() != "null") {
        match read(field, Kind::Texts, input, item.get()) {
            Ok(Reading { cell: Cell::Text(text), whole }) => {
                found.add(text);
                all &= whole;
            }
            Ok(_) => all = false,
            Err(violation) => {
                reasons.add(field, violation);
                all = false;
            }
        }
    }
    all
}

/// Reads one value and holds it against what the field takes.
fn read<'r>(
    field: &Field,
    kind: Kind,
    input: &Input,
    token: &'r str,
) -> Result<Reading<'r>, Violation> {
    scalar(kind, token, &input.how)
        .and_then(|read| within(field, &read.cell).map(|()| read))
        .map_err(|problem| violation(field, input, token, problem))
}

/// Texts without repetition.
#[derive(Debug, Default)]
struct Found<'r> {
    list: Vec<Cow<'r, str>>,
    known: HashSet<Cow<'r, str>>,
}

impl<'r> Found<'r> {
    fn add(&mut self, text: Cow<'r, str>) {
        if self.list.len() < SHORT {
            if !self.list.contains(&text) {
                self.list.push(text);
            }
            return;
        }
        if self.known.is_empty() {
            self.known = self.list.iter().cloned().collect();
        }
        if self.known.insert(text.clone()) {
            self.list.push(text);
        }
    }
}

/// Whether a field takes the value.
fn within(field: &Field, cell: &Cell<'_>) -> Result<(), Problem> {
    let limits = &field.limits;
    if let Cell::Text(text) = cell {
        if !limits.accepted.is_empty() && !limits.accepted.iter().any(|word| word == text) {
            let accepted = format!("one of {}", limits.accepted.join(", "));
            return Err(Problem { rule: Rule::Enum, accepted });
        }
        if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let accepted = format!("a text that matches {pattern}");
            return Err(Problem { rule: Rule::Pattern, accepted });
        }
    }
    let beyond = |bound: &Option<Cell<'static>>, order| {
        bound.as_ref().is_some_and(|bound| compare(cell, bound) == Some(order))
    };
    if beyond(&limits.low, Ordering::Less) || beyond(&limits.high, Ordering::Greater) {
        let end = |bound: &Option<Cell<'static>>| {
            bound.as_ref().map_or_else(|| "…".to_owned(), ToString::to_string)
        };
        let accepted = format!("{} to {}", end(&limits.low), end(&limits.high));
        return Err(Problem { rule: Rule::Range, accepted });
    }
    Ok(())
}

/// Its items are nested more deeply than they can be told apart.
fn too_deep(field: &Field, input: &Input, token: &str) -> Violation {
    let accepted = "a list of texts".to_owned();
    violation(field, input, token, Problem { rule: Rule::Type, accepted })
}

fn violation(field: &Field, input: &Input, token: &str, problem: Problem) -> Violation {
    Violation {
        path: input.path.clone(),
        field: Some(field.name.clone()),
        rule: problem.rule,
        found: shape(token),
        accepted: problem.accepted,
    }
}
