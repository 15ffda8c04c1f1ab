use super::*;
use crate::component::Faults;
use crate::value::{Dict, Value};

#[derive(serde::Deserialize)]
struct Case {
    base: String,
    path: String,
    params: serde_json::Value,
    joined: String,
    url: Option<String>,
}

#[test]
fn urls_are_joined_and_encoded_as_the_reference_does() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../golden/urls.json")).unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let joined = join(&case.base, &case.path);
        let params = Value::from(&case.params);
        let url = with_params(&joined, params.as_dict().unwrap()).ok();
        // Every HTTP client resolves dot segments and drops user information the same way.
        let normal = |url: &Option<String>| {
            let mut url = ::url::Url::parse(url.as_deref()?).ok()?;
            url.set_fragment(None);
            Some(url.to_string().replace("u:p@", ""))
        };
        if joined != case.joined || normal(&url) != normal(&case.url) {
            wrong.push(format!(
                "{} + {} + {}: {joined} {url:?}, not {} {:?}",
                case.base, case.path, case.params, case.joined, case.url
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn context(config: &serde_json::Value) -> Context<'static> {
    Context::new(Value::from(config), "2024-01-06T07:08:09Z".parse().unwrap())
}

fn requester(json: serde_json::Value) -> Requester {
    let faults = Faults::default();
    let requester = Requester::build(&Component::new(json, "requester", 1, &faults));
    assert_eq!(faults.take(), []);
    requester
}

async fn request(
    json: serde_json::Value,
    extra: Options,
    next: Option<&str>,
) -> Result<Request, Error> {
    let config = serde_json::json!({"key": "s3cret", "page": 5});
    let caller = crate::authenticator::tests::caller(Vec::new());
    requester(json).request(&caller, &context(&config), extra, next).await
}

fn dict(fields: &[(&str, &str)]) -> Dict {
    fields.iter().map(|(key, value)| (*key, Value::from(*value))).collect()
}

#[tokio::test]
async fn parts_come_together() {
    let json = serde_json::json!({
        "type": "HttpRequester", "url_base": "https://h.example/v1", "path": "/items",
        "http_method": "POST",
        "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['key'] }}"},
        "request_parameters": {"size": "{{ config.page }}", "none": "{{ config.nothing }}", "raw": true},
        "request_headers": {"X-Number": "1e5", "X-None": "{{ config.nothing }}"},
        "request_body_json": {"a": "{{ config.page }}", "b": ["", {"c": "{{ config.nothing }}"}]},
    });
    let extra = Options { params: dict(&[("page", "2")]), ..Options::default() };
    let request = request(json, extra, None).await.unwrap();
    assert_eq!(request.url, "https://h.example/v1/items?size=5&raw=True&page=2");
    assert_eq!(request.body.as_deref(), Some(&br#"{"a": 5, "b": [null, {}]}"#[..]));
    let headers: Vec<_> = request.headers.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    assert_eq!(
        headers,
        ["X-Number: 100000.0", "Authorization: Bearer s3cret", "Content-Type: application/json"]
    );
}

#[tokio::test]
async fn a_name_set_twice_is_refused() {
    let json = serde_json::json!({
        "url_base": "https://h.example", "request_parameters": {"page": 1},
    });
    let extra = Options { params: dict(&[("page", "1")]), ..Options::default() };
    let fault = request(json, extra, None).await.unwrap_err();
    assert_eq!(
        fault.to_string(),
        "request parameter `page` is set twice; each name may be set in one place only"
    );
}

#[tokio::test]
async fn an_authenticator_wins_over_another_spelling_of_its_header() {
    let json = serde_json::json!({
        "url_base": "https://h.example", "request_headers": {"authorization": "x"},
        "authenticator": {"type": "BearerAuthenticator", "api_token": "k"},
    });
    let request = request(json, Options::default(), None).await.unwrap();
    assert_eq!(request.headers, [("Authorization".to_owned(), "Bearer k".to_owned())]);
}

#[tokio::test]
async fn a_next_page_elsewhere_is_refused() {
    let json = serde_json::json!({"url_base": "https://h.example/v1/", "path": "items"});
    let next = "https://h.example/v2/items?page=2";
    let followed = request(json.clone(), Options::default(), Some(next)).await.unwrap();
    assert_eq!(followed.url, next);
    for foreign in ["https://evil.example/?token=x", "http://h.example/", "//evil.example/x"] {
        let fault = request(json.clone(), Options::default(), Some(foreign)).await.unwrap_err();
        assert!(matches!(fault, Error::ForeignHost { .. }), "{foreign}");
        assert!(!fault.to_string().contains("token"));
    }
}

#[tokio::test]
async fn a_form_is_encoded_and_a_text_is_sent_as_it_is() {
    let form = serde_json::json!({
        "url_base": "https://h.example", "http_method": "POST",
        "request_body_data": {"a": "x y", "l": "{{ [1, 2] }}"},
    });
    let sent = request(form, Options::default(), None).await.unwrap();
    assert_eq!(sent.body.as_deref(), Some(&b"a=x+y&l=1&l=2"[..]));
    let text = serde_json::json!({
        "url_base": "https://h.example", "http_method": "POST", "request_body_data": "raw {{ config.page }}",
    });
    let sent = request(text, Options::default(), None).await.unwrap();
    assert_eq!(sent.body.as_deref(), Some(&b"raw 5"[..]));
    assert!(sent.headers.is_empty());
}

#[test]
fn faults_are_collected_with_their_places() {
    let faults = Faults::default();
    let json = serde_json::json!({
        "type": "HttpRequester", "http_method": "FETCH", "path": "{{ x", "retries": 5,
        "authenticator": {"type": "MagicAuthenticator"},
    });
    Requester::build(&Component::new(json, "streams[0].requester", 12, &faults));
    let found: Vec<String> = faults.take().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(faults.take_warnings()[0].to_string().contains("requester.retries: unknown field"));
    assert!(found.iter().all(|fault| fault.starts_with("line 12: streams[0].requester")));
    assert!(found.iter().any(|fault| fault.contains("`MagicAuthenticator` is not supported here")));
}
