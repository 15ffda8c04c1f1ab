use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;
use crate::component::Faults;
use crate::value::Style;

fn decoder(json: serde_json::Value) -> Decoder {
    let faults = Faults::default();
    let decoder = Decoder::build(&Component::new(json, "decoder", 1, &faults));
    assert_eq!(faults.take(), []);
    decoder
}

fn values(decoder: &Decoder, body: &[u8]) -> Result<Vec<String>, DecodeError> {
    let body = Bytes::copy_from_slice(body);
    let encoded = Encoded { body: &body, content_type: None, limit: 10_000 };
    decoder.values(encoded)?.map(|v| v.map(|v| v.json_text(Style::Compact))).collect()
}

#[track_caller]
fn check(decoder: &Decoder, body: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(values(decoder, body.as_ref()).unwrap(), expected);
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, body) in files {
        writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(body).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_list_is_one_body_an_element() {
    check(&Decoder::Json, r#" [ {"a": 1.10} , [2], "x" ] "#, &[r#"{"a":1.10}"#, "[2]", "\"x\""]);
    check(&Decoder::Json, r#" {"a": [1]} "#, &[r#"{"a":[1]}"#]);
}

#[test]
fn nothing_is_an_empty_mapping() {
    check(&Decoder::Json, "", &["{}"]);
    check(&Decoder::Json, " [] ", &["{}"]);
}

#[test]
fn lines_are_bodies() {
    let jsonl = decoder(json!({"type": "JsonlDecoder"}));
    check(&jsonl, "{\"a\":1}\r\n\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]);
    check(&Decoder::Lines, "x\ny", &["{\"record\":\"x\"}", "{\"record\":\"y\"}"]);
    assert!(values(&jsonl, b"{\"a\":1}\n{\"b\":").is_err());
}

#[test]
fn a_body_cut_short_is_refused() {
    for body in ["[{\"a\":1},", "{\"a\":", "<html>", "{} {}"] {
        assert!(values(&Decoder::Json, body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn items_are_found_at_a_path_that_may_lead_through_lists_and_dotted_names() {
    let items = |path| decoder(json!({"type": "JsonItemsDecoder", "items_path": path}));
    let body = r#"{"n": 1, "data": {"users": [{"id": 1.50}, [2]], "x": {}}, "a.b": [3], "l": [{"r": [4]}, {"r": [5]}]}"#;
    check(&items("data.users"), body, &[r#"{"id":1.50}"#, "[2]"]);
    check(&items("a.b"), body, &["3"]);
    check(&items("l.item.r"), body, &["4", "5"]);
    check(&items("data.none"), body, &[]);
    assert!(values(&items("data.users"), b"{\"data\": {\"users\": [{}").is_err());
}

#[test]
fn rows_are_read_as_python_reads_them() {
    let csv = decoder(json!({"type": "CsvDecoder"}));
    check(
        &csv,
        "id,name\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n\r\n2\n3,x\"y,z\n",
        &[
            r#"{"id":"1","name":"a, \"b\"\nc"}"#,
            r#"{"id":"2","name":null}"#,
            r#"{"id":"3","name":"x\"y","null":["z"]}"#,
        ],
    );
    check(&csv, "\u{feff}id\n1", &["{\"\u{feff}id\":\"1\"}"]);
    check(&csv, "a,b,a\n1,2,3\n", &[r#"{"a":"3","b":"2"}"#]);
    check(&csv, "", &[]);
    check(&csv, "id,name\n", &[]);
}

#[test]
fn a_table_has_an_encoding_a_delimiter_and_words_for_nothing() {
    let csv = decoder(json!({
        "type": "CsvDecoder", "encoding": "latin-1", "delimiter": "\\t",
        "set_values_to_none": ["", "N/A"],
    }));
    check(&csv, b"id\tn\n\xe9\tN/A\n\t1\n", &[r#"{"id":"é","n":null}"#, r#"{"id":null,"n":"1"}"#]);
    let marked = decoder(json!({"type": "CsvDecoder", "encoding": "utf-8-sig"}));
    check(&marked, "\u{feff}id\n1\n", &[r#"{"id":"1"}"#]);
    let wide = decoder(json!({"type": "CsvDecoder", "encoding": "utf_16"}));
    let body: Vec<u8> = "\u{feff}id\né".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&wide, body, &[r#"{"id":"é"}"#]);
}

#[test]
fn a_table_that_ends_within_quotation_marks_or_is_no_text_is_refused() {
    let csv = decoder(json!({"type": "CsvDecoder"}));
    let error = values(&csv, b"id,name\n1,x\n2,\"y\n3,z\n").unwrap_err();
    assert_eq!(error.to_string(), "row 3: the table ends within quotation marks");
    let error = values(&csv, b"id\n\xff\n").unwrap_err();
    assert_eq!(error, DecodeError::Encoding { encoding: "utf-8".into() });
}

#[test]
fn a_table_in_a_file_is_read_as_pandas_reads_it() {
    let body = "a,b,a,\n1,NA,,\"NULL\"\n\n2\n";
    let read = [
        r#"{"a":"1","b":null,"a.1":null,"Unnamed: 3":null}"#,
        r#"{"a":"2","b":null,"a.1":null,"Unnamed: 3":null}"#,
    ];
    check(&Decoder::File(Cells::Words), body, &read);
    check(&Decoder::File(Cells::Words), gzip(body.as_bytes()), &read);
    check(&Decoder::File(Cells::Words), body.replace('1', "\u{0}1"), &read);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(body.as_bytes()).unwrap();
    check(&Decoder::File(Cells::Words), zlib.finish().unwrap(), &read);
    let kept = r#"{"a":"1","b":"NA","a.1":null,"Unnamed: 3":"NULL"}"#;
    check(&Decoder::File(Cells::Kept), body, &[kept, read[1]]);
    check(&Decoder::File(Cells::Kept), "", &[]);
    assert!(values(&Decoder::File(Cells::Kept), b"a,b\n1,2,3\n").is_err());
}

#[test]
fn documents_are_mappings() {
    let xml = decoder(json!({"type": "XmlDecoder"}));
    check(
        &xml,
        r#"<?xml version="1.0"?>
        <!-- c --><r xmlns:n="u"><l id="1" b="x&amp;y"> San <b/> Francisco </l>
        <i><n:p>1</n:p></i><i>&lt;&#65;<![CDATA[&]]></i><e></e></r>"#,
        &[
            r##"{"r":{"@xmlns:n":"u","l":{"@id":"1","@b":"x&y","b":null,"#text":"San  Francisco"},"i":[{"n:p":"1"},"<A&"],"e":null}}"##,
        ],
    );
    check(&xml, b"<?xml version='1.0' encoding='ISO-8859-1'?><r>\xe9</r>", &[r#"{"r":"é"}"#]);
    let body = Bytes::from_static(b"<r>\xe9</r>");
    let content_type = Some("text/xml; charset=\"latin1\"");
    let encoded = Encoded { body: &body, content_type, limit: 100 };
    assert_eq!(xml.values(encoded).unwrap().count(), 1);
}

#[test]
fn a_document_that_is_none_is_refused() {
    let xml = decoder(json!({"type": "XmlDecoder"}));
    let deep = "<a>".repeat(200) + &"</a>".repeat(200);
    let entity = r#"<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>"#;
    for body in ["", "<r><a></r>", "<r>", "<r/><r/>", "<r/>x", "{}", "<r>&x;</r>", entity, &deep] {
        assert!(values(&xml, body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn packed_bodies_are_unpacked_and_others_read_as_they_are() {
    let packed = decoder(json!({"type": "GzipDecoder", "decoder": {"type": "JsonlDecoder"}}));
    let mut body = gzip(b"{\"a\":1}\n");
    body.extend(gzip(b"{\"a\":2}"));
    body.extend([0, 0]);
    check(&packed, &body, &[r#"{"a":1}"#, r#"{"a":2}"#]);
    check(&packed, b"{\"a\":3}", &[r#"{"a":3}"#]);
    let twice = decoder(json!({"type": "GzipDecoder", "decoder":
        {"type": "GzipDecoder", "decoder": {"type": "JsonDecoder"}}}));
    check(&twice, gzip(&gzip(b"[{\"a\":1}]")), &[r#"{"a":1}"#]);
    check(&twice, b"[]", &[]);
    assert!(values(&twice, b"").is_err());
    assert!(values(&packed, &gzip(b"{}")[..12]).is_err());
}

#[test]
fn the_files_of_an_archive_follow_each_other() {
    let archive = decoder(json!({"type": "ZipfileDecoder", "decoder": {"type": "CsvDecoder"}}));
    let body = zip(&[("d/", b""), ("b.csv", b"id\n1\n"), ("a.csv", b"id\n2\n")]);
    check(&archive, body, &[r#"{"id":"1"}"#, r#"{"id":"2"}"#]);
    let error = values(&archive, &zip(&[("b.csv", b"id\n\"1\n")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "file `b.csv` in the archive: row 2: the table ends within quotation marks"
    );
    assert!(values(&archive, b"PK no archive").is_err());
}

#[test]
fn what_unpacks_to_more_than_allowed_is_refused_for_good() {
    let bomb = vec![b'0'; 50_000];
    let packed = decoder(json!({"type": "GzipDecoder", "decoder": {"type": "JsonDecoder"}}));
    let archive = decoder(json!({"type": "ZipfileDecoder", "decoder": {"type": "JsonDecoder"}}));
    for (decoder, body) in [(packed, gzip(&bomb)), (archive, zip(&[("bomb", &bomb)]))] {
        let error = values(&decoder, &body).unwrap_err();
        assert_eq!(error.retry(), Retry::Never);
    }
}

#[test]
fn faults_of_decoders_are_said_before_anything_is_read() {
    for wrong in [
        json!({"type": "CsvDecoder", "delimiter": "ab"}),
        json!({"type": "CsvDecoder", "encoding": "klingon"}),
        json!({"type": "JsonItemsDecoder"}),
        json!({"type": "GzipDecoder"}),
        json!({"type": "GzipDecoder", "decoder": {"type": "XmlDecoder"}}),
    ] {
        let faults = Faults::default();
        Decoder::build(&Component::new(wrong.clone(), "decoder", 1, &faults));
        assert_eq!(faults.take().len(), 1, "{wrong}");
    }
}
