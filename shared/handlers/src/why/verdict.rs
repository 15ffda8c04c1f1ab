//! Which version is shown, and why the others are not: the law of the views, in words.

use std::collections::BTreeMap;

use lake::Mode;
use lake::curated::{CuratedKey, Receipt, RowKind, Visible};
use model::{ObjectKey, Timestamp, fixed_text};

use super::Version;
use super::found::{Held, RecordId, Shelves};

/// What makes a version later than another, in order.
type Order = (Option<String>, String, String, i64, i64, i64);

/// A version that counts, with when it was seen.
struct Living {
    order: Order,
    kind: RowKind,
}

/// Judges every version.
pub(super) fn judged(held: Vec<Held>, shelves: &Shelves) -> Vec<Version> {
    let mut records: BTreeMap<RecordId, Vec<Held>> = BTreeMap::new();
    for row in held {
        records.entry((row.stream.clone(), row.record_key.clone())).or_default().push(row);
    }
    let mut all = Vec::new();
    for ((stream, _), rows) in records {
        let none = Visible::default();
        let visible = shelves.visible.get(&stream).unwrap_or(&none);
        all.extend(record(&rows, visible, &shelves.receipts));
    }
    all.sort_by(|(a, a_order), (b, b_order)| (b.shown, b_order).cmp(&(a.shown, a_order)));
    all.into_iter().map(|(version, _)| version).collect()
}

fn record(rows: &[Held], visible: &Visible, receipts: &[Receipt]) -> Vec<(Version, Order)> {
    let judged: Vec<Result<Living, String>> =
        rows.iter().map(|row| living(row, rows, visible, receipts)).collect();
    let living = || judged.iter().flatten();
    let gone =
        living().filter(|row| row.kind == RowKind::Gone).map(|row| row.order.1.clone()).max();
    let hidden = |row: &Living| gone.as_ref().is_some_and(|gone| row.order.1 < *gone);
    let last =
        living().filter(|row| row.kind != RowKind::Gone && !hidden(row)).max_by_key(|r| &r.order);
    let told = rows.iter().zip(&judged).map(|(row, judged)| {
        let (shown, because) = match judged {
            Err(because) => (false, because.clone()),
            Ok(living) if living.kind == RowKind::Gone => {
                (false, format!("a tombstone: it hides what was seen before {}", living.order.1))
            }
            Ok(living) if hidden(living) => {
                let gone = gone.as_deref().unwrap_or_default();
                (false, format!("hidden by the tombstone of {gone}"))
            }
            Ok(living) => latest(living, last),
        };
        let order =
            judged.as_ref().map_or_else(|_| order(row, &row.request_start), |l| l.order.clone());
        (version(row, receipts, (shown, because)), order)
    });
    told.collect()
}

/// Whether a version that counts is the last one.
fn latest(living: &Living, last: Option<&Living>) -> (bool, String) {
    let Some(last) = last else { return (false, "nothing is shown of it".to_owned()) };
    if last.order == living.order {
        return match living.kind {
            RowKind::Row => (true, "the latest version".to_owned()),
            _ => (false, "the latest version, and it has no rows".to_owned()),
        };
    }
    let (cursor, seen) = (&living.order.0, &living.order.1);
    let because = if *cursor == last.order.0 {
        if *seen == last.order.1 {
            format!("line {} of `{}` comes later", last.order.5, last.order.2)
        } else {
            format!("seen at {seen}; another version at {}", last.order.1)
        }
    } else {
        let text = |cursor: &Option<String>| cursor.clone().unwrap_or_else(|| "none".to_owned());
        format!("older: its cursor is {}, the latest one's {}", text(cursor), text(&last.order.0))
    };
    (false, because)
}

fn order(row: &Held, seen: &str) -> Order {
    let place = (row.object.clone(), row.page, row.ordinal, row.line);
    (row.cursor.clone(), seen.to_owned(), place.0, place.1, place.2, place.3)
}

/// A version that counts, or why it does not.
fn living(
    row: &Held,
    rows: &[Held],
    visible: &Visible,
    receipts: &[Receipt],
) -> Result<Living, String> {
    let part = row.object.parse::<ObjectKey>().ok().and_then(|object| visible.parts.get(&object));
    let newer = part.filter(|part| i64::from(part.version) > row.version);
    let is_file = part.is_some_and(|part| part.file.as_ref() == Some(&row.file));
    if let Some(newer) = newer {
        return Err(format!(
            "made by version {} of the model; version {} made it again",
            row.version, newer.version
        ));
    }
    let mut seen = row.request_start.clone();
    match (&row.kept, part) {
        (None, Some(part)) if is_file => seen = seen.max(fixed_text(part.started)),
        (None, Some(_)) => return Err("another revision of the model made it again".to_owned()),
        (None, None) => return Err(uncounted(receipt_of(row, receipts), visible)),
        (Some(kept), part) => {
            let is_live = |other: &Held| {
                let same =
                    (&other.object, other.line, other.place) == (&row.object, row.line, row.place);
                other.kept.is_none() && same
            };
            if part.is_some() && rows.iter().any(is_live) {
                return Err("kept in the snapshot as well; the curated object counts".to_owned());
            }
            let started = kept.started.parse::<Timestamp>().unwrap_or_default();
            if part.is_none() && !visible.counts(kept.generation, started) {
                return Err(replaced(visible));
            }
            let part = part.map(|part| fixed_text(part.started)).unwrap_or_default();
            seen = seen.max(kept.started.clone()).max(part);
        }
    }
    Ok(Living { order: order(row, &seen), kind: row.kind })
}

/// Why a receipt's rows are not visible.
fn uncounted(receipt: Option<&Receipt>, visible: &Visible) -> String {
    let Some(receipt) = receipt else { return "no receipt names it".to_owned() };
    match (receipt.mode, receipt.generation, visible.whole) {
        (Mode::FullRefresh, Some(generation), None) => {
            format!("of full refresh {}, which is not whole yet", generation.number)
        }
        (Mode::FullRefresh, Some(generation), Some((whole, _))) if generation.number > whole => {
            format!("of full refresh {}, which is not whole yet", generation.number)
        }
        (Mode::FullRefresh, Some(generation), Some((whole, _))) if generation.number < whole => {
            format!("of full refresh {}; {whole} is the last whole one", generation.number)
        }
        (Mode::FullRefresh, ..) => "another attempt at the same slice took its place".to_owned(),
        _ => replaced(visible),
    }
}

fn replaced(visible: &Visible) -> String {
    match visible.whole {
        Some((whole, started)) => {
            format!("full refresh {whole}, begun at {}, took its place", fixed_text(started))
        }
        None => "its attempt does not count".to_owned(),
    }
}

/// The receipt that names a row's file.
fn receipt_of<'r>(row: &Held, receipts: &'r [Receipt]) -> Option<&'r Receipt> {
    let names = |receipt: &&Receipt| {
        receipt.parts.iter().any(|part| {
            part.object.as_str() == row.object
                && (part.file.as_ref() == Some(&row.file) || row.kept.is_some())
        })
    };
    receipts.iter().filter(names).max_by_key(|receipt| (receipt.version, receipt.at))
}

fn version(row: &Held, receipts: &[Receipt], (shown, because): (bool, String)) -> Version {
    let receipt = receipt_of(row, receipts);
    let made = CuratedKey::parse(&row.file).ok().map(|key| key.revision.to_string());
    Version {
        shown,
        because,
        tenant: row.stream.tenant.clone(),
        connection: row.stream.connection.to_string(),
        stream: format!("{}/{}", row.stream.source, row.stream.stream),
        record_key: row.record_key.clone(),
        kind: row.kind.as_str(),
        place: row.place,
        cursor: row.cursor.clone(),
        request_start: row.request_start.clone(),
        run: row.run.clone(),
        object: row.object.clone(),
        line: row.line,
        page: row.page,
        file: row.file.clone(),
        version: row.version,
        revision: made,
        commit: receipt.map(|receipt| receipt.commit.clone()),
    }
}
