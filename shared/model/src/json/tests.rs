use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn minified(raw: &str) -> String {
    let mut out = Vec::new();
    minify_into(&mut out, raw.as_bytes());
    String::from_utf8(out).unwrap()
}

#[test]
fn whitespace_outside_strings_goes_and_inside_stays() {
    assert_eq!(
        minified(" {\r\n\t\"a b\" : [ 1 ,\"x \\\" y\" , \"\\\\\" ] }\n"),
        r#"{"a b":[1,"x \" y","\\"]}"#
    );
}

#[test]
fn number_tokens_stay_verbatim() {
    let raw = r#"{"big":123456789012345678901234567890,"money":250.00,"e":1E+05}"#;
    assert_eq!(minified(raw), raw);
}

#[test]
fn the_result_is_one_line_even_when_the_value_is_not_json() {
    assert_eq!(minified("\"a\nb\""), "\"a\\nb\"");
    assert_eq!(minified("\"open \\"), "\"open \\");
    assert_eq!(minified("\"open"), "\"open");
    assert_eq!(minified("\"a\\\n\""), "\"a\\\\n\"");
}

#[test]
fn tokens_are_found_by_path() {
    let json = r#" {"a":{"b.c":1.50,"d":null},"a2":2,"s":"x\"y","a2":3} "#;
    assert_eq!(token_at(json, &["a", "b.c"]), Some("1.50"));
    assert_eq!(token_at(json, &["a", "d"]), Some("null"));
    assert_eq!(token_at(json, &["a2"]), Some("3"));
    assert_eq!(token_at(json, &["a2", "x"]), None);
    assert_eq!(token_at(json, &["missing"]), None);
    assert_eq!(token_at::<&str>("7", &[]), Some("7"));
}

#[test]
fn scalars_have_a_text_and_containers_have_none() {
    assert_eq!(scalar_text(r#""x\u0041\n""#).unwrap(), "xA\n");
    assert_eq!(scalar_text("1.50").unwrap(), "1.50");
    assert_eq!(scalar_text("true").unwrap(), "true");
    for none in ["null", "{}", "[1]", ""] {
        assert_eq!(scalar_text(none), None, "{none}");
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ \"\\\\\n\t{}:,]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pretty_text_becomes_the_compact_text(value in json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(minified(&pretty), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn compact_text_stays_as_it_is(value in json()) {
        let compact = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(minified(&compact), compact);
    }

    #[test]
    fn any_bytes_become_one_line(raw in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut out = Vec::new();
        minify_into(&mut out, &raw);
        prop_assert!(!out.contains(&b'\n'));
    }

    #[test]
    fn any_text_becomes_a_string_that_reads_back(text: String) {
        let mut out = Vec::new();
        string_into(&mut out, &text);
        prop_assert!(!out.contains(&b'\n'));
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
