//! What the CRM says of items.

use serde_json::{Value, json};

use super::{Crm, batch, customer, statuses, transaction};

#[test]
fn results_come_in_no_order_and_name_what_they_speak_of() {
    let crm = Crm::new();
    let all: Vec<Value> = (0..100).map(|n| customer(&format!("c{n}"))).collect();
    let answer = crm.add(&all);
    let body = answer.json();
    assert_eq!(
        (&body["status"], &body["counts"]),
        (&json!("SUCCESS"), &json!({"ok":100,"failed":0}))
    );
    let results = body["results"].as_array().unwrap();
    let order: Vec<u64> = results.iter().map(|line| line["index"].as_u64().unwrap()).collect();
    assert_ne!(order, (0..100).collect::<Vec<u64>>());
    assert!(results.iter().all(|line| line["ref"] == format!("drop.csv#{}", line["index"])));
    assert_eq!(crm.held("customers"), all);
}

#[test]
fn customers_have_the_documented_codes() {
    let crm = Crm::new();
    let mut unknown_source = customer("c2");
    unknown_source["source"] = "FAX".into();
    let mut number_as_id = customer("c3");
    number_as_id["external_id"] = 3.into();
    let mut same_mail = customer("c4");
    same_mail["email"] = "c1@example.test".into();
    let all = [customer("c1"), customer("c1"), unknown_source, number_as_id, same_mail];
    let answer = crm.add(&all);
    assert_eq!(statuses(&answer), [200, 8006, 3217, 3217, 8008]);
    assert_eq!(answer.json()["status"], "PARTIAL");
    assert_eq!(statuses(&crm.add(&[customer("erased-1"), customer("odd-1")])), [8026, 7742]);
    assert_eq!(crm.held("customers"), [customer("c1")]);
}

#[test]
fn an_update_writes_what_it_names_and_leaves_the_rest() {
    let crm = Crm::new();
    crm.add(&[customer("c1"), customer("c2")]);
    let change = json!({ "external_id": "c1", "first_name": "Grace", "attributes": {} });
    let mut taken = customer("c2");
    taken["email"] = "c1@example.test".into();
    let answer = crm.update(&[change, taken, customer("c9")]);
    assert_eq!(statuses(&answer), [200, 8008, 8015]);
    let mut expected = customer("c1");
    expected["first_name"] = "Grace".into();
    expected["attributes"] = json!({});
    assert_eq!(crm.held("customers"), [expected, customer("c2")]);
}

#[test]
fn an_update_may_answer_200_and_name_errors() {
    let crm = Crm::new();
    crm.add(&[customer("half-1")]);
    let mut change = customer("half-1");
    change["first_name"] = "Grace".into();
    let body = crm.update(&[change]).json();
    let line = &body["results"][0];
    assert_eq!((&line["status"], &line["errors"][0]["code"]), (&json!(200), &json!(3017)));
    assert_eq!(body["status"], "FAILED");
    assert_eq!(crm.held("customers"), [customer("half-1")]);
}

#[test]
fn transactions_have_the_documented_codes() {
    let crm = Crm::new();
    crm.add(&[customer("c1")]);
    let without = |key: &str| {
        let mut incomplete = transaction("t2", "c1");
        incomplete.as_object_mut().unwrap().remove(key);
        incomplete
    };
    let mut same_bill = transaction("t3", "c1");
    same_bill["bill_number"] = "B-t1".into();
    let mut unknown_source = transaction("t4", "c1");
    unknown_source["source"] = "FAX".into();
    let all = [
        transaction("t1", "c1"),
        transaction("t1", "c1"),
        same_bill,
        without("billing_date"),
        without("amount"),
        transaction("t5", "nobody"),
        unknown_source,
    ];
    assert_eq!(statuses(&crm.buy(&all)), [200, 604, 604, 624, 624, 8015, 3217]);
    assert_eq!(crm.held("transactions"), [transaction("t1", "c1")]);
}

#[test]
fn an_amount_may_be_a_text_that_is_a_number() {
    let crm = Crm::new();
    crm.add(&[customer("c1")]);
    let with = |id: &str, amount: &str| {
        let mut transaction = transaction(id, "c1");
        transaction["amount"] = amount.into();
        transaction
    };
    assert_eq!(statuses(&crm.buy(&[with("t1", "12.50"), with("t2", "12,50")])), [200, 3217]);
}

#[test]
fn amounts_keep_the_digits_that_were_sent() {
    let crm = Crm::new();
    crm.add(&[customer("c1")]);
    let text = batch("transaction", &[transaction("t1", "c1")]).replace("12.5", "12.50");
    crm.fresh("transactions:batchAdd", &text);
    let held = crm.admin("GET", "/heron/transactions").body;
    assert!(held.contains(r#""amount":12.50"#), "{held}");
}

#[test]
fn a_locked_customer_is_busy_twice() {
    let crm = Crm::new();
    let answers = [(); 3].map(|()| statuses(&crm.add(&[customer("lock-1")])));
    assert_eq!(answers, [[521], [521], [200]]);
    assert_eq!(crm.carried("lock-1"), [("ADD_CUST".to_owned(), 3)]);
}

#[test]
fn one_poisoned_item_spoils_its_batch() {
    let crm = Crm::new();
    assert_eq!(crm.add(&[customer("c1"), customer("poison-1")]).status, 400);
    assert!(crm.held("customers").is_empty());
    assert_eq!(statuses(&crm.add(&[customer("c1")])), [200]);
}

#[test]
fn a_customer_whose_data_was_erased_does_not_come_back() {
    let crm = Crm::new();
    crm.add(&[customer("c1")]);
    assert_eq!(crm.admin("POST", "/heron/customers/c1/erase").status, 204);
    assert_eq!(crm.admin("POST", "/heron/customers/c2/erase").status, 404);
    assert_eq!(statuses(&crm.add(&[customer("c1")])), [8026]);
    assert_eq!(statuses(&crm.buy(&[transaction("t1", "c1")])), [8015]);
    assert_eq!(crm.held("customers"), [json!({ "external_id": "c1", "erased": true })]);
}

#[test]
fn a_warning_does_not_take_from_a_success() {
    let crm = Crm::new();
    let body = crm.add(&[customer("warn-1")]).json();
    assert_eq!(body["status"], "SUCCESS");
    assert_eq!(body["results"][0]["warnings"].as_array().unwrap().len(), 1);
}
