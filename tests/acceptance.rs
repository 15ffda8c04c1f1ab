//! The checklist where no test of a part says it already: schedule, queue, extract, lake and views
//! together, against the sandbox. `REQUIREMENTS.md` beside this file names all tests that do.

#[path = "acceptance/ground.rs"]
mod ground;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use ground::Ground;
use handlers::configuration::schedules;
use handlers::extract::Outcome;
use model::config::TenantFile;
use model::document::Document;
use ports::Method;

fn set(ids: Vec<String>) -> BTreeSet<String> {
    let count = ids.len();
    let set: BTreeSet<String> = ids.into_iter().collect();
    assert_eq!(set.len(), count, "a row shows twice");
    set
}

const ORDERS: &str = "    streams: [orders]\n";

#[tokio::test]
async fn live_connections_get_a_job_each_and_paused_ones_none() {
    let ground = Ground::new().await;
    for (number, state) in ["", "", "", "", "", "paused", "paused"].iter().enumerate() {
        let more = if state.is_empty() { "" } else { "    paused: true\n" };
        ground.shop(&format!("t{number}"), "/rutter/versioned", &format!("{ORDERS}{more}"), None);
    }
    for number in 0..7 {
        ground.fire(&format!("t{number}")).await;
    }
    let jobs = ground.waiting().await;
    let tenants: BTreeSet<String> = jobs.iter().map(|job| job.stream.tenant.to_string()).collect();
    assert_eq!((jobs.len(), tenants.len()), (5, 5));
    for number in 0..7 {
        assert_eq!(ground.fire(&format!("t{number}")).await, 0, "its job is under way");
    }
}

#[tokio::test]
async fn windows_side_by_side_give_what_one_walk_gives() {
    let ground = Ground::new().await;
    ground.admin(Method::Post, "latency?millis=20").await;
    for parallel in [1, 3] {
        let more = format!("{ORDERS}    parallel: {parallel}\n");
        let tenant = format!("by{parallel}");
        ground.shop(&tenant, "/rutter/versioned", &more, None);
        ground.admin(Method::Delete, "requests").await;
        ground.pull(&tenant).await;
        let seen: serde_json::Value =
            serde_json::from_str(&ground.admin(Method::Get, "requests").await).unwrap();
        let peak = seen["summary"]["peak_concurrency"].as_u64().unwrap();
        assert!(if parallel == 1 { peak == 1 } else { peak > 1 && peak <= 3 }, "{peak}");
    }
    let ids = |tenant: &str| {
        let sql = format!("SELECT id FROM rutter_orders WHERE _tenant = '{tenant}'");
        let ground = &ground;
        async move { set(ground.query(&sql).await) }
    };
    assert_eq!(ids("by1").await, ids("by3").await);
    assert_eq!(ids("by3").await, ground.truth("orders").await);
}

#[tokio::test]
async fn an_order_that_was_touched_is_pulled_again_and_the_others_are_not() {
    let ground = Ground::new().await;
    ground.shop("acme", "/rutter/versioned", ORDERS, None);
    ground.pull("acme").await;
    let before: BTreeSet<String> = ground.lines().await.into_iter().map(|(key, _)| key).collect();
    let touched = ground.truth("orders").await.into_iter().next().unwrap();
    ground.admin(Method::Post, &format!("rows/bluebird-shop/orders/{touched}/touch")).await;
    let key = handlers::job::Target {
        tenant: "acme".parse().unwrap(),
        connection: "main".parse().unwrap(),
        stream: Some("orders".parse().unwrap()),
    };
    let stream = store::StreamKey {
        tenant: key.tenant.clone(),
        connection: key.connection.clone(),
        stream: key.stream.clone().unwrap(),
    };
    ground.store.set_due(&stream, Some(ground.store.now())).await.unwrap();
    ground.pull("acme").await;
    let ids = |(_, line): &(String, serde_json::Value)| line["record"]["id"].to_string();
    let lines = ground.lines().await;
    let again: Vec<String> =
        lines.iter().filter(|(key, _)| !before.contains(key)).map(ids).collect();
    let others = again.iter().filter(|id| !id.contains(&touched)).count();
    assert!(!again.is_empty() && others == 0, "{again:?}");
}

#[tokio::test]
async fn both_roots_of_an_api_and_every_page_size_give_the_same_rows() {
    let ground = Ground::new().await;
    for (tenant, root) in [("old", "/rutter"), ("new", "/rutter/versioned")] {
        ground.shop(tenant, root, "    streams: [orders, customers]\n", None);
        ground.pull(tenant).await;
        for stream in ["orders", "customers"] {
            let sql = format!("SELECT id FROM rutter_{stream} WHERE _tenant = '{tenant}'");
            assert_eq!(set(ground.query(&sql).await), ground.truth(stream).await);
        }
    }
}

#[tokio::test]
async fn a_stream_more_is_a_word_more_in_a_tenants_file() {
    let ground = Ground::new().await;
    ground.shop("acme", "/rutter/versioned", "    streams: [customers]\n", None);
    ground.pull("acme").await;
    let count = "SELECT count(*) FROM rutter_products";
    assert_eq!(ground.query(count).await, ["0"]);
    ground.shop("acme", "/rutter/versioned", "    streams: [customers, products]\n", None);
    ground.pull("acme").await;
    let products = set(ground.query("SELECT id FROM rutter_products").await);
    assert_eq!(products, ground.truth("products").await);
}

#[tokio::test]
async fn twenty_tenants_side_by_side_fail_alone() {
    let ground = Ground::new().await;
    for number in 0..20 {
        let access = (number == 7).then_some("a token that is none");
        ground.shop(
            &format!("t{number:02}"),
            "/rutter/versioned",
            "    streams: [customers]\n",
            access,
        );
        ground.fire(&format!("t{number:02}")).await;
    }
    let jobs = ground.waiting().await;
    let tenants: Vec<String> = jobs.iter().map(|job| job.stream.tenant.to_string()).collect();
    let outcomes = join_all(jobs.into_iter().map(|job| ground.run(job))).await;
    for (tenant, outcome) in tenants.iter().zip(&outcomes) {
        let is_as_meant = match outcome {
            Outcome::Complete { .. } => tenant != "t07",
            Outcome::Failed { .. } => tenant == "t07",
            _ => false,
        };
        assert!(is_as_meant, "{tenant}: {outcome:?}");
    }
    let truth = ground.truth("customers").await.len();
    let sql = "SELECT count(*) FROM rutter_customers GROUP BY _tenant";
    assert_eq!(ground.query(sql).await, vec![truth.to_string(); 19]);
}

#[tokio::test]
async fn every_landed_line_is_one_record_and_names_its_tenant_as_its_key_does() {
    let ground = Ground::new().await;
    for tenant in ["acme", "acme-2"] {
        ground.shop(tenant, "/rutter/versioned", "    streams: [orders, products]\n", None);
        ground.pull(tenant).await;
    }
    let lines = ground.lines().await;
    assert!(lines.len() > 200);
    for (key, line) in lines {
        let tenant = line["_tenant"].as_str().unwrap();
        let folder =
            format!("landing/rutter/{}/tenant={tenant}/", line["_stream"].as_str().unwrap());
        assert!(key.starts_with(&folder), "{key}: {tenant}");
        assert!(line["record"].is_object() && line["_request_start"].is_string(), "{line}");
    }
}

#[test]
fn a_schedule_for_each_tenant_and_endpoint_that_has_one_of_its_own() {
    let mut all = Vec::new();
    for tenant in ["a", "b", "c"] {
        let text = "connections:\n  main:\n    source: stashstock\n    config: {api_key: {secret: k}}\n    \
                    streams:\n      - {name: plants, schedule: {every: 24h}}\n      \
                    - {name: packages, schedule: {every: 24h}}\n";
        let document = Document::parse("tenants/a.yaml", text).unwrap();
        let file = TenantFile::parse(&document, &tenant.parse().unwrap()).unwrap();
        all.extend(schedules(&file));
    }
    let of_streams = all.iter().filter(|s| s.input.contains("\"stream\"")).count();
    assert_eq!(of_streams, 6, "{all:?}");
    let names: BTreeSet<_> = all.iter().map(|s| s.name.clone()).collect();
    assert_eq!(names.len(), all.len());
}

const SOURCE: &str = r#"
version: 6.44.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [tickets]}
streams:
  - type: DeclarativeStream
    name: tickets
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "{{ config['base_url'] }}", path: tickets}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [tickets]}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
"#;

const MODEL: &str = "
version: 1
fields:
  id: {type: string, required: true}
  opened: {type: timestamp, required: true}
  hours: decimal(10,2)
identity: [id]
sources:
  helpdesk/tickets: {fields: {id: id, opened: created, hours: effort.hours}}
";

const TICKETS: &str = r#"{"tickets": [
  {"id": 1, "created": "2026-05-01T10:00:00+02:00", "effort": {"hours": 1.50, "by": "Ada"}},
  {"id": 2, "created": null}]}"#;

#[tokio::test]
async fn a_source_a_model_and_a_tenant_are_a_file_each() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = axum::Router::new().route("/tickets", axum::routing::get(|| async { TICKETS }));
    let mut provider = tokio::task::JoinSet::new();
    provider.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let ground =
        Ground::at(std::sync::Arc::new(host::SystemClock), std::slice::from_ref(&address)).await;
    ground.put("config/sources/helpdesk.yaml", SOURCE);
    ground.put("config/models/ticket.yaml", MODEL);
    let tenant = format!(
        "connections: {{main: {{source: helpdesk, config: {{base_url: \"http://{address}/\"}}}}}}\n"
    );
    ground.put("config/tenants/acme.yaml", &tenant);
    ground.pull("acme").await;
    ground.shape().await;
    let row = "SELECT id || ' ' || hours || ' ' || _extra || ' ' || _tenant FROM model_ticket";
    assert_eq!(ground.query(row).await, [r#"1 1.50 {"effort":{"by":"Ada"}} acme"#]);
    assert_eq!(ground.query("SELECT count(*) FROM helpdesk_tickets").await, ["2"]);
    let refused = ground.lake.list("quarantine/ticket/tenant=acme/", None, 10).await.unwrap();
    let body = ground.lake.get(&refused.objects[0].key).await.unwrap().body;
    let line: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(line["violations"][0]["field"], "opened");
    assert_eq!((line["key"].as_str(), line["line"].as_u64()), (Some(r#"{"id":"2"}"#), Some(2)));
}
