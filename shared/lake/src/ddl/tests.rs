use serde_json::json;

use super::*;

fn catalog() -> Catalog {
    Catalog {
        database: "lake".to_owned(),
        root: "s3://${LakeBucket}/".to_owned(),
        tenants: "bluebird,cedar".to_owned(),
        connections: "main".to_owned(),
        first_month: "2024-01".to_owned(),
    }
}

fn table(stream: &str, primary_key: &[&[&str]]) -> StreamTable {
    let schema = json!({"properties": {
        "Id": {"type": "integer"},
        "it's \"odd\" \\": {"type": "string"},
        "price": {"type": ["null", "number"]},
        "paid": {"type": "boolean"},
        "lines": {"type": "array"},
    }});
    let key: Vec<Vec<String>> =
        primary_key.iter().map(|path| path.iter().map(ToString::to_string).collect()).collect();
    StreamTable::new(&"hub spot".parse().unwrap(), &stream.parse().unwrap(), &key, &schema)
}

fn script(statements: &[String]) -> String {
    statements.join(";\n\n")
}

#[test]
fn athena_statements_are_pinned() {
    let table = table("Contact/Search", &[&["Id"], &["place", "zip.code"]]);
    insta::assert_snapshot!(script(&athena(&table, &catalog())));
}

#[test]
fn trino_statements_are_pinned() {
    insta::assert_snapshot!(script(&trino(&table("orders", &[&["Id"]]), &catalog())));
}

#[test]
fn sqlite_statements_are_pinned() {
    insta::assert_snapshot!(script(&sqlite(&table("orders", &[&["Id"]]))));
}

#[test]
fn a_stream_without_a_key_tells_rows_apart_by_content() {
    let statements = trino(&table("events", &[]), &catalog());
    let view = statements.last().unwrap();
    assert!(view.contains("PARTITION BY tenant, connection, digest"));
    assert!(!script(&statements).contains("without_key"));
}
