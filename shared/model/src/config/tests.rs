use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::document::{Document, Fault};

const FULL: &str = r#"
name: Bluebird Books
timezone: Europe/Berlin
grants:
  rutter-client: [harbor]
connections:
  shop:
    source: rutter
    config:
      base_url: http://127.0.0.1:7717/rutter
      client: {id: {secret: rutter-client}, key: {secret: acme/rutter-key}}
    streams:
      - customers
      - name: orders
        sync_mode: full_refresh
        primary_key: [id, [shop, id]]
        cursor_field: updated_at
        schedule: {every: 15m}
        reconcile: {every: 1 run}
    schedule: {cron: "cron(0 6 * * ? *)"}
    parallel: 3
    paused: yes
"#;

fn document(text: &str) -> Document {
    Document::parse("t.yaml", text).unwrap()
}

fn tenant(text: &str) -> Result<TenantFile, Vec<Fault>> {
    TenantFile::parse(&document(text), &"bluebird".parse().unwrap())
}

#[track_caller]
fn faults<T: std::fmt::Debug>(result: Result<T, Vec<Fault>>, expected: &[&str]) {
    let found: Vec<String> = result.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_tenant_file_is_read_whole() {
    let file = tenant(FULL).unwrap();
    let shop = &file.connections[&"shop".parse().unwrap()];
    let cron = Schedule::Cron {
        cron: "0 6 * * ? *".to_owned(),
        timezone: Some("Europe/Berlin".to_owned()),
    };
    assert_eq!((&shop.schedule, shop.parallel, shop.paused), (&cron, 3, true));
    let orders = shop.streams.config(&"orders".parse().unwrap()).unwrap();
    assert_eq!(orders.sync_mode, Some(SyncMode::FullRefresh));
    assert_eq!(
        orders.primary_key.unwrap(),
        [vec!["id".to_owned()], vec!["shop".to_owned(), "id".to_owned()]]
    );
    assert_eq!(orders.schedule, Some(Schedule::Every { every: Duration::from_mins(15) }));
    assert_eq!(orders.reconcile, Some(Every::Runs(1.try_into().unwrap())));
    assert_eq!(shop.streams.config(&"products".parse().unwrap()), None);
    let uses: Vec<String> = file.secrets.iter().map(|u| u.reference.to_string()).collect();
    assert_eq!(uses, ["rutter-client", "acme/rutter-key"]);
    assert_eq!((file.secrets[0].fault.line, file.secrets[0].fault.column), (11, 29));
}

#[test]
fn what_is_left_out_has_defaults() {
    let file = tenant("connections: {shop: {source: rutter}}").unwrap();
    let shop = &file.connections[&"shop".parse().unwrap()];
    let day = Schedule::Every { every: Duration::from_hours(24) };
    assert_eq!((&shop.streams, &shop.schedule), (&Streams::All, &day));
    assert_eq!((shop.parallel, shop.paused), (1, false));
}

#[test]
fn every_fault_of_a_tenant_file_is_told_at_once() {
    faults(
        tenant(
            r#"tenant: redbird
connections:
  shop:
    sorce: rutter
    shedule: {every: 1h}
    parallel: 40
    paused: maybe
    streams:
      - {name: orders, sync_mode: incremantal, reconcile: {every: 0 runs}}
      - name: orders
      - schedule: {every: 90s}
    schedule: {cron: "0 6 * * *"}
  Bad Id: {source: x, schedule: {every: 1h, timezone: Mars/Base}}
"#,
        ),
        &[
            "t.yaml:1:9: tenant: `redbird` is not the name of the file; accepted: bluebird",
            "t.yaml:4:5: connections.shop.sorce: unknown field, did you mean `source`?; accepted: source, config, streams, schedule, parallel, paused",
            "t.yaml:4:5: connections.shop: `source` is missing",
            "t.yaml:5:5: connections.shop.shedule: unknown field, did you mean `schedule`?; accepted: source, config, streams, schedule, parallel, paused",
            "t.yaml:6:15: connections.shop.parallel: accepted is a whole number from 1 to 16",
            "t.yaml:7:13: connections.shop.paused: a text stands here; accepted: true, false",
            "t.yaml:9:35: connections.shop.streams[0].sync_mode: unknown value `incremantal`, did you mean `incremental`?; accepted: incremental, full_refresh",
            "t.yaml:9:67: connections.shop.streams[0].reconcile.every: accepted is a number of runs of at least 1: `1 run`",
            "t.yaml:10:9: connections.shop.streams[1]: stream `orders` is listed twice",
            "t.yaml:11:9: connections.shop.streams[2]: `name` is missing",
            "t.yaml:11:27: connections.shop.streams[2].schedule.every: accepted are whole minutes",
            "t.yaml:12:22: connections.shop.schedule.cron: cron `0 6 * * *` is refused: 5 fields; use minutes hours day-of-month month day-of-week year",
            "t.yaml:13:11: connections.Bad Id: `Bad Id` is not a connection id: use 1 to 64 of a-z, 0-9, `_` and `-`",
            "t.yaml:13:55: connections.Bad Id.schedule.timezone: `Mars/Base` is not the IANA name of a time zone; such as Europe/Berlin",
            "t.yaml:13:55: connections.Bad Id.schedule.timezone: a time zone goes with `cron`, not with `every`",
        ],
    );
}

#[test]
fn a_file_without_connections_or_of_another_shape_is_refused() {
    faults(tenant("name: x"), &["t.yaml:1:1: `connections` is missing"]);
    faults(tenant(""), &["t.yaml:1:1: `connections` is missing"]);
    faults(tenant("- a"), &["t.yaml:1:1: a list stands here; accepted is a mapping"]);
    faults(
        tenant("connections: [a]"),
        &["t.yaml:1:14: connections: accepted is a mapping of connection ids to connections"],
    );
}

#[test]
fn an_overlay_is_read_whole_and_gives_way_to_its_streams() {
    let overlay = Overlay::parse(&document(
        r"
readiness: {status: 409, body: PRODUCT_NOT_READY}
unsupported: [{status: [404, 501]}]
cursor: {formats: ['%Y-%m-%dT%H:%M:%S.%fZ']}
timezone: America/Los_Angeles
budget: {scope: client_id, calls: 500, per: 10s}
reconcile: {every: 24h}
window: {inclusive_unit: 1ms, split: 3}
streams:
  orders: {reconcile: {every: 1 run}}
",
    ))
    .unwrap();
    assert_eq!(overlay.readiness[0].status, [409]);
    assert_eq!(overlay.unsupported[0].status, [404, 501]);
    assert_eq!(overlay.budget.as_ref().unwrap().per, Duration::from_secs(10));
    let orders = overlay.stream(&"orders".parse().unwrap());
    assert_eq!(orders.reconcile, Some(Every::Runs(1.try_into().unwrap())));
    assert_eq!(orders.window.unwrap().split, Some(3.try_into().unwrap()));
    let other = overlay.stream(&"customers".parse().unwrap());
    assert_eq!(other.reconcile, Some(Every::Time(Duration::from_hours(24))));
    assert_eq!(Overlay::parse(&document("")).unwrap(), Overlay::default());
}

#[test]
fn every_fault_of_an_overlay_is_told_at_once() {
    faults(
        Overlay::parse(&document(
            "readines: 1\nend_of_data: {}\nbudget: {calls: 0, per: soon}\nwindow: {split: 2.5}\n",
        )),
        &[
            "t.yaml:1:1: readines: unknown field, did you mean `readiness`?; accepted: readiness, end_of_data, pages, unsupported, needs_list, cursor, timezone, budget, reconcile, window, webhook, streams",
            "t.yaml:2:14: end_of_data: an answer needs `status`, `body`, or both",
            "t.yaml:3:9: budget: `scope` is missing",
            "t.yaml:3:17: budget.calls: accepted is a whole number from 1 to 4294967295",
            "t.yaml:3:25: budget.per: `soon` is not a span of time: write a whole number and a unit, such as 500ms, 90s, 15m, 24h, 7d",
            "t.yaml:4:17: window.split: accepted is a whole number from 1 to 4294967295",
        ],
    );
}

#[test]
fn a_row_is_asked_for_where_an_action_confirms() {
    let hook = "webhook:\n  signature: {header: X, algorithm: hmac_sha1, encoding: hex, keys: k}\n  event: type\n  actions:\n";
    faults(
        Overlay::parse(&document(&format!(
            "{hook}    - {{events: A, do: confirm}}\n    - {{events: B, do: pull, row: {{id: b.id, path: bs}}}}\n",
        ))),
        &[
            "t.yaml:5:7: webhook.actions[0]: `row` and `do: confirm` need each other",
            "t.yaml:6:7: webhook.actions[1]: `row` and `do: confirm` need each other",
            "t.yaml:6:51: webhook.actions[1].row.path: a path with `{id}` where the row's id stands",
        ],
    );
}

#[test]
fn customers_and_settings_are_read() {
    let customer = CustomerFile::parse(&document("tenants: [a, b]\ntarget: customers/x\n"));
    let customer = customer.unwrap();
    assert_eq!((customer.tenants.len(), customer.copies()), (2, 3));
    assert_eq!(customer.age(), Duration::from_hours(24));
    let text =
        "tenants: [a]\ntarget: customers/x\nrelations: [rutter_orders]\nkeep: 1\nevery: 6h\n";
    let customer = CustomerFile::parse(&document(text)).unwrap();
    assert_eq!((customer.copies(), customer.age()), (1, Duration::from_hours(6)));
    assert_eq!(customer.relations.unwrap(), ["rutter_orders"]);
    faults(
        CustomerFile::parse(&document(
            "tenants: [a]\ntarget: landing\nrelations: []\nkeep: 0\nevery: 5m\n",
        )),
        &[
            "t.yaml:2:9: target: accepted is a prefix that begins with `customers/`",
            "t.yaml:3:12: relations: accepted is at least one view; for all of them leave the list out",
            "t.yaml:4:7: keep: accepted is a whole number from 1 to 1000",
            "t.yaml:5:8: every: accepted is a span from 1h to 366d",
        ],
    );
    faults(
        CustomerFile::parse(&document("tenants: []\ntarget: ../x\n")),
        &[
            "t.yaml:1:10: tenants: accepted is at least one tenant",
            "t.yaml:2:9: target: `../x` is not an object key: 1 to 1024 bytes, no empty, `.` or `..` segment, no control characters",
        ],
    );
    assert_eq!(Settings::parse(&document("")).unwrap(), Settings::default());
    let settings = Settings::parse(&document("compression: none\nlimits: {timeout: 5s}\n"));
    assert_eq!(settings.unwrap().limits.timeout, Duration::from_secs(5));
    faults(
        Settings::parse(&document("compression: zip\nsmallest_generation: 2\n")),
        &[
            "t.yaml:1:14: compression: unknown value `zip`, did you mean `gzip`?; accepted: none, zstd, gzip",
            "t.yaml:2:22: smallest_generation: accepted is a number from 0 to 1",
        ],
    );
}

#[test]
fn spans_of_time_survive_their_text() {
    for text in ["500ms", "90s", "15m", "24h", "7d", "1m"] {
        let span = parse_duration(text).unwrap();
        assert_eq!(parse_duration(&duration_text(span)).unwrap(), span);
    }
    for bad in ["", "5", "m", "-5m", "1.5h", "5 fortnights", "99999999999999999w"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

/// Names that a schema lists for an object.
fn names(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn schemas_list_the_names_that_readers_accept() {
    let schemas = schemas();
    let of = |kind: &str| {
        let (_, schema) = schemas.iter().find(|(name, _)| *name == kind).unwrap();
        schema.as_value().clone()
    };
    for kind in ["tenant", "overlay", "customer", "headwater"] {
        let schema = of(kind);
        assert_eq!(schema["additionalProperties"], json!(false), "{kind}");
        let unknown = document("zzzzzz: 1");
        let found = match kind {
            "tenant" => tenant("zzzzzz: 1").unwrap_err(),
            "overlay" => Overlay::parse(&unknown).unwrap_err(),
            "customer" => CustomerFile::parse(&unknown).unwrap_err(),
            _ => Settings::parse(&unknown).unwrap_err(),
        };
        let listed = found.iter().find_map(|f| f.message.split_once("accepted: ")).unwrap().1;
        assert_eq!(listed, names(&schema).join(", "), "{kind}");
    }
    let tenant = of("tenant");
    assert_eq!(names(&tenant["$defs"]["Connection"]).len(), 6);
    assert_eq!(names(&tenant["$defs"]["StreamConfig"]).len(), 6);
}

#[test]
fn a_field_that_stands_twice_is_a_fault_and_one_that_is_merged_over_is_none() {
    let text = "grants: &g {}\nname: a\nconnections:\n  x: {source: s}\n  x: {source: t}\n";
    let tenant = "a".parse().unwrap();
    faults(
        TenantFile::parse(&document(text), &tenant),
        &["t.yaml:5:3: x: this field stands here twice"],
    );
    let merged = "connections:\n  x: &x {source: s}\n  y: {<<: *x, source: t}\n";
    assert!(TenantFile::parse(&document(merged), &tenant).is_ok());
}
