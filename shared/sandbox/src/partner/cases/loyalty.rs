//! A partner with many formats.

use serde_json::Value;

use super::broken::broken;
use super::{label, name, set};
use crate::partner::Landing;
use crate::partner::maker::{Depth, Maker};
use crate::partner::pack::{Recipient, encrypted, gzip, utf8_marked, utf16, zip};
use crate::partner::people::Record;
use crate::partner::text::{TRX, USER, json, ndjson, rows};

/// Adds its files of the first wave.
pub(in crate::partner) fn loyalty(maker: &mut Maker) {
    maker.begin();
    users(maker);
    more_users(maker);
    one_record_files(maker);
    transactions(maker);
    broken(maker);
}

fn add_users(maker: &mut Maker, name: String, special: &'static str, made: (&[Record], Vec<u8>)) {
    let expected = maker.take_users(made.0, 0);
    maker.add(label(Landing::Loyalty, name, special), made.1, expected);
}

fn users(maker: &mut Maker) {
    let mut records = maker.users(maker.rows, Depth::Row);
    set(&mut records, 3, "external_id", "lock-1");
    set(&mut records, 7, "source", "FAX");
    set(&mut records, 11, "external_id", "warn-1");
    set(&mut records, 20, "external_id", "odd-1");
    set(&mut records, 30, "external_id", "half-1");
    set(&mut records, 40, "last_name", "over\ntwo lines");
    set(&mut records, 41, "first_name", "=HYPERLINK(\"http://example.test\")");
    let text = rows(&records, USER, b',');
    let special = "commas; a busy customer, an unknown source, a code that nobody knows";
    add_users(maker, name("USER", 1, ".csv"), special, (&records, text.into_bytes()));

    let records = maker.users(maker.rows, Depth::Row);
    let bytes = gzip(&utf8_marked(&rows(&records, USER, b'|')));
    let special = "bars, a byte order mark, gzip";
    add_users(maker, name("USER", 2, ".psv.gz"), special, (&records, bytes));

    let records = maker.users(maker.rows, Depth::Row);
    let bytes = utf16(&rows(&records, USER, b'\t'));
    add_users(maker, name("USER", 3, ".tsv"), "tabs, UTF-16", (&records, bytes));
}

fn more_users(maker: &mut Maker) {
    let records = maker.users(maker.rows, Depth::Object);
    let bytes = zip(&name("USER", 4, ".json"), json(&records).as_bytes());
    let special = "a JSON list in a zip";
    add_users(maker, name("USER", 4, ".json.zip"), special, (&records, bytes));

    let records = maker.users(maker.rows, Depth::Row);
    let text = rows(&records, USER, b',');
    let bytes = encrypted(text.as_bytes(), Recipient::Tenant, &maker.dice("pgp-users"));
    add_users(maker, name("USER", 5, ".csv.pgp"), "encrypted", (&records, bytes));

    let records = maker.users(20, Depth::Row);
    let text = rows(&records, USER, b',');
    let special = "its name tells nothing, its header does";
    add_users(maker, "loyalty-export.csv".to_owned(), special, (&records, text.into_bytes()));
}

fn one_record_files(maker: &mut Maker) {
    for sequence in 11..16 {
        let records = maker.users(1, Depth::Row);
        let text = rows(&records, USER, b',');
        let name = name("USER", sequence, ".csv");
        add_users(maker, name, "one record", (&records, text.into_bytes()));
    }
}

fn transactions(maker: &mut Maker) {
    let mut records = maker.transactions(maker.rows, Depth::Row);
    if let Some(record) = records.get_mut(5) {
        record.insert("amount".to_owned(), Value::Null);
    }
    set(&mut records, 9, "trx_id", "poison-1");
    if let Some(record) = records.first().cloned() {
        records.push(record);
    }
    let text = rows(&records, TRX, b',');
    let expected = maker.take_transactions(&records, 0);
    let special = "an amount is missing, one row spoils its batch, one comes twice";
    let label_1 = label(Landing::Loyalty, name("TRX", 1, ".csv"), special);
    maker.add(label_1, text.into_bytes(), expected);

    let records = maker.transactions(maker.rows, Depth::Object);
    let expected = maker.take_transactions(&records, 0);
    let bytes = gzip(ndjson(&records).as_bytes());
    let label_2 = label(Landing::Loyalty, name("TRX", 2, ".ndjson.gz"), "NDJSON, gzip");
    maker.add(label_2, bytes, expected);

    let records = maker.transactions(maker.rows, Depth::Object);
    let expected = maker.take_transactions(&records, 0);
    let label_3 = label(Landing::Loyalty, name("TRX", 3, ".json"), "a JSON list with lines");
    maker.add(label_3, json(&records).into_bytes(), expected);
}
