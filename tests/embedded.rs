//! The shipped command, as a person or a script meets it.

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

#[path = "embedded/asked.rs"]
mod asked;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of its own for one test, empty at its start.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn put(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn headwater(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_headwater"))
        .current_dir(folder)
        .env_clear()
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The command refuses with exit code 2 and these lines, and starts nothing.
#[track_caller]
fn refused(folder: &Path, args: &[&str], expected: &[&str]) {
    let output = headwater(folder, args);
    assert_eq!(text(&output.stderr).lines().collect::<Vec<_>>(), expected);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""));
    assert!(!folder.join(".headwater").exists(), "something was started");
}

const MANIFEST: &str = r#"
version: "6.44.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "{{ config['base_url'] }}", path: /orders}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [base_url]
    properties: {base_url: {type: string}}
"#;

fn sound(name: &str) -> PathBuf {
    let folder = folder(name);
    put(&folder, "config/sources/shop.yaml", MANIFEST);
    let tenant = "connections: {main: {source: shop, config: {base_url: http://127.0.0.1:9/}}}\n";
    put(&folder, "config/tenants/bluebird.yaml", tenant);
    folder
}

#[test]
fn sound_configuration_passes() {
    let output = headwater(&sound("sound"), &["config", "check", "--json"]);
    assert_eq!(
        text(&output.stdout),
        "{\"ok\":true,\"sources\":1,\"tenants\":1,\"models\":0,\"destinations\":0}\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_faulty_tenant_file_is_refused_with_place_field_and_what_was_meant() {
    let folder = sound("faulty_tenant");
    let tenant = "connections:\n  main:\n    sorce: shop\n    schedule: {evry: 1h}\n";
    put(&folder, "config/tenants/bluebird.yaml", tenant);
    let expected = [
        "error: config/tenants/bluebird.yaml:3:5: connections.main.sorce: unknown field, did you mean `source`?; accepted: source, config, streams, schedule, parallel, paused",
        "error: config/tenants/bluebird.yaml:3:5: connections.main: `source` is missing",
        "error: config/tenants/bluebird.yaml:4:15: connections.main.schedule: accepted is either `every` or `cron`",
        "error: config/tenants/bluebird.yaml:4:16: connections.main.schedule.evry: unknown field, did you mean `every`?; accepted: every, cron, timezone",
    ];
    refused(&folder, &["config", "check"], &expected);
    refused(&folder, &["tenants", "apply"], &expected);
    refused(&folder, &["sync", "bluebird"], &expected);
}

#[test]
fn a_file_that_is_not_yaml_is_refused_with_its_place() {
    let folder = sound("not_yaml");
    put(&folder, "config/headwater.yaml", "compression: [zstd\n");
    let output = headwater(&folder, &["config", "check"]);
    assert!(text(&output.stderr).starts_with("error: config/headwater.yaml:2:1: "));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn faults_are_machine_readable() {
    let folder = sound("machine_readable");
    put(&folder, "config/headwater.yaml", "hops: many\n");
    let output = headwater(&folder, &["config", "check", "--json"]);
    let message = "config/headwater.yaml:1:7: hops: accepted is a whole number from 1 to 10000";
    let expected = format!(
        "{{\"ok\":false,\"error\":\"{message}\",\"faults\":[{{\"file\":\"config/headwater.yaml\",\"line\":1,\"column\":7,\"field\":\"hops\",\"message\":\"accepted is a whole number from 1 to 10000\"}}]}}\n"
    );
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_folder_without_configuration_is_said_so() {
    refused(
        &folder("bare"),
        &["config", "check"],
        &[
            "error: there is no configuration folder `config`: run in a checkout, or name one with --folder",
        ],
    );
}

#[test]
fn an_unknown_target_names_the_nearest_one() {
    refused(
        &sound("unknown_target"),
        &["sync", "blubird"],
        &["error: there is no tenant `blubird`, did you mean `bluebird`?; there are: bluebird"],
    );
    refused(
        &sound("unknown_stream"),
        &["sync", "bluebird/main/ordres"],
        &["error: there is no stream `ordres`, did you mean `orders`?; there are: orders"],
    );
}

#[test]
fn a_missing_secret_is_said_before_any_call() {
    let folder = sound("missing_secret");
    let tenant = "connections: {main: {source: shop, config: {base_url: {secret: url}}}}\n";
    put(&folder, "config/tenants/bluebird.yaml", tenant);
    refused(
        &folder,
        &["sync", "bluebird"],
        &["error: bluebird/main: config.base_url: there is no secret `bluebird/url`"],
    );
}

#[test]
fn the_schemas_that_are_shipped_are_those_of_the_types() {
    let folder = folder("schemas");
    let output = headwater(&folder, &["config", "schema", "--to", "out"]);
    assert_eq!(output.status.code(), Some(0));
    for kind in ["tenant", "overlay", "customer", "headwater", "model", "destination", "feed"] {
        let name = format!("{kind}.schema.json");
        let written = fs::read_to_string(folder.join("out").join(&name)).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/schema").join(&name);
        let shipped = fs::read_to_string(shipped).unwrap_or_default();
        assert_eq!(written, shipped, "run `headwater config schema --to config/schema`");
    }
}

const MODEL: &str = "
version: 1
fields: {id: {type: string, required: true}, total: 'decimal(18,2)'}
identity: [id]
sources: {shop/orders: {fields: {id: id, total: price}}}
";

#[test]
fn a_model_is_tried_on_records_and_nothing_is_written() {
    let folder = sound("model_try");
    put(&folder, "config/models/order.yaml", MODEL);
    let landed = r#"{"_tenant":"t","_connection":"c","_stream":"orders","_run":"r","_request_start":"2026-01-01T00:00:00.000000000Z","_cursor":null,"_slice":"s","_page":1,"_ordinal":0,"record":{"id":"b"}}"#;
    let gone = landed.replace(r#"{"id":"b"}"#, r#"null,"_deleted":true,"_key":{"id":"b"}"#);
    let records = format!(
        "{{\"id\":\"a\",\"price\":1.50,\"n\":[1e400]}}\n\n{landed}\n{gone}\n{{\"price\":1}}\n"
    );
    put(&folder, "records.ndjson", &records);
    let output = headwater(&folder, &["model", "try", "order", "--from", "records.ndjson"]);
    let expected = "\
line 1: a row
  id                       a
  total                    1.50
  _extra                   {\"n\":[1e400]}
line 3: a row
  id                       b
  _extra                   {}
line 5: quarantined
  id: required: found nothing; accepted is string
drift: what differs from the model
kind     path  found  expected  values
unknown  n     array                 1

3 records: 2 rows, 1 quarantined, 0 values left out
";
    assert_eq!(text(&output.stdout), expected);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    put(&folder, "records.json", "[\n {\"id\": \"a\"},\n {\"id\": 7}\n]\n{}");
    let args = ["--json", "model", "try", "config/models/order.yaml", "--from", "records.json"];
    let output = headwater(&folder, &args);
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["row"]["id"], "a");
    assert_eq!(lines[2]["quarantined"]["violations"][0]["rule"], "required");
    let last = lines.last().unwrap();
    assert_eq!((&last["rows"], &last["quarantined"]), (&2.into(), &1.into()));
    assert!(!folder.join(".headwater").exists(), "something was written");
}

#[test]
fn a_model_that_cannot_be_tried_is_refused_with_the_nearest_name() {
    let folder = sound("model_refused");
    put(&folder, "config/models/order.yaml", MODEL);
    let attempt = |args: &[&str], expected: &str| {
        let args = [&["model", "try"], args, &["--from", "none.ndjson"]].concat();
        refused(&folder, &args, &[expected]);
    };
    attempt(&["oder"], "error: there is no model `oder`, did you mean `order`?; there are: order");
    attempt(
        &["order", "--source", "shop/order"],
        "error: the model is not made from `shop/order`, did you mean `shop/orders`?; there are: shop/orders",
    );
    attempt(&["order"], "error: none.ndjson: No such file or directory (os error 2)");
}

/// Runs the demo over the sample configuration and gives its last line.
fn demo(folder: &Path) -> Value {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let args = ["demo", "--json", "--port", "0", "--limit", "10m", "--folder", config];
    let output = headwater(folder, &args);
    let last = text(&output.stdout).lines().last().map(str::to_owned).unwrap_or_default();
    let report: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}\n{}", text(&output.stderr));
    report
}

fn sum(report: &Value, field: &str) -> u64 {
    report["streams"].as_array().unwrap().iter().map(|one| one[field].as_u64().unwrap()).sum()
}

#[test]
fn every_view_equals_the_providers_truth_and_still_does_after_the_provider_changed() {
    let folder = folder("demo");
    let (first, second) = (demo(&folder), demo(&folder));
    for report in [&first, &second] {
        assert_eq!(report["ok"], true);
        assert_eq!(sum(report, "in_view"), sum(report, "expected"));
        let models = report["models"].as_array().unwrap();
        assert!(models.len() > 8 && models.iter().all(|one| one["equal"] == true), "{models:#?}");
        let of = |name: &str| models.iter().find(|one| one["model"] == name).unwrap();
        assert!(of("order")["quarantined"].as_u64() > Some(0) && of("order")["drift"] == 1);
        assert_eq!(of("host")["rows"], 18);
        let tenants: BTreeSet<&str> = report["streams"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|s| s["tenant"].as_str())
            .collect();
        assert_eq!(
            tenants.into_iter().collect::<Vec<_>>(),
            ["bluebird", "cedar", "delta", "elm", "fern", "gorse"]
        );
    }
    let hosts = |report: &Value| {
        let models = report["models"].as_array().unwrap();
        models.iter().find(|one| one["model"] == "host").unwrap()["merged"]["things"].as_u64()
    };
    // Machines that appeared between the runs are things, too.
    assert!(hosts(&first) == Some(8) && hosts(&second) >= Some(8), "{second:#}");
    assert_ne!(sum(&first, "expected"), sum(&second, "expected"), "the provider changed nothing");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let gaps = headwater(&folder, &["runs", "--gaps", "--json", "--folder", config]);
    assert_eq!(text(&gaps.stdout), "", "nothing is missing, and nothing is suspected to be");
    let count = "select count(*) n from rutter_orders where _tenant = 'fern'";
    let rows = headwater(&folder, &["query", "--json", "--folder", config, count]);
    assert!(text(&rows.stdout).starts_with("{\"n\":3"), "{}", text(&rows.stdout));
    // A demo takes longest of all that is tested here: what its lake answers is asked on the spot.
    asked::refusals_and_differences(&folder);
    asked::rows_and_copies(&folder);
}

#[test]
fn tenants_of_a_script_are_taken_over_with_their_secrets_and_state() {
    let folder = sound("import");
    put(
        &folder,
        "seed.json",
        r#"{"tenants": {"414": {"api_key": "k1"}, "372": {"api_key": "k2"}}}"#,
    );
    put(&folder, "state.json", r#"{"latest_updates": {"414": {"shop_orders": "2022-01-01"}}}"#);
    let args = ["tenants", "import", "--config", "seed.json", "--state", "state.json"];
    let args = [args.as_slice(), &["--source", "shop", "--base-url", "http://x"]].concat();
    let output = headwater(&folder, &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected = "config/tenants/372.yaml: 1 secrets, 0 streams go on where they stopped\n\
                    config/tenants/414.yaml: 1 secrets, 1 streams go on where they stopped\n";
    assert_eq!(text(&output.stdout), expected);
    let secret = fs::read_to_string(folder.join(".headwater/secrets/414/shop-api-key")).unwrap();
    assert_eq!(secret, "k1");
    assert_eq!(headwater(&folder, &["config", "check"]).status.code(), Some(0));
}
