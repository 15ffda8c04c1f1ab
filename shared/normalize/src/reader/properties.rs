//! What holds for any record: it is total, counts add up, required fields are there, and what no
//! cell says is in the rest.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const MODEL: &str = r#"
version: 1
fields:
  id: {type: string, required: true}
  amount: decimal(18,4)
  count: {type: integer, required: true}
  at: timestamp
  name: string
  city: {type: string, on_violation: quarantine}
  tags: list
  raw: json
  macs: list
identity: [id]
sources:
  s/t:
    fields:
      id: id
      amount: [a, b.a]
      count: c
      at: d
      name: {path: [n, b.n], as: trim}
      city: b.c.d
      tags: e
      raw: f
      macs: {path: "g[].a", as: mac}
    known: [h]
"#;

const EXPLODED: &str = r##"
version: 1
fields:
  id: {type: string, required: true}
  line: {type: integer, required: true}
  sku: {type: string, required: true}
  amount: decimal(18,4)
identity: [id, line]
sources:
  s/t:
    explode: g[]
    fields: {id: ^id, line: "#", sku: a, amount: [b, ^a]}
"##;

fn model(text: &str) -> Model {
    Model::parse(&model::document::Document::parse("m.yaml", text).unwrap()).unwrap()
}

/// Counts what it gets and holds each row against the rules.
struct Check<'m> {
    model: &'m Model,
    record: Value,
    rows: u64,
    refused: u64,
}

impl Sink for Check<'_> {
    fn row(&mut self, row: &Row<'_>) {
        self.rows += 1;
        for (field, cell) in self.model.fields.iter().zip(row.cells) {
            assert!(!field.required || !cell.is_null(), "{} is null", field.name);
        }
        let extra: Value = serde_json::from_str(row.extra).unwrap();
        if row.place.is_none() {
            self.whole(&row.fields(self.model), &extra);
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.refused += 1;
        assert!(!refusal.violations.is_empty());
    }
}

impl Check<'_> {
    /// Every scalar of the record that is not null stands in the rest or in a cell.
    fn whole(&self, cells: &Map<String, Value>, extra: &Value) {
        let mut said = leaves(extra);
        for (name, cell) in cells {
            match name.as_str() {
                "raw" | "tags" | "macs" => {
                    for (_, leaf) in leaves(cell) {
                        said.insert(format!("cell {leaf}"), leaf);
                    }
                }
                _ => {
                    said.insert(format!("cell {name}"), cell.to_string());
                }
            }
        }
        for (path, leaf) in leaves(&self.record) {
            let there = extra.pointer(&path).map(Value::to_string) == Some(leaf.clone());
            let by_cell = said.values().any(|value| same(value, &leaf));
            assert!(there || by_cell, "{path} {leaf} is nowhere: {cells:?} {extra}");
        }
    }
}

/// Scalars that are not null, by their pointers.
fn leaves(value: &Value) -> BTreeMap<String, String> {
    fn walk(at: &str, value: &Value, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Null => {}
            Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(name, value)| walk(&format!("{at}/{name}"), value, found));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(n, value)| walk(&format!("{at}/{n}"), value, found));
            }
            other => {
                found.insert(at.to_owned(), other.to_string());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", value, &mut found);
    found
}

/// Whether a cell says what a record's scalar says.
fn same(cell: &str, leaf: &str) -> bool {
    let plain = |text: &str| text.trim_matches('"').trim().to_lowercase();
    let (cell, leaf) = (plain(cell), plain(leaf));
    let number = |text: &str| crate::convert::scaled(text, 38, 9).ok();
    let bare = |text: &str| text.replace([':', '-'], "");
    cell == leaf
        || (number(&cell).is_some() && number(&cell) == number(&leaf))
        || cell.parse::<model::Timestamp>().ok().is_some_and(|at| leaf.parse().ok() == Some(at))
        || bare(&cell) == bare(&leaf)
}

/// Values of every type, many of them of the shapes that fields take.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-100_000_i32..100_000).prop_map(|n| json!(f64::from(n) / 4.0)),
        "[ -~]{0,6}".prop_map(Value::from),
        Just(json!("2024-05-01T07:15:22.1234567Z")),
        Just(json!("0001-01-01T00:00:00+00:00")),
        Just(json!("0A-1B-2C-3D-4E-5F")),
        Just(json!("00:00:00:00:00:00")),
        Just(json!("12.50")),
        Just(json!("\u{e9}\u{1F600}\\\"")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-h]", inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn record() -> impl Strategy<Value = Value> {
    let id = prop_oneof![3 => Just(json!("x")), 1 => value()];
    let count = prop_oneof![3 => Just(json!(7)), 1 => value()];
    (id, count, vec(("[a-n]", value()), 0..8)).prop_map(|(id, count, others)| {
        let mut members: Map<String, Value> = others.into_iter().collect();
        members.insert("id".to_owned(), id);
        members.insert("c".to_owned(), count);
        Value::Object(members)
    })
}

fn check(model: &Model, record: &Value) -> (Tally, u64) {
    let mut check = Check { model, record: record.clone(), rows: 0, refused: 0 };
    let tally = model.reader("s", "t").unwrap().rows(record.to_string().as_bytes(), &mut check);
    let tally = tally.unwrap();
    assert_eq!((tally.rows, tally.refused), (check.rows, check.refused));
    (tally, check.rows + check.refused)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_record_is_a_row_or_a_refusal_and_nothing_of_it_is_lost(record in record()) {
        let (tally, count) = check(&model(MODEL), &record);
        prop_assert_eq!(count, 1);
        prop_assert_eq!(tally.rows + tally.refused, 1);
    }

    #[test]
    fn every_child_is_a_row_or_a_refusal(record in record()) {
        let children = match record.get("g") {
            Some(Value::Array(items)) => items.len() as u64,
            Some(Value::Null) | None => 0,
            Some(_) => 1,
        };
        prop_assert_eq!(check(&model(EXPLODED), &record).1, children);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..64), cut in 0_usize..200, record in record()) {
        let model = model(MODEL);
        let mut sink = Check { model: &model, record: Value::Null, rows: 0, refused: 0 };
        let mut reader = model.reader("s", "t").unwrap();
        let mut broken = record.to_string().into_bytes();
        broken.splice(cut.min(broken.len())..cut.min(broken.len()), bytes.iter().copied());
        sink.record = serde_json::from_slice(&broken).unwrap_or(Value::Null);
        for text in [bytes.as_slice(), &broken] {
            let tally = reader.rows(text, &mut sink).unwrap();
            prop_assert_eq!(tally.rows + tally.refused, 1);
        }
    }
}
