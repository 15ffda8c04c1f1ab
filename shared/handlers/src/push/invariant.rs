//! What must stay true of pushes, as pure functions of what stands in the lake.

use std::collections::{BTreeMap, BTreeSet};

use lake::delivery::{BatchOutcome, FileOutcome, ItemRef};
use store::invariant::Violation;

/// I-9 each item of the files has exactly one final outcome, and those that are not final go on
/// in a batch that says what became of them.
pub fn ends_once<'a>(
    items: impl IntoIterator<Item = ItemRef>,
    outcomes: impl IntoIterator<Item = &'a BatchOutcome>,
) -> Vec<Violation> {
    let mut finals: BTreeMap<ItemRef, u32> = BTreeMap::new();
    let (mut carried, mut promised) = (BTreeSet::new(), BTreeSet::new());
    for outcome in outcomes {
        for item in &outcome.items {
            carried.insert((outcome.batch.clone(), item.item.clone()));
            if item.verdict.is_final() {
                *finals.entry(item.item.clone()).or_default() += 1;
            } else if let Some(then) = &item.then {
                promised.insert((then.clone(), item.item.clone()));
            }
        }
    }
    let mut found = Vec::new();
    for item in items {
        let ends = finals.remove(&item).unwrap_or_default();
        if ends != 1 {
            found.push(Violation::new("I-9", format!("{item:?} ended {ends} times")));
        }
    }
    for item in finals.keys() {
        found.push(Violation::new("I-9", format!("{item:?} is of no file")));
    }
    for (batch, item) in promised.difference(&carried) {
        found.push(Violation::new("I-9", format!("{item:?} never went on in {batch}")));
    }
    found
}

/// The counts of a file say what became of each of its rows.
pub fn adds_up(outcome: &FileOutcome) -> Option<Violation> {
    let done = outcome.counts.add_up() && outcome.counts.pending == 0;
    (!done).then(|| Violation::new("I-9", format!("{}: {:?}", outcome.name, outcome.counts)))
}

/// I-8 nothing has changed: what stood somewhere before stands there now, and nothing else.
pub fn unchanged<K: Ord + std::fmt::Debug, V: PartialEq>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> Vec<Violation> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    let differs = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    differs.map(|key| Violation::new("I-8", format!("{key:?} has changed"))).collect()
}
