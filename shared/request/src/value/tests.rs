use proptest::prelude::*;

use super::*;

fn check_json(text: &str, compact: &str, python: &str) {
    let value = Value::from_json(text.as_bytes()).unwrap();
    assert_eq!(value.json_text(Style::Compact), compact);
    assert_eq!(value.json_text(Style::Python), python);
}

#[test]
fn tokens_and_key_order_survive() {
    check_json(
        r#"{"b": 1.10, "a": [1e5, -0, 12345678901234567890123], "é": null}"#,
        r#"{"b":1.10,"a":[1e5,-0,12345678901234567890123],"é":null}"#,
        r#"{"b": 1.1, "a": [100000.0, 0, 12345678901234567890123], "\u00e9": null}"#,
    );
}

#[test]
fn only_selected_parts_are_read() {
    let mut selection = Selection::nothing();
    selection.add(&["meta".to_owned(), "next".to_owned()]);
    selection.add(&["count".to_owned()]);
    let text = br#"{"data": [1, 2], "meta": {"next": "x", "other": 5}, "count": [1, {"a": 2}]}"#;
    let value = Value::select_json(text, &selection).unwrap();
    assert_eq!(value.json_text(Style::Compact), r#"{"meta":{"next":"x"},"count":[1,{"a":2}]}"#);
}

#[test]
fn broken_json_is_refused_with_its_place() {
    let fault = Value::from_json(br#"{"secret": tru}"#).unwrap_err();
    assert!(fault.to_string().ends_with("at byte 14"), "{fault}");
    assert!(Value::from_json(b"{} x").is_err());
    assert!(Value::from_json("[".repeat(10_000).as_bytes()).is_err());
}

#[test]
fn equal_values_are_equal_keys() {
    let mut dict = Dict::default();
    dict.insert(Key::new(Value::from(1)).unwrap(), Value::from("int"));
    dict.insert(Key::new(Value::from(1.0)).unwrap(), Value::from("float"));
    dict.insert(Key::new(Value::Bool(true)).unwrap(), Value::from("bool"));
    assert_eq!(dict.len(), 1);
    assert!(Key::new(Value::from(Vec::new())).is_none());
}

#[test]
fn floats_print_as_in_python() {
    for (value, repr) in [
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (1e15, "1000000000000000.0"),
        (1.5e-7, "1.5e-07"),
        (0.0001, "0.0001"),
        (-2.5e300, "-2.5e+300"),
        (f64::INFINITY, "inf"),
    ] {
        assert_eq!(Value::from(value).repr(), repr);
    }
}

/// Any value that JSON can hold.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..5).prop_map(|items| {
                let items = items.into_iter().map(|(key, value)| (Key::from(&*key), value));
                Value::from(items.collect::<Dict>())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(value in json()) {
        prop_assert_eq!(literal_eval(&value.repr()), Some(value.clone()));
        let text = value.json_text(Style::Python);
        prop_assert_eq!(Value::from_json(text.as_bytes()).unwrap(), value.clone());
        let text = value.json_text(Style::Compact);
        prop_assert_eq!(Value::from_json(text.as_bytes()).unwrap(), value);
    }

    #[test]
    fn no_text_breaks_the_literal_reader(text in r#"[-+0-9a-fxeuUrb_.,:'"\\\[\](){}# \n]{0,24}"#) {
        drop(literal_eval(&text));
    }
}
