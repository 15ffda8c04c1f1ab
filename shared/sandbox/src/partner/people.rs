//! Customers and what they buy.

use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::json::money;

/// A record as the CRM is to have it.
pub(super) type Record = Map<String, Value>;

const FIRST: &[&str] = &[
    "Ada",
    "Béatrice",
    "Chloé",
    "Jürgen",
    "Zoë",
    "Søren",
    "Inês",
    "Grace",
    "François",
    "Noor",
    "O'Neil",
    "Mária",
];
const LAST: &[&str] = &[
    "Müller",
    "García",
    "Núñez",
    "Weiß",
    "Åkesson",
    "Lefèvre",
    "Hopper, Jr.",
    "Smith",
    "d'Arc",
    "\"Ace\" Ventura",
    "Öztürk",
    "Dvorak",
];
const SOURCES: &[&str] = &["INSTORE", "ECOMMERCE", "WEBSITE", "MOBILE_APP", "CALL_CENTER"];

/// The customer of that number, as a row gives it.
pub(super) fn user(seed: u64, number: usize) -> Record {
    let place = i64::try_from(number).unwrap_or(i64::MAX);
    let mut dice = Dice::of(seed, "partner-user", &[place]);
    let mobile = if dice.permille(700) { json!(format!("+4915{number:08}")) } else { Value::Null };
    record(json!({
        "external_id": format!("U-{number:07}"),
        "email": format!("u{number}@example.test"),
        "mobile": mobile,
        "first_name": dice.pick(FIRST),
        "last_name": dice.pick(LAST),
        "source": dice.pick(SOURCES),
        "updated_at": format!("2026-02-{:02}T{:02}:00:00Z", dice.between(1, 28), dice.below(24)),
    }))
}

/// The same with what only JSON can say.
pub(super) fn rich_user(seed: u64, number: usize) -> Record {
    let mut record = user(seed, number);
    record
        .insert("consents".to_owned(), json!({ "email": number.is_multiple_of(2), "sms": false }));
    record.insert("attributes".to_owned(), json!({ "tier": "gold", "children": number % 4 }));
    record
}

/// The transaction of that number, as a row gives it.
pub(super) fn transaction(seed: u64, number: usize, customer: &str) -> Record {
    let cents = cents(seed, number);
    let place = i64::try_from(number).unwrap_or(i64::MAX);
    let mut dice = Dice::of(seed, "partner-trx", &[place]);
    let (day, hour) = (dice.between(1, 28), dice.below(24));
    record(json!({
        "trx_id": format!("T-{number:07}"),
        "external_id": customer,
        "bill_number": format!("B-2026-{number:07}"),
        "billing_date": format!("2026-02-{day:02}T{hour:02}:15:00"),
        "amount": money(cents),
        "currency": "EUR",
        "source": dice.pick(SOURCES),
        "type": "REGULAR",
    }))
}

/// The same with numbers as numbers, and with its lines.
pub(super) fn rich_transaction(seed: u64, number: usize, customer: &str) -> Record {
    let mut record = transaction(seed, number, customer);
    let cents = cents(seed, number);
    record.insert("amount".to_owned(), number_of(cents));
    let line =
        json!({ "sku": format!("SKU-{}", number % 97), "qty": 1, "price": number_of(cents) });
    record.insert("line_items".to_owned(), json!([line]));
    record
}

fn cents(seed: u64, number: usize) -> i64 {
    let place = i64::try_from(number).unwrap_or(i64::MAX);
    Dice::of(seed, "partner-amount", &[place]).between(99, 250_000)
}

fn number_of(cents: i64) -> Value {
    serde_json::from_str(&money(cents)).unwrap_or_default()
}

fn record(value: Value) -> Record {
    match value {
        Value::Object(fields) => fields,
        _ => Record::new(),
    }
}
