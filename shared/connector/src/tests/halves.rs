//! Walks over windows that the source refuses, left and gone on with.

use super::fake::Provider;
use super::{raws, source};
use crate::{Page, PageReader, Partition, Position, Slice, Stream};

const ITEMS: &str = r#"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
streams:
  - type: DeclarativeStream
    name: items
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%Y-%m-%d"
      start_datetime: "2024-01-01"
      end_datetime: "2024-01-04"
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: from}
      end_time_option: {type: RequestOption, inject_into: request_parameter, field_name: to}
      step: P4D
      cursor_granularity: P1D
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url: https://api.example.com/v1/items
        error_handler:
          type: DefaultErrorHandler
          response_filters: [{type: HttpResponseFilter, http_codes: [400], action: SPLIT_REQUEST_WINDOW}]
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [items]}}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        pagination_strategy: {type: CursorPagination, cursor_value: "{{ response.next }}", stop_condition: "{{ not response.next }}"}
      request_window_splitting: {type: RequestWindowSplitting}
"#;

/// The items of the first two days on two pages, those of the others on one.
const ANSWERS: [(u16, &str); 4] = [
    (400, "{}"),
    (200, r#"{"items": [{"id":1,"at":"2024-01-01"}], "next": "b"}"#),
    (200, r#"{"items": [{"id":2,"at":"2024-01-02"}]}"#),
    (200, r#"{"items": [{"id":3,"at":"2024-01-04"}]}"#),
];

/// What they are asked for with.
const ASKED: [&str; 4] =
    ["from=01&to=04", "from=01&to=02", "page=b&from=01&to=02", "from=03&to=04"];

fn items(answers: &[(u16, &str)]) -> (Provider, Stream, Slice) {
    let provider = Provider::default();
    for (status, body) in answers {
        provider.add(*status, &[], body);
    }
    let stream = source(ITEMS, "", &provider).streams()[0].clone();
    let now = "2024-01-06T00:00:00Z".parse().unwrap();
    let mut slices = stream.slices(&Partition::default(), None, now).unwrap();
    assert_eq!(slices.len(), 1);
    (provider, stream, slices.remove(0))
}

async fn rest(mut reader: PageReader) -> Vec<Page> {
    let mut pages = Vec::new();
    while let Some(page) = reader.next().await.unwrap() {
        pages.push(page);
    }
    pages
}

/// Windows and pages that were asked for.
fn asked(provider: &Provider) -> Vec<String> {
    let calls = provider.calls();
    let queries = calls.iter().map(|call| call.split_once('?').unwrap().1);
    queries.map(|query| query.replace("2024-01-", "")).collect()
}

/// As it lies in a store between two runs.
fn kept(place: &Position) -> Position {
    serde_json::from_str(&serde_json::to_string(place).unwrap()).unwrap()
}

#[tokio::test]
async fn a_walk_goes_on_from_a_place_within_a_half_and_reads_the_other_half_after_it() {
    let (provider, stream, slice) = items(&ANSWERS);
    let whole = rest(stream.read(&slice, None)).await;
    assert_eq!(asked(&provider), ASKED);
    for (page, left) in [(0, 2), (1, 3)] {
        let (provider, stream, slice) = items(&ANSWERS[left..]);
        let place = kept(whole[page].next.as_ref().unwrap());
        let pages = rest(stream.read(&slice, Some(place))).await;
        assert_eq!(raws(&pages), raws(&whole[page + 1..]));
        assert_eq!(asked(&provider), ASKED[left..]);
        let numbers = |pages: &[Page]| pages.iter().map(|page| page.number).collect::<Vec<_>>();
        assert_eq!(numbers(&pages), numbers(&whole[page + 1..]));
    }
}

#[tokio::test]
async fn a_half_that_is_gone_on_with_may_be_halved_again() {
    let (_, stream, slice) = items(&ANSWERS);
    let whole = rest(stream.read(&slice, None)).await;
    let (provider, stream, slice) = items(&[
        (400, "{}"),
        (200, r#"{"items": []}"#),
        (200, r#"{"items": [{"id":3,"at":"2024-01-04"}]}"#),
    ]);
    let place = kept(whole[1].next.as_ref().unwrap());
    let pages = rest(stream.read(&slice, Some(place))).await;
    assert_eq!(raws(&pages), raws(&whole[2..]));
    assert_eq!(asked(&provider), ["from=03&to=04", "from=03&to=03", "from=04&to=04"]);
}
