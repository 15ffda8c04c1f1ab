//! `headwater source` as the shipped command: what it says in the Airbyte protocol.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says by panicking what went wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const MANIFEST: &str = r#"version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "http://127.0.0.1:9/", path: orders}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
spec: {type: Spec, connection_specification: {type: object}}
"#;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("source").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("shop.yaml"), MANIFEST).unwrap();
    fs::write(folder.join("config.json"), r#"{"token": "\ud83d\ude00"}"#).unwrap();
    folder
}

fn headwater(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.current_dir(folder).env_clear().args(args).output().unwrap()
}

fn messages(output: &Output) -> Vec<Value> {
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const OPENED: [&str; 4] = ["--manifest", "shop.yaml", "--config", "config.json"];

fn asked(verb: &str, more: &[&str]) -> Vec<String> {
    [&["source", verb], OPENED.as_slice(), more].concat().iter().map(ToString::to_string).collect()
}

fn ask(folder: &Path, verb: &str, more: &[&str]) -> Output {
    let args = asked(verb, more);
    headwater(folder, &args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_configuration_of_json_keeps_its_escapes() {
    let output = ask(&folder("escapes"), "discover", &[]);
    let streams = &messages(&output)[0]["catalog"]["streams"];
    assert_eq!(streams[0]["name"], "orders", "{output:?}");
}

#[test]
fn a_fault_of_the_manifest_is_told_in_the_protocol_and_on_stderr() {
    let folder = folder("fault");
    let faulty = MANIFEST.replace("DpathExtractor", "DPathExtractor");
    fs::write(folder.join("shop.yaml"), faulty).unwrap();
    for verb in ["discover", "read"] {
        let output = ask(&folder, verb, &[]);
        assert_eq!(output.status.code(), Some(2));
        let error = &messages(&output)[0]["trace"]["error"];
        assert_eq!(error["failure_type"], "config_error", "{output:?}");
        assert!(error["message"].as_str().unwrap().contains("DPathExtractor"), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("DPathExtractor"), "{output:?}");
    }
    let output = ask(&folder, "check", &[]);
    let status = &messages(&output)[0]["connectionStatus"];
    assert_eq!((status["status"].as_str(), output.status.code()), (Some("FAILED"), Some(2)));
}

#[test]
fn a_state_that_cannot_be_read_is_told_before_any_call() {
    let folder = folder("state");
    fs::write(folder.join("state.json"), r#"[{"type": "LEGACY", "data": {"orders": {}}}]"#)
        .unwrap();
    let output = ask(&folder, "read", &["--state", "state.json"]);
    let said = messages(&output);
    assert_eq!((said.len(), output.status.code()), (1, Some(2)), "{output:?}");
    assert_eq!(said[0]["trace"]["error"]["failure_type"], "config_error");
}
