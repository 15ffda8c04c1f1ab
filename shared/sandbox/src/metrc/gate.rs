//! Who may ask, for which facility, and how often.

use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::account::{Account, Credentials, Facility, Stream, accounts};
use crate::journal::Caller;
use crate::json::Object;
use crate::limiter::{Rate, UnderWay};
use crate::params::basic;
use crate::server::Sandbox;

const SECOND: Duration = Duration::from_secs(1);
const PER_FACILITY: Rate = Rate { calls: 50, per: SECOND };
const PER_INTEGRATOR: Rate = Rate { calls: 150, per: SECOND };
const AT_ONCE_PER_FACILITY: usize = 10;
const AT_ONCE_PER_INTEGRATOR: usize = 30;

/// A refusal as Metrc words it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn response(self) -> Response {
        let body = Object::new().text("Message", &self.message).close();
        let mut response =
            (self.status, [("content-type", "application/json")], body).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<crate::world::WorldError> for Refusal {
    fn from(_: crate::world::WorldError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "An error has occurred.")
    }
}

/// The person behind both keys, in that state.
pub(super) fn person(headers: &HeaderMap, state: &str) -> Result<&'static Account, Refusal> {
    let denied = || Refusal::new(StatusCode::UNAUTHORIZED, "Authorization has been denied.");
    let (vendor, user) = basic(headers).ok_or_else(denied)?;
    let known = |account: &&Account| match account.credentials {
        Credentials::Metrc { state: home, vendor_key, user_key } => {
            home == state && vendor_key == vendor && user_key == user
        }
        Credentials::Rutter { .. } | Credentials::Stashstock { .. } | Credentials::Hosts { .. } => {
            false
        }
    };
    accounts().iter().find(known).ok_or_else(denied)
}

/// The facility, if the person's keys reach it and its licence has such rows.
pub(super) fn facility(
    account: &Account,
    license: Option<&str>,
    stream: Stream,
) -> Result<&'static Facility, Refusal> {
    let asked = license
        .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "The licenseNumber is required."))?;
    let facility = account.facility(asked).ok_or_else(|| {
        Refusal::new(StatusCode::UNAUTHORIZED, format!("No permissions for facility {asked}."))
    })?;
    if !facility.grows && stream != Stream::Packages {
        let message = format!("The license type of {asked} does not have {stream}.");
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    Ok(facility)
}

/// Counts the call; it is under way until what this gives is dropped.
pub(super) fn begin(
    sandbox: &Sandbox,
    account: &Account,
    license: Option<&str>,
) -> Result<Vec<UnderWay>, Refusal> {
    let busy = || Refusal::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
    let now = sandbox.now();
    let Credentials::Metrc { vendor_key, .. } = account.credentials else {
        return Err(busy());
    };
    let mut under_way = Vec::new();
    if let Some(license) = license {
        if !sandbox.limiter.admits(license, PER_FACILITY, now) {
            return Err(busy());
        }
        under_way.push(sandbox.limiter.begin(license, AT_ONCE_PER_FACILITY).ok_or_else(busy)?);
    }
    if !sandbox.limiter.admits(vendor_key, PER_INTEGRATOR, now) {
        return Err(busy());
    }
    under_way.push(sandbox.limiter.begin(vendor_key, AT_ONCE_PER_INTEGRATOR).ok_or_else(busy)?);
    Ok(under_way)
}

/// Says whose call it was.
pub(super) fn mark(mut response: Response, account: &'static Account, scope: &str) -> Response {
    let caller = Caller { account: Some(account.name), scope: Some(scope.to_owned()) };
    response.extensions_mut().insert(caller);
    response
}
