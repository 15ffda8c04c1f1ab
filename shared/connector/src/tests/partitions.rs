//! Streams with partitions: parents, lists, combinations, and their state.

use futures_util::TryStreamExt;
use serde_json::{Map, Value, json};

use super::fake::Provider;
use super::{pages, raws, source};
use crate::protocol::{Messages, Selected, States, read};

/// Boards, and the cards of each board, which have a cursor.
const BOARDS: &str = r##"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [boards]}
definitions:
  boards:
    type: DeclarativeStream
    name: boards
    retriever:
      requester: {url_base: "https://api.example.com", path: boards}
      record_selector: {extractor: {field_path: [items]}}
  cursor:
    type: DatetimeBasedCursor
    cursor_field: at
    datetime_format: "%Y-%m-%d"
    start_datetime: "2024-01-01"
    step: P3D
    cursor_granularity: P1D
    start_time_option: {inject_into: request_parameter, field_name: from}
    end_time_option: {inject_into: request_parameter, field_name: to}
streams:
  - $ref: "#/definitions/boards"
  - type: DeclarativeStream
    name: cards
    incremental_sync: {$ref: "#/definitions/cursor"}
    retriever:
      requester:
        url_base: "https://api.example.com"
        path: "boards/{{ stream_partition.board }}/cards"
        request_parameters: {name: "{{ stream_slice.extra_fields['name'] }}"}
      record_selector: {extractor: {field_path: []}}
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - {parent_key: id, partition_field: board, extra_fields: [[name]], stream: "#/definitions/boards"}
  - type: DeclarativeStream
    name: products
    retriever:
      requester: {url_base: "https://api.example.com", path: "{{ stream_slice['kind'] }}"}
      record_selector: {extractor: {field_path: []}}
      partition_router:
        - {type: ListPartitionRouter, cursor_field: kind, values: [a, b]}
        - type: ListPartitionRouter
          cursor_field: size
          values: [1, 2]
          request_option: {inject_into: request_parameter, field_name: size}
"##;

const PARENTS: &str = r#"{"items":[{"id":1,"name":"one"},{"id":null},{"id":2,"name":"two"}]}"#;

fn state_of(out: &[u8], stream: &str) -> Map<String, Value> {
    let lines = String::from_utf8(out.to_vec()).unwrap();
    let messages = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let states = messages.filter_map(|mut message| {
        let state = &mut message["state"]["stream"];
        (state["stream_descriptor"]["name"] == stream)
            .then(|| state["stream_state"].as_object().unwrap().clone())
    });
    states.collect::<Vec<_>>().pop().unwrap()
}

#[tokio::test]
async fn records_of_the_parent_are_the_partitions_of_the_child() {
    let provider = Provider::answering([PARENTS]);
    let stream = source(BOARDS, "", &provider).streams()[1].clone();
    assert!(stream.is_partitioned() && stream.is_incremental());
    let partitions: Vec<_> = stream.partitions().try_collect().await.unwrap();
    let keys: Vec<String> = partitions.iter().map(crate::Partition::canonical).collect();
    assert_eq!(keys, [r#"{"board":1,"parent_slice":{}}"#, r#"{"board":2,"parent_slice":{}}"#]);
    assert_eq!(partitions[1].extra["name"], "two");
}

#[tokio::test]
async fn each_partition_is_read_window_by_window_and_has_its_own_state() {
    let provider = Provider::answering([
        PARENTS,
        r#"[{"at":"2024-01-02"}]"#,
        r#"[{"at":"2024-01-05"},{"at":"2024-01-04"}]"#,
        "[]",
        "[]",
    ]);
    let source_ = source(BOARDS, "", &provider);
    let mut out = Vec::new();
    let selected = Selected(vec!["cards".to_owned()]);
    let mut sink = Messages::new(&mut out);
    read(&source_, &selected, &States::new(), &mut sink).await.unwrap();
    assert_eq!(
        provider.calls()[1..3],
        [
            "https://api.example.com/boards/1/cards?name=one&from=2024-01-01&to=2024-01-03",
            "https://api.example.com/boards/1/cards?name=one&from=2024-01-04&to=2024-01-06",
        ]
    );
    let state = state_of(&out, "cards");
    let cursor = |board: u32, at: &str| json!({"partition": {"board": board, "parent_slice": {}}, "cursor": {"at": at}});
    assert_eq!(
        Value::Object(state.clone()),
        json!({
            "use_global_cursor": false,
            "states": [cursor(1, "2024-01-05"), cursor(2, "2024-01-01")],
            "state": {"at": "2024-01-05"},
            "lookback_window": 0,
            "parent_state": {},
        })
    );

    // A known partition resumes from its own value, a new one from the largest of all.
    let parents = r#"{"items":[{"id":1,"name":"one"},{"id":3,"name":"x"}]}"#;
    let again = Provider::answering([parents, "[]", "[]"]);
    let source_ = source(BOARDS, "", &again);
    let states = States::from([("cards".to_owned(), state)]);
    let mut out = Vec::new();
    read(&source_, &selected, &states, &mut Messages::new(&mut out)).await.unwrap();
    assert!(again.calls()[1].contains("boards/1/cards?name=one&from=2024-01-05"));
    assert!(again.calls()[2].contains("boards/3/cards?name=x&from=2024-01-05"));
    assert_eq!(state_of(&out, "cards")["states"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn routers_in_a_list_combine_and_the_last_turns_fastest() {
    let provider = Provider::answering(["[{\"n\":1}]", "[]", "[]", "[]"]);
    let stream = source(BOARDS, "", &provider).streams()[2].clone();
    assert_eq!(raws(&pages(&stream).await.unwrap()), [r#"{"n":1}"#]);
    let paths: Vec<_> = provider
        .calls()
        .iter()
        .map(|url| url.trim_start_matches("https://api.example.com/").to_owned())
        .collect();
    assert_eq!(paths, ["a?size=1", "a?size=2", "b?size=1", "b?size=2"]);
}
