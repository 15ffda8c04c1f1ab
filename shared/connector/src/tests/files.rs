//! Streams whose records have files.

use serde_json::Value;

use super::fake::{Provider, runtime};
use crate::protocol::{Files, Messages, Selected, Sink, States, read};
use crate::{Manifest, Source};
use model::config::Overlay;
use serde_json::json;

const ARTICLES: &str = r#"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [articles]}
streams:
  - type: DeclarativeStream
    name: articles
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url: "https://api.example.com/articles"}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
    file_uploader:
      type: FileUploader
      requester: {type: HttpRequester, url: "{{ download_target }}"}
      download_target_extractor: {type: DpathExtractor, field_path: [url]}
      filename_extractor: "{{ record.name }}"
"#;

const ARTICLE: &str = r#"[{"url": "https://files.example.com/1", "name": "one"}]"#;

fn built(manifest: &str, provider: &Provider) -> Result<Source, String> {
    let manifest = Manifest::parse("m.yaml", manifest).unwrap();
    let source = Source::build(&manifest, &Overlay::default(), &json!({}), runtime(provider));
    source.map_err(|error| error.to_string())
}

/// Reads the articles; gives why they were not read whole.
async fn articles(provider: &Provider, sink: &mut (dyn Sink + Send)) -> Vec<String> {
    let source = built(ARTICLES, provider).unwrap();
    let selected = Selected(vec!["articles".to_owned()]);
    read(&source, &selected, &States::new(), sink).await.unwrap().failed
}

#[tokio::test]
async fn where_files_have_no_place_their_streams_fail() {
    let provider = Provider::answering([ARTICLE, "1"]);
    let mut out = Vec::new();
    assert_eq!(articles(&provider, &mut Messages::new(&mut out)).await, ["articles"]);
    let text = String::from_utf8(out).unwrap();
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors: Vec<Value> = messages.map(|m| m["trace"]["error"]["message"].clone()).collect();
    assert!(text.contains("a file cannot be kept: there is no place for it"), "{errors:?}");
    assert!(!text.contains("RECORD"));
}

#[tokio::test]
async fn a_read_into_lines_has_no_place_for_files() {
    let provider = Provider::answering([ARTICLE, "1"]);
    let folder = std::env::temp_dir();
    let start = "2024-01-06T00:00:00Z".parse().unwrap();
    let mut files = Files::new(&folder, None, States::new(), start);
    assert_eq!(articles(&provider, &mut files).await, ["articles"]);
}

#[test]
fn a_lake_has_no_place_for_files_yet() {
    let source = built(ARTICLES, &Provider::default()).unwrap();
    let stream = &source.streams()[0];
    assert!(stream.has_files());
    let refused = stream.landable().unwrap_err().to_string();
    assert_eq!(
        refused,
        "stream `articles`: line 13, streams[0].file_uploader: `file_uploader` is not supported in \
         the lake: `headwater source read` reads this stream"
    );
}

#[test]
fn what_the_reference_refuses_beside_files_is_refused() {
    let beside = |field: &str| {
        ARTICLES.replace("record_selector:", &format!("{field}\n      record_selector:"))
    };
    let action = "error_handler: {type: DefaultErrorHandler, response_filters: \
                  [{type: HttpResponseFilter, http_codes: [400], action: REDUCE_PAGE_SIZE}]}";
    let handled =
        ARTICLES.replace("download_target }}\"", &format!("download_target }}}}\", {action}"));
    for (manifest, told) in [
        (beside("page_size_reduction: {type: PageSizeReduction}"), "`page_size_reduction`"),
        (
            beside("request_window_splitting: {type: RequestWindowSplitting}"),
            "`request_window_splitting`",
        ),
        (handled, "`REDUCE_PAGE_SIZE`"),
    ] {
        let refused = built(&manifest, &Provider::default()).unwrap_err();
        assert!(refused.contains(told), "{refused}");
    }
}
