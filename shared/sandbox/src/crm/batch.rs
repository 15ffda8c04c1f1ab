//! A batch: from the bytes of a request to the bytes of its answer.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::books::Page;
use super::operation::Operation;
use super::verdict::{Item, ItemError, POISON, Verdict, judge};
use crate::dice::Dice;

/// A batch that can be read.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    operation: Operation,
    items: Vec<Line<'a>>,
}

#[derive(Debug)]
struct Line<'a> {
    reference: String,
    entity: String,
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    items: Vec<WireItem<'a>>,
}

#[derive(Deserialize)]
struct WireItem<'a> {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(borrow)]
    customer: Option<&'a RawValue>,
    #[serde(borrow)]
    transaction: Option<&'a RawValue>,
}

/// What an answer does not say truthfully, when a fault wants so.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Twist {
    /// The result of one item is left out.
    pub(super) leaves_one_out: bool,
    /// One item is not carried out and has this code.
    pub(super) unknown_code: Option<u16>,
}

/// The answer to a batch that was carried out.
#[derive(Serialize)]
struct Answer<'a> {
    request_id: &'a str,
    status: &'static str,
    results: Vec<ResultLine<'a>>,
    counts: Counts,
}

#[derive(Serialize)]
struct ResultLine<'a> {
    #[serde(rename = "ref")]
    reference: &'a str,
    index: usize,
    status: u16,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    warnings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[ItemError; 1]>,
}

#[derive(Serialize)]
struct Counts {
    ok: usize,
    failed: usize,
}

impl<'a> Batch<'a> {
    /// Reads a body. The reason names no item when an item is poison: the CRM does not know which.
    pub(super) fn parse(operation: Operation, body: &'a [u8]) -> Result<Self, String> {
        let wire: Wire<'a> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let mut references = HashSet::new();
        let mut items = Vec::with_capacity(wire.items.len());
        for item in wire.items {
            let content = match operation {
                Operation::AddCustomers | Operation::UpdateCustomers => item.customer,
                Operation::AddTransactions => item.transaction,
            };
            let content = content.filter(|content| content.get().starts_with('{'));
            let key = operation.content_key();
            let content = content.ok_or_else(|| format!("an item has no object `{key}`"))?;
            if !references.insert(item.reference.clone()) {
                return Err("a ref comes twice".to_owned());
            }
            let entity = entity(operation, content).unwrap_or_else(|| item.reference.clone());
            if entity.starts_with(POISON) {
                return Err("the batch cannot be processed".to_owned());
            }
            items.push(Line { reference: item.reference, entity, content });
        }
        if items.is_empty() {
            return Err("a batch has at least one item".to_owned());
        }
        Ok(Self { operation, items })
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Carries out what can be carried out; the answer's results come in no order.
    pub(super) fn carry_out(
        &self,
        page: &Page<'_>,
        twist: Twist,
        (request_id, dice): (&str, &mut Dice),
    ) -> Result<String, rusqlite::Error> {
        let odd = dice.below(i64::try_from(self.items.len()).unwrap_or(i64::MAX));
        let mut results = Vec::with_capacity(self.items.len());
        for (index, line) in self.items.iter().enumerate() {
            let is_odd = i64::try_from(index).is_ok_and(|index| index == odd);
            let verdict = match twist.unknown_code {
                Some(code) if is_odd => Verdict::refused(code, "not documented"),
                _ => {
                    let item = Item { content: line.content, entity: &line.entity };
                    judge(page, self.operation, item)?
                }
            };
            results.push(ResultLine::of(line, index, &verdict));
        }
        shuffle(&mut results, dice);
        let ok = results.iter().filter(|line| line.is_ok()).count();
        let counts = Counts { ok, failed: results.len() - ok };
        let status = match (counts.ok, counts.failed) {
            (_, 0) => "SUCCESS",
            (0, _) => "FAILED",
            _ => "PARTIAL",
        };
        if twist.leaves_one_out {
            results.pop();
        }
        let answer = Answer { request_id, status, results, counts };
        serde_json::to_string(&answer)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl<'a> ResultLine<'a> {
    fn of(line: &'a Line<'_>, index: usize, verdict: &Verdict) -> Self {
        Self {
            reference: &line.reference,
            index,
            status: verdict.status,
            message: verdict.message,
            entity_id: verdict.number.map(|number| number.to_string()),
            warnings: verdict.warning.into_iter().collect(),
            errors: verdict.error.map(|error| [error]),
        }
    }

    fn is_ok(&self) -> bool {
        self.status == 200 && self.errors.is_none()
    }
}

/// The text under the key that names the entity.
fn entity(operation: Operation, content: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        external_id: Option<String>,
        trx_id: Option<String>,
    }
    let named: Named = serde_json::from_str(content.get()).ok()?;
    match operation {
        Operation::AddCustomers | Operation::UpdateCustomers => named.external_id,
        Operation::AddTransactions => named.trx_id,
    }
}

fn shuffle<T>(all: &mut [T], dice: &mut Dice) {
    for last in (1..all.len()).rev() {
        let end = i64::try_from(last + 1).unwrap_or(i64::MAX);
        all.swap(last, usize::try_from(dice.below(end)).unwrap_or(last));
    }
}
