use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use model::document::Document;
use ports::{Clock, Http, HttpError, Response};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn destination(file: &str) -> Destination {
    let parsed =
        Destination::parse(&"d".parse().unwrap(), &Document::parse("d.yaml", file).unwrap());
    parsed.unwrap_or_else(|faults| panic!("{faults:#?}"))
}

const CRM: &str = include_str!("../../../../config/destinations/crm.yaml");
const POCKETBASE: &str = include_str!("../../../../config/destinations/pocketbase.yaml");

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn session(destination: &Destination) -> Session {
    let config = json!({
        "base_url": "http://127.0.0.1:9", "client_id": "heron", "client_secret": "s3cret-value",
        "api_key": "k3y-value", "identity": "a@b.c", "password": "pa55word", "collection": "people",
    });
    destination.session(&config, now())
}

fn item(n: u64, record: &str) -> Item {
    Item::read(&format!("f#{n}"), "users.csv", n, record.as_bytes()).unwrap()
}

fn render(file: &str, operation: &str, items: &[Item], round: u32) -> Rendering {
    let destination = destination(file);
    let operation = destination.operation(&operation.parse().unwrap()).unwrap();
    destination.render(operation, &session(&destination), items, round).unwrap()
}

fn call(file: &str, operation: &str, items: &[Item], round: u32) -> Call {
    render(file, operation, items, round).ready().unwrap().call.unwrap()
}

fn body(call: &Call) -> &str {
    std::str::from_utf8(call.body.as_deref().unwrap()).unwrap()
}

#[test]
fn numbers_keep_their_digits_and_texts_of_digits_stay_texts() {
    let record =
        r#"{"trx_id":"0012","amount":250.00,"big":123456789012345678901234567890,"n":null}"#;
    let call = call(CRM, "ADD_TRX", &[item(7, record)], 0);
    assert_eq!(call.url, "http://127.0.0.1:9/crm/v2/transactions:batchAdd");
    assert_eq!(
        body(&call),
        r#"{"items":[{"ref":"f#7","transaction":{"trx_id":"0012","amount":250.00,"big":123456789012345678901234567890,"n":null}}]}"#
    );
}

#[test]
fn fields_that_are_absent_or_null_are_left_out_unless_nulls_are_sent() {
    let file = |nulls: &str| {
        format!(
            r#"
requester: {{url_base: "http://x"}}
operations:
  A:
    path: /a
    nulls: {nulls}
    body: "{{{{ items }}}}"
    item: {{a: "{{{{ record.a }}}}", b: "{{{{ record.b }}}}", c: "{{{{ record.c.d }}}}", t: "x{{{{ record.a }}}}", k: 1.50}}
"#
        )
    };
    let items = [item(1, r#"{"a":"07","b":null}"#)];
    assert_eq!(body(&call(&file("omit"), "A", &items, 0)), r#"[{"a":"07","t":"x07","k":1.50}]"#);
    let sent = r#"[{"a":"07","b":null,"t":"x07","k":1.50}]"#;
    assert_eq!(body(&call(&file("send"), "A", &items, 0)), sent);
}

#[test]
fn an_item_that_cannot_be_rendered_fails_alone() {
    let file = r#"
requester: {url_base: "http://x"}
batch: {max_item_bytes: 64}
operations:
  A: {path: /a, item: {half: "{{ record.n / 2 }}", t: "{{ record.t }}"}}
"#;
    let long = format!(r#"{{"n":1,"t":"{}"}}"#, "x".repeat(80));
    let items = [item(1, r#"{"n":4}"#), item(2, r#"{"n":"four"}"#), item(3, &long)];
    let rendered = render(file, "A", &items, 0).ready().unwrap();
    let call = rendered.call.unwrap();
    assert_eq!(
        (body(&call), call.references.as_slice()),
        (r#"[{"half":2.0}]"#, &["f#1".to_owned()][..])
    );
    let shown: Vec<_> =
        rendered.unrenderable.iter().map(|u| (u.reference.as_str(), u.code.as_str())).collect();
    assert_eq!(shown, [("f#2", "BAD_DATA"), ("f#3", "ITEM_TOO_LARGE")]);
    assert!(!rendered.unrenderable[0].message.contains("four"));
}

#[test]
fn what_is_too_large_for_one_request_goes_in_halves() {
    let file = r#"
requester: {url_base: "http://x"}
batch: {max_items: 3, max_bytes: 1024}
operations:
  A: {path: /a}
"#;
    let large = format!(r#"{{"t":"{}"}}"#, "x".repeat(600));
    let two = [item(1, &large), item(2, &large)];
    assert_eq!(render(file, "A", &two, 0), Rendering::Split);
    assert!(matches!(render(file, "A", &two[..1], 0), Rendering::Ready(_)));
    let four: Vec<Item> = (1..=4).map(|n| item(n, "{}")).collect();
    assert_eq!(render(file, "A", &four, 0), Rendering::Split);
    let huge = format!(r#"{{"t":"{}"}}"#, "x".repeat(2000));
    let alone = render(file, "A", &[item(1, &huge)], 0).ready().unwrap();
    assert_eq!((alone.call, alone.unrenderable[0].code.as_str()), (None, "ITEM_TOO_LARGE"));
}

#[test]
fn values_in_paths_cannot_leave_them() {
    let update = |key: &str| {
        let record = json!({"external_id": key}).to_string();
        render(
            r#"
requester: {url_base: "http://x/api"}
batch: {max_items: 1}
operations:
  U: {http_method: PATCH, path: "/things/{{ record.external_id }}/a", request_parameters: {q: "{{ record.external_id }}"}}
"#,
            "U",
            &[item(1, &record)],
            0,
        )
        .ready()
        .unwrap()
    };
    let url = |key: &str| update(key).call.unwrap().url;
    assert_eq!(
        url("a b/../c?x#y"),
        "http://x/api/things/a%20b%2F..%2Fc%3Fx%23y/a?q=a+b%2F..%2Fc%3Fx%23y"
    );
    for bad in ["..", ".", ""] {
        let rendered = update(bad);
        assert_eq!((rendered.call, rendered.unrenderable[0].code.as_str()), (None, "BAD_DATA"));
    }
}

#[test]
fn a_record_s_id_follows_from_its_natural_key() {
    let items = [item(1, r#"{"external_id":"c-1","points":3}"#)];
    let create = call(POCKETBASE, "CREATE", &items, 0);
    let id = "b8d0a71a8c5a1d9";
    let update = call(POCKETBASE, "UPDATE", &items, 0);
    let made = update.url.rsplit('/').next().unwrap();
    assert_eq!(made.len(), id.len());
    assert_eq!(body(&create), format!(r#"{{"id":"{made}","external_id":"c-1","points":3}}"#));
    assert_eq!(update.method, Method::Patch);
}

#[test]
fn the_key_tells_calls_apart_and_repeats_together() {
    let items = [item(1, r#"{"external_id":"a"}"#), item(2, r#"{"external_id":"b"}"#)];
    let first = call(CRM, "ADD_CUST", &items, 0);
    assert_eq!(first, call(CRM, "ADD_CUST", &items, 0));
    let header = first.headers.iter().find(|(name, _)| name == "Idempotency-Key").unwrap();
    assert_eq!(header.1, first.key);
    let other = [item(1, r#"{"external_id":"a"}"#), item(3, r#"{"external_id":"b"}"#)];
    let keys: BTreeSet<String> = [
        first.key,
        call(CRM, "ADD_CUST", &items, 1).key,
        call(CRM, "UPD_CUST", &items, 0).key,
        call(CRM, "ADD_CUST", &items[..1], 0).key,
        call(CRM, "ADD_CUST", &other, 0).key,
    ]
    .into();
    assert_eq!(keys.len(), 5);
}

/// A server that gives out tokens, each once.
#[derive(Debug, Default)]
struct Tokens(Mutex<Vec<Request>>);

#[async_trait]
impl Http for Tokens {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut seen = self.0.lock().unwrap();
        seen.push(request);
        let body = format!(r#"{{"access_token":"token-{}","expires_in":300}}"#, seen.len());
        Ok(Response { status: 200, headers: Vec::new(), body: body.into() })
    }
}

#[derive(Debug)]
struct Frozen;

#[async_trait]
impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn credentials_are_added_when_a_call_is_sent_and_stored_never() {
    let crm = destination(CRM);
    let session = session(&crm);
    let tokens = Arc::new(Tokens::default());
    let caller =
        Caller::new(Arc::clone(&tokens) as Arc<dyn Http>, Arc::new(Frozen), crm.timeout(), 1 << 20);
    let call = call(CRM, "ADD_CUST", &[item(1, r#"{"external_id":"a"}"#)], 0);
    let stored = serde_json::to_string(&call).unwrap();
    for secret in crm.secrets(&session) {
        assert!(!stored.contains(&secret), "{stored}");
    }
    for secret in ["s3cret-value", "k3y-value"] {
        assert!(crm.secrets(&session).iter().any(|known| known == secret));
    }
    let back: Call = serde_json::from_str(&stored).unwrap();
    assert_eq!(back, call);

    let sent = crm.authorise(&caller, &session, &back).await.unwrap();
    let header = |request: &Request, name: &str| {
        let found = request.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone())
    };
    assert_eq!(header(&sent, "Authorization").as_deref(), Some("Bearer token-1"));
    assert_eq!(header(&sent, "X-API-Key").as_deref(), Some("k3y-value"));
    assert_eq!(header(&sent, "Idempotency-Key"), Some(call.key.clone()));
    assert_eq!((sent.body, sent.timeout), (call.body.clone(), Duration::from_secs(30)));
    assert_eq!(sent.redirect_hosts.as_ref(), ["127.0.0.1:9".to_owned()]);

    crm.forget_token(&caller, &session).await.unwrap();
    let again = crm.authorise(&caller, &session, &call).await.unwrap();
    assert_eq!(header(&again, "Authorization").as_deref(), Some("Bearer token-2"));
    let asked = tokens.0.lock().unwrap();
    assert_eq!(asked[0].url, "http://127.0.0.1:9/crm/oauth/token");
}

proptest! {
    #[test]
    fn every_item_is_in_the_call_or_told(bad in proptest::collection::vec(any::<bool>(), 1..60)) {
        let file = r#"
requester: {url_base: "http://x"}
operations:
  A: {path: /a, item: {half: "{{ record.n / 2 }}"}}
"#;
        let record = |bad: &bool| if *bad { r#"{"n":"x"}"# } else { r#"{"n":2}"# };
        let items: Vec<Item> = (1..).zip(&bad).map(|(n, bad)| item(n, record(bad))).collect();
        let rendered = render(file, "A", &items, 0).ready().unwrap();
        let mut told: Vec<String> =
            rendered.unrenderable.into_iter().map(|fault| fault.reference).collect();
        prop_assert_eq!(told.len(), bad.iter().filter(|bad| **bad).count());
        told.extend(rendered.call.map(|call| call.references).unwrap_or_default());
        told.sort_unstable();
        let mut all: Vec<String> = items.into_iter().map(|item| item.reference).collect();
        all.sort_unstable();
        prop_assert_eq!(told, all);
    }
}
