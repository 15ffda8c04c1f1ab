//! Records as text.

use serde_json::Value;

use super::people::Record;
use crate::json::array;

/// Columns of user files.
pub(super) const USER: &[&str] =
    &["external_id", "email", "mobile", "first_name", "last_name", "source", "updated_at"];
/// Columns of transaction files.
pub(super) const TRX: &[&str] = &[
    "trx_id",
    "external_id",
    "bill_number",
    "billing_date",
    "amount",
    "currency",
    "source",
    "type",
];

/// A header and a row for every record.
pub(super) fn rows(records: &[Record], columns: &[&str], delimiter: u8) -> String {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    // Writing to memory does not fail.
    _ = writer.write_record(columns);
    for record in records {
        _ = writer.write_record(columns.iter().map(|column| cell(record, column)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn cell(record: &Record, column: &str) -> String {
    match record.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn objects(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| Value::Object(record.clone()).to_string()).collect()
}

/// One list.
pub(super) fn json(records: &[Record]) -> String {
    array(&objects(records)).replace("},{", "},\n {")
}

/// An object a line.
pub(super) fn ndjson(records: &[Record]) -> String {
    objects(records).into_iter().map(|line| line + "\n").collect()
}

/// User rows as the till writes them.
pub(super) fn till_users(records: &[Record]) -> String {
    let columns = ["external_id", "email", "mobile", "first_name", "last_name", "source"];
    let names = ["Kundennummer", "E-Mail", "Mobil", "Vorname", "Nachname", "Quelle"];
    till(records, columns, names)
}

/// Transaction rows as the till writes them.
pub(super) fn till_transactions(records: &[Record]) -> String {
    let columns =
        ["trx_id", "external_id", "bill_number", "billing_date", "amount", "source", "type"];
    let names = [
        "Vorgang",
        "Kundennummer",
        "Belegnummer",
        "Belegdatum",
        "Betrag",
        "Quelle",
        "Geschäftsart",
    ];
    let foreign = |record: &Record| {
        let mut record = record.clone();
        let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
        let (date, amount) = (german_date(text("billing_date")), german_number(text("amount")));
        record.insert("billing_date".to_owned(), date.into());
        record.insert("amount".to_owned(), amount.into());
        record
    };
    let foreign: Vec<Record> = records.iter().map(foreign).collect();
    till(&foreign, columns, names)
}

fn till<const N: usize>(records: &[Record], columns: [&str; N], names: [&str; N]) -> String {
    let text = rows(records, &columns, b';');
    text.replacen(&columns.join(";"), &names.join(";"), 1).replace('\n', "\r\n")
}

/// `2026-02-28T10:15:00` as `28.02.2026 10:15`.
fn german_date(iso: &str) -> String {
    let part = |from, to| iso.get(from..to).unwrap_or_default();
    format!("{}.{}.{} {}", part(8, 10), part(5, 7), part(0, 4), part(11, 16))
}

/// `1234.50` as `1.234,50`.
fn german_number(number: &str) -> String {
    let (whole, cents) = number.split_once('.').unwrap_or((number, "00"));
    match whole.len().checked_sub(3).and_then(|at| whole.split_at_checked(at)) {
        Some((thousands, rest)) if !thousands.is_empty() => format!("{thousands}.{rest},{cents}"),
        _ => format!("{whole},{cents}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_till_writes_as_people_there_do() {
        assert_eq!(german_date("2026-02-28T10:15:00"), "28.02.2026 10:15");
        let numbers = ["1234.50", "2500.00", "0.99", "123.45"].map(german_number);
        assert_eq!(numbers, ["1.234,50", "2.500,00", "0,99", "123,45"]);
    }
}
