//! Notices of a provider, from the provider's own call to rows in a view; and without any.

#[path = "acceptance/ground.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod ground;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method as Verb, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use ground::Ground;
use handlers::webhook::{Deps, Event, handle};
use host::Vars;
use local::FolderSecrets;
use model::Timestamp;
use ports::{Deadline, Method};
use serde_json::{Value, json};
use store::{Standing, StreamKey};
use testkit::MemoryMetrics;
use tokio::task::JoinSet;

const CONNECTION: &str = "      connection_id: 8f14e45f-ceea-467f-a9d2-1c0f3a1b2c01\n";

/// A shop that was pulled once, and an address that takes its notices.
struct Shop {
    ground: Ground,
    /// Pages of all that there is.
    pages: u64,
    address: String,
    _front: JoinSet<()>,
}

async fn take(
    State(deps): State<Arc<Deps>>,
    verb: Verb,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pair = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let event = Event::new((verb.as_str(), uri.path()), headers.iter().map(pair), &body);
    let answer = handle(&deps, event, Deadline::at(Timestamp::MAX)).await.unwrap();
    (StatusCode::from_u16(answer.status_code).unwrap(), answer.body).into_response()
}

impl Shop {
    async fn new() -> Self {
        Self::pulling("[orders, customers]").await
    }

    async fn pulling(streams: &str) -> Self {
        let ground = Ground::new().await;
        ground.shop("acme", "/rutter/versioned", &format!("    streams: {streams}\n"), None);
        let file = std::fs::read_to_string(ground.folder.path().join("config/tenants/acme.yaml"));
        ground.put("config/tenants/acme.yaml", &format!("{}{CONNECTION}", file.unwrap()));
        let pages = ground.pull("acme").await.iter().map(|run| run.pages).sum();
        let secrets = FolderSecrets::new(ground.folder.path().join("secrets"), Vars::process());
        let deps = Deps {
            configuration: Arc::clone(&ground.configuration),
            secrets: Arc::new(secrets),
            store: ground.store.clone(),
            jobs: Arc::clone(&ground.jobs),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = axum::Router::new().fallback(take).with_state(Arc::new(deps));
        let mut front = JoinSet::new();
        front.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { ground, pages, address, _front: front }
    }

    /// Has the provider send a notice; gives the statuses that it got.
    async fn notice(&self, event: &str, more: Value) -> Vec<u64> {
        let to = format!("{}/webhooks/acme/main", self.address);
        let mut notice = json!({"account": "bluebird-shop", "event": event, "to": to});
        notice.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = Some(notice.to_string().into());
        let answer: Value =
            serde_json::from_str(&self.ground.call(Method::Post, "webhook", body).await).unwrap();
        let statuses = answer["statuses"].as_array().unwrap();
        statuses.iter().map(|status| status.as_u64().unwrap()).collect()
    }

    async fn work(&self) -> usize {
        self.ground.work_off().await.len()
    }

    async fn view_is_true(&self) -> bool {
        let ids = self.ground.query("SELECT id FROM rutter_orders").await;
        let truth = self.ground.truth("orders").await;
        ids.len() == truth.len()
            && ids.into_iter().collect::<std::collections::BTreeSet<_>>() == truth
    }
}

#[tokio::test]
async fn a_delete_that_a_provider_tells_is_confirmed_by_it_and_the_row_is_gone() {
    let shop = Shop::new().await;
    let gone = shop.ground.truth("orders").await.into_iter().next().unwrap();
    let statuses = shop.notice("ORDER_DELETED", json!({"id": gone})).await;
    assert_eq!((statuses, shop.work().await), (vec![202], 1));
    assert!(shop.view_is_true().await, "what is still there is not hidden by a notice");
    shop.ground.admin(Method::Delete, &format!("rows/bluebird-shop/orders/{gone}")).await;
    shop.notice("ORDER_DELETED", json!({"id": gone})).await;
    assert_eq!(shop.work().await, 1);
    assert!(shop.view_is_true().await);
}

#[tokio::test]
async fn a_row_that_a_notice_calls_gone_is_asked_for_alone() {
    let shop = Shop::pulling("[{name: orders, reconcile: {every: 1000 runs}}]").await;
    let orders = shop.ground.truth("orders").await;
    let [gone, kept]: [&String; 2] = orders.iter().take(2).collect::<Vec<_>>().try_into().unwrap();
    shop.ground.admin(Method::Delete, &format!("rows/bluebird-shop/orders/{gone}")).await;
    for id in [gone, kept] {
        assert_eq!(shop.notice("ORDER_DELETED", json!({"id": id})).await, [202]);
    }
    assert!(!shop.view_is_true().await, "no row is hidden because a notice says so");
    let runs = shop.ground.work_off().await;
    assert_eq!(runs.iter().map(|run| run.gone).sum::<u64>(), 1);
    let whole = shop.pages;
    let some = runs.iter().all(|run| run.pages < whole / 4);
    assert!(some, "what has changed, not all of {whole} pages: {runs:?}");
    assert!(shop.view_is_true().await);
    assert_eq!(shop.notice("ORDER_DELETED", json!({"id": kept})).await, [202]);
    assert_eq!(shop.ground.work_off().await[0].gone, 0, "it is still there");
    assert!(shop.view_is_true().await);
}

#[tokio::test]
async fn the_same_notice_five_times_pulls_once_and_a_forged_one_never() {
    let shop = Shop::new().await;
    assert_eq!(shop.notice("ORDER_UPDATED", json!({"times": 5})).await, [202; 5]);
    for signature in ["bad", "none"] {
        assert_eq!(shop.notice("ORDER_UPDATED", json!({"signature": signature})).await, [401]);
    }
    assert_eq!(shop.work().await, 1);
}

#[tokio::test]
async fn a_first_sync_that_has_ended_is_told_and_everything_is_pulled() {
    let shop = Shop::new().await;
    assert_eq!(shop.notice("CONNECTION_NEEDS_UPDATE", json!({})).await, [202]);
    let (tenant, connection) = ("acme".parse().unwrap(), "main".parse().unwrap());
    let stands = async || {
        let state = shop.ground.store.connection_state((&tenant, &connection)).await.unwrap();
        state.unwrap().standing
    };
    assert_eq!((stands().await, shop.work().await), (Standing::NeedsUpdate, 0));
    assert_eq!(shop.notice("INITIAL_UPDATE", json!({})).await, [202]);
    assert_eq!((stands().await, shop.work().await), (Standing::Ready, 2));
}

#[tokio::test]
async fn without_any_notice_the_schedule_finds_the_same() {
    let shop = Shop::new().await;
    shop.ground.admin(Method::Post, "mutate?account=bluebird-shop").await;
    assert!(!shop.view_is_true().await);
    let stream = |name: &str| StreamKey {
        tenant: "acme".parse().unwrap(),
        connection: "main".parse().unwrap(),
        stream: name.parse().unwrap(),
    };
    shop.ground.store.set_due(&stream("orders"), Some(shop.ground.store.now())).await.unwrap();
    shop.ground.pull("acme").await;
    assert!(shop.view_is_true().await);
}
