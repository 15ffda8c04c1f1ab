//! From what a destination says to what is stored of it: an outcome for each item, and the
//! batches that go on with those that are not final.

use std::collections::{BTreeMap, HashMap};

use destination::{Action, Attempt, Child, ItemVerdict, Unrenderable};
use lake::delivery::{BatchDigest, BatchOutcome, ItemOutcome, NextBatch, Verdict};
use model::{OperationName, Timestamp};
use store::push::{Counted, Done, Fingerprints, Group, OpenBatch, child_order};

use super::Error;
use super::book::{Loaded, named};
use super::pack::spans;
use super::round::Pass;

/// What is known of a call when its batch is concluded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Made {
    pub(super) status: Option<u16>,
    pub(super) at: Option<Timestamp>,
    pub(super) waited_ms: u64,
}

/// What became of the items of a batch.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Those that the destination spoke of.
    pub(super) verdicts: Vec<ItemVerdict>,
    /// Batches that go on with others.
    pub(super) children: Vec<Child>,
    /// Those that could not be put into the request.
    pub(super) unrenderable: Vec<Unrenderable>,
    /// Those of which a newer one is at the destination already.
    pub(super) superseded: Vec<String>,
}

/// The batch in two halves, each with what counts by now.
pub(super) fn halves(
    operation: &OperationName,
    references: &[String],
    attempt: &Attempt,
) -> Vec<Child> {
    let (first, second) = references.split_at(references.len() / 2);
    let half = |references: &[String]| Child {
        operation: operation.clone(),
        references: references.to_vec(),
        wait: std::time::Duration::ZERO,
        attempt: attempt.clone(),
    };
    [first, second].into_iter().filter(|half| !half.is_empty()).map(half).collect()
}

/// How often a batch was tried, as destinations count it.
pub(super) fn attempt(batch: &OpenBatch) -> Attempt {
    let OpenBatch { tries, reroutes, defers, refreshed, .. } = *batch;
    Attempt { tries, reroutes, defers, refreshed }
}

/// What is stored of a round: one outcome for each item of the batch.
pub(super) fn concluded(
    pass: &Pass<'_>,
    (group, batch): (&Group, &OpenBatch),
    items: &[Loaded],
    (judged, made): (Judged, Made),
) -> Result<BatchOutcome, Error> {
    let now = pass.deps.store.now();
    let mut next = Vec::new();
    let mut outcomes: HashMap<String, (Verdict, Told, Option<BatchDigest>)> = HashMap::new();
    for (number, child) in judged.children.into_iter().enumerate() {
        let number = number.to_string();
        let id = BatchDigest::of(&[&batch.id, &batch.round.to_string(), &number]);
        for reference in child.references {
            outcomes.insert(reference, (Verdict::Again, Told::default(), Some(id.clone())));
        }
        next.push(NextBatch {
            batch: id,
            operation: child.operation,
            not_before: now.checked_add(child.wait).unwrap_or(Timestamp::MAX),
            tries: child.attempt.tries,
            reroutes: child.attempt.reroutes,
            defers: child.attempt.defers,
        });
    }
    for verdict in judged.verdicts {
        let told = Told::from(&verdict);
        let final_verdict = Some(of(&verdict.action)).filter(|verdict| verdict.is_final());
        let final_verdict = final_verdict.unwrap_or(Verdict::Unknown);
        let entry = outcomes.entry(verdict.reference);
        entry.and_modify(|known| known.1 = told.clone()).or_insert((final_verdict, told, None));
    }
    for Unrenderable { reference, code, message } in judged.unrenderable {
        let told = Told { code: Some(code), message: Some(message), entity: None };
        outcomes.insert(reference, (Verdict::Failed, told, None));
    }
    for reference in judged.superseded {
        outcomes.insert(reference, (Verdict::Superseded, Told::default(), None));
    }
    let outcome = |loaded: &Loaded| {
        let known = outcomes.remove(&loaded.reference);
        let (verdict, told, then) = known.unwrap_or_else(missing);
        let Told { code, message, entity } = told;
        ItemOutcome { item: loaded.item.clone(), verdict, code, message, entity, then }
    };
    Ok(BatchOutcome {
        tenant: pass.opened.key.tenant.clone(),
        push: pass.opened.key.push.clone(),
        destination: pass.opened.name.clone(),
        operation: named(pass, batch)?,
        day: super::book::day(group)?,
        group: group.id.parse()?,
        batch: batch.id.parse()?,
        round: batch.round,
        status: made.status,
        sent: made.at,
        answered: now,
        waited_ms: made.waited_ms,
        items: items.iter().map(outcome).collect(),
        next,
    })
}

/// An item that nothing was said of: nobody knows.
fn missing() -> (Verdict, Told, Option<BatchDigest>) {
    let told = Told { code: Some("NO_VERDICT".to_owned()), ..Told::default() };
    (Verdict::Unknown, told, None)
}

/// What a destination said of an item.
#[derive(Debug, Clone, Default)]
struct Told {
    code: Option<String>,
    message: Option<String>,
    entity: Option<String>,
}

impl From<&ItemVerdict> for Told {
    fn from(verdict: &ItemVerdict) -> Self {
        let ItemVerdict { code, message, entity_id, .. } = verdict.clone();
        Self { code, message, entity: entity_id }
    }
}

fn of(action: &Action) -> Verdict {
    match action {
        Action::Succeed => Verdict::Ok,
        Action::Duplicate => Verdict::Duplicate,
        Action::Fail => Verdict::Failed,
        Action::Unknown => Verdict::Unknown,
        // Such items are in one of the batches that go on.
        Action::Retry { .. } | Action::Reroute { .. } | Action::Defer { .. } => Verdict::Again,
    }
}

/// The batches that go on, as the outcome says: the same whoever reads it.
pub(super) fn go_on(
    pass: &Pass<'_>,
    batch: &OpenBatch,
    items: &[Loaded],
    outcome: &BatchOutcome,
) -> Result<Vec<OpenBatch>, Error> {
    let mut open = Vec::new();
    for (number, next) in outcome.next.iter().enumerate() {
        let operation = pass.opened.operation(next.operation.as_str())?;
        let goes = |(item, loaded): &(&ItemOutcome, &Loaded)| {
            item.then.as_ref() == Some(&next.batch) && item.item == loaded.item
        };
        let theirs: Vec<&Loaded> =
            outcome.items.iter().zip(items).filter(goes).map(|(_, loaded)| loaded).collect();
        let seen: Vec<_> = theirs.iter().map(|loaded| loaded.seen).collect();
        open.push(OpenBatch {
            id: next.batch.to_string(),
            order: child_order(&batch.order, batch.round, number),
            operation: next.operation.to_string(),
            spans: spans(&seen),
            entities: theirs.iter().filter_map(|loaded| loaded.entity(pass, operation)).collect(),
            not_before: next.not_before,
            // A destination that knows a request by its key would answer as it did before.
            round: batch.round + 1,
            tries: next.tries,
            reroutes: next.reroutes,
            defers: next.defers,
            refreshed: false,
            intent: None,
            doubt: false,
            job: None,
            fence: 0,
            lease: None,
            ..batch.clone()
        });
    }
    Ok(open)
}

/// What the table keeps of a batch that is done.
pub(super) fn done(
    pass: &Pass<'_>,
    (group, batch): (&Group, &OpenBatch),
    items: &[Loaded],
    outcome: &BatchOutcome,
) -> Result<Done, Error> {
    let operation = pass.opened.operation(&batch.operation)?;
    let mut counts: BTreeMap<(u32, Verdict, Option<String>), u64> = BTreeMap::new();
    let mut entities = Vec::new();
    for (item, loaded) in outcome.items.iter().zip(items) {
        if !item.verdict.is_final() {
            continue;
        }
        *counts.entry((loaded.seen.file, item.verdict, item.code.clone())).or_default() += 1;
        if matches!(item.verdict, Verdict::Ok | Verdict::Duplicate) {
            entities.extend(loaded.entity(pass, operation));
        }
    }
    let counted = |((file, verdict, code), items)| Counted {
        file,
        verdict: text(verdict).to_owned(),
        code,
        items,
    };
    let stage = lake::delivery::Stage::Batches;
    Ok(Done {
        id: batch.id.clone(),
        outcome: super::book::place(pass, group, batch, stage)?.render()?,
        at: outcome.answered,
        counts: counts.into_iter().map(counted).collect(),
        entities: entities.into_iter().collect::<Fingerprints>(),
        children: outcome.next.iter().map(|next| next.batch.to_string()).collect(),
    })
}

const VERDICTS: [(Verdict, &str); 5] = [
    (Verdict::Ok, "ok"),
    (Verdict::Duplicate, "duplicate"),
    (Verdict::Failed, "failed"),
    (Verdict::Superseded, "superseded"),
    (Verdict::Unknown, "unknown"),
];

fn text(verdict: Verdict) -> &'static str {
    VERDICTS.into_iter().find(|(known, _)| *known == verdict).map_or("again", |(_, text)| text)
}

/// A verdict by its text in the table.
pub(super) fn verdict(text: &str) -> Verdict {
    let found = VERDICTS.into_iter().find(|(_, known)| *known == text);
    found.map_or(Verdict::Unknown, |(verdict, _)| verdict)
}
