//! `StateDelegatingStream`, read by a host that keeps an instant instead of a state.

use model::CursorValue;

use super::fake::Provider;
use super::{raws, source};
use crate::{Partition, Slice, Stream};

const CHANGES: &str = r##"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
definitions:
  base:
    type: DeclarativeStream
    name: items
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%Y-%m-%d"
      start_datetime: "2023-12-01"
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url: "https://api.example.com/v1/{{ parameters['place'] }}"}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
streams:
  - type: StateDelegatingStream
    name: items
    api_retention_period: P10D
    full_refresh_stream: {$ref: "#/definitions/base", $parameters: {place: all}}
    incremental_stream: {$ref: "#/definitions/base", $parameters: {place: changes}}
"##;

fn slice(stream: &Stream, from: Option<&str>) -> Slice {
    let from = from.map(|text| CursorValue::Instant(text.parse().unwrap()));
    let now = "2024-01-06T00:00:00Z".parse().unwrap();
    let mut slices = stream.slices(&Partition::default(), from.as_ref(), now).unwrap();
    assert_eq!(slices.len(), 1);
    slices.remove(0)
}

#[tokio::test]
async fn from_an_instant_on_the_incremental_stream_reads_as_long_as_its_source_remembers() {
    for (from, asked) in [
        (None, "all?since=2023-12-01"),
        (Some("2024-01-05T00:00:00Z"), "changes?since=2024-01-05"),
        (Some("2023-12-20T00:00:00Z"), "all?since=2023-12-20"),
    ] {
        let provider = Provider::answering([r#"[{"at":"2024-01-05"}]"#]);
        let stream = source(CHANGES, "", &provider).streams()[0].clone();
        let stored = serde_json::to_value(slice(&stream, from)).unwrap();
        assert_eq!(stored.get("delegated").is_some(), asked.starts_with("changes"));
        let slice = serde_json::from_value(stored).unwrap();
        let page = stream.read(&slice, None).next().await.unwrap().unwrap();
        assert_eq!(raws(&[page]), [r#"{"at":"2024-01-05"}"#]);
        assert_eq!(provider.calls(), [format!("https://api.example.com/v1/{asked}")]);
    }
}

#[test]
fn partitions_are_always_read_by_the_first_stream() {
    let router = "partition_router: {type: ListPartitionRouter, cursor_field: of, values: [a]}";
    let manifest =
        CHANGES.replace("      requester:", &format!("      {router}\n      requester:"));
    let stream = source(&manifest, "", &Provider::default()).streams()[0].clone();
    assert!(!slice(&stream, Some("2024-01-05T00:00:00Z")).delegated);
}
