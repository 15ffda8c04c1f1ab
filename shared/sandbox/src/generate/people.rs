//! Names and places, chosen to be hard on careless text handling.

use crate::dice::Dice;
use crate::json::{Object, quoted};

const FIRST: &[&str] =
    &["Zoë", "Mary-Jane", "O'Neil", "李", "Łukasz", "Ana \"Ani\"", "Sam", "Fatima", "Björn", "Kim"];
const LAST: &[&str] =
    &["Smith", "Müller", "de la Cruz", "Nguyễn", "D’Arcy", "Back\\slash", "Ōtani", "Ivanov", "Lee"];
const CITIES: &[(&str, &str, &str)] = &[
    ("San Francisco", "CA", "US"),
    ("Montréal", "QC", "CA"),
    ("München", "BY", "DE"),
    ("São Paulo", "SP", "BR"),
    ("東京", "13", "JP"),
    ("Austin", "TX", "US"),
];

pub(super) struct Person {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) email: String,
}

pub(super) fn person(dice: &mut Dice) -> Person {
    let (first, last) = (dice.pick(FIRST), dice.pick(LAST));
    Person { first, last, email: format!("buyer{}@example.com", dice.below(1_000_000)) }
}

/// An address; null for some.
pub(super) fn address(dice: &mut Dice) -> String {
    if dice.permille(60) {
        return "null".to_owned();
    }
    let Person { first, last, .. } = person(dice);
    let at = usize::try_from(dice.below(6)).unwrap_or(0);
    let (city, region, country) = CITIES.get(at).copied().unwrap_or(("Lima", "LMA", "PE"));
    let phone = format!("+1415555{:04}", dice.below(10_000));
    Object::new()
        .raw("address1", escaped(&format!("{} Main St. / Café", dice.between(1, 999)), dice))
        .null("address2")
        .text("city", city)
        .text("country_code", country)
        .text("first_name", first)
        .text("last_name", last)
        .text("postal_code", &format!("{:05}", dice.below(100_000)))
        .text("region", region)
        .maybe("phone", dice.permille(700).then_some(phone.as_str()))
        .close()
}

/// The same text, for some rows with escapes that a writer is free to use or not.
fn escaped(text: &str, dice: &mut Dice) -> String {
    if dice.permille(800) {
        return quoted(text);
    }
    quoted(text).replace('é', "\\u00e9").replace('/', "\\/")
}
