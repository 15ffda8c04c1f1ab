use model::ConnectionId;
use ports::{Attributes, SecretPath};
use testkit::{MemorySecrets, MemoryStore};

use super::*;

const SOURCE: &str = r##"
version: "6.44.0"
type: DeclarativeSource
check: {type: CheckStream, stream_names: [orders]}
definitions:
  requester: {type: HttpRequester, url_base: "{{ config['base_url'] }}", path: "/{{ parameters['name'] }}"}
  retriever:
    type: SimpleRetriever
    requester: {$ref: "#/definitions/requester"}
    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
streams:
  - {type: DeclarativeStream, name: orders, primary_key: id, retriever: {$ref: "#/definitions/retriever"}, $parameters: {name: orders}}
  - {type: DeclarativeStream, name: customers, primary_key: id, retriever: {$ref: "#/definitions/retriever"}, $parameters: {name: customers}}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [base_url, token]
    properties: {base_url: {type: string}, token: {type: string}, limit: {type: integer}}
"##;

const BLUEBIRD: &str = "
grants: {token: [harbor]}
connections:
  shop:
    source: shop
    config: {base_url: http://x, token: {secret: token}}
";

const HARBOR: &str = "
connections:
  shop:
    source: shop
    config: {base_url: http://x, token: {secret: bluebird/token}}
    streams: [orders]
";

async fn folder(files: &[(&str, &str)]) -> (Arc<MemoryStore>, Configuration) {
    let store = Arc::new(MemoryStore::default());
    for (name, text) in files {
        put(&store, name, text).await;
    }
    let configuration = Configuration::new(Arc::clone(&store) as Arc<dyn ObjectStore>, "config/");
    (store, configuration)
}

async fn put(store: &MemoryStore, name: &str, text: &str) {
    let key = format!("config/{name}").parse().unwrap();
    store.put(&key, text.to_owned().into(), &Attributes::default()).await.unwrap();
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn secrets() -> MemorySecrets {
    let path = SecretPath::resolve(&tenant("bluebird"), &"token".parse().unwrap(), &[]).unwrap();
    MemorySecrets::of([(path, "t0ken".to_owned())])
}

fn shop(file: &TenantFile) -> &model::config::Connection {
    &file.connections[&"shop".parse::<ConnectionId>().unwrap()]
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes_and_not_before() {
    let (store, configuration) = folder(&[("tenants/bluebird.yaml", BLUEBIRD)]).await;
    let first = configuration.tenant(&tenant("bluebird")).await.unwrap();
    let second = configuration.tenant(&tenant("bluebird")).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    put(&store, "tenants/bluebird.yaml", &format!("{BLUEBIRD}    paused: true\n")).await;
    assert!(shop(&configuration.tenant(&tenant("bluebird")).await.unwrap()).paused);
}

#[tokio::test]
async fn a_source_is_read_again_when_its_overlay_comes_or_changes() {
    let (store, configuration) = folder(&[("sources/shop.yaml", SOURCE)]).await;
    let name: SourceName = "shop".parse().unwrap();
    let bare = configuration.source(&name).await.unwrap();
    assert_eq!(bare.overlay, Overlay::default());
    assert!(Arc::ptr_eq(&bare, &configuration.source(&name).await.unwrap()));
    put(&store, "sources/shop.headwater.yaml", "timezone: UTC").await;
    let timezone = configuration.source(&name).await.unwrap().overlay.timezone.clone();
    assert_eq!(timezone.as_deref(), Some("UTC"));
    assert_eq!(configuration.sources().await.unwrap(), [name]);
}

#[tokio::test]
async fn what_does_not_exist_is_named_beside_what_does() {
    let (_, configuration) = folder(&[("tenants/bluebird.yaml", BLUEBIRD)]).await;
    let error = configuration.tenant(&tenant("bluebrid")).await.unwrap_err();
    let expected = "there is no tenant `bluebrid`, did you mean `bluebird`?; there are: bluebird";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_secret_of_another_is_given_by_grant_alone() {
    let (store, configuration) =
        folder(&[("tenants/bluebird.yaml", BLUEBIRD), ("tenants/harbor.yaml", HARBOR)]).await;
    let file = configuration.tenant(&tenant("harbor")).await.unwrap();
    let grants = configuration.grants(&file).await.unwrap();
    let config =
        resolve_config(&shop(&file).config, &file.tenant, &grants, &secrets()).await.unwrap();
    assert_eq!(config["token"], "t0ken");

    put(&store, "tenants/bluebird.yaml", &BLUEBIRD.replace("[harbor]", "[]")).await;
    let grants = configuration.grants(&file).await.unwrap();
    let refused = resolve_config(&shop(&file).config, &file.tenant, &grants, &secrets()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "config.token: secret `bluebird/token` belongs to another tenant and is not granted to `harbor`"
    );
}

#[tokio::test]
async fn every_missing_secret_is_told_at_once() {
    let text =
        "connections: {shop: {source: shop, config: {a: {secret: one}, b: [{c: {secret: two}}]}}}";
    let (_, configuration) = folder(&[("tenants/bluebird.yaml", text)]).await;
    let file = configuration.tenant(&tenant("bluebird")).await.unwrap();
    let error =
        resolve_config(&shop(&file).config, &file.tenant, &[], &secrets()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "config.a: there is no secret `bluebird/one`\nconfig.b.0.c: there is no secret `bluebird/two`"
    );
}

#[tokio::test]
async fn a_check_tells_what_only_shows_between_files() {
    let bluebird = "
connections:
  shop:
    source: shop
    config: {tokn: 1, base_url: {secret: harbor/token}}
    streams: [ordres, customers]
  other: {source: shpo}
";
    let (_, configuration) = folder(&[
        ("tenants/bluebird.yaml", bluebird),
        ("sources/shop.yaml", SOURCE),
        ("customers/meadow.yaml", "tenants: [bluebirds]\ntarget: customers/meadow\n"),
        ("headwater.yaml", "hops: 0"),
    ])
    .await;
    let faults = configuration.check().await.unwrap();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "config/customers/meadow.yaml:1:11: tenants[0]: there is no tenant `bluebirds`, did you mean `bluebird`?",
            "config/headwater.yaml:1:7: hops: accepted is a whole number from 1 to 10000",
            "config/tenants/bluebird.yaml:5:13: connections.shop.config: `token` is missing; the source needs it",
            "config/tenants/bluebird.yaml:5:14: connections.shop.config.tokn: unknown field, did you mean `token`?; accepted: base_url, token, limit",
            "config/tenants/bluebird.yaml:5:42: connections.shop.config.base_url.secret: secret `harbor/token` belongs to another tenant and is not granted to `bluebird`",
            "config/tenants/bluebird.yaml:6:15: connections.shop.streams[0]: there is no stream `ordres`, did you mean `orders`?; there are: orders, customers",
            "config/tenants/bluebird.yaml:7:19: connections.other.source: there is no source `shpo`, did you mean `shop`?; there are: shop",
        ]
    );
}

#[tokio::test]
async fn a_check_makes_each_source_as_a_run_would() {
    let source = SOURCE.replace("field_path: []", "field_path: [\"{{ config['base_url' }}\"]");
    let overlay = "readiness: [{status: 409, body: '(('}]\nstreams:\n  ordres: {}\n";
    let mut told = Vec::new();
    for (source, overlay) in [(source.as_str(), ""), (SOURCE, overlay)] {
        let (_, configuration) = folder(&[
            ("tenants/bluebird.yaml", BLUEBIRD),
            ("sources/shop.yaml", source),
            ("sources/shop.headwater.yaml", overlay),
        ])
        .await;
        let faults = configuration.check().await.unwrap();
        told.extend(faults.iter().map(ToString::to_string));
    }
    let expected = [
        "config/sources/shop.yaml:10:1: streams[0].retriever.record_selector.extractor.field_path[0]: template cannot be read: unexpected `}` (stream `orders`, as connections.shop has it)",
        "config/sources/shop.headwater.yaml:1:1: body: a pattern is no regular expression: unclosed group",
        "config/sources/shop.headwater.yaml:3:3: streams.ordres: there is no stream `ordres`, did you mean `orders`?; there are: orders, customers",
    ];
    assert_eq!(told, expected);
}

const MADE: &str = r#"
version: "6.44.0"
type: DeclarativeSource
check: {type: CheckDynamicStream, stream_count: 1}
streams:
  - type: ConditionalStreams
    condition: "{{ config.extra }}"
    streams:
      - type: DeclarativeStream
        name: extra
        retriever: &retriever
          type: SimpleRetriever
          requester: {type: HttpRequester, url_base: "http://x", path: x}
          record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
dynamic_streams:
  - type: DynamicDeclarativeStream
    stream_template: {type: DeclarativeStream, name: "", primary_key: id, retriever: *retriever}
    components_resolver:
      type: ConfigComponentsResolver
      stream_config: {type: StreamConfig, configs_pointer: [tables]}
      components_mapping:
        - {type: ComponentMappingDefinition, field_path: [name], value: "{{ components_values.name }}"}
"#;

#[tokio::test]
async fn streams_that_connections_ask_for_are_streams_of_their_source() {
    let connection = |extra, table| {
        format!(
            "connections:\n  shop:\n    source: made\n    config: {{extra: {extra}, tables: [{{name: {table}}}]}}\n    streams: [{table}]\n"
        )
    };
    let (_, configuration) = folder(&[
        ("sources/made.yaml", MADE),
        ("tenants/bluebird.yaml", &connection(true, "rivers")),
        ("tenants/harbor.yaml", &connection(false, "lakes")),
    ])
    .await;
    assert_eq!(configuration.check().await.unwrap(), []);
    let outlines = configuration.outlines(&"made".parse().unwrap()).await.unwrap();
    let names: Vec<_> = outlines.iter().map(|o| (o.name.as_str(), o.primary_key.len())).collect();
    assert_eq!(names, [("extra", 0), ("rivers", 1), ("lakes", 1)]);
}

#[tokio::test]
async fn a_stream_whose_records_have_files_is_refused_where_it_is_pulled() {
    let uploader = "file_uploader: {type: FileUploader, requester: {type: HttpRequester, \
                    url: \"{{ download_target }}\"}, \
                    download_target_extractor: {type: DpathExtractor, field_path: [url]}}, ";
    let manifest = SOURCE.replace(
        "name: customers, primary_key",
        &format!("name: customers, {uploader}primary_key"),
    );
    let (store, configuration) =
        folder(&[("sources/shop.yaml", &manifest), ("tenants/bluebird.yaml", BLUEBIRD)]).await;
    let faults = configuration.check().await.unwrap();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("sources/shop.yaml") && told[0].contains("file_uploader"), "{told:?}");
    put(&store, "tenants/bluebird.yaml", &format!("{BLUEBIRD}    streams: [orders]\n")).await;
    assert_eq!(configuration.check().await.unwrap(), []);
}

#[tokio::test]
async fn a_model_names_streams_that_are_there() {
    let model = "
version: 1
fields: {id: {type: string, required: true}}
identity: [id]
sources:
  shop/orders: {fields: {id: id}}
  shop/order: {fields: {id: id}}
  shops/orders: {fields: {id: id}}
  elsewhere/orders: {fields: {id: id}}
";
    let broken = "version: 0\nfields: {id: text}\nidentity: [ID]\nsources: {}\n";
    let files =
        [("sources/shop.yaml", SOURCE), ("models/order.yaml", model), ("models/b.yaml", broken)];
    let (store, configuration) = folder(&files).await;
    let faults = configuration.check().await.unwrap();
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"));
    let name = "order".parse().unwrap();
    assert_eq!(configuration.model(&name).await.unwrap().version, 1);
    put(&store, "models/order.yaml", &model.replace("version: 1", "version: 2")).await;
    assert_eq!(configuration.model(&name).await.unwrap().version, 2);
    let unknown = configuration.model(&"oder".parse().unwrap()).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no model `oder`, did you mean `order`?; there are: b, order"
    );
}

#[tokio::test]
async fn a_cursor_field_that_the_manifest_does_not_leave_open_is_refused() {
    let sync = "incremental_sync: {type: DatetimeBasedCursor, cursor_field: updated, \
                datetime_format: \"%Y-%m-%d\", start_datetime: \"2024-01-01\"";
    let manifest = |open: &str| {
        SOURCE.replace(
            "name: orders, primary_key",
            &format!("name: orders, {sync}{open}}}, primary_key"),
        )
    };
    let tenant = format!("{BLUEBIRD}    streams: [{{name: orders, cursor_field: changed}}]\n");
    let closed = manifest("");
    let (store, configuration) =
        folder(&[("sources/shop.yaml", &closed), ("tenants/bluebird.yaml", &tenant)]).await;
    let faults = configuration.check().await.unwrap();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].contains("`cursor_field` of stream `orders`"), "{told:?}");
    put(&store, "sources/shop.yaml", &manifest(", allow_catalog_defined_cursor_field: true")).await;
    assert_eq!(configuration.check().await.unwrap(), []);
}
