use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use ports::{Attributes, ObjectStore};
use ring::hmac;
use serde_json::{Value, json};
use store::{Leave, Standing, StreamKey, Timing};
use testkit::{
    ManualClock, MemoryMetrics, MemoryQueue, MemorySecrets, MemoryStore, MemoryTable, SeededIds,
};

use super::*;

const OVERLAY: &str = "
webhook:
  signature: {header: X-Shop-Signature, field: sha256, algorithm: hmac_sha256, encoding: base64, keys: [client_secret, former_secret]}
  event: [code, type]
  connection: {event: connection_id, config: connection_id}
  actions:
    - {events: [INITIAL_UPDATE], do: ready}
    - {events: ['ORDER_DELETED'], do: reconcile, streams: [orders]}
    - {events: ['ORDER_*'], do: pull, streams: [orders]}
    - {events: ['CUSTOMER_DELETED'], do: confirm, streams: [customers], row: {id: customer.id, path: 'customers/{id}'}}
    - {events: [CONNECTION_DISABLED], do: disabled}
";

const STAMPED: &str = "
webhook:
  signature:
    header: Pay-Signature
    field: v1
    algorithm: hmac_sha512
    encoding: hex
    keys: client_secret
    timestamp: {header: Pay-Signature, field: t, within: 5m}
    signed: '{timestamp}.{body}'
  event: type
  actions: [{events: ['*'], do: pull}]
";

const ACME: &str = "
grants: {shop-secret: [cedar]}
connections:
  shop:
    source: shop
    config: {connection_id: c-1, client_secret: {secret: shop-secret}, former_secret: {secret: old-secret}}
    streams: [orders, customers]
  resting:
    source: shop
    paused: true
    config: {client_secret: {secret: shop-secret}}
  pay:
    source: pay
    config: {client_secret: {secret: shop-secret}}
    streams: [payments]
  silent:
    source: silent
    config: {}
";

const CEDAR: &str = "
connections:
  shop:
    source: shop
    config: {connection_id: c-2, client_secret: {secret: acme/shop-secret}}
    streams: [orders]
";

/// Grants nothing to anybody, and signs with a key of its own.
const DELTA: &str = "
connections:
  shop:
    source: shop
    config: {connection_id: c-3, client_secret: {secret: own-secret}}
    streams: [orders]
";

struct World {
    deps: Deps,
    clock: ManualClock,
    jobs: Arc<MemoryQueue>,
    metrics: Arc<MemoryMetrics>,
}

async fn world() -> World {
    let clock = ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap());
    let files = Arc::new(MemoryStore::default());
    for (name, text) in [
        ("sources/shop.headwater.yaml", OVERLAY),
        ("sources/pay.headwater.yaml", STAMPED),
        ("tenants/acme.yaml", ACME),
        ("tenants/cedar.yaml", CEDAR),
        ("tenants/delta.yaml", DELTA),
    ] {
        let key = format!("config/{name}").parse().unwrap();
        files.put(&key, text.to_owned().into(), &Attributes::default()).await.unwrap();
    }
    let secret = |tenant: &str, name: &str, value: &str| {
        let path = SecretPath::resolve(&tenant.parse().unwrap(), &name.parse().unwrap(), &[]);
        (path.unwrap(), value.to_owned())
    };
    let secrets = MemorySecrets::of([
        secret("acme", "shop-secret", "new key"),
        secret("acme", "old-secret", "old key"),
        secret("delta", "own-secret", "delta's key"),
    ]);
    let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
    let ids = Arc::new(SeededIds::new(7));
    let store = Store::new(table, Arc::new(clock.clone()), ids, Timing::default());
    let jobs = Arc::new(MemoryQueue::new(Arc::new(clock.clone())));
    let metrics = Arc::new(MemoryMetrics::default());
    let deps = Deps {
        configuration: Arc::new(Configuration::new(files, "config/")),
        secrets: Arc::new(secrets),
        store,
        jobs: Arc::<MemoryQueue>::clone(&jobs),
        metrics: Arc::<MemoryMetrics>::clone(&metrics),
    };
    World { deps, clock, jobs, metrics }
}

fn tag(key: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!("sha256={}", STANDARD.encode(hmac::sign(&key, body.as_bytes())))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn order(code: &str, n: u32) -> String {
    json!({"type": "ORDER", "code": code, "connection_id": "c-1", "order": {"id": n}}).to_string()
}

fn key(tenant: &str, connection: &str, stream: &str) -> StreamKey {
    StreamKey {
        tenant: tenant.parse().unwrap(),
        connection: connection.parse().unwrap(),
        stream: stream.parse().unwrap(),
    }
}

impl World {
    async fn call(&self, event: Event) -> Answer {
        let until = Deadline::at(Timestamp::MAX);
        handle(&self.deps, event, until).await.unwrap()
    }

    /// Posts a body with a signature; gives the status.
    async fn post(&self, path: &str, signature: &str, body: &str) -> u16 {
        let headers = [("X-Shop-Signature".to_owned(), signature.to_owned())];
        let event = Event::new(("POST", &format!("/webhooks/{path}")), headers, body.as_bytes());
        self.call(event).await.status_code
    }

    async fn signed(&self, body: &str) -> u16 {
        self.post("acme/shop", &tag("new key", body), body).await
    }

    fn streams(&self) -> Vec<String> {
        let stream = |message: ports::Message| {
            let job: Value = serde_json::from_str(&message.body).unwrap();
            format!("{}/{}", job["tenant"].as_str().unwrap(), job["stream"].as_str().unwrap())
        };
        let mut streams: Vec<String> = self.jobs.messages().into_iter().map(stream).collect();
        streams.sort();
        streams
    }

    /// Begins the stream's job and ends it.
    async fn run(&self, stream: &StreamKey) {
        let hold = self.deps.store.acquire(stream, &"r".parse().unwrap(), None).await.unwrap();
        let due = self.clock.at_noon();
        hold.unwrap().leave(Leave::Complete { due }).await.unwrap();
    }
}

trait Noon {
    fn at_noon(&self) -> Timestamp;
}

impl Noon for ManualClock {
    fn at_noon(&self) -> Timestamp {
        use ports::Clock as _;
        self.now() + Duration::from_hours(24)
    }
}

#[tokio::test]
async fn a_signed_notice_leads_to_one_job_of_the_stream_that_it_is_about() {
    let world = world().await;
    assert_eq!(world.signed(&order("ORDER_UPDATED", 1)).await, 202);
    assert_eq!(world.streams(), ["acme/orders"]);
    assert!((world.metrics.sum(Metric::NoticesTaken) - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn what_is_not_signed_as_it_should_be_is_refused_and_leads_to_nothing() {
    let world = world().await;
    let body = order("ORDER_UPDATED", 1);
    let good = tag("new key", &body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"new key");
    let hex = hex(hmac::sign(&key, body.as_bytes()).as_ref());
    for (path, signature, sent) in [
        ("acme/shop", "", body.clone()),
        ("acme/shop", "sha256=", body.clone()),
        ("acme/shop", &tag("another key", &body), body.clone()),
        ("acme/shop", &format!("sha256={hex}"), body.clone()),
        ("acme/shop", &good.replace("sha256", "sha1"), body.clone()),
        ("acme/shop", &good, format!("{body} ")),
        ("acme/nowhere", &good, body.clone()),
        ("acme/resting", &good, body.clone()),
        ("acme/silent", &good, body.clone()),
        ("delta/shop", &good, body.clone()),
        ("nobody/shop", &good, body.clone()),
        ("shop", &good, body.clone()),
        ("ACME/shop", &good, body.clone()),
    ] {
        assert_eq!(world.post(path, signature, &sent).await, 401, "{path} {signature}");
    }
    assert!(world.streams().is_empty());
    assert!((world.metrics.sum(Metric::NoticesRefused) - 13.0).abs() < 1e-9);
}

#[tokio::test]
async fn the_new_key_and_the_old_one_both_sign() {
    let world = world().await;
    let body = order("ORDER_UPDATED", 1);
    assert_eq!(world.post("acme/shop", &tag("old key", &body), &body).await, 202);
    assert_eq!(world.signed(&body).await, 202);
    assert_eq!(world.streams(), ["acme/orders"]);
}

#[tokio::test]
async fn the_same_notice_five_times_is_one_job_until_that_job_begins() {
    let world = world().await;
    let body = order("ORDER_UPDATED", 1);
    for _ in 0..5 {
        assert_eq!(world.signed(&body).await, 202);
    }
    assert_eq!(world.streams(), ["acme/orders"]);
    world.run(&key("acme", "shop", "orders")).await;
    world.signed(&body).await;
    assert_eq!(world.streams(), ["acme/orders"; 2]);
}

#[tokio::test]
async fn many_notices_in_any_order_are_one_job_until_it_begins() {
    let world = world().await;
    for n in [7, 3, 9, 1] {
        for code in ["ORDER_UPDATED", "ORDER_CREATED"] {
            world.signed(&order(code, n)).await;
        }
    }
    assert_eq!(world.streams(), ["acme/orders"]);
}

#[tokio::test]
async fn a_notice_during_a_run_leads_to_one_job_after_it() {
    let world = world().await;
    world.signed(&order("ORDER_UPDATED", 1)).await;
    let orders = key("acme", "shop", "orders");
    let hold = world.deps.store.acquire(&orders, &"r".parse().unwrap(), None).await.unwrap();
    for n in 2..6 {
        world.signed(&order("ORDER_UPDATED", n)).await;
    }
    assert_eq!(world.streams(), ["acme/orders"; 2]);
    hold.unwrap().leave(Leave::Complete { due: world.clock.at_noon() }).await.unwrap();
    let next = world.deps.store.acquire(&orders, &"s".parse().unwrap(), Some(1)).await.unwrap();
    assert!(next.is_ok(), "the job that waited takes it up");
}

#[tokio::test]
async fn a_delete_is_a_hint_that_has_everything_read() {
    let world = world().await;
    assert_eq!(world.signed(&order("ORDER_DELETED", 1)).await, 202);
    let (head, _) = world.deps.store.head(&key("acme", "shop", "orders")).await.unwrap().unwrap();
    assert_eq!((head.reconciled, head.since_reconcile), (None, u32::MAX));
    assert_eq!(world.streams(), ["acme/orders"]);
}

#[tokio::test]
async fn a_row_that_is_called_gone_is_noted_to_be_asked_for() {
    let world = world().await;
    let customers = key("acme", "shop", "customers");
    let deleted = |id: Value| {
        json!({"code": "CUSTOMER_DELETED", "connection_id": "c-1", "customer": {"id": id}})
            .to_string()
    };
    let everything = async || {
        let (head, _) = world.deps.store.head(&customers).await.unwrap().unwrap();
        head.since_reconcile == u32::MAX
    };
    for id in [json!("a/b?c=1#"), json!(7), json!("a/b?c=1#")] {
        assert_eq!(world.signed(&deleted(id)).await, 202);
    }
    let (doubts, _) = world.deps.store.doubts(&customers, None).await.unwrap();
    let mut paths: Vec<_> = doubts.into_iter().map(|one| one.doubt.path).collect();
    paths.sort();
    assert_eq!(paths, ["customers/7", "customers/a%2Fb%3Fc%3D1%23"]);
    assert_eq!((world.streams(), everything().await), (vec!["acme/customers".to_owned()], false));
    world.signed(&deleted(json!(".."))).await;
    assert!(everything().await, "what names no row has everything read");
}

#[tokio::test]
async fn connections_stand_as_their_provider_last_said() {
    let world = world().await;
    let (tenant, connection) = ("acme".parse().unwrap(), "shop".parse().unwrap());
    let of = (&tenant, &connection);
    let event = |code: &str| {
        json!({"type": "CONNECTION", "code": code, "connection_id": "c-1"}).to_string()
    };
    for _ in 0..3 {
        world.signed(&event("CONNECTION_DISABLED")).await;
    }
    let state = world.deps.store.connection_state(of).await.unwrap().unwrap();
    assert_eq!(state.standing, Standing::Disabled);
    assert!((world.metrics.sum(Metric::ConnectionsSuspended) - 1.0).abs() < 1e-9, "told once");
    assert!(world.streams().is_empty());
    world.signed(&event("INITIAL_UPDATE")).await;
    let state = world.deps.store.connection_state(of).await.unwrap().unwrap();
    assert_eq!(state.standing, Standing::Ready);
    assert_eq!(world.streams(), ["acme/customers", "acme/orders"]);
}

#[tokio::test]
async fn an_address_serves_the_connections_that_share_its_key_and_no_others() {
    let world = world().await;
    let about = |id: &str| order("ORDER_UPDATED", 1).replace("c-1", id);
    assert_eq!(world.signed(&about("c-2")).await, 202);
    assert_eq!(world.streams(), ["cedar/orders"]);
    for unknown in ["c-3", "c-9"] {
        assert_eq!(world.signed(&about(unknown)).await, 202, "{unknown}");
    }
    assert_eq!(world.streams(), ["cedar/orders"]);
}

#[tokio::test]
async fn events_that_no_rule_names_are_taken_and_left_alone() {
    let world = world().await;
    let body = json!({"type": "JOB_COMPLETED", "connection_id": "c-1"}).to_string();
    assert_eq!(world.signed(&body).await, 202);
    assert!(world.streams().is_empty());
}

#[tokio::test]
async fn what_is_no_notice_is_refused_with_its_own_status() {
    let world = world().await;
    for body in ["", "{", "[]", "{\"kind\":1}", "\u{0}"] {
        assert_eq!(world.signed(body).await, 400, "{body}");
    }
    let large = " ".repeat(MOST + 1);
    assert_eq!(world.signed(&large).await, 413);
    let get = Event::new(("GET", "/webhooks/acme/shop"), [], b"");
    assert_eq!(world.call(get).await.status_code, 405);
}

#[tokio::test]
async fn a_signature_that_says_when_is_refused_when_that_is_long_ago_or_ahead() {
    let world = world().await;
    let now = "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap().as_second();
    let body = json!({"type": "payment.created"}).to_string();
    let signed = |at: i64| {
        let key = hmac::Key::new(hmac::HMAC_SHA512, b"new key");
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        format!("t={at}, v0=00, v1={}", hex(tag.as_ref()))
    };
    let post = async |signature: String| {
        let headers = [("pay-signature".to_owned(), signature)];
        let event = Event::new(("POST", "/webhooks/acme/pay"), headers, body.as_bytes());
        world.call(event).await.status_code
    };
    assert_eq!(post(signed(now - 299)).await, 202);
    assert_eq!(post(signed(now - 301)).await, 401);
    assert_eq!(post(signed(now + 301)).await, 401);
    let moved = signed(now - 301).replace(&format!("t={}", now - 301), &format!("t={now}"));
    assert_eq!(post(moved).await, 401, "the time is signed, too");
    assert_eq!(world.streams(), ["acme/payments"]);
}
