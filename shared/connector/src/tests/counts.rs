//! Streams that keep a count.

use serde_json::{Value, json};

use super::fake::Provider;
use super::{pages, raws, source};
use crate::protocol::{Messages, Selected, States, read};
use crate::{Manifest, Partition};

const EVENTS: &str = r#"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [events]}
streams:
  - type: DeclarativeStream
    name: events
    incremental_sync:
      type: IncrementingCountCursor
      cursor_field: seq
      start_value: 5
      start_value_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    retriever:
      requester:
        url_base: "https://api.example.com"
        path: "events/{{ stream_slice.start + 1 }}/{{ stream_interval['end'] }}"
      record_selector: {extractor: {field_path: []}}
"#;

async fn state_after(body: &str, state: Value) -> (Vec<String>, Value) {
    let provider = Provider::answering([body]);
    let source = source(EVENTS, "", &provider);
    let states: States = [("events".to_owned(), state.as_object().unwrap().clone())].into();
    let mut out = Vec::new();
    let selected = Selected(vec!["events".to_owned()]);
    read(&source, &selected, &states, &mut Messages::new(&mut out)).await.unwrap();
    let last = String::from_utf8(out).unwrap();
    let last = last.lines().rfind(|line| line.contains(r#""STATE""#)).unwrap();
    let mut message: Value = serde_json::from_str(last).unwrap();
    (provider.calls(), message["state"]["stream"]["stream_state"].take())
}

#[tokio::test]
async fn a_count_goes_on_where_it_was() {
    let (calls, state) = state_after(r#"[{"seq":9},{"seq":7},{"id":1}]"#, json!({})).await;
    assert_eq!(calls, ["https://api.example.com/events/6/inf?since=5"]);
    assert_eq!(state, json!({"seq": 9}));
    let (calls, state) = state_after("[]", state).await;
    assert_eq!(calls, ["https://api.example.com/events/10/inf?since=9"]);
    assert_eq!(state, json!({"seq": 9}));
}

#[tokio::test]
async fn a_count_that_is_a_text_fails_the_stream() {
    let provider = Provider::answering([r#"[{"seq":"9"}]"#]);
    let stream = source(EVENTS, "", &provider).streams()[0].clone();
    let error = pages(&stream).await.unwrap_err();
    assert!(error.to_string().ends_with("cursor value 9 is not a whole number"), "{error}");
}

#[tokio::test]
async fn slices_resume_at_a_count() {
    let provider = Provider::answering([r#"[{"seq":9}]"#]);
    let stream = source(EVENTS, "", &provider).streams()[0].clone();
    let now = "2024-01-06T00:00:00Z".parse().unwrap();
    let from = model::CursorValue::Integer(8);
    let slices = stream.slices(&Partition::default(), Some(&from), now).unwrap();
    assert_eq!((slices.len(), slices[0].window), (1, None));
    let page = stream.read(&slices[0], None).next().await.unwrap().unwrap();
    assert_eq!(page.records[0].cursor, Some(model::CursorValue::Integer(9)));
    assert_eq!(raws(&[page]), [r#"{"seq":9}"#]);
    assert_eq!(provider.calls(), ["https://api.example.com/events/9/inf?since=8"]);
}

#[test]
fn a_count_beside_partitions_is_refused() {
    let router = "retriever:\n      partition_router: {type: ListPartitionRouter, cursor_field: a, values: [b]}";
    let manifest = EVENTS.replace("retriever:", router);
    let faults = Manifest::parse("m.yaml", &manifest).unwrap_err();
    assert!(faults[0].message.contains("IncrementingCountCursor cannot stand"), "{}", faults[0]);
}
