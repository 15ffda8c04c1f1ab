use model::document::Document;

use super::*;

/// Keeps all that it gets, as text.
#[derive(Debug, Default)]
struct Kept {
    rows: Vec<String>,
    refused: Vec<String>,
}

impl Sink for Kept {
    fn row(&mut self, row: &Row<'_>) {
        let cells: Vec<String> = row.cells.iter().map(ToString::to_string).collect();
        self.rows.push(format!("{} | {}", cells.join(", "), row.extra));
    }

    fn refused(&mut self, refusal: &Refusal) {
        let place = refusal.place.map(|place| format!("{place}: ")).unwrap_or_default();
        self.refused.push(format!("{place}{refusal}"));
    }
}

fn model(text: &str) -> Model {
    Model::parse(&Document::parse("m.yaml", text).unwrap()).unwrap()
}

fn read(model: &Model, record: &[u8]) -> Kept {
    let mut kept = Kept::default();
    let tally = model.reader("s", "t").unwrap().rows(record, &mut kept).unwrap();
    assert_eq!(tally.rows, kept.rows.len() as u64);
    assert_eq!(tally.refused, kept.refused.len() as u64);
    kept
}

/// A model whose fields and mapping are given, one string field a mapping.
fn simple(mapping: &str) -> Model {
    let lines =
        |text: &dyn Fn(&str) -> String| mapping.lines().map(text).collect::<Vec<_>>().join("\n");
    let fields = lines(&|line| format!("  {}: string", line.split(':').next().unwrap().trim()));
    let mapping = lines(&|line| format!("      {}", line.trim()));
    model(&format!(
        "version: 1\nfields:\n  id: {{type: string, required: true}}\n{fields}\nidentity: [id]\nsources:\n  s/t:\n    fields:\n      id: id\n{mapping}\n"
    ))
}

#[track_caller]
fn row(model: &Model, record: &str, expected: &str) {
    let kept = read(model, record.as_bytes());
    assert_eq!(kept.refused, Vec::<String>::new());
    assert_eq!(kept.rows, [expected]);
}

#[track_caller]
fn refused(model: &Model, record: &[u8], expected: &str) {
    let kept = read(model, record);
    assert_eq!(kept.refused, [expected]);
    assert_eq!(kept.rows, Vec::<String>::new());
}

#[test]
fn what_no_field_takes_stays_with_its_tokens() {
    let model = simple("city: customer.address.city");
    row(
        &model,
        r#"{"a":1.50,"id":"x","customer":{"address":{"city":"Ulm"}},"z":[1e400]}"#,
        r#"x, Ulm | {"a":1.50,"z":[1e400]}"#,
    );
    row(
        &model,
        r#"{ "customer" : {"name":"A", "address":{"city" : null, "zip":1}} , "id":"x" }"#,
        r#"x, - | {"customer" : {"name":"A","address":{"zip":1}}}"#,
    );
    row(
        &model,
        r#"{"id":"x","customer":{"address":{}},"b":{}}"#,
        r#"x, - | {"customer":{"address":{}},"b":{}}"#,
    );
    row(&model, r#"{"id":"x"}"#, "x, - | {}");
}

#[test]
fn the_first_value_that_is_one_counts_and_the_others_stay() {
    let model = simple("name: [a, b.c, {const: none}]");
    row(&model, r#"{"id":"x","a":null,"b":{"c":"2"}}"#, "x, 2 | {}");
    row(&model, r#"{"id":"x","a":"1","b":{"c":"2"}}"#, r#"x, 1 | {"b":{"c":"2"}}"#);
    row(&model, r#"{"id":"x"}"#, "x, none | {}");
}

#[test]
fn lists_are_looked_through() {
    let model = simple("mac: {path: 'list[].w.mac', as: mac}");
    row(
        &model,
        r#"{"id":"x","list":[{"w":{"ip":"1"}},{"w":{"mac":"0A-1B-2C-3D-4E-5F"}}]}"#,
        r#"x, 0a:1b:2c:3d:4e:5f | {"list":[{"w":{"ip":"1"}},{}]}"#,
    );
    row(&model, r#"{"id":"x","list":[]}"#, r#"x, - | {"list":[]}"#);
    row(&model, r#"{"id":"x","list":{"w":{"mac":"0a1b2c3d4e5f"}}}"#, "x, 0a:1b:2c:3d:4e:5f | {}");
}

#[test]
fn one_record_becomes_a_row_a_child() {
    let model = model(
        "version: 1\nfields:\n  order: {type: string, required: true}\n  line: {type: integer, required: true}\n  sku: {type: string, required: true}\nidentity: [order, line]\nsources:\n  s/t:\n    explode: items[]\n    fields: {order: ^id, line: '#', sku: sku}\n",
    );
    let kept = read(&model, br#"{"items":[{"sku":"a","n":1},{"n":2},{"sku":"b"}],"id":"x","m":0}"#);
    assert_eq!(kept.rows, [r#"x, 1, a | {"n":1}"#, "x, 3, b | {}"]);
    assert_eq!(kept.refused, ["2: sku: required: found nothing; accepted is string"]);
    for nothing in [r#"{"id":"x"}"#, r#"{"id":"x","items":null}"#, r#"{"id":"x","items":[]}"#] {
        let kept = read(&model, nothing.as_bytes());
        assert!(kept.rows.is_empty() && kept.refused.is_empty(), "{nothing}");
    }
    refused(
        &model,
        br#"{"id":"x","items":{"sku":"a"}}"#,
        "items: explode: found a JSON object; accepted is a list, whose items become rows",
    );
}

#[test]
fn whatever_is_no_record_is_refused_with_its_reason() {
    let model = simple("a: b.c");
    let deep =
        [b"{\"id\":\"x\",\"d\":".as_slice(), &b"[".repeat(300), &b"]".repeat(300), b"}"].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"", "record: json: found at byte 0: EOF while parsing a value; accepted is JSON"),
        (b"7", "record: shape: found a JSON integer; accepted is an object"),
        (b" [1]", "record: shape: found a JSON array; accepted is an object"),
        (
            b"{\"id\":\"x\"",
            "record: json: found at byte 9: EOF while parsing an object; accepted is JSON",
        ),
        (
            b"{\"id\":\"x\"} {}",
            "record: json: found at byte 11: trailing characters; accepted is JSON",
        ),
        (
            b"{\"id\":\"x\",\"n\":NaN}",
            "record: json: found NaN or an infinity at byte 14; accepted is JSON",
        ),
        (b"{\"id\":\"\xff\"}", "record: utf8: found other bytes at byte 7; accepted is UTF-8"),
        (&deep, "record: depth: found deeper nesting at byte 215; accepted is at most 200 levels"),
        (
            b"{\"id\":\"x\",\"id\":\"y\"}",
            "id: duplicate_key: found the name twice; accepted is one member of a name",
        ),
        (
            b"{\"id\":\"x\",\"ID\":\"y\"}",
            "ID: colliding_keys: found the name in another case beside it; accepted is one member of a name",
        ),
        (
            b"{\"id\":\"x\",\"b\":{\"q\":1,\"Q\":2}}",
            "b.Q: colliding_keys: found the name in another case beside it; accepted is one member of a name",
        ),
        (
            b"{\"id\":\"x\",\"q\":1,\"\\u0071\":2}",
            "q: duplicate_key: found the name twice; accepted is one member of a name",
        ),
        (b"{\"id\":null}", "id: required: found null; accepted is string"),
        (b"{\"id\":{\"a\":1}}", "id: type: found an object; accepted is a text"),
        (
            b"{\"id\":\"\\ud800\"}",
            "record: json: found at byte 13: unexpected end of hex escape; accepted is JSON",
        ),
    ];
    for (record, expected) in cases {
        refused(&model, record, expected);
    }
}

#[test]
fn a_list_that_is_nested_too_deeply_is_left_out_and_stays() {
    let model = model(
        "version: 1\nfields: {id: {type: string, required: true}, tags: list}\nidentity: [id]\nsources: {s/t: {fields: {id: id, tags: tags}}}\n",
    );
    let deep = format!("{}{}", "[".repeat(150), "]".repeat(150));
    let kept = read(&model, format!(r#"{{"id":"x","tags":{deep}}}"#).as_bytes());
    assert_eq!(kept.rows, [format!(r#"x, - | {{"tags":{deep}}}"#)]);
}

#[test]
fn a_field_that_must_not_break_a_rule_stops_its_object() {
    let model = model(
        "version: 1\nfields: {id: {type: string, required: true, on_violation: fail}}\nidentity: [id]\nsources: {s/t: {fields: {id: id}}}\n",
    );
    let mut kept = Kept::default();
    let refusal = model.reader("s", "t").unwrap().rows(b"{}", &mut kept).unwrap_err();
    assert_eq!((refusal.action, kept.refused.len()), (Action::Fail, 0));
}

#[test]
fn drift_tells_paths_and_types_of_what_is_unknown_vanished_or_retyped() {
    let model = model(
        "version: 1\nfields: {id: {type: string, required: true}, n: integer, c: string, o: string}\nidentity: [id]\nsources: {s/t: {fields: {id: id, n: a.n, c: a.c, o: [a.x, a.y]}, known: [k, 'q?', 'l[].z']}}\n",
    );
    let mut reader = model.reader("s", "t").unwrap();
    let records = [
        r#"{"id":"1","a":{"n":1,"new":{"x":1}},"l":[{"z":1},{"z":2,"w":null}]}"#,
        r#"{"id":"2","a":{"n":"7","new":[]},"l":[],"s":true}"#,
        r#"{"id":"3","a":null}"#,
    ];
    for record in records {
        reader.rows(record.as_bytes(), &mut Kept::default()).unwrap();
    }
    let told = |fact: Fact| format!("{} {}: {}", fact.kind.as_str(), fact.path, fact.found);
    let facts: Vec<String> = reader.drift().into_iter().map(told).collect();
    let expected = [
        "unknown a.new: array or object",
        "unknown l[].w: null",
        "unknown s: boolean",
        "retyped a.n: string",
        "vanished a.c: ",
        "vanished k: ",
    ];
    assert_eq!(facts, expected);
    let places = reader.places();
    assert!(
        places
            .iter()
            .any(|(path, types)| path == "a.n" && types.to_string() == "integer or string")
    );
    assert_eq!(reader.counts(), (3, 0));
}

#[test]
fn unknown_names_beyond_a_thousand_are_counted_only() {
    let model = simple("a: a");
    let mut reader = model.reader("s", "t").unwrap();
    let names: Vec<String> = (0..1_200).map(|n| format!("\"n{n}\":{n}")).collect();
    let record = format!("{{\"id\":\"x\",{}}}", names.join(","));
    reader.rows(record.as_bytes(), &mut Kept::default()).unwrap();
    assert_eq!(reader.counts(), (1, 200));
    let unknown = reader.drift().into_iter().filter(|fact| fact.kind == crate::DriftKind::Unknown);
    assert_eq!(unknown.count(), 1_000);
}

#[test]
fn a_record_of_very_many_values_costs_no_more_than_others() {
    let model = simple("a: 'l[].a'");
    let items = vec!["1"; 1 << 20].join(",");
    let record = format!(r#"{{"id":"x","l":[{items}]}}"#);
    refused(
        &model,
        record.as_bytes(),
        "record: size: found more values where the model looks; accepted is at most 1048576 of them",
    );
    let names: Vec<String> = (0..200_000).map(|n| format!("\"n{n}\":0")).collect();
    let record = format!(r#"{{"id":"x",{},"N0":1}}"#, names.join(","));
    refused(
        &model,
        record.as_bytes(),
        "N0: colliding_keys: found the name in another case beside it; accepted is one member of a name",
    );
}

#[test]
fn all_values_that_are_left_out_are_counted() {
    let model = model(
        "version: 1\nfields: {id: {type: string, required: true}, macs: list}\nidentity: [id]\nsources: {s/t: {fields: {id: id, macs: {path: m, as: mac}}}}\n",
    );
    let record = format!(r#"{{"id":"x","m":["0a1b2c3d4e5f",{}]}}"#, vec!["\"?\""; 20].join(","));
    let tally = model.reader("s", "t").unwrap().rows(record.as_bytes(), &mut Kept::default());
    assert_eq!(tally.unwrap(), Tally { rows: 1, refused: 0, nulled: 20 });
}
