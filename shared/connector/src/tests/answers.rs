//! What becomes of answers that are not pages.

use std::time::Duration;

use model::config::Overlay;
use model::{Classify, Retry};

use super::fake::Provider;
use super::{FIRST, LAST, ORDERS, orders, pages, source};
use crate::protocol::{Messages, Selected, States, read};
use crate::{Error, Limits, Manifest, Runtime, Source};

#[tokio::test]
async fn failures_that_may_pass_are_tried_again_after_growing_waits() {
    let provider = Provider::default();
    for status in [503, 500, 429] {
        provider.add(status, &[], "");
    }
    provider.add(200, &[], LAST);
    assert_eq!(pages(&orders(&provider)).await.unwrap().len(), 1);
    assert_eq!(provider.waits(), [1, 2, 4].map(Duration::from_secs));
    assert_eq!(provider.calls().len(), 4);
}

#[tokio::test]
async fn a_source_that_keeps_failing_is_given_up() {
    let provider = Provider::default();
    for _ in 0..6 {
        provider.add(502, &[], "");
    }
    provider.add(502, &[], "");
    let error = pages(&orders(&provider)).await.unwrap_err();
    assert!(matches!(error, Error::Exhausted { attempts: 6, .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
}

#[tokio::test]
async fn refused_credentials_are_a_matter_of_configuration() {
    let provider = Provider::default();
    provider.add(401, &[], "");
    let error = pages(&orders(&provider)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { configuration: true, .. }), "{error}");
    assert_eq!((error.retry(), error.failure_type()), (Retry::Never, "config_error"));
}

#[tokio::test]
async fn a_wait_longer_than_the_caller_waits_is_told_to_it() {
    let provider = Provider::default();
    provider.add(503, &[], "");
    let manifest = Manifest::parse("m.yaml", ORDERS).unwrap();
    let max_wait = Some(Duration::from_millis(100));
    let runtime = Runtime { max_wait, ..super::fake::runtime(&provider) };
    let config = serde_json::json!({"base_url": "https://api.example.com"});
    let source = Source::build(&manifest, &Overlay::default(), &config, runtime).unwrap();
    let error = pages(&source.streams()[0]).await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(1)), "{error}");
    assert!(provider.waits().is_empty());
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_with_its_place() {
    let provider = Provider::answering([FIRST]);
    let manifest = Manifest::parse("m.yaml", ORDERS).unwrap();
    let limits = Limits { max_body: 10, ..Limits::default() };
    let runtime = Runtime { limits, ..super::fake::runtime(&provider) };
    let config = serde_json::json!({"base_url": "https://api.example.com"});
    let source = Source::build(&manifest, &Overlay::default(), &config, runtime).unwrap();
    let error = pages(&source.streams()[0]).await.unwrap_err();
    assert!(error.to_string().contains("larger than the 10 bytes"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn an_overlay_says_what_an_answer_means() {
    let overlay = "readiness: [{status: 409}]\nunsupported: [{status: 404, body: plan}]\nend_of_data: [{status: 416}]\n";
    let provider = Provider::default();
    let stream = source(ORDERS, overlay, &provider).streams()[0].clone();
    provider.add(409, &[], "");
    assert!(matches!(pages(&stream).await, Err(Error::NotReady { .. })));
    provider.add(404, &[], "not in your plan");
    assert!(matches!(pages(&stream).await, Err(Error::Unsupported { .. })));
    provider.add(404, &[], "");
    assert!(matches!(pages(&stream).await, Err(Error::Refused { .. })));
    provider.add(200, &[], FIRST);
    provider.add(416, &[], "");
    let pages = pages(&stream).await.unwrap();
    assert_eq!((pages.len(), pages[1].records.len()), (2, 0));
    assert_eq!(pages[1].next, None);
}

#[tokio::test]
async fn a_stream_that_is_not_ready_leaves_its_state_alone() {
    let provider = Provider::default();
    provider.add(409, &[], "");
    let source = source(ORDERS, "readiness: [{status: 409}]", &provider);
    let mut out = Vec::new();
    let selected = Selected(vec!["orders".to_owned()]);
    let summary =
        read(&source, &selected, &States::new(), &mut Messages::new(&mut out)).await.unwrap();
    assert!(summary.failed.is_empty());
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains("STATE\"") && out.contains("not ready"), "{out}");
}

#[tokio::test]
async fn where_a_list_is_needed_an_answer_without_it_is_no_empty_page() {
    let provider = Provider::default();
    let stream = source(ORDERS, "needs_list: true", &provider).streams()[0].clone();
    let odd = ["", " \n", "{}", "null", "7", r#""busy""#, r#"{"orders":null}"#, r#"{"orders":0}"#];
    for body in odd.into_iter().chain([r#"{"orders":"x"}"#, r#"{"orders":{"id":1}}"#]) {
        provider.add(200, &[], body);
        let error = pages(&stream).await.unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{body}: {error}");
    }
    provider.add(200, &[], r#"{"orders":[]}"#);
    assert_eq!(pages(&stream).await.unwrap().len(), 1);
}

#[tokio::test]
async fn pages_that_hold_the_same_for_ever_are_given_up() {
    for (records, most) in [(r#"[{"id":1},{"id":2}]"#, 100), ("[]", 1_000)] {
        let provider = Provider::default();
        for page in 0..=most {
            let body = format!(r#"{{"orders":{records},"next_cursor":"t{page}"}}"#);
            provider.add(200, &[], &body);
        }
        let error = pages(&orders(&provider)).await.unwrap_err();
        assert!(matches!(error, Error::Endless { .. }), "{error}");
        assert_eq!(provider.calls().len(), most + 1);
    }
}

#[tokio::test]
async fn refused_credentials_say_nothing_about_a_place() {
    for (status, place) in [(400, true), (404, true), (401, false), (403, false)] {
        let provider = Provider::default();
        provider.add(status, &[], "");
        let error = pages(&orders(&provider)).await.unwrap_err();
        assert_eq!(error.may_be_the_place(), place, "{error}");
    }
}

#[tokio::test]
async fn a_row_that_is_asked_for_by_itself_is_there_or_gone() {
    let provider = Provider::default();
    let source = source(ORDERS, "unsupported: [{status: 404, body: plan}]", &provider);
    let orders = "orders".parse().unwrap();
    for (status, body) in [(503, ""), (200, "{}"), (404, ""), (410, ""), (404, "plan"), (403, "")] {
        provider.add(status, &[], body);
    }
    assert!(!source.is_gone(&orders, "orders/7").await.unwrap(), "after another try");
    assert!(source.is_gone(&orders, "orders/8").await.unwrap());
    assert!(source.is_gone(&orders, "orders/9").await.unwrap());
    let offered = source.is_gone(&orders, "orders/9").await;
    assert!(matches!(offered, Err(Error::Unsupported { .. })), "the overlay knows better");
    assert_eq!(source.is_gone(&orders, "orders/9").await.unwrap_err().retry(), Retry::Never);
    let base = "https://api.example.com/v1/orders/7?limit=2";
    assert_eq!(provider.calls()[..2], [base, base]);
}
