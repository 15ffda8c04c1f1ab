//! Whole sources over a provider that answers as each test says.

mod answers;
mod control;
mod counts;
mod delegating;
mod fake;
mod files;
mod halves;
mod jobs;
mod partitions;
mod side_by_side;
mod tail;
mod worlds;

use futures_util::TryStreamExt;
use model::config::Overlay;
use model::document::Document;
use model::{Classify, Retry};
use serde_json::{Value, json};

use crate::protocol::{Messages, Selected, States, read};
use crate::{Error, Manifest, Page, PositionKind, Source, Stream, Tier};
use fake::{Provider, runtime};

/// One stream of orders with a cursor and pages by token.
const ORDERS: &str = r#"
version: 6.0.0
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
        path: /orders
        request_parameters: {limit: "2"}
      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [orders]}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: cursor}
        pagination_strategy:
          type: CursorPagination
          cursor_value: "{{ response.get('next_cursor') }}"
          stop_condition: "{{ not response.get('next_cursor') }}"
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: updated_at
      datetime_format: "%ms"
      cursor_datetime_formats: ["%Y-%m-%dT%H:%M:%S.%fZ"]
      start_datetime: {type: MinMaxDatetime, datetime: "2024-01-01T00:00:00.000Z", datetime_format: "%Y-%m-%dT%H:%M:%S.%fZ"}
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: updated_at_min}
spec:
  type: Spec
  connection_specification: {type: object}
"#;

fn source(manifest: &str, overlay: &str, provider: &Provider) -> Source {
    let manifest = Manifest::parse("m.yaml", manifest).unwrap();
    let overlay = Overlay::parse(&Document::parse("o.yaml", overlay).unwrap()).unwrap();
    let config = json!({"base_url": "https://api.example.com/v1"});
    Source::build(&manifest, &overlay, &config, runtime(provider)).unwrap()
}

/// A source of orders that gets these answers.
pub(crate) fn orders_source<const N: usize>(answers: [&'static str; N]) -> Source {
    source(ORDERS, "", &Provider::answering(answers))
}

fn orders(provider: &Provider) -> Stream {
    source(ORDERS, "", provider).streams()[0].clone()
}

async fn pages(stream: &Stream) -> Result<Vec<Page>, Error> {
    let mut pages = Vec::new();
    let now = "2024-01-06T00:00:00Z".parse().unwrap();
    let partitions: Vec<_> = stream.partitions().try_collect().await?;
    for partition in &partitions {
        for slice in stream.slices(partition, None, now)? {
            let mut reader = stream.read(&slice, None);
            while let Some(page) = reader.next().await? {
                pages.push(page);
            }
        }
    }
    Ok(pages)
}

fn raws(pages: &[Page]) -> Vec<String> {
    let raw = |r: &crate::Record| String::from_utf8(r.raw.to_vec()).unwrap();
    pages.iter().flat_map(|page| page.records.iter().map(raw)).collect()
}

pub(crate) const FIRST: &str = r#"{"orders":[{"id":1,"total":1.50,"updated_at":"2024-01-02T00:00:00.000Z"},{"id":2,"updated_at":null}],"next_cursor":"t1"}"#;
pub(crate) const LAST: &str =
    r#"{"orders":[{"id":3, "updated_at":"2024-01-03T00:00:00.000Z"}],"next_cursor":null}"#;

#[tokio::test]
async fn pages_follow_the_token_and_records_keep_their_bytes() {
    let provider = Provider::answering([FIRST, LAST]);
    let stream = orders(&provider);
    assert_eq!(stream.tier(), Tier::Raw);
    let pages = pages(&stream).await.unwrap();
    assert_eq!(
        raws(&pages),
        [
            r#"{"id":1,"total":1.50,"updated_at":"2024-01-02T00:00:00.000Z"}"#,
            r#"{"id":2,"updated_at":null}"#,
            r#"{"id":3, "updated_at":"2024-01-03T00:00:00.000Z"}"#,
        ]
    );
    let cursors: Vec<_> = pages
        .iter()
        .flat_map(|p| &p.records)
        .map(|r| r.cursor.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(cursors[0].as_deref(), Some("t2024-01-02T00:00:00.000000000Z"));
    assert_eq!(cursors[1], None);
    let base = "https://api.example.com/v1/orders?limit=2&updated_at_min=1704067200000";
    assert_eq!(provider.calls(), [base.to_owned(), base.replace('&', "&cursor=t1&")]);
}

#[tokio::test]
async fn a_place_in_a_slice_is_found_again() {
    let provider = Provider::answering([FIRST, LAST, LAST]);
    let stream = orders(&provider);
    let first = pages(&stream).await.unwrap().remove(0);
    let next = first.next.unwrap();
    assert_eq!((next.kind, &next.token, next.page), (PositionKind::Cursor, &json!("t1"), 1));
    let kept = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
    let now = "2024-01-06T00:00:00Z".parse().unwrap();
    let slice = stream.slices(&crate::Partition::default(), None, now).unwrap().remove(0);
    let page = stream.read(&slice, Some(kept)).next().await.unwrap().unwrap();
    assert_eq!((page.number, page.records.len()), (1, 1));
    assert_eq!(provider.calls()[2], provider.calls()[1]);
}

#[test]
fn an_overlay_splits_windows_and_sends_inclusive_ends() {
    let overlay = "window: {inclusive_unit: 1ms, split: 2}\n";
    let stream = source(ORDERS, overlay, &Provider::default()).streams()[0].clone();
    let now = "2024-01-05T00:00:00Z".parse().unwrap();
    let slices = stream.slices(&crate::Partition::default(), None, now).unwrap();
    let ends: Vec<_> = slices.iter().map(|s| s.end.as_deref().unwrap()).collect();
    assert_eq!(ends, ["1704239999999", "1704412799999"]);
    let windows: Vec<_> = slices.iter().map(|s| s.window.unwrap()).collect();
    assert_eq!(windows[0].until(), windows[1].from());
    assert_eq!(windows[1].until(), now);
}

#[tokio::test]
async fn a_token_that_comes_again_ends_the_walk_with_an_error() {
    let stream = orders(&Provider::answering([FIRST, FIRST, FIRST]));
    let error = pages(&stream).await.unwrap_err();
    assert!(matches!(&error, Error::Endless { at, .. } if at.page == 2), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    assert!(
        error
            .to_string()
            .starts_with("stream `orders`, slice 1704067200000..1704499200000, page 2")
    );
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_an_error_that_says_where() {
    for broken in [r#"{"orders":[{"id":1}"#, "<html>", r#"{"orders":[{"id":}]}"#] {
        let error = pages(&orders(&Provider::answering([broken]))).await.unwrap_err();
        assert!(matches!(&error, Error::Shape { at, .. } if at.page == 0), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);
    }
}

#[tokio::test]
async fn the_protocol_read_gives_records_states_and_statuses() {
    let provider = Provider::answering([FIRST, LAST]);
    let source = source(ORDERS, "", &provider);
    let mut out = Vec::new();
    let selected = Selected(vec!["orders".to_owned()]);
    let summary =
        read(&source, &selected, &States::new(), &mut Messages::new(&mut out)).await.unwrap();
    assert_eq!((summary.records["orders"], summary.failed.len()), (3, 0));
    let messages: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<_> = messages.iter().map(|m| m["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["TRACE", "TRACE", "RECORD", "RECORD", "RECORD", "STATE", "STATE", "TRACE"]);
    assert_eq!(
        messages[6]["state"]["stream"]["stream_state"],
        json!({"updated_at": "1704240000000"})
    );
}
