use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use model::Timestamp;
use ports::{Clock, Http, HttpError, Request, Response};
use request::authenticator::{Authenticator, Caller};
use request::component::{Component, Faults};
use request::interpolation::Context;
use request::value::Value;
use serde_json::json;
use store::Timing;
use testkit::{ManualClock, MemoryTable, SeededIds};

use super::*;

/// A token endpoint whose refresh tokens serve once: one that is used again ends the grant.
#[derive(Debug, Default)]
struct Endpoint(Mutex<u32>);

#[async_trait]
impl Http for Endpoint {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
        let mut served = self.0.lock().unwrap();
        let (status, answer) = if body.contains(&format!("refresh_token=r{}&", *served))
            || body.ends_with(&format!("refresh_token=r{}", *served))
        {
            *served += 1;
            let tokens = json!({
                "access_token": format!("a{served}"), "refresh_token": format!("r{served}"),
                "expires_in": 60,
            });
            (200, tokens)
        } else {
            (400, json!({"error": "invalid_grant"}))
        };
        Ok(Response { status, headers: Vec::new(), body: Bytes::from(answer.to_string()) })
    }
}

struct World {
    clock: ManualClock,
    store: Store,
    endpoint: Arc<Endpoint>,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
        let table = Arc::new(MemoryTable::new(Arc::new(clock.clone())));
        let ids = Arc::new(SeededIds::new(7));
        let store = Store::new(table, Arc::new(clock.clone()), ids, Timing::default());
        Self { clock, store, endpoint: Arc::default() }
    }

    /// A worker that knows nothing but the store and the configuration.
    fn worker(&self) -> Caller {
        let whose = (&"acme".parse().unwrap(), &"shop".parse().unwrap());
        let (http, clock) = (Arc::clone(&self.endpoint) as _, Arc::new(self.clock.clone()) as _);
        let caller = Caller::new(http, clock, Duration::from_secs(10), 1 << 20);
        caller.keeping(Some(Arc::new(Kept::new(self.store.clone(), whose))))
    }

    async fn token(&self, worker: &Caller) -> Result<String, request::Error> {
        let manifest = json!({
            "type": "OAuthAuthenticator", "token_refresh_endpoint": "https://auth.example/token",
            "client_id": "id", "client_secret": "secret", "refresh_token_updater": {},
        });
        let component = Component::new(manifest, "authenticator", 1, &Faults::default());
        let authenticator = Authenticator::build(&component);
        let config = json!({"credentials": {"refresh_token": "r0"}});
        let now: Timestamp = self.clock.now();
        let context = Context::new(Value::from(&config), now);
        let options = authenticator.options(worker, &context).await?;
        Ok(options.headers.get("Authorization").unwrap().to_string())
    }
}

#[tokio::test]
async fn workers_that_start_at_once_refresh_once_and_share_the_token() {
    let world = World::new();
    let workers: Vec<_> = (0..5).map(|_| world.worker()).collect();
    let tokens = join_all(workers.iter().map(|worker| world.token(worker))).await;
    for token in tokens {
        assert_eq!(token.unwrap(), "Bearer a1");
    }
    assert_eq!(*world.endpoint.0.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_new_process_goes_on_with_the_token_that_the_last_one_was_given() {
    let world = World::new();
    let old = world.worker();
    for round in 1..4 {
        let expected = format!("Bearer a{round}");
        assert_eq!(world.token(&world.worker()).await.unwrap(), expected);
        assert_eq!(world.token(&old).await.unwrap(), expected);
        world.clock.advance(Duration::from_mins(2));
    }
}

#[tokio::test]
async fn a_refusal_gives_the_claim_back() {
    let world = World::new();
    *world.endpoint.0.lock().unwrap() = 7;
    for _ in 0..2 {
        let error = world.token(&world.worker()).await.unwrap_err();
        assert!(error.to_string().contains("invalid_grant"), "{error}");
    }
}
