use proptest::prelude::*;

use super::*;

fn header(stream: &str, slice: &str) -> LineHeader {
    LineHeader::new(&LineContext {
        tenant: &"bluebird".parse().unwrap(),
        connection: &"main".parse().unwrap(),
        stream: &stream.parse().unwrap(),
        run: &"r1".parse().unwrap(),
        request_start: "2024-05-01T07:15:22.5Z".parse().unwrap(),
        slice,
        page: 3,
    })
}

fn render(cursor: Option<&CursorValue>, raw: &str) -> String {
    let mut out = Vec::new();
    let length = write_line(&mut out, &header("orders", "e3.all"), 7, cursor, raw.as_bytes());
    let record = &out[out.len() - 2 - length..out.len() - 2];
    assert_eq!(serde_json::from_slice::<serde_json::Value>(record).unwrap().to_string(), {
        let value: serde_json::Value = serde_json::from_str(raw).unwrap();
        value.to_string()
    });
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_has_the_documented_form() {
    let cursor = CursorValue::Instant("2024-05-01T00:00:00Z".parse().unwrap());
    assert_eq!(
        render(Some(&cursor), "{ \"id\": 1,\n \"price\": 250.00 }"),
        concat!(
            r#"{"_tenant":"bluebird","_connection":"main","_stream":"orders","_run":"r1","#,
            r#""_request_start":"2024-05-01T07:15:22.500000000Z","#,
            r#""_cursor":"t2024-05-01T00:00:00.000000000Z","_slice":"e3.all","_page":3,"#,
            r#""_ordinal":7,"record":{"id":1,"price":250.00}}"#,
            "\n"
        )
    );
}

#[test]
fn a_tombstone_has_the_documented_form() {
    let key = RowKey::of(r#"{"id":24,"a":{"b":"x"}}"#, &paths(&["id", "a.b"])).unwrap();
    let mut out = Vec::new();
    write_tombstone(&mut out, &header("orders", "e3.all"), 1, &key);
    let text = String::from_utf8(out.clone()).unwrap();
    assert!(
        text.ends_with(
            "\"record\":null,\"_deleted\":true,\"_key\":{\"id\":\"24\",\"a.b\":\"x\"}}\n"
        )
    );
    let line = Line::parse(&out).unwrap();
    assert!(line.deleted);
    assert_eq!(line.key.unwrap().get(), key.as_str());
    assert_eq!(line.record.get(), "null");
}

fn paths(dotted: &[&str]) -> Vec<Vec<String>> {
    dotted.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect()
}

#[test]
fn no_field_of_a_source_can_shadow_ours() {
    let raw = r#"{"_tenant":"evil","record":{"x":1},"_deleted":true,"_key":{},"_cursor":"s9","t":"}\n{\"_tenant\":\"evil\",\"record\":1}"}"#;
    let text = render(None, raw);
    assert_eq!(text.matches('\n').count(), 1);
    let line = Line::parse(text.as_bytes()).unwrap();
    assert_eq!(line.tenant, "bluebird");
    assert_eq!((line.cursor, line.deleted), (None, false));
    assert!(line.key.is_none());
    assert_eq!(line.record.get(), raw);
}

#[test]
fn a_row_without_a_whole_key_has_none() {
    for record in
        [r#"{"a":{"b":1}}"#, r#"{"id":null,"a":{"b":1}}"#, r#"{"id":{},"a":{"b":1}}"#, "7"]
    {
        assert_eq!(RowKey::of(record, &paths(&["id", "a.b"])), None, "{record}");
    }
    assert_eq!(RowKey::of(r#"{"id":1}"#, &[]), None);
}

#[test]
fn equal_keys_have_equal_texts() {
    let of = |record| RowKey::of(record, &paths(&["id"])).unwrap();
    assert_eq!(of(r#"{"id":"\u0041"}"#), of(r#"{ "x":1, "id" : "A" }"#));
    assert_eq!(of(r#"{"id":1}"#), of(r#"{"id":"1"}"#));
    assert_ne!(of(r#"{"id":1}"#), of(r#"{"id":10}"#));
}

fn any_cursor() -> impl Strategy<Value = Option<CursorValue>> {
    prop::option::of(prop_oneof![
        any::<i128>().prop_map(CursorValue::Integer),
        any::<String>().prop_map(CursorValue::Text),
        (0i64..4_000_000_000, 0i32..1_000_000_000)
            .prop_map(|(s, n)| CursorValue::Instant(Timestamp::new(s, n).unwrap())),
    ])
}

proptest! {
    #[test]
    fn lines_read_back(
        cursor in any_cursor(),
        stream in "\\PC{1,20}",
        slice in any::<String>(),
        ordinal: u64,
        fields in prop::collection::btree_map(
            prop_oneof![any::<String>(), "_(tenant|cursor|deleted|key|ordinal)|record"],
            any::<String>(),
            0..6,
        ),
    ) {
        let raw = serde_json::to_string_pretty(&fields).unwrap();
        let mut out = Vec::new();
        write_line(&mut out, &header(&stream, &slice), ordinal, cursor.as_ref(), raw.as_bytes());
        prop_assert_eq!(out.split(|byte| *byte == b'\n').count(), 2);
        let line = Line::parse(&out).unwrap();
        prop_assert_eq!(line.stream, stream);
        prop_assert_eq!(line.slice, slice);
        prop_assert_eq!(line.ordinal, ordinal);
        let read = line.cursor.map(|text| text.parse::<CursorValue>().unwrap());
        prop_assert_eq!(read, cursor);
        prop_assert!(!line.deleted && line.key.is_none());
        prop_assert_eq!(line.record.get(), serde_json::to_string(&fields).unwrap());
        let text = std::str::from_utf8(&out).unwrap();
        let (_, cut) = text.split_once(",\"record\":").unwrap();
        prop_assert_eq!(cut.strip_suffix("}\n").unwrap(), line.record.get());
    }
}
