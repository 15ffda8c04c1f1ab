//! A source made for a connection without any of the outside: what does not fit shows, and so do
//! the streams that files alone name.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector::{Error, Limits, Runtime, Source};
use model::Timestamp;
use ports::{Clock, Http, HttpError, Ids, Request, Response};
use serde_json::Value;

use super::LoadedSource;
use super::resolve::references;

/// Makes the source as a run would, with a text in the place of each secret.
pub(crate) fn trial(config: &Value, source: &LoadedSource) -> Result<Source, Error> {
    let mut config = config.clone();
    for (pointer, _) in references(&config) {
        if let Some(place) = config.pointer_mut(&pointer) {
            *place = Value::String("secret".to_owned());
        }
    }
    let runtime = Runtime {
        http: Arc::new(Nowhere),
        clock: Arc::new(Nowhere),
        ids: Arc::new(Nowhere),
        now: Timestamp::UNIX_EPOCH,
        max_backoff: None,
        max_wait: None,
        limits: Limits::default(),
    };
    Source::build(&source.manifest, &source.overlay, &config, runtime)
}

/// No network, no time, no chance: a source is made without them.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Http for Nowhere {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        Err(HttpError::Refused { host: request.url, reason: "nothing is called here".to_owned() })
    }
}

#[async_trait]
impl Clock for Nowhere {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _: Duration) {}
}

impl Ids for Nowhere {
    fn fresh(&self) -> String {
        "0".repeat(32)
    }

    fn chance(&self) -> f64 {
        0.5
    }
}
