//! The models that are shipped, over records as their sources write them: what becomes of each,
//! pinned.

use model::document::Document;
use serde_json::{Value, json};

use crate::{Model, Refusal, Row, Sink};

macro_rules! model {
    ($name:literal) => {
        include_str!(concat!("../../../config/models/", $name, ".yaml"))
    };
}

struct Outcomes<'m> {
    model: &'m Model,
    record: usize,
    lines: Vec<String>,
}

impl Outcomes<'_> {
    fn put(&mut self, what: &str, value: &Value) {
        self.lines.push(format!("record {} {what}: {value:#}", self.record));
    }
}

impl Sink for Outcomes<'_> {
    fn row(&mut self, row: &Row<'_>) {
        serde_json::from_str::<Value>(row.extra).unwrap();
        self.put("row", &Value::Object(row.fields(self.model)));
        self.lines.push(format!("_extra: {}", row.extra));
        for violation in row.nulled {
            self.lines.push(format!("left out: {violation}"));
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.put("quarantined", &json!(refusal));
    }
}

/// What becomes of a file's records, and how they differ from the model.
fn outcomes(file: &str, text: &str, source: &str, records: &str) -> String {
    let model = Model::parse(&Document::parse(file, text).unwrap()).unwrap();
    let (source, stream) = source.split_once('/').unwrap();
    let mut reader = model.reader(source, stream).unwrap();
    let mut outcomes = Outcomes { model: &model, record: 0, lines: Vec::new() };
    for record in records.lines() {
        outcomes.record += 1;
        reader.rows(record.as_bytes(), &mut outcomes).unwrap();
    }
    for fact in reader.drift() {
        let (kind, found, expected) = (fact.kind.as_str(), fact.found, fact.expected);
        outcomes.lines.push(format!("{kind} {}: {found} (expected: {expected})", fact.path));
    }
    outcomes.lines.join("\n")
}

macro_rules! pinned {
    ($($test:ident: $model:literal from $source:literal, $records:literal;)*) => {
        $(
            #[test]
            fn $test() {
                let records = include_str!(concat!("shipped/", $records, ".ndjson"));
                insta::assert_snapshot!(outcomes($model, model!($model), $source, records));
            }
        )*
    };
}

pinned! {
    orders_of_rutter: "order" from "rutter/orders", "orders";
    lines_of_orders_of_rutter: "order_line" from "rutter/orders", "orders";
    customers_of_rutter: "customer" from "rutter/customers", "customers";
    products_of_rutter: "product" from "rutter/products", "products";
    transactions_of_rutter: "transaction" from "rutter/transactions", "transactions";
    invoices_of_rutter: "invoice" from "rutter/invoices", "invoices";
    plants_of_metrc: "plant" from "metrc/plants", "metrc_plants";
    plants_of_stashstock: "plant" from "stashstock/plants", "stashstock_plants";
    packages_of_metrc: "package" from "metrc/packages", "packages";
    hosts_of_qualys: "host" from "qualys/hosts", "qualys";
    hosts_of_crowdstrike: "host" from "crowdstrike/hosts", "crowdstrike";
    hosts_of_tenable: "host" from "tenable/hosts", "tenable";
}
