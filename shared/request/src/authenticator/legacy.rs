//! Sessions that the configuration may already hold.

use std::sync::Arc;

use bytes::Bytes;
use ports::{Method, Request};

use super::caller::{Caller, Held, in_seconds};
use crate::component::Component;
use crate::error::Error;
use crate::interpolation::{Context, InterpolatedString};
use crate::requester::{origin, without_query};
use crate::value::{Dict, Style, Value};

/// Seconds that a session is kept.
const LIFETIME: i64 = 86_400;

/// A `LegacySessionTokenAuthenticator`: a given session while it is valid, else a login.
#[derive(Debug)]
pub struct LegacySession {
    api_url: InterpolatedString,
    header: InterpolatedString,
    given: Option<InterpolatedString>,
    username: Option<InterpolatedString>,
    password: Option<InterpolatedString>,
    response_key: InterpolatedString,
    login_url: InterpolatedString,
    validate_url: InterpolatedString,
}

impl LegacySession {
    pub(super) fn build(component: &Component) -> Option<Self> {
        let needed = |field: &str| component.required(field, component.string(field));
        Some(Self {
            api_url: needed("api_url")?,
            header: needed("header")?,
            given: component.string("session_token"),
            username: component.string("username"),
            password: component.string("password"),
            response_key: needed("session_token_response_key")?,
            login_url: needed("login_url")?,
            validate_url: needed("validate_session_url")?,
        })
    }

    /// The session: the one at hand, the given one if the source accepts it, or a new one.
    pub(super) async fn token(
        &self,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<String, Error> {
        let text = |part: &Option<InterpolatedString>| -> Result<String, Error> {
            Ok(part.as_ref().map(|part| part.text(context)).transpose()?.unwrap_or_default())
        };
        let (given, user, password) =
            (text(&self.given)?, text(&self.username)?, text(&self.password)?);
        let api = self.api_url.text(context)?;
        let slot =
            caller.slot(&[&api, &user, &password, &given].map(String::as_str).join("\n")).await;
        let mut kept = slot.lock().await;
        if let Some(held) = kept.token.as_ref().filter(|held| held.is_good(caller.now())) {
            return Ok(held.token.clone());
        }
        let token = if !given.is_empty() && self.accepts(&api, &given, caller, context).await? {
            given
        } else {
            self.login(&api, (user, password), caller, context).await?
        };
        let expires = Some(in_seconds(caller.now(), LIFETIME));
        kept.token = Some(Held { token: token.clone(), expires });
        Ok(token)
    }

    async fn accepts(
        &self,
        api: &str,
        token: &str,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<bool, Error> {
        let url = format!("{api}{}", self.validate_url.text(context)?);
        let headers = vec![(self.header.text(context)?, token.to_owned())];
        let request = call(Method::Get, url, headers, None, caller)?;
        match caller.fetch(request).await {
            Ok(_) => Ok(true),
            Err(Error::TokenRefused { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn login(
        &self,
        api: &str,
        (user, password): (String, String),
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<String, Error> {
        let url = format!("{api}{}", self.login_url.text(context)?);
        let endpoint = without_query(&url);
        let fields = [("username", Value::from(user)), ("password", Value::from(password))];
        let body = Value::from(fields.into_iter().collect::<Dict>()).json_text(Style::Python);
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let request = call(Method::Post, url, headers, Some(Bytes::from(body)), caller)?;
        let response = caller.fetch(request).await?;
        let key = self.response_key.text(context)?;
        let answer = Value::from_json(&response.body).unwrap_or_default();
        answer.get(&key).map(ToString::to_string).ok_or_else(|| Error::TokenRefused {
            endpoint,
            reason: "its answer holds no session".to_owned(),
        })
    }
}

fn call(
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
    caller: &Caller,
) -> Result<Request, Error> {
    let redirect_hosts = Arc::from([origin(&url)?.1]);
    let (timeout, max_body) = (caller.timeout, caller.max_body);
    Ok(Request { method, url, headers, body, timeout, max_body, redirect_hosts })
}
