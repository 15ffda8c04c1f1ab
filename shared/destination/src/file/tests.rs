use model::document::Document;

use crate::Destination;

/// What is wrong with a file, one fault a line.
fn faults(text: &str) -> String {
    let document = Document::parse("crm.yaml", text).unwrap();
    match Destination::parse(&"crm".parse().unwrap(), &document) {
        Ok(_) => "no faults".to_owned(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// A file with these operations and rules.
fn file(operations: &str, rules: &str) -> String {
    format!("requester: {{url_base: http://x}}\noperations:\n{operations}\nrules:\n{rules}\n")
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place() {
    insta::assert_snapshot!(faults(
        r#"
descripton: x
spec:
  connection_specification:
    required: [base_url, pasword]
    properties: {base_url: {}, password: {airbyte_secret: true}}
requester:
  url_base: "{{ config.base_ulr }}"
  request_headers: {X-Key: "{{ config.password }}"}
  authenticator:
    type: ApiKeyAuthentcator
    api_token: "{{ config.pasword }}"
    inject_into: {type: RequestOption, inject_into: body_json, field_name: key}
api_budget:
  rates: [{limit: 0, interval: 1x}]
timeout: 1h
concurrency: 0
batch: {max_items: 0, max_byte: 5}
idempotency: naturalkey
accepts: {user: ADD_CUSTS}
operations:
  ADD_CUST:
    http_method: GETT
    path: "/a/{{ recrd.id }}/b?x=1"
    item: {ref: "{{ ref }}", pass: "{{ config.password }}", all: "{{ config }}"}
    body: {items: "{{ item }}"}
    results: [{path: "a[0]", ref: ref, index: at}, {path: results}]
    waits_for: [ADD_CUST]
    async: {job: id, running: queued}
  "BAD\tNAME": {path: /x}
rules:
  - {level: items, status: 99, then: fial}
  - {level: item, code: 1, then: split}
  - {level: item, body: "(", then: {fail: {most: 1}}}
  - {level: request, status: 500, then: reroute}
  - {level: request, status: 501, then: {reroute: ADD}, operations: ADDD}
  - {level: request, status: 502, predicate: "{{ item.x }}", then: {retry: {base: 2days}}}
  - {status: 200}
"#
    ));
}

#[test]
fn rules_that_are_never_reached_are_told() {
    let file = file(
        "  A:
    path: /a
    rules:
      - {level: request, status: 5xx, then: retry}
      - {level: request, status: [500, 503], then: fail}
      - {level: item, then: fail}
      - {level: job, then: fail}
  B:
    path: /b
    results: {path: ., by: position, code: c}",
        "  - {level: item, code: 8000-8999, then: fail}
  - {level: item, code: [8001, 8100-8200], then: succeed}
  - {level: item, code: [8001, 9000], then: succeed}
  - {level: request, status: 500-599, body: busy, then: retry}
  - {level: request, status: 503, then: retry}
  - {level: request, then: fail}
  - {level: request, status: none, then: retry}",
    );
    insta::assert_snapshot!(faults(&file));
}

#[test]
fn items_cannot_go_round_unless_it_is_said_how_often() {
    let operations = |back: &str| {
        format!(
            "  A: {{path: /a, rules: [{{level: request, status: 409, then: {{reroute: B}}}}]}}
  B: {{path: /b, rules: [{{level: request, status: 404, then: {{reroute: {back}}}}}]}}
  C: {{path: /c, rules: [{{level: request, status: 409, then: {{reroute: C}}}}]}}"
        )
    };
    insta::assert_snapshot!(faults(&file(&operations("A"), "  []")));
    let said = operations("{to: A, most: 1}").lines().take(2).collect::<Vec<_>>().join("\n");
    assert_eq!(faults(&file(&said, "  []")), "no faults");
}

#[test]
fn operations_do_not_wait_for_each_other() {
    let operations = "  A: {path: /a, waits_for: [B]}\n  B: {path: /b, waits_for: {operations: [A, D], most: 8d}}";
    insta::assert_snapshot!(faults(&file(operations, "  []")));
}

#[test]
fn a_file_without_anything_says_what_is_missing() {
    insta::assert_snapshot!(faults(""));
}

/// Whether an editor with the schema takes the file.
fn check_schema(text: &str) {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("destination.json", crate::schema().to_value()).unwrap();
    let index = compiler.compile("destination.json", &mut schemas).unwrap();
    let file = Document::parse("d.yaml", text).unwrap().root.to_json();
    if let Err(error) = schemas.validate(&file, index) {
        panic!("{error:#}");
    }
}

macro_rules! shipped {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                let file = include_str!(concat!(
                    "../../../../config/destinations/", stringify!($name), ".yaml"
                ));
                assert_eq!(faults(file), "no faults", "{name}");
                check_schema(file);
            }
        )*
    };
}

mod shipped_files_have_no_faults {
    use super::{check_schema, faults};

    shipped!(crm, hubspot, braze, klaviyo, pocketbase);
}
