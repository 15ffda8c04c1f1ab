//! The front of notices on this machine: hands calls to the handler as the very event that an HTTP
//! API would.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use handlers::webhook::{Deps, Event, MOST, handle};
use model::Timestamp;
use ports::Deadline;
use tokio::net::TcpListener;

use crate::board::Unmeasured;
use crate::world::{World, secrets};

/// Time of one call.
const TIME: Duration = Duration::from_secs(10);

/// Takes notices until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, world: &World) -> io::Result<()> {
    let deps = Deps {
        configuration: Arc::clone(&world.configuration),
        secrets: Arc::new(secrets(&world.places)),
        store: world.store.clone(),
        jobs: Arc::clone(&world.jobs),
        metrics: Arc::new(Unmeasured),
    };
    let router = Router::new()
        .route("/webhooks/{tenant}/{connection}", any(take))
        .layer(DefaultBodyLimit::max(MOST + 1))
        .with_state(Arc::new(deps));
    axum::serve(listener, router).await
}

async fn take(
    State(deps): State<Arc<Deps>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = headers.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
    let event = Event::new((method.as_str(), uri.path()), headers, &body);
    let until = deps.store.now().checked_add(TIME).unwrap_or(Timestamp::MAX);
    match handle(&deps, event, Deadline::at(until)).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status_code);
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), answer.body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a notice could not be handled");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
