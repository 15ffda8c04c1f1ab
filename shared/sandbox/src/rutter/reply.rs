//! Rutter's answers that are not rows.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::account::{Account, Organisation, Stream};
use crate::journal::Caller;
use crate::json::Object;
use crate::world::WorldError;

/// An error as Rutter words it: type and code are stable, the message is not.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    kind: &'static str,
    code: &'static str,
    message: String,
    retry_after: Option<&'static str>,
}

impl Refusal {
    fn new(status: u16, kind: &'static str, code: &'static str, message: &str) -> Self {
        Self { status, kind, code, message: message.to_owned(), retry_after: None }
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::new(400, "INVALID_REQUEST", "MISSING_FIELDS", &format!("{field} is required"))
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self::new(400, "INVALID_REQUEST", "INVALID_PARAMETERS", message)
    }

    pub(super) fn credentials() -> Self {
        let message = "the credentials or the access token are not valid";
        Self::new(401, "CONNECTION_ERROR", "INVALID_CREDENTIALS", message)
    }

    pub(super) fn unsupported(stream: Stream) -> Self {
        let message = format!("{stream} are not supported for this platform");
        Self::new(404, "INVALID_REQUEST", "ENDPOINT_NOT_SUPPORTED", &message)
    }

    pub(super) fn not_ready() -> Self {
        let message = "the initial sync of this connection has not finished";
        Self::new(409, "CONNECTION_ERROR", "PRODUCT_NOT_READY", message)
    }

    pub(super) fn gone(id: &str) -> Self {
        Self::new(410, "INVALID_REQUEST", "RESOURCE_NOT_FOUND", &format!("there is no {id}"))
    }

    pub(super) fn rate_limited() -> Self {
        let message = "more than 500 requests in 10 seconds";
        let refusal = Self::new(429, "RATE_LIMIT_ERROR", "RATE_LIMITED", message);
        Self { retry_after: Some("1"), ..refusal }
    }

    pub(super) fn platform_limit() -> Self {
        Self::new(452, "PLATFORM_ERROR", "PLATFORM_RATE_LIMITED", "the platform limits our calls")
    }

    pub(super) fn broken(status: StatusCode) -> Self {
        Self::new(status.as_u16(), "API_ERROR", "INTERNAL_ERROR", "something went wrong")
    }

    pub(super) fn response(
        self,
        caller: Option<&'static Account>,
        organisation: Option<&'static Organisation>,
    ) -> Response {
        let body = Object::new()
            .text("error_type", self.kind)
            .text("error_code", self.code)
            .text("error_message", &self.message)
            .raw("error_metadata", metadata(self.status))
            .close();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let json = [(CONTENT_TYPE, "application/json")];
        let mut response = (status, json, Body::from(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        mark(response, caller, organisation)
    }
}

impl From<WorldError> for Refusal {
    fn from(_: WorldError) -> Self {
        Self::broken(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn metadata(status: u16) -> String {
    let source = if (450..500).contains(&status) { "platform" } else { "rutter" };
    Object::new().text("source", source).null("human_readable").close()
}

/// Adds the request id, and says whose call it was.
pub(super) fn mark(
    mut response: Response,
    caller: Option<&'static Account>,
    organisation: Option<&'static Organisation>,
) -> Response {
    let id = HeaderValue::from_static("sandbox");
    response.headers_mut().insert("x-rutter-request-id", id);
    response.extensions_mut().insert(Caller {
        account: caller.map(|account| account.name),
        scope: organisation.map(|organisation| organisation.client_id.to_owned()),
    });
    response
}
