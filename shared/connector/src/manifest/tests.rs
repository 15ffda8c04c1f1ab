use serde_json::json;

use super::*;

const HEAD: &str =
    "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [a]}\n";

fn parse(rest: &str) -> Result<Manifest, Vec<String>> {
    Manifest::parse("m.yaml", &format!("{HEAD}{rest}"))
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn stream(rest: &str) -> Value {
    parse(rest).unwrap().listed().next().unwrap().json
}

#[track_caller]
fn refused(rest: &str, expected: &[&str]) {
    assert_eq!(parse(rest).unwrap_err(), expected);
}

const RETRIEVER: &str =
    "{requester: {url_base: 'https://h'}, record_selector: {extractor: {field_path: []}}}";

#[test]
fn types_that_the_place_implies_are_filled_in() {
    let stream = stream(&format!("streams:\n  - name: a\n    retriever: {RETRIEVER}\n"));
    assert_eq!(stream["type"], "DeclarativeStream");
    assert_eq!(stream["retriever"]["type"], "SimpleRetriever");
    assert_eq!(stream["retriever"]["requester"]["type"], "HttpRequester");
    assert_eq!(stream["retriever"]["record_selector"]["extractor"]["type"], "DpathExtractor");
    assert_eq!(stream["retriever"]["$line"], 6);
}

#[test]
fn references_merge_and_what_stands_beside_them_wins() {
    let stream = stream(&format!(
        r##"
definitions:
  base:
    retriever: {RETRIEVER}
    primary_key: id
    name: a/b
  a/b: {{primary_key: "#/definitions/base/primary_key"}}
streams:
  - $ref: "#/definitions/base"
    name: a
    extra: {{$ref: "#/definitions/a/b"}}
"##
    ));
    assert_eq!(stream["name"], "a");
    assert_eq!(stream["primary_key"], "id");
    assert_eq!(stream["extra"], json!({"primary_key": "id"}));
}

#[test]
fn a_reference_to_nothing_or_to_itself_is_a_fault_with_its_place() {
    refused(
        "streams:\n  - {$ref: '#/definitions/x'}\n",
        &["m.yaml:5:12: streams[0]: reference `#/definitions/x` names nothing"],
    );
    refused(
        "definitions: {a: {b: '#/definitions/a'}}\nstreams: ['#/definitions/a']\n",
        &["m.yaml:4:22: definitions.a.b.b: reference `#/definitions/a` leads back to itself"],
    );
}

#[test]
fn parameters_reach_the_components_below_and_the_nearest_wins() {
    let stream = stream(
        r"
streams:
  - type: DeclarativeStream
    name: a
    $parameters: {path: far, name: ignored, primary_key: id}
    retriever:
      $parameters: {path: near}
      requester: {url_base: 'https://h', request_parameters: {type_: x}}
      record_selector: {extractor: {field_path: [], path: kept}}
",
    );
    assert_eq!(stream["primary_key"], "id");
    assert_eq!(stream["name"], "a");
    assert_eq!(stream["retriever"]["requester"]["path"], "near");
    assert_eq!(stream["retriever"]["requester"]["$parameters"]["primary_key"], "id");
    assert_eq!(stream["retriever"]["record_selector"]["extractor"]["path"], "kept");
    assert_eq!(stream["retriever"]["requester"]["request_parameters"], json!({"type_": "x"}));
}

#[test]
fn what_does_not_run_is_refused_by_name_line_and_path_all_at_once() {
    refused(
        r"streams:
  - name: a
    retriever:
      type: SimpleRetriever
      requester:
        url_base: 'https://h'
        authenticator: {type: JwtAuthenticatr}
      record_selector:
        extractor:
          class_name: source_x.Extractor
      paginator: {type: DefaultPaginator, pagination_strategy: {type: PageIncrment}}
      partition_router: {type: ListPartitionRouter, values: [a]}
  - name: b
    retriever: {type: AsyncRetriver}
",
        &[
            "m.yaml:10:31: streams[0].retriever.requester.authenticator: JwtAuthenticatr is not supported (did you mean JwtAuthenticator?); accepted: NoAuth, ApiKeyAuthenticator, BearerAuthenticator, BasicHttpAuthenticator, OAuthAuthenticator, JwtAuthenticator, RateLimitedMultipleTokenAuthenticator, SelectiveAuthenticator, SessionTokenAuthenticator, LegacySessionTokenAuthenticator",
            "m.yaml:13:11: streams[0].retriever.record_selector.extractor: CustomRecordExtractor needs Python code, which does not run here; accepted: DpathExtractor, CombinedExtractor",
            "m.yaml:14:71: streams[0].retriever.paginator.pagination_strategy: PageIncrment is not supported (did you mean PageIncrement?); accepted: CursorPagination, OffsetIncrement, PageIncrement",
            "m.yaml:15:25: streams[0].retriever.partition_router: ListPartitionRouter needs `cursor_field`",
            "m.yaml:17:23: streams[1].retriever: AsyncRetriver is not supported (did you mean AsyncRetriever?); accepted: SimpleRetriever, AsyncRetriever",
        ],
    );
}

#[test]
fn a_schema_is_no_component_whatever_it_holds() {
    let stream = stream(&format!(
        r"
streams:
  - name: a
    $parameters: {{title: t}}
    retriever: {RETRIEVER}
    schema_loader:
      type: InlineSchemaLoader
      schema: {{type: object, properties: {{type: {{type: string}}}}}}
"
    ));
    let schema = &stream["schema_loader"]["schema"];
    assert_eq!(*schema, json!({"type": "object", "properties": {"type": {"type": "string"}}}));
}
