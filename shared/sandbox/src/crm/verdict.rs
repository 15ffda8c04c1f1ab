//! What the CRM says of one item.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::books::{Identifiers, Page};
use super::operation::Operation;

/// Where customers and transactions may come from.
const SOURCES: [&str; 6] = ["INSTORE", "ECOMMERCE", "WEBSITE", "MOBILE_APP", "CALL_CENTER", "CRM"];

/// Beginnings of ids that make items special: whole batches are refused for it.
pub(super) const POISON: &str = "poison-";
/// Busy for the first two calls that carry it.
const LOCKED: &str = "lock-";
/// A customer whose data was erased and must not come back.
const ERASED: &str = "erased-";
/// Updates answer 200 and name errors nevertheless.
const HALF: &str = "half-";
/// A success with a warning.
const WARNED: &str = "warn-";
/// A code that no documentation knows.
const ODD: &str = "odd-";

/// An item as it arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) content: &'a RawValue,
    /// Its external id or transaction id; its reference when it has none.
    pub(super) entity: &'a str,
}

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: u16,
    pub(super) message: &'static str,
    pub(super) number: Option<i64>,
    pub(super) warning: Option<&'static str>,
    pub(super) error: Option<ItemError>,
}

/// An error within a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct ItemError {
    code: u16,
    message: &'static str,
}

impl Verdict {
    fn ok(number: i64) -> Self {
        let (warning, error) = (None, None);
        Self { status: 200, message: "success", number: Some(number), warning, error }
    }

    pub(super) fn refused(status: u16, message: &'static str) -> Self {
        Self { status, message, number: None, warning: None, error: None }
    }

    /// Whether the item was accepted as a whole.
    pub(super) fn is_ok(&self) -> bool {
        self.status == 200 && self.error.is_none()
    }
}

#[derive(Debug, Deserialize)]
struct Customer {
    external_id: Option<String>,
    email: Option<String>,
    mobile: Option<String>,
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    trx_id: Option<String>,
    external_id: Option<String>,
    bill_number: Option<String>,
    billing_date: Option<String>,
    amount: Option<Amount>,
    source: Option<String>,
}

/// A number, or a text that is one: rows of a file know no numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(f64),
    Text(String),
}

impl Amount {
    fn is_number(&self) -> bool {
        match self {
            Self::Number(number) => number.is_finite(),
            Self::Text(text) => text.parse::<f64>().is_ok_and(f64::is_finite),
        }
    }
}

type Judged = Result<Verdict, rusqlite::Error>;

/// Carries an item out, or says why not, and notes that it was carried.
pub(super) fn judge(page: &Page<'_>, operation: Operation, item: Item<'_>) -> Judged {
    let verdict = if item.entity.starts_with(ODD) {
        Verdict::refused(7_742, "rule engine declined")
    } else if item.entity.starts_with(LOCKED) && page.times_carried(operation, item.entity)? < 2 {
        Verdict::refused(521, "concurrent actions on the same customer")
    } else {
        match operation {
            Operation::AddCustomers => add_customer(page, item)?,
            Operation::UpdateCustomers => update_customer(page, item)?,
            Operation::AddTransactions => add_transaction(page, item)?,
        }
    };
    page.carry(operation, item.entity, verdict.status)?;
    Ok(special(verdict, item.entity))
}

fn special(mut verdict: Verdict, entity: &str) -> Verdict {
    if verdict.is_ok() && entity.starts_with(WARNED) {
        verdict.warning = Some("1003: accepted, but no channel could be verified");
    }
    verdict
}

const INVALID: Verdict = Verdict {
    status: 3217,
    message: "invalid file/source data",
    number: None,
    warning: None,
    error: None,
};

/// A customer that can be read, with an id and a known source.
fn readable(content: &RawValue) -> Option<(Customer, String)> {
    let customer: Customer = serde_json::from_str(content.get()).ok()?;
    let id = customer.external_id.clone().filter(|id| !id.is_empty())?;
    let is_known = customer.source.as_deref().is_none_or(|source| SOURCES.contains(&source));
    let is_mail = customer.email.as_deref().is_none_or(|email| email.contains('@'));
    (is_known && is_mail).then_some((customer, id))
}

impl Customer {
    fn identifiers<'a>(&'a self, external_id: &'a str) -> Identifiers<'a> {
        let (email, mobile) = (self.email.as_deref(), self.mobile.as_deref());
        Identifiers { external_id, email, mobile }
    }
}

fn add_customer(page: &Page<'_>, item: Item<'_>) -> Judged {
    let Some((customer, id)) = readable(item.content) else { return Ok(INVALID) };
    if customer.source.is_none() {
        return Ok(INVALID);
    }
    let by = customer.identifiers(&id);
    let found = page.customer(&id)?;
    if id.starts_with(ERASED) || found.as_ref().is_some_and(|found| found.is_erased) {
        return Ok(Verdict::refused(8026, "customer data was erased, cannot be added"));
    }
    if found.is_some() {
        return Ok(Verdict::refused(8006, "customer already exists"));
    }
    if page.is_taken(&by)? {
        return Ok(Verdict::refused(8008, "CONFLICTING_PROFILE"));
    }
    Ok(Verdict::ok(page.add_customer(&by, item.content.get())?))
}

fn update_customer(page: &Page<'_>, item: Item<'_>) -> Judged {
    let Some((_, id)) = readable(item.content) else { return Ok(INVALID) };
    let Some(found) = page.customer(&id)?.filter(|found| !found.is_erased) else {
        return Ok(Verdict::refused(8015, "customer not found"));
    };
    if id.starts_with(HALF) {
        let error = ItemError { code: 3017, message: "attribute could not be written" };
        return Ok(Verdict { error: Some(error), ..Verdict::ok(found.number) });
    }
    let Some((body, customer)) = merged(&found.body, item.content.get()) else {
        return Ok(INVALID);
    };
    let by = customer.identifiers(&id);
    if page.is_taken(&by)? {
        return Ok(Verdict::refused(8008, "CONFLICTING_PROFILE"));
    }
    page.put_customer(found.number, &by, &body)?;
    Ok(Verdict::ok(found.number))
}

/// The old record with the fields of the new one in it, all as they were written.
fn merged(old: &str, new: &str) -> Option<(String, Customer)> {
    let mut fields: IndexMap<String, &RawValue> = serde_json::from_str(old).ok()?;
    fields.extend(serde_json::from_str::<IndexMap<String, &RawValue>>(new).ok()?);
    let body = serde_json::to_string(&fields).ok()?;
    let customer = serde_json::from_str(&body).ok()?;
    Some((body, customer))
}

fn add_transaction(page: &Page<'_>, item: Item<'_>) -> Judged {
    let incomplete = Verdict::refused(624, "incomplete body parameters");
    let Ok(trx) = serde_json::from_str::<Transaction>(item.content.get()) else {
        return Ok(INVALID);
    };
    let (Some(id), Some(customer), Some(bill)) = (trx.trx_id, trx.external_id, trx.bill_number)
    else {
        return Ok(incomplete);
    };
    let (Some(_), Some(amount)) = (trx.billing_date, trx.amount) else { return Ok(incomplete) };
    if !amount.is_number() {
        return Ok(INVALID);
    }
    if trx.source.is_some_and(|source| !SOURCES.contains(&source.as_str())) {
        return Ok(INVALID);
    }
    if let Some(number) = page.transaction(&id, &bill)? {
        let number = Some(number);
        return Ok(Verdict { number, ..Verdict::refused(604, "duplicate bill number") });
    }
    if page.customer(&customer)?.is_none_or(|customer| customer.is_erased) {
        return Ok(Verdict::refused(8015, "customer not found"));
    }
    Ok(Verdict::ok(page.add_transaction(&id, &bill, item.content.get())?))
}
