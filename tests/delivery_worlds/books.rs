//! What the CRM holds at the end, held against what was delivered.

use std::collections::{BTreeMap, BTreeSet};

use lake::delivery::{Accepted, FileDigest, Moment, Verdict};
use store::invariant::Violation;
use testkit::crm::{Applied, Books};

use crate::cast::Cast;
use crate::verdict::{Item, Told, name};

type Items<'a> = BTreeMap<String, Item<'a>>;
type Ends = BTreeMap<String, Verdict>;

/// Nothing is at the CRM twice, nothing is lost, and each customer's changes came in order.
///
/// An item is taken over once. The exceptions are exact: where the CRM took an item over and left
/// its result out of its answer, it is sent once more for each time that this happened, since the
/// answer says that it was not among the items; a customer is then the same customer again.
pub fn check(cast: &Cast, told: &Told, items: &Items<'_>) -> Vec<Violation> {
    let (books, ends) = (cast.crm.books(), told.ends());
    let forgotten = cast.crm.forgotten();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    let all = books.customers.values().chain(books.transactions.values());
    for applied in all.flatten() {
        *times.entry(&applied.reference).or_default() += 1;
        let known = items.get(&applied.reference);
        if known.is_none_or(|item| item.row.record != applied.record) {
            found.push(Violation::new("doubled", format!("{applied:?} was never delivered")));
        }
    }
    for (reference, times) in &times {
        let most = 1 + forgotten.get(*reference).copied().unwrap_or_default();
        if *times > most {
            let what = format!("{reference} was taken over {times} times, {most} are right");
            found.push(Violation::new("doubled", what));
        }
    }
    let there: BTreeSet<&str> = times.keys().copied().collect();
    for (reference, item) in items {
        let Some(verdict) = ends.get(reference) else { continue };
        let wrong = wrong(item, *verdict, there.contains(reference.as_str()), &books)
            .or_else(|| needless(item, *verdict, told, items));
        let said = || {
            let all = told.outcomes.iter().flat_map(|outcome| &outcome.items);
            let of = all.filter(|one| name(&one.item.file, one.item.line) == *reference);
            of.map(|one| (one.verdict, one.code.clone(), one.message.clone())).collect::<Vec<_>>()
        };
        let told = |why| format!("{reference} is {verdict:?}: {why}; it was {:?}", said());
        found.extend(wrong.map(|why| Violation::new("lost", told(why))));
    }
    found.extend(order(&books, items, &ends));
    let mismatch = cast.crm.arrivals().iter().filter(|call| call.status == 409).count();
    if mismatch > 0 {
        found.push(Violation::new("I-8", format!("{mismatch} keys came with other bytes")));
    }
    found
}

/// Whether what is told of an item is not what is there.
fn wrong(item: &Item<'_>, verdict: Verdict, there: bool, books: &Books) -> Option<&'static str> {
    match verdict {
        Verdict::Ok if !there => Some("it is not there"),
        Verdict::Failed | Verdict::Superseded if there => Some("it is there"),
        Verdict::Duplicate if !books.transactions.contains_key(item.row.text("trx_id")) => {
            Some("there is no such transaction")
        }
        Verdict::Ok | Verdict::Duplicate if item.row.is_bad() => {
            Some("it should have been refused")
        }
        Verdict::Again => Some("it never ended"),
        _ => None,
    }
}

/// Whether an item was not taken over although it could have been.
fn needless(
    item: &Item<'_>,
    verdict: Verdict,
    told: &Told,
    items: &Items<'_>,
) -> Option<&'static str> {
    let place = place(item);
    let ends = told.ends();
    // Customers with the same id: of the files before it, of later ones.
    let customer = item.row.text("external_id");
    let others = items.iter().filter(|(_, other)| {
        other.file.kind == "user" && other.row.text("external_id") == customer
    });
    let taken = |(name, _): &(&String, &Item<'_>)| {
        matches!(ends.get(*name), Some(Verdict::Ok | Verdict::Unknown))
    };
    let mut taken = others.filter(taken);
    match (verdict, item.file.kind.as_str()) {
        (Verdict::Failed, _) if is_given_up(item, told) => None,
        (Verdict::Failed, "user") if !item.row.is_bad() => Some("nothing was wrong with it"),
        (Verdict::Superseded, "user") => {
            let none = !taken.any(|(_, other)| self::place(other) > place);
            none.then_some("there is no newer one")
        }
        (Verdict::Failed, _) if item.row.is_bad() => None,
        (Verdict::Failed, "transaction") => {
            let before = |(name, other): (&String, &Item<'_>)| {
                other.file.accepted <= item.file.accepted && ends[name] == Verdict::Ok
            };
            taken.any(before).then_some("its customer is there")
        }
        _ => None,
    }
}

/// Whether the CRM left the item out of so many answers in a row that it was given up.
fn is_given_up(item: &Item<'_>, told: &Told) -> bool {
    let all = told.outcomes.iter().flat_map(|outcome| &outcome.items);
    let mut of =
        all.filter(|one| one.item.file == item.file.file && one.item.line == item.row.line);
    of.any(|one| {
        let after = one.message.as_deref().is_some_and(|why| why.starts_with("given up after"));
        one.verdict == Verdict::Failed && one.code.as_deref() == Some("NO_RESULT") && after
    })
}

type Place<'a> = (Moment, u8, &'a FileDigest, u64);

/// An item's place among all.
fn place<'a>(item: &Item<'a>) -> Place<'a> {
    let Accepted { accepted, rank, file, .. } = item.file;
    (*accepted, *rank, file, item.row.line)
}

/// The changes of each customer came in the order of its files and lines. Where nobody knows
/// whether an item was taken over, it may be so at any time.
fn order(books: &Books, items: &Items<'_>, ends: &Ends) -> Vec<Violation> {
    let known = |applied: &&Applied| ends.get(&applied.reference) != Some(&Verdict::Unknown);
    let mut found = Vec::new();
    for (customer, applied) in &books.customers {
        let of = |applied: &Applied| items.get(&applied.reference).map(place);
        let places: Vec<_> = applied.iter().filter(known).map(of).collect();
        if !places.is_sorted() {
            found.push(Violation::new("order", format!("{customer}: {places:?}")));
        }
    }
    found
}
