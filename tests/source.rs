//! `headwater source` as the shipped command: what it says in the Airbyte protocol, and what it
//! tells authors of manifests.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says by panicking what went wrong"
)]

#[path = "source/provider.rs"]
mod provider;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use provider::{ACCESS, Provider};
use serde_json::{Value, json};

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
fn a_configuration_that_the_manifest_does_not_describe_is_told_before_any_call() {
    let folder = folder("described");
    let described = "connection_specification: {type: object, required: [token], properties: \
                     {token: {type: string}, limit: {type: integer}}}";
    let manifest = MANIFEST.replace("connection_specification: {type: object}", described);
    fs::write(folder.join("shop.yaml"), manifest).unwrap();
    for (config, told) in [
        (r#"{"limit": 5}"#, "Config validation error: 'token' is a required property"),
        (
            r#"{"token": "t", "limit": "s3cret"}"#,
            "Config validation error: `limit` is not of type integer",
        ),
    ] {
        fs::write(folder.join("config.json"), config).unwrap();
        let output = ask(&folder, "check", &[]);
        let expected = json!({"status": "FAILED", "message": told});
        assert_eq!(messages(&output)[0]["connectionStatus"], expected, "{output:?}");
        for verb in ["discover", "read"] {
            let output = ask(&folder, verb, &[]);
            let error = &messages(&output)[0]["trace"]["error"];
            assert_eq!(error, &json!({"message": told, "failure_type": "config_error"}));
            assert_eq!(output.status.code(), Some(2));
        }
        let output = ask(&folder, "discover", &["--any-config"]);
        assert_eq!(messages(&output)[0]["type"], "CATALOG", "{output:?}");
    }
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

const SHOP: &str = r#"version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: "{{ config['base_url'] }}"
        path: orders
        request_parameters: {limit: "2"}
        authenticator:
          type: OAuthAuthenticator
          token_refresh_endpoint: "{{ config['base_url'] }}token"
          client_id: shop
          client_secret: "{{ config['client_secret'] }}"
          refresh_token: "{{ config['refresh'] }}"
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [orders]}}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        pagination_strategy:
          type: CursorPagination
          cursor_value: "{{ response['next'] }}"
          stop_condition: "{{ not response['next'] }}"
    schema_loader:
      type: InlineSchemaLoader
      schema:
        type: object
        properties: {id: {type: integer}, total: {type: number}, by: {type: string}, note: {type: string}}
spec:
  type: Spec
  connection_specification:
    type: object
    properties:
      base_url: {type: string}
      client_secret: {type: string}
      refresh: {type: string, airbyte_secret: true}
"#;

/// A folder with the shop's manifest, and its provider.
fn shop(name: &str) -> (PathBuf, Provider) {
    let (folder, provider) = (folder(name), Provider::start());
    fs::write(folder.join("shop.yaml"), SHOP).unwrap();
    let config = json!({
        "base_url": format!("http://{}/", provider.host),
        "client_secret": "s3cret-of-the-client",
        "refresh": "r3fresh-me",
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    (folder, provider)
}

/// What a test of the shop's manifest says of its one stream.
fn tested(folder: &Path, more: &[&str], code: i32) -> Value {
    let output = headwater(folder, &[&["source", "test", "shop.yaml", "--json"], more].concat());
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    messages(&output)[0].clone()
}

#[test]
fn a_test_tells_requests_first_records_and_where_schemas_differ() {
    let (folder, _provider) = shop("tells");
    let report = tested(&folder, &["--config", "config.json"], 0);
    assert_eq!((&report["records"], &report["pages"]), (&json!(3), &json!(2)), "{report}");
    let urls = report["requests"].as_array().unwrap().iter().map(|r| r["url"].as_str().unwrap());
    let paths: Vec<&str> = urls.map(|url| url.rsplit_once('/').unwrap().1).collect();
    assert_eq!(paths, ["token", "orders?limit=2", "orders?limit=2&page=two"]);
    let found = |n: usize| (&report["differences"][n]["field"], &report["differences"][n]["kind"]);
    assert_eq!(found(0), (&json!("id"), &json!("type")));
    assert_eq!(found(1), (&json!("colour"), &json!("undeclared")));
    assert_eq!(found(2), (&json!("note"), &json!("absent")));
    assert_eq!(report["schema"]["properties"]["id"]["type"], json!(["integer", "string"]));
    tested(&folder, &["--config", "config.json", "--strict"], 3);
}

#[test]
fn a_cassette_holds_no_secret_and_replays_without_configuration_and_api() {
    let (folder, provider) = shop("cassette");
    let recorded = tested(&folder, &["--config", "config.json"], 0);
    let calls = provider.calls();
    assert_eq!(calls, 3);
    let cassette = fs::read_to_string(folder.join("shop.cassette.json")).unwrap();
    for secret in ["s3cret-of-the-client", "r3fresh-me", ACCESS, "4cce55"] {
        assert!(!cassette.contains(secret), "{secret} stands in {cassette}");
        assert!(!recorded.to_string().contains(secret), "{secret} is told");
    }
    assert!(cassette.contains(r#"\"total\": 1.50"#), "the answer is kept as it came: {cassette}");
    let replayed = tested(&folder, &[], 0);
    assert_eq!(provider.calls(), calls);
    for same in ["records", "pages", "preview", "schema", "differences"] {
        assert_eq!(replayed[same], recorded[same]);
    }
    assert_eq!(replayed["requests"][0]["from"], "cassette");
    let again = tested(&folder, &["--config", "config.json"], 0);
    assert_eq!(again["records"], 3, "tokens are fetched anew, pages come from the cassette");
    let cassette = fs::read_to_string(folder.join("shop.cassette.json")).unwrap();
    assert!(!cassette.contains("4cce55"));
    assert_eq!(tested(&folder, &["--replay"], 0)["preview"], recorded["preview"]);
}

#[test]
fn a_request_that_is_not_on_the_cassette_fails_the_replay_and_names_the_nearest() {
    let (folder, _provider) = shop("nearest");
    tested(&folder, &["--config", "config.json"], 0);
    let changed = SHOP.replace(r#"limit: "2""#, r#"limit: "3""#);
    fs::write(folder.join("shop.yaml"), changed).unwrap();
    let report = tested(&folder, &[], 1);
    let missing = &report["requests"][1];
    assert_eq!(missing["from"], "nowhere", "{report}");
    assert!(missing["nearest"].as_str().unwrap().ends_with("/orders?limit=2"), "{missing}");
    let none = headwater(&folder, &["source", "test", "shop.yaml", "--cassette", "none.json"]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
}

#[test]
fn a_watched_manifest_is_tried_again_when_it_changes() {
    let (folder, _provider) = shop("watch");
    tested(&folder, &["--config", "config.json"], 0);
    let mut watching = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .current_dir(&folder)
        .env_clear()
        .args(["source", "test", "shop.yaml", "--json", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["stream"], "orders");
    let change = |text: &str| {
        fs::write(folder.join("draft"), text).unwrap();
        fs::rename(folder.join("draft"), folder.join("shop.yaml")).unwrap();
    };
    change("streams: [");
    assert_eq!(next()["ok"], false);
    change(&SHOP.replace("name: orders", "name: sales"));
    let report = next();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert_eq!((&report["stream"], &report["records"]), (&json!("sales"), &json!(3)));
}
