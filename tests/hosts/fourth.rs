//! A fourth vendor, by files alone: a manifest, an overlay, an entry in the model, a connection.

use axum::Json;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Hosts, MODEL, VENDORS, merged};

const MANIFEST: &str = r#"
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [hosts]}
streams:
  - type: DeclarativeStream
    name: hosts
    primary_key: [uuid]
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: "{{ config['base_url'] }}"
        path: machines
        http_method: GET
        authenticator: {type: BearerAuthenticator, api_token: "{{ config['key'] }}"}
      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [machines]}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
        pagination_strategy: {type: PageIncrement, page_size: 2, start_from_page: 1}
    schema_loader:
      type: InlineSchemaLoader
      schema: {type: object, additionalProperties: true, properties: {uuid: {type: string}}}
spec:
  type: Spec
  connection_specification: {type: object, required: [base_url, key], properties: {key: {type: string, airbyte_secret: true}}}
"#;

const OVERLAY: &str = "end_of_data: [{status: [410], body: 'no such page'}]\nneeds_list: true\n";

/// What the model says of the vendor: its place in the file is the end of `sources`.
const ENTRY: &str = "  sentry/hosts:
    fields:
      vendor: {const: sentry}
      source_id: uuid
      hostname: {path: label, as: hostname}
      hostname_aliases: {path: label, as: [trim, lower]}
      internal_ips: {path: 'cards[].ip', as: private_ip, none: ''}
      mac_addresses: {path: 'cards[].mac', as: mac, none: ''}
      os_name: system
      last_seen: at
";

/// Three machines: one that two vendors know by its card, a laptop that two others know, a new one.
fn machines() -> [Value; 3] {
    [
        json!({"uuid": "s-1", "label": "DB-1", "system": "Ubuntu", "at": "2026-03-10T10:00:00Z",
            "cards": [{"ip": "10.1.3.1", "mac": "0A1B.2C3D.4E62"}]}),
        json!({"uuid": "s-2", "label": "anna-mbp", "system": "macOS", "at": "2026-03-10T11:00:00Z",
            "cards": [{"ip": "192.168.1.20", "mac": "3C-22-FB-00-00-01"}]}),
        json!({"uuid": "s-3", "label": "printer-1", "system": "RTOS", "at": "2026-03-10T12:00:00Z",
            "cards": [{"ip": "10.9.9.9", "mac": "0a:1b:2c:3d:4e:99"}]}),
    ]
}

async fn page(headers: HeaderMap, Query(query): Query<Vec<(String, String)>>) -> Response {
    if headers.get("authorization").is_none_or(|key| key != "Bearer sentry-key") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let page = query.iter().find(|(name, _)| name == "page").map_or("1", |(_, page)| page);
    let from = (page.parse::<usize>().unwrap() - 1) * 2;
    match machines().get(from..) {
        Some(rest) if !rest.is_empty() => {
            Json(json!({"machines": rest.iter().take(2).collect::<Vec<_>>()})).into_response()
        }
        _ => (StatusCode::GONE, "no such page").into_response(),
    }
}

#[tokio::test]
async fn a_fourth_vendor_is_added_by_files_alone_and_its_hosts_merge_with_the_others() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut server = JoinSet::new();
    let router = axum::Router::new().route("/machines", axum::routing::get(page));
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });

    let hosts = Hosts::beside(std::slice::from_ref(&address)).await;
    hosts.ground.put("config/sources/sentry.yaml", MANIFEST);
    hosts.ground.put("config/sources/sentry.headwater.yaml", OVERLAY);
    let model = format!("{MODEL}{ENTRY}");
    hosts.ground.put("config/models/host.yaml", &model);
    let connection = format!(
        "  sentry:\n    source: sentry\n    schedule: {{every: 1h}}\n    config: {{base_url: \
         \"http://{address}\", key: {{secret: sentry-key}}}}\n"
    );
    hosts.configure("gorse", &connection);
    hosts.ground.put("secrets/gorse/sentry-key", "sentry-key");
    let faults = hosts.ground.configuration.check().await.unwrap();
    assert!(faults.is_empty(), "{faults:?}");

    hosts.ground.fire_one("gorse", "sentry").await;
    hosts.pull().await;
    assert_eq!(hosts.in_view("sentry").await.len(), 3);
    hosts.ground.shape().await;
    assert_eq!(hosts.ground.query("SELECT count(*) FROM model_host").await, ["9"]);
    let all = merged(&hosts.ground, &model).await;
    assert_eq!(all.len(), 9, "eight hosts, and one that only the fourth vendor sees: {all:#?}");
    let with = |member: &str| all.values().find(|of| of.iter().any(|m| m == member)).unwrap();
    assert_eq!(with("sentry/s-1").len(), 3, "{all:#?}");
    assert_eq!(with("sentry/s-2").len(), 3, "{all:#?}");
    assert_eq!(*with("sentry/s-3"), ["sentry/s-3"]);
    assert_eq!(VENDORS.len() + 1, 4);
}
