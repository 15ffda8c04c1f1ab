//! What comes when the first files have been taken.

use super::{label, name, set};
use crate::partner::maker::{Depth, Label, Maker, not_pushed};
use crate::partner::pack::{gzip, utf8_marked};
use crate::partner::people::Record;
use crate::partner::text::{TRX, USER, rows};
use crate::partner::{Fate, Landing};

fn later(name: String, special: &'static str) -> Label {
    Label { wave: 1, ..label(Landing::Loyalty, name, special) }
}

/// Adds the files of the second wave.
pub(in crate::partner) fn second_wave(maker: &mut Maker) {
    let again = maker.file(&name("USER", 1, ".csv")).map(|file| file.bytes.clone());
    let special = "the content of another file under a new name";
    let twin = later(name("USER", 8, ".csv"), special);
    maker.add(twin, again.unwrap_or_default(), not_pushed(Fate::Duplicate));
    correction(maker);
    updates(maker);
    sold_before(maker);
}

/// Customers whom the CRM has, as rows have them.
fn known(maker: &Maker, prefix: &str, count: usize) -> Vec<Record> {
    let is_row =
        |record: &&Record| record.contains_key("updated_at") && !record.contains_key("attributes");
    let customers = maker.truth.customers.range(prefix.to_owned()..);
    customers.map(|(_, record)| record).filter(is_row).take(count).cloned().collect()
}

fn correction(maker: &mut Maker) {
    let from = format!("U-{:07}", maker.rows);
    let mut records = known(maker, &from, maker.rows);
    for at in (0..records.len()).step_by(10) {
        set(&mut records, at, "first_name", "Corrected");
    }
    let expected = maker.take_users(&records, 0);
    let bytes = gzip(&utf8_marked(&rows(&records, USER, b'|')));
    let special = "a correction under the name of a file that was taken";
    maker.add(later(name("USER", 2, ".psv.gz"), special), bytes, expected);
}

fn updates(maker: &mut Maker) {
    let mut records = known(maker, "U-", 10);
    records.extend(known(maker, "half-", 1));
    records.extend(maker.users(2, Depth::Row));
    for at in 0..records.len() {
        set(&mut records, at, "updated_at", "2026-03-01T09:00:00Z");
    }
    let taken = records.first().and_then(|record| record.get("email")).cloned();
    if let (Some(record), Some(email)) = (records.last_mut(), taken) {
        record.insert("email".to_owned(), email);
    }
    let expected = maker.take_users(&records, 0);
    let text = rows(&records, USER, b',');
    let special = "customers that exist, one who cannot be written, one with another's e-mail";
    maker.add(later(name("USER", 9, ".csv"), special), text.into_bytes(), expected);
}

fn sold_before(maker: &mut Maker) {
    let before = maker.truth.transactions.values();
    let is_row =
        |record: &&Record| record.contains_key("currency") && !record.contains_key("line_items");
    let mut records: Vec<Record> = before.filter(is_row).take(3).cloned().collect();
    set(&mut records, 0, "trx_id", "T-again-1");
    records.extend(maker.transactions(5, Depth::Row));
    let expected = maker.take_transactions(&records, 0);
    let text = rows(&records, TRX, b',');
    let special = "bills that the CRM has already";
    maker.add(later(name("TRX", 6, ".csv"), special), text.into_bytes(), expected);
}
