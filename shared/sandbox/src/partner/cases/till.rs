//! A partner whose till was built long ago.

use serde_json::Value;

use super::{label, name};
use crate::json::money;
use crate::partner::Landing;
use crate::partner::maker::{Depth, Maker, rejected};
use crate::partner::pack::windows_1252;
use crate::partner::people::Record;
use crate::partner::text::{till_transactions, till_users};

/// Adds its files.
pub(in crate::partner) fn till(maker: &mut Maker) {
    maker.begin();
    let mut records = maker.users(maker.rows, Depth::Row);
    for record in &mut records {
        record.shift_remove("updated_at");
    }
    let text = edged("USER", 1, &till_users(&records), (records.len(), None));
    let expected = maker.take_users(&records, 0);
    let users = label(Landing::Till, name("USER", 1, ".csv"), "Windows-1252, header and trailer");
    maker.add(users, windows_1252(&text), expected);

    let records = sales(maker, maker.rows);
    let total = cents(&records);
    let text = edged("TRX", 1, &till_transactions(&records), (records.len(), Some(total)));
    let expected = maker.take_transactions(&records, 0);
    let trx = label(Landing::Till, name("TRX", 1, ".csv"), "decimal commas, a control total");
    maker.add(trx, windows_1252(&text), expected);
    wrong(maker);
}

fn wrong(maker: &mut Maker) {
    let records = sales(maker, 20);
    let (body, count, total) = (till_transactions(&records), records.len(), cents(&records));
    let short = edged("TRX", 2, &body, (count + 1, Some(total)));
    let off = edged("TRX", 3, &body, (count, Some(total + 1)));
    let open = edged("TRX", 4, &body, (count, Some(total)));
    let open = open.rsplit_once("T|").map_or_else(String::new, |(text, _)| text.to_owned());
    let other = edged("USER", 5, &body, (count, Some(total)));
    for (sequence, special, code, text) in [
        (2, "the trailer announces one record more", "COUNT_MISMATCH", short),
        (3, "the control total is a cent off", "TOTAL_MISMATCH", off),
        (4, "cut off before the trailer", "TRAILER_MISSING", open),
        (5, "the header record is another file's", "HEADER", other),
    ] {
        let label = label(Landing::Till, name("TRX", sequence, ".csv"), special);
        maker.add(label, windows_1252(&text), rejected(code));
    }
}

/// Transactions without the currency, which the till does not know.
fn sales(maker: &mut Maker, count: usize) -> Vec<Record> {
    let mut records = maker.transactions(count, Depth::Row);
    for record in &mut records {
        record.shift_remove("currency");
    }
    records
}

/// The sum of the amounts.
pub(super) fn cents(records: &[Record]) -> i64 {
    let amount = |record: &Record| {
        let text = record.get("amount").and_then(Value::as_str).unwrap_or_default();
        text.replace('.', "").parse::<i64>().unwrap_or(0)
    };
    records.iter().map(amount).sum()
}

/// Between `H|client|entity|date|sequence` and `T|count|total`.
fn edged(entity: &str, sequence: u32, body: &str, (count, total): (usize, Option<i64>)) -> String {
    let total = total.map(money).unwrap_or_default();
    format!("H|heron|{entity}|20260301|{sequence:03}\r\n{body}T|{count}|{total}\r\n")
}
