//! The models that are shipped, over records as their sources write them: what becomes of each,
//! pinned.

use model::document::Document;
use serde_json::{Map, Value, json};

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

/// The rows of a model over one file of records, as objects.
fn rows(file: &str, text: &str, source: &str, records: &str) -> Vec<Map<String, Value>> {
    struct Rows<'m>(&'m Model, Vec<Map<String, Value>>);
    impl Sink for Rows<'_> {
        fn row(&mut self, row: &Row<'_>) {
            self.1.push(row.fields(self.0));
        }

        fn refused(&mut self, _: &Refusal) {}
    }
    let model = Model::parse(&Document::parse(file, text).unwrap()).unwrap();
    let (source, stream) = source.split_once('/').unwrap();
    let mut reader = model.reader(source, stream).unwrap();
    let mut rows = Rows(&model, Vec::new());
    for record in records.lines() {
        reader.rows(record.as_bytes(), &mut rows).unwrap();
    }
    rows.1
}

#[test]
fn orders_lines_and_customers_join() {
    let (orders, customers) =
        (include_str!("shipped/orders.ndjson"), include_str!("shipped/customers.ndjson"));
    let lines = rows("order_line", model!("order_line"), "rutter/orders", orders);
    let orders = rows("order", model!("order"), "rutter/orders", orders);
    let customers = rows("customer", model!("customer"), "rutter/customers", customers);
    let mut joined = Vec::new();
    for line in &lines {
        let order = orders.iter().find(|order| order["id"] == line["order_id"]).unwrap();
        let customer = customers.iter().find(|one| order.get("customer_id") == one.get("id"));
        let email = customer.map_or("-", |customer| customer["email"].as_str().unwrap());
        let (number, place) = (order["order_number"].as_str().unwrap(), &line["line_number"]);
        joined.push(format!("{email} {number} {place} {}", line["price"].as_str().unwrap()));
    }
    assert_eq!(joined, ["ada@example.com 1001 1 50.0000", "ada@example.com 1001 2 125.0000"]);
}

#[test]
fn editors_take_what_the_reader_takes() {
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("model.json", crate::schema().to_value()).unwrap();
    let mut schemas = boon::Schemas::new();
    let schema = compiler.compile("model.json", &mut schemas).unwrap();
    let files = [
        model!("customer"),
        model!("host"),
        model!("invoice"),
        model!("order"),
        model!("order_line"),
        model!("package"),
        model!("plant"),
        model!("product"),
        model!("transaction"),
    ];
    for file in files {
        let file = Document::parse("model.yaml", file).unwrap().root.to_json();
        assert!(schemas.validate(&file, schema).is_ok(), "{}", file["description"]);
    }
    let misspelt = json!({"version": 1, "fields": {"id": "string"}, "identity": ["id"],
        "sources": {"a/b": {"field": {}}}});
    assert!(schemas.validate(&misspelt, schema).is_err());
}
