//! Streams whose records a job at the source makes.

use model::{Classify, Retry};
use serde_json::json;

use super::fake::Provider;
use super::{raws, source};
use crate::{Error, Partition, PositionKind, Stream};

const REPORT: &str = r#"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [report]}
streams:
  - type: DeclarativeStream
    name: report
    retriever:
      type: AsyncRetriever
      status_mapping: {running: [running], completed: [done], failed: [failed], timeout: [], type: AsyncJobStatusMap}
      status_extractor: {type: DpathExtractor, field_path: [status]}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
      creation_requester: {type: HttpRequester, url: "{{ config['base_url'] }}/jobs", http_method: POST}
      polling_requester: {type: HttpRequester, url: "{{ config['base_url'] }}/jobs/{{ creation_response.id }}"}
      download_target_extractor: {type: DpathExtractor, field_path: [files]}
      download_requester: {type: HttpRequester, url: "{{ config['base_url'] }}/{{ download_target }}"}
"#;

const DONE: &str = r#"{"status": "done", "files": ["a", "b"]}"#;

fn report(provider: &Provider) -> Stream {
    source(REPORT, "", provider).streams()[0].clone()
}

fn slice(stream: &Stream) -> crate::Slice {
    let now = "2024-01-06T00:00:00Z".parse().unwrap();
    stream.slices(&Partition::default(), None, now).unwrap().remove(0)
}

fn paths(provider: &Provider) -> Vec<String> {
    let path = |url: String| url.replace("https://api.example.com/v1/", "");
    provider.calls().into_iter().map(path).collect()
}

#[tokio::test]
async fn a_walk_goes_on_with_the_job_and_the_target_that_it_had_come_to() {
    let provider = Provider::answering([
        r#"{"id": 7}"#,
        r#"{"status": "running"}"#,
        DONE,
        r#"[{"id": 1}]"#,
        DONE,
        r#"[{"id": 2}]"#,
    ]);
    let stream = report(&provider);
    let mut reader = stream.read(&slice(&stream), None);
    let mut page = reader.next().await.unwrap().unwrap();
    assert!(page.waiting && page.records.is_empty());
    while page.waiting {
        page = reader.next().await.unwrap().unwrap();
    }
    let place = page.next.clone().unwrap();
    assert_eq!(
        (place.kind, place.page, raws(&[page])),
        (PositionKind::Cursor, 1, vec![r#"{"id": 1}"#.to_owned()])
    );
    let kept = serde_json::from_str(&serde_json::to_string(&place).unwrap()).unwrap();
    let mut reader = stream.read(&slice(&stream), Some(kept));
    let mut found = Vec::new();
    while let Some(page) = reader.next().await.unwrap() {
        found.push(page);
    }
    assert_eq!((raws(&found), found.last().unwrap().number), (vec![r#"{"id": 2}"#.to_owned()], 1));
    assert_eq!(paths(&provider), ["jobs", "jobs/7", "jobs/7", "a", "jobs/7", "b"]);
    assert_eq!(provider.waits().len(), 1);
}

#[tokio::test]
async fn a_place_in_a_job_that_is_gone_is_given_up() {
    let job = json!({"body": "{\"id\": 7}", "headers": [], "at": "2024-01-05T00:00:00Z"});
    for (attempt, target, status) in [(1, 1, "failed"), (3, 0, "failed"), (2, 1, "timed out")] {
        let statuses = REPORT.replace("timeout: []", "timeout: [timed out]");
        let provider = Provider::default();
        provider.add(200, &[], &json!({"status": status}).to_string());
        let stream = source(&statuses, "", &provider).streams()[0].clone();
        let mut job = job.clone();
        if target == 0 {
            job["at"] = json!("2024-01-06T00:00:00Z");
        }
        let token = json!({"job": job, "attempt": attempt, "target": target, "token": null});
        let place = crate::Position { kind: PositionKind::Cursor, token, page: 3, window: None };
        let mut reader = stream.read(&slice(&stream), Some(place));
        let error = reader.next().await.unwrap_err();
        assert!(error.may_be_the_place(), "{error}");
        assert_eq!(paths(&provider), ["jobs/7"]);
    }
}

#[tokio::test]
async fn a_status_that_the_manifest_does_not_know_and_an_answer_without_fields_are_refused() {
    let provider = Provider::answering([r#"{"id": 7}"#, r#"{"status": "odd"}"#]);
    let stream = report(&provider);
    let mut reader = stream.read(&slice(&stream), None);
    reader.next().await.unwrap();
    let error = reader.next().await.unwrap_err();
    assert!(error.to_string().contains("status `odd`"), "{error}");
    let provider = Provider::answering(["[]", "[]", "[]"]);
    let stream = report(&provider);
    let mut reader = stream.read(&slice(&stream), None);
    reader.next().await.unwrap();
    reader.next().await.unwrap();
    let error = reader.next().await.unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_the_source_allows() {
    let provider = Provider::answering([r#"{"id": 7}"#]);
    let stream = report(&provider);
    let mut first = stream.read(&slice(&stream), None);
    let mut second = stream.read(&slice(&stream), None);
    assert!(first.next().await.unwrap().unwrap().waiting);
    let page = second.next().await.unwrap().unwrap();
    assert!(page.waiting && page.next.unwrap().kind == PositionKind::First);
    assert_eq!((paths(&provider).len(), provider.waits().len()), (1, 1));
    drop(first);
    provider.add(200, &[], r#"{"id": 8}"#);
    second.next().await.unwrap();
    assert_eq!(paths(&provider).len(), 2);
}

#[tokio::test]
async fn a_walk_that_goes_on_elsewhere_knows_what_its_job_was_asked_for_with_and_keeps_no_secret() {
    let asked =
        "/jobs/{{ creation_response.id }}?of={{ creation_response.request.headers['X-Of'] }}";
    let manifest = REPORT.replace("/jobs/{{ creation_response.id }}", asked).replace(
        "http_method: POST}",
        "http_method: POST, request_headers: {X-Of: reports, X-Key: s3cret}}",
    );
    let provider = Provider::answering([r#"{"id": 7}"#, DONE, r#"[{"id": 1}]"#]);
    let stream = source(&manifest, "", &provider).streams()[0].clone();
    let mut reader = stream.read(&slice(&stream), None);
    let mut page = reader.next().await.unwrap().unwrap();
    while page.waiting {
        page = reader.next().await.unwrap().unwrap();
    }
    let place = serde_json::to_string(&page.next.unwrap()).unwrap();
    assert!(place.contains('7') && !place.contains("s3cret"), "{place}");
    let provider = Provider::answering([DONE, r#"[{"id": 2}]"#]);
    let stream = source(&manifest, "", &provider).streams()[0].clone();
    let mut reader = stream.read(&slice(&stream), Some(serde_json::from_str(&place).unwrap()));
    while reader.next().await.unwrap().is_some() {}
    assert_eq!(paths(&provider), ["jobs/7?of=reports", "b"]);
}

#[tokio::test]
async fn behind_the_pages_of_a_job_nothing_is_asked_for() {
    let counted = format!(
        "{REPORT}      download_paginator: {{type: DefaultPaginator, pagination_strategy: {{type: \
         OffsetIncrement, page_size: 2}}}}\n"
    );
    let results = [r#"{"id": 7}"#, DONE, r#"[{"id": 1}]"#, r#"[{"id": 2}]"#];
    let provider = Provider::answering(results);
    let stream = source(&counted, "", &provider).streams()[0].clone();
    let mut reader = stream.read(&slice(&stream), None);
    let mut numbers = Vec::new();
    while let Some(page) = reader.next().await.unwrap() {
        assert_eq!(page.evidence.beyond, None, "it would begin another job");
        numbers.extend((!page.waiting).then_some(page.number));
    }
    assert_eq!(numbers, [0, 1]);
}
