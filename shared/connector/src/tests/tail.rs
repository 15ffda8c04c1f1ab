//! Where pages of counted records end, when the manifest cannot say it.

use model::config::Overlay;
use model::document::Document;

use super::fake::Provider;
use super::{pages, source};
use crate::{Error, Manifest, Source};

const HOSTS: &str = r#"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [hosts]}
streams:
  - type: DeclarativeStream
    name: hosts
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://api.example.com", path: /hosts, http_method: POST}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
      paginator:
        type: DefaultPaginator
        page_size_option: {type: RequestOption, inject_into: request_parameter, field_name: limit}
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: skip}
        pagination_strategy: {type: OffsetIncrement, page_size: 2, inject_on_first_request: true}
"#;

const END: &str = "Error invalid skip/limit combo (>number of hosts)";
const OVERLAY: &str = "end_of_data: [{status: 500, body: invalid skip}]\n\
                       pages: {short_is_last: false, tail: 1}\n";

async fn walked(provider: &Provider, overlay: &str) -> Result<usize, Error> {
    let stream = source(HOSTS, overlay, provider).streams()[0].clone();
    let pages = pages(&stream).await?;
    Ok(pages.iter().map(|page| page.records.len()).sum())
}

fn asked(provider: &Provider) -> Vec<String> {
    let query = |url: &String| url.split_once('?').unwrap().1.to_owned();
    provider.calls().iter().map(query).collect()
}

#[tokio::test]
async fn what_is_left_at_the_end_is_asked_for_singly() {
    let provider = Provider::default();
    provider.add(200, &[], r#"[{"id":1},{"id":2}]"#);
    provider.add(500, &[], END);
    provider.add(200, &[], r#"[{"id":3}]"#);
    provider.add(500, &[], END);
    assert_eq!(walked(&provider, OVERLAY).await.unwrap(), 3);
    let expected = ["skip=0&limit=2", "skip=2&limit=2", "skip=2&limit=1", "skip=3&limit=1"];
    let sorted = |query: &str| query.split('&').rev().collect::<Vec<_>>().join("&");
    let found = asked(&provider);
    let same = found.iter().zip(expected).all(|(f, e)| f == e || *f == sorted(e));
    assert!(same && found.len() == 4, "{found:?}");
}

#[tokio::test]
async fn a_source_that_gives_fewer_than_asked_for_is_read_to_its_end() {
    let provider = Provider::default();
    provider.add(200, &[], r#"[{"id":1}]"#);
    provider.add(200, &[], r#"[{"id":2}]"#);
    provider.add(200, &[], "[]");
    assert_eq!(walked(&provider, OVERLAY).await.unwrap(), 2);
    assert_eq!(provider.calls().len(), 3);
    let as_the_reference = Provider::default();
    as_the_reference.add(200, &[], r#"[{"id":1}]"#);
    assert_eq!(walked(&as_the_reference, "").await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_with_another_text_is_no_end() {
    let provider = Provider::default();
    provider.add(200, &[], r#"[{"id":1},{"id":2}]"#);
    for _ in 0..6 {
        provider.add(500, &[], "Internal Server Error");
    }
    let error = walked(&provider, OVERLAY).await.unwrap_err();
    assert!(matches!(error, Error::Exhausted { .. }), "{error}");
}

#[test]
fn the_rule_is_refused_where_records_are_not_counted() {
    let manifest = HOSTS.replace("OffsetIncrement", "PageIncrement");
    let manifest = Manifest::parse("m.yaml", &manifest).unwrap();
    let overlay = Overlay::parse(&Document::parse("o.yaml", OVERLAY).unwrap()).unwrap();
    let runtime = super::fake::runtime(&Provider::default());
    let error = Source::build(&manifest, &overlay, &serde_json::json!({}), runtime).unwrap_err();
    assert!(error.to_string().contains("OffsetIncrement"), "{error}");
}
