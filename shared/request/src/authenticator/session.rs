//! Tokens that a login request gives.

use std::time::Duration;

use jiff::Timestamp;
use ports::Response;

use super::caller::{Caller, Held};
use crate::component::Component;
use crate::datetime::{DateTime, Period};
use crate::error::Error;
use crate::error_handler::{Action, Wait};
use crate::interpolation::{Context, InterpolatedString};
use crate::requester::{Options, Requester, without_query};
use crate::value::Value;

/// Longest wait between two attempts at a login; a longer one is told to the caller.
const PATIENCE: Duration = Duration::from_mins(1);

/// A login, and where its answer holds the token.
#[derive(Debug)]
pub struct Session {
    login: Requester,
    path: Vec<InterpolatedString>,
    expiry: Option<Period>,
    /// Tells this login's token from others'.
    key: String,
}

impl Session {
    pub(super) fn build(component: &Component) -> Option<Self> {
        let login = component.child("login_requester");
        let login = component.required("login_requester", login)?;
        let path = component.strings("session_token_path");
        if path.is_empty() {
            component.fault_at("session_token_path", "is required");
        }
        if component.child("decoder").is_some_and(|decoder| decoder.kind() != "JsonDecoder") {
            component.fault_at("decoder", "must be a JsonDecoder");
        }
        let expiry = component.text("expiration_duration").and_then(|text| {
            let period = Period::parse(text);
            period.map_err(|e| component.fault_at("expiration_duration", e.to_string())).ok()
        });
        let key = login.json().to_string();
        Some(Self { login: Requester::build(&login), path, expiry, key })
    }

    /// The token: the one at hand while it is good, else a new one. Without an expiry a login
    /// holds until it is refused.
    pub(super) async fn token(
        &self,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<String, Error> {
        let slot = caller.slot(&self.key).await;
        let mut kept = slot.lock().await;
        if let Some(held) = kept.token.as_ref().filter(|held| held.is_good(caller.now())) {
            return Ok(held.token.clone());
        }
        let (response, endpoint) = self.login(caller, context).await?;
        let refused = |reason: &str| Error::TokenRefused {
            endpoint: endpoint.clone(),
            reason: reason.to_owned(),
        };
        let answer =
            Value::from_json(&response.body).map_err(|_| refused("its answer is not JSON"))?;
        let first = match &answer {
            Value::List(items) => items.first().cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let found = self.find(first, context)?;
        if !found.is_truthy() {
            return Err(refused("its answer holds no token at `session_token_path`"));
        }
        let token = found.to_string();
        let held = Held { token: token.clone(), expires: self.expires(caller.now()) };
        kept.token = Some(held);
        Ok(token)
    }

    /// The answer of the login, asked for as often as its own error handler wants.
    async fn login(
        &self,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<(Response, String), Error> {
        let handler = self.login.error_handler();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = Box::pin(self.login.request(caller, context, Options::default(), None));
            let request = request.await?;
            let (url, endpoint) = (request.url.clone(), without_query(&request.url));
            let response = caller.send(request).await?;
            let resolution = handler.interpret(&response, &url, context)?;
            let reason = format!("status {}", response.status);
            let unavailable = |wait| Error::TokenUnavailable {
                endpoint: endpoint.clone(),
                reason: reason.clone(),
                wait,
            };
            match resolution.action {
                Action::Success => return Ok((response, endpoint)),
                Action::Retry | Action::RateLimited if attempt < handler.max_attempts() => {
                    match handler.wait(Some(&response), attempt, caller.now(), context)? {
                        Wait::For(wait) if wait <= PATIENCE => caller.pause(wait).await,
                        Wait::For(wait) | Wait::TooLong { wait, .. } => {
                            return Err(unavailable(Some(wait)));
                        }
                    }
                }
                Action::Retry | Action::RateLimited => return Err(unavailable(None)),
                _ => return Err(Error::TokenRefused { endpoint, reason }),
            }
        }
    }

    pub(super) async fn forget(&self, caller: &Caller) {
        caller.slot(&self.key).await.lock().await.token = None;
    }

    fn find(&self, answer: Value, context: &Context<'_>) -> Result<Value, Error> {
        let mut value = answer;
        for part in &self.path {
            let part = part.text(context)?;
            value = match (&value, part.parse::<usize>()) {
                (Value::List(items), Ok(at)) => items.get(at).cloned().unwrap_or_default(),
                _ => value.get(&part).cloned().unwrap_or_default(),
            };
        }
        Ok(value)
    }

    fn expires(&self, now: Timestamp) -> Option<Timestamp> {
        let expiry = self.expiry?;
        DateTime::utc(now).plus(expiry).and_then(DateTime::instant).ok()
    }
}
