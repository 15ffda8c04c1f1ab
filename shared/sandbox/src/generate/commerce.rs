//! Rutter's rows.

use super::people::{Person, address, person};
use super::{Draft, Rendered};
use crate::account::{Credentials, Stream};
use crate::dice::Dice;
use crate::json::{Object, array, money, quoted};

const CURRENCIES: &[&str] = &["USD", "USD", "USD", "EUR", "CAD", "JPY", "GBP"];
const GOODS: &[&str] = &["Mug", "T-shirt", "Poster", "Lamp", "Notebook", "Chair", "Søk", "茶"];

fn rendered(draft: &Draft<'_>, id: String, body: String) -> Rendered {
    Rendered { id, number: draft.ordinal, facility: "", list: "", body }
}

/// A number as a platform writes it: two digits mostly, at times fewer or an exponent.
fn amount(cents: i64, dice: &mut Dice) -> String {
    match dice.below(40) {
        0 => format!("{cents}e-2"),
        1 if cents % 100 == 0 => (cents / 100).to_string(),
        _ => money(cents),
    }
}

pub(super) fn order(draft: &Draft<'_>) -> Rendered {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let id = dice.uuid();
    let number = 1_000 + draft.ordinal;
    let currency = dice.pick(CURRENCIES);
    let (items, total) = line_items(draft, &mut dice, currency);
    let payment = match now.below(50) {
        // The platform has none that Rutter knows, where the order began as a draft.
        0 if draft.ordinal % 4 == 1 => None,
        0 => Some("held_by_bank"),
        1..=4 => Some("pending"),
        5 => Some("refunded"),
        _ => Some("paid"),
    };
    let fulfilment = now.pick(&["fulfilled", "fulfilled", "unfulfilled", "partial"]);
    let cancelled = now.permille(20).then(|| draft.updated.millis_text());
    let mut object = Object::new()
        .text("id", &id)
        .text("platform_id", &format!("{}", 4_500_000_000_000 + draft.ordinal))
        .text("order_number", &number.to_string())
        .text("name", &format!("#{number}"))
        .text("status", if cancelled.is_some() { "cancelled" } else { "active" })
        .maybe("payment_status", payment)
        .text("fulfillment_status", fulfilment)
        .text("iso_currency_code", currency)
        .raw("total_price", amount(total + 1_250, &mut dice))
        .raw("total_discount", money(now.below(3) * 100))
        .raw("total_shipping", "5.00")
        .raw("total_tax", if dice.permille(30) { "null".to_owned() } else { money(750) })
        .raw("total_line_items_price", money(total))
        .text("source_name", dice.pick(&["web", "pos", "draft_order"]))
        .raw("tags", tags(&mut now))
        .maybe("cancelled_at", cancelled.as_deref())
        .raw("billing_address", address(&mut dice))
        .raw("shipping_address", address(&mut dice))
        .raw("customer", order_customer(draft, &mut dice))
        .raw("line_items", array(&items))
        .raw("fulfillments", fulfillments(&id, fulfilment, &mut dice))
        .raw("refunds", refunds(&mut dice));
    if dice.permille(20) {
        // A field that no schema announced.
        object = object.raw("channel_hint", r#"{"campaign":"spring","score":1.50}"#);
    }
    let body = object
        .text("created_at", &draft.created.millis_text())
        .text("updated_at", &draft.updated.millis_text())
        .close();
    rendered(draft, id, body)
}

fn tags(now: &mut Dice) -> String {
    let tags: Vec<String> = (0..now.below(3)).map(|_| quoted(now.pick(GOODS))).collect();
    array(&tags)
}

fn line_items(draft: &Draft<'_>, dice: &mut Dice, currency: &str) -> (Vec<String>, i64) {
    let mut total = 0;
    let mut items = Vec::new();
    // Ids start anew in every order: they are not unique across orders.
    for at in 0..dice.between(1, 3) {
        let (quantity, unit) = (dice.between(1, 4), dice.between(1, 90) * 50);
        let product = dice.zipf(draft.population.products);
        total += quantity * unit;
        items.push(
            Object::new()
                .text("id", &format!("{}", 9_000 + at))
                .text("product_id", &draft.id_of(Stream::Products, product))
                .null("variant_id")
                .text("title", dice.pick(GOODS))
                .text("sku", &format!("SKU-{product:05}"))
                .raw("quantity", quantity)
                .raw("price", money(quantity * unit))
                .raw("unit_cost", "null")
                .text("iso_currency_code", currency)
                .close(),
        );
    }
    (items, total)
}

fn order_customer(draft: &Draft<'_>, dice: &mut Dice) -> String {
    if dice.permille(40) {
        return "null".to_owned();
    }
    let ordinal = dice.zipf(draft.population.customers);
    let mut own = draft.dice_of(Stream::Customers, ordinal);
    let id = own.uuid();
    let Person { first, last, email } = person(&mut own);
    Object::new()
        .text("id", &id)
        .text("email", &email)
        .text("first_name", first)
        .text("last_name", last)
        .null("phone")
        .text("created_at", &draft.created.millis_text())
        .text("updated_at", &draft.created.millis_text())
        .close()
}

fn fulfillments(order: &str, status: &str, dice: &mut Dice) -> String {
    if status == "unfulfilled" {
        return "[]".to_owned();
    }
    let tracking = format!("1Z{:016}", dice.below(10_000_000_000_000_000));
    array(&[Object::new()
        .text("id", &dice.uuid())
        .text("order_id", order)
        .maybe("carrier", dice.permille(900).then_some("UPS"))
        .null("service")
        .text("tracking_number", &tracking)
        .text("tracking_url", &format!("https://ups.example.com/track?n={tracking}&lang=en"))
        .raw("line_items", r#"[{"id":"9000","quantity":1}]"#)
        .close()])
}

fn refunds(dice: &mut Dice) -> String {
    if !dice.permille(30) {
        return "[]".to_owned();
    }
    let status = dice.pick(&["completed", "canceled", "unknown"]);
    let item = Object::new()
        .text("line_item_id", "9000")
        .raw("quantity", 1)
        .text("status", status)
        .raw("amount", "12.30");
    format!(r#"[{{"line_items":[{}]}}]"#, item.close())
}

pub(super) fn customer(draft: &Draft<'_>) -> Rendered {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let id = dice.uuid();
    let Person { first, last, email } = person(&mut dice);
    let orders: Vec<String> = (0..now.below(4))
        .map(|_| draft.id_of(Stream::Orders, now.below(draft.population.orders)))
        .map(|order| Object::new().text("id", &order).close())
        .collect();
    let body = Object::new()
        .text("id", &id)
        .text("platform_id", &format!("{}", 700_000 + draft.ordinal))
        .maybe("email", dice.permille(950).then_some(email.as_str()))
        .text("first_name", first)
        .text("last_name", last)
        .maybe("phone", now.permille(500).then_some("+14155550100"))
        .raw("orders", array(&orders))
        .text("created_at", &draft.created.millis_text())
        .text("updated_at", &draft.updated.millis_text())
        .close();
    rendered(draft, id, body)
}

pub(super) fn product(draft: &Draft<'_>) -> Rendered {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let id = dice.uuid();
    let name = format!("{} no. {}", dice.pick(GOODS), draft.ordinal);
    let variants: Vec<String> =
        (0..dice.between(1, 4)).map(|at| variant(&id, at, &mut dice, &mut now)).collect();
    let body = Object::new()
        .text("id", &id)
        .text("platform_id", &format!("{}", 80_000 + draft.ordinal))
        .null("category_id")
        .text("name", &name)
        .text("description", "Hand-made.\nShips in 2–3 days; 20\" × 30\".\t<b>New!</b>")
        .text("type", "physical")
        .raw("images", r#"[{"src":"https:\/\/cdn.example.com\/p.png"}]"#)
        .text("status", now.pick(&["active", "active", "draft", "archived"]))
        .raw("tags", tags(&mut now))
        .raw("variants", array(&variants))
        .text("created_at", &draft.created.millis_text())
        .text("updated_at", &draft.updated.millis_text())
        .close();
    rendered(draft, id, body)
}

fn variant(product: &str, at: i64, dice: &mut Dice, now: &mut Dice) -> String {
    let cents = dice.between(1, 90) * 50;
    Object::new()
        .text("id", &dice.uuid())
        .text("product_id", product)
        .text("title", dice.pick(&["S", "M", "L", "XL"]))
        .text("sku", &format!("SKU-{at:02}"))
        .null("barcode")
        .raw("price", amount(cents, dice))
        .raw("unit_cost", "null")
        .raw("requires_shipping", true)
        .raw("option_values", r#"[{"name":"Size","value":"M"}]"#)
        .raw("inventory", format!(r#"{{"total_count":{},"locations":null}}"#, now.below(500)))
        .raw("weight", r#"{"unit":"kg","value":0.30}"#)
        .close()
}

pub(super) fn transaction(draft: &Draft<'_>) -> Rendered {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let id = dice.uuid();
    let order = draft.id_of(Stream::Orders, dice.below(draft.population.orders));
    let cents = dice.between(100, 90_000);
    let body = Object::new()
        .text("id", &id)
        .text("platform_id", &format!("ch_{:012}", dice.below(1_000_000_000_000)))
        .text("order_id", &order)
        .null("platform_customer_id")
        .text("payment_method_type", dice.pick(&["card", "card", "cash", "other"]))
        .text("status", now.pick(&["success", "success", "success", "pending", "refunded"]))
        .text("type", dice.pick(&["sale", "sale", "sale", "refund", "fee"]))
        .raw("amount", amount(cents, &mut dice))
        .raw("fee", money(cents / 33))
        .text("gateway", dice.pick(&["stripe", "paypal", "shop_pay"]))
        .text("iso_currency_code", dice.pick(CURRENCIES))
        .null("description")
        .text("created_at", &draft.created.millis_text())
        .text("updated_at", &draft.updated.millis_text())
        .close();
    rendered(draft, id, body)
}

pub(super) fn invoice(draft: &Draft<'_>) -> Rendered {
    let (mut dice, mut now) = (draft.dice(), draft.dice_now());
    let id = dice.uuid();
    let (total, status) = (
        dice.between(1_000, 900_000),
        now.pick(&["open", "open", "paid", "partially_paid", "void", "pending_approval"]),
    );
    let due = if status == "paid" { 0 } else { total };
    let day = draft.created.date(&jiff::tz::TimeZone::UTC);
    let platform = match draft.account.credentials {
        Credentials::Rutter { platform, .. } => platform,
        Credentials::Metrc { .. } | Credentials::Stashstock { .. } | Credentials::Hosts { .. } => {
            "UNKNOWN"
        }
    };
    let line = Object::new()
        .text("id", "1")
        .text("description", dice.pick(GOODS))
        .raw("quantity", "1.0")
        .raw("total_amount", money(total));
    let body = Object::new()
        .text("id", &id)
        .text("platform_id", &format!("{platform}-{}", 100 + draft.ordinal))
        .text("customer_id", &dice.uuid())
        .null("account_id")
        .null("subsidiary_id")
        .text("document_number", &format!("INV-{:06}", draft.ordinal))
        .text("issue_date", &day)
        .maybe("due_date", dice.permille(900).then_some(day.as_str()))
        .text("status", status)
        .text("currency_code", dice.pick(CURRENCIES))
        .raw("amount_due", money(due))
        .raw("total_amount", amount(total, &mut dice))
        .raw("line_items", array(&[line.close()]))
        .raw("linked_payments", "[]")
        .text("created_at", &draft.created.millis_text())
        .text("updated_at", &draft.updated.millis_text())
        .text("last_synced_at", &draft.updated.millis_text())
        .close();
    rendered(draft, id, body)
}
