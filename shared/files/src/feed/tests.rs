use boon::{Compiler, Schemas};
use model::document::Document;
use serde_json::Value;

use super::*;

const FULL: &str = r#"
description: All of the language
pattern: '(?P<entity>USER|TRX)'
unmatched: ignore
kinds:
  user: {entities: USER, columns: [id]}
  transaction: {tags: {type: trx}, total: amount}
format: {type: csv, encoding: utf-16le, delimiter: tab, quote: none, escape: "\\", header: [id], nulls: ["", NULL], trim: false, records: [data]}
columns: {a: b, c: {name: d, required: true, decimal: comma, date: "%Y"}}
complete: {stable_for: 0s, markers: .done, ignore: ["*.x"], marker_alone: 1h, file_alone: 2h}
limits: {min_bytes: 0, max_bytes: 10MiB, max_unpacked_bytes: 2GB, max_ratio: 50, max_records: 5, max_record_bytes: 64KiB, max_error_pct: 2.5, max_errors: 9}
expect: {every: 24h, late_after: 1h}
encryption: {pgp: required, signed: true}
verify: {header: H, trailer: T, trailer_required: true}
after: {move: done/here}
corrections: reject
"#;

fn parse(text: &str) -> Result<Feed, Vec<String>> {
    let feed = Feed::parse(&Document::parse("feeds/test.yaml", text).unwrap());
    feed.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn all_of_the_language_is_read_and_fits_its_schema() {
    let feed = parse(FULL).unwrap();
    assert_eq!((feed.limits.max_bytes, feed.format.delimiter), (10 << 20, Some(b'\t')));
    assert_eq!(feed.after, After::Move("done/here".to_owned()));
    let mut compiler = Compiler::new();
    let schema = serde_json::to_value(schema()).unwrap();
    compiler.add_resource("feed", schema).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("feed", &mut schemas).unwrap();
    let json = Document::parse("f", FULL).unwrap().root.to_json();
    schemas.validate(&json, index).unwrap_or_else(|fault| panic!("{fault:#}"));
    let wrong: Value = serde_json::json!({"kinds": {}, "colour": "red"});
    assert!(schemas.validate(&wrong, index).is_err());
}

#[test]
fn every_fault_is_told_with_its_place_and_the_name_that_was_meant() {
    let faults = parse("patern: x\nkinds: {User: {}, b: {tags: 1}}\nlimits: {max_bytes: 10 ponies}\nafter: {move: ../up}\nformat: {delimiter: ab}\ncomplete: {stable_for: soon}\nexpect: {late_after: 1h}\nverify: {trailer_required: true}\n").unwrap_err();
    let expected = [
        "1:1: patern: unknown field, did you mean `pattern`?",
        "`User` is not a kind",
        "kinds.User: nothing tells files of this kind",
        "limits.max_bytes: accepted is a number",
        "after.move: accepted is the name of a folder",
        "format.delimiter: accepted is one ASCII character",
        "complete.stable_for: `soon` is not a span of time",
        "expect: `every` is missing",
        "verify: `trailer_required` goes with `trailer`",
    ];
    for text in expected {
        assert!(faults.iter().any(|fault| fault.contains(text)), "{text}: {faults:#?}");
    }
}

#[test]
fn the_shipped_feeds_are_read() {
    for text in [
        include_str!("../../../../config/feeds/loyalty.yaml"),
        include_str!("../../../../config/feeds/till.yaml"),
        include_str!("../../../../config/feeds/control.yaml"),
    ] {
        parse(text).unwrap();
    }
}
