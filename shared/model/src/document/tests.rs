use serde_json::json;

use super::*;

fn root(text: &str) -> Node {
    Document::parse("t.yaml", text).unwrap().root
}

#[track_caller]
fn check(text: &str, expected: &Value) {
    assert_eq!(&root(text).to_json(), expected, "{text}");
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(Document::parse("t.yaml", text).unwrap_err().to_string(), expected);
}

#[test]
fn plain_scalars_read_as_yaml_1_1() {
    check("[yes, No, on, OFF, true, y, n]", &json!([true, false, true, false, true, "y", "n"]));
    check("[~, null, Null, '', NULL]", &json!([null, null, null, "", null]));
    check("[12, +12, -12, 1_000, 0, 00, -0]", &json!([12, 12, -12, 1000, 0, 0, 0]));
    check("[014, 0o14, 08, 0x1F, 0b101, -0x10]", &json!([12, "0o14", "08", 31, 5, -16]));
    check("[1:30, 190:20:30, 1:60, 1:30.5]", &json!([90, 685_230, "1:60", 90.5]));
    check("[1.5, 1., .5, -1_0.5, +.5, -.5]", &json!([1.5, 1.0, 0.5, -10.5, "+.5", "-.5"]));
    check("[1e5, 1.0e5, 1.0e+5, 12e03]", &json!(["1e5", "1.0e5", 100_000.0, "12e03"]));
    check("['12', \"yes\", !!str 12, !!int '12']", &json!(["12", "yes", "12", 12]));
    check("[.inf, 1.2.3, 1-2, 0x, 0b2, '=']", &json!([".inf", "1.2.3", "1-2", "0x", "0b2", "="]));
}

#[test]
fn numbers_keep_their_tokens() {
    let long = "123456789012345678901234567890";
    assert_eq!(root(long).value, NodeValue::Number(long.to_owned()));
    assert_eq!(root("1.50").value, NodeValue::Number("1.50".to_owned()));
}

#[test]
fn dates_stay_text_and_are_marked() {
    for date in ["2022-01-01", "2022-01-01T00:00:00Z", "2022-1-1 1:00:00.5 +01:00"] {
        let node = root(date);
        assert_eq!((node.text(), node.date), (Some(date), true));
    }
    for text in ["'2022-01-01'", "2022-01", "2022-1-1", "2022-01-01T00:00", "20220101-x"] {
        assert!(!root(text).date, "{text}");
    }
}

#[test]
fn aliases_and_merge_keys_expand() {
    check(
        "base: &b {x: 1, y: 2}\nuse:\n  y: 3\n  <<: *b\n  z: 4\n",
        &json!({"base": {"x": 1, "y": 2}, "use": {"x": 1, "y": 3, "z": 4}}),
    );
    let merged = root("<<: [{a: 1, b: 1}, {b: 2, c: 2}]\na: 0");
    let names: Vec<&str> = merged.entries().unwrap().iter().map(|(k, _)| k.text.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
    check("<<: [{a: 1, b: 1}, {b: 2, c: 2}]\na: 0", &json!({"b": 1, "c": 2, "a": 0}));
    check("'<<': 1", &json!({"<<": 1}));
    refused("a: 1\n<<: 3\n", "t.yaml:2:5: `<<` takes a mapping or a list of mappings");
}

#[test]
fn the_last_of_equal_names_counts() {
    check("a: 1\nb: 2\na: 3\n", &json!({"a": 3, "b": 2}));
    check("200: x\non: y\n", &json!({"200": "x", "true": "y"}));
}

#[test]
fn every_node_knows_its_place() {
    let node = root("streams:\n  - name: a\n    path: /x\n");
    let path = node.get("streams").unwrap().items().unwrap()[0].get("path").unwrap();
    assert_eq!((path.line, path.column), (3, 11));
}

#[test]
fn broken_files_are_refused_with_their_place() {
    let fault = Document::parse("t.yaml", "a: [1, 2\nb: 3\n").unwrap_err();
    assert_eq!((fault.line, fault.file.as_str()), (2, "t.yaml"));
    refused("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document starts here; one is accepted");
    refused("? [a]\n: 1\n", "t.yaml:1:3: a name must be a text, not a list or a mapping");
    refused(
        "a: !!python/none x\n",
        "t.yaml:1:4: tag `tag:yaml.org,2002:!python/none` is not accepted here",
    );
    assert!(Document::parse("t.yaml", "a: &x [*x]\n").is_err());
}

#[test]
fn nesting_and_expansion_are_bounded() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    assert!(Document::parse("t.yaml", &deep).unwrap_err().message.contains("nested"));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let refs = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs = format!("{laughs}a{level}: &a{level} [{refs}]\n");
    }
    assert!(Document::parse("t.yaml", &laughs).unwrap_err().message.contains("aliases expanded"));
}

#[test]
fn an_empty_file_is_null_and_json_is_yaml() {
    check("", &json!(null));
    check("# nothing\n", &json!(null));
    check("{\"a\": [1, 2.5, null, true, \"x\\n\"]}", &json!({"a": [1, 2.5, null, true, "x\n"]}));
}

#[test]
fn slips_of_the_keyboard_are_recognised() {
    let accepted = ["schedule", "source", "streams", "parallel", "paused"];
    assert_eq!(suggest("shedule", &accepted), Some("schedule"));
    assert_eq!(suggest("Stream", &accepted), Some("streams"));
    assert_eq!(suggest("banana", &accepted), None);
}
