//! OAuth 2.0: tokens by refresh token, client credentials and other grants.

mod answer;
mod updater;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use ports::{Method, Request};

use super::caller::{Caller, Held, Kept, in_seconds};
use super::jwt::Jwt;
use crate::component::Component;
use crate::datetime::Format;
use crate::error::Error;
use crate::interpolation::{Context, InterpolatedMapping, InterpolatedString, Types};
use crate::requester::{form_text, origin, without_query};
use crate::value::{Dict, Value};
use answer::{instant, search, seconds};
use updater::{Updater, within};

/// Seconds that a token is taken to be good when the answer does not say.
const DEFAULT_LIFETIME: i64 = 3_600;

/// An `OAuthAuthenticator`.
#[derive(Debug)]
pub struct OAuth {
    endpoint: Option<InterpolatedString>,
    client_id: Option<InterpolatedString>,
    client_secret: Option<InterpolatedString>,
    refresh_token: Option<InterpolatedString>,
    access_token: Option<InterpolatedString>,
    names: Names,
    grant_type: InterpolatedString,
    scopes: Vec<InterpolatedString>,
    body: InterpolatedMapping,
    headers: InterpolatedMapping,
    as_query: bool,
    expiry: Option<InterpolatedString>,
    /// How the answer writes the instant of expiry; seconds from now when absent.
    expiry_format: Option<Format>,
    /// Where in the configuration the tokens lie that a refresh replaces.
    updater: Option<Updater>,
    /// A signed claim in place of client and refresh token.
    assertion: Option<Jwt>,
}

/// The grant type of RFC 7523.
const ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What the fields are called on the wire.
#[derive(Debug)]
struct Names {
    client_id: InterpolatedString,
    client_secret: InterpolatedString,
    refresh_token: InterpolatedString,
    access_token: InterpolatedString,
    expires_in: InterpolatedString,
    grant_type: InterpolatedString,
}

const FIELDS: [&str; 22] = [
    "client_id",
    "client_id_name",
    "client_secret",
    "client_secret_name",
    "refresh_token",
    "refresh_token_name",
    "token_refresh_endpoint",
    "access_token_name",
    "access_token_value",
    "expires_in_name",
    "grant_type",
    "grant_type_name",
    "refresh_request_body",
    "refresh_request_headers",
    "scopes",
    "token_expiry_date",
    "token_expiry_date_format",
    "refresh_token_updater",
    "send_refresh_request_as_query_params",
    "use_profile_assertion",
    "profile_assertion",
    "refresh_token_error_status_codes",
];

impl OAuth {
    pub(super) fn build(component: &Component) -> Option<Self> {
        let errors = ["refresh_token_error_key", "refresh_token_error_values"];
        component.only(&[&FIELDS[..], &errors[..]].concat());
        let updater = component.child("refresh_token_updater");
        let or = |field: &str, default: &str| {
            component.string(field).or_else(|| component_default(component, default))
        };
        let names = Names {
            client_id: or("client_id_name", "client_id")?,
            client_secret: or("client_secret_name", "client_secret")?,
            refresh_token: match &updater {
                Some(updater) => updater
                    .string("refresh_token_name")
                    .or_else(|| component_default(updater, "refresh_token"))?,
                None => or("refresh_token_name", "refresh_token")?,
            },
            access_token: or("access_token_name", "access_token")?,
            expires_in: or("expires_in_name", "expires_in")?,
            grant_type: or("grant_type_name", "grant_type")?,
        };
        Some(Self {
            endpoint: component.string("token_refresh_endpoint"),
            client_id: component.string("client_id"),
            client_secret: component.string("client_secret"),
            refresh_token: component.string("refresh_token"),
            access_token: component.string("access_token_value"),
            names,
            grant_type: or("grant_type", "refresh_token")?,
            scopes: component.strings("scopes"),
            body: component.mapping("refresh_request_body").unwrap_or_default(),
            headers: component.mapping("refresh_request_headers").unwrap_or_default(),
            as_query: component.flag("send_refresh_request_as_query_params").unwrap_or(false),
            expiry: component.string("token_expiry_date"),
            expiry_format: component.text("token_expiry_date_format").map(Format::new),
            updater: updater.as_ref().map(Updater::build),
            assertion: Self::assertion(component),
        })
    }

    fn assertion(component: &Component) -> Option<Jwt> {
        component.flag("use_profile_assertion").filter(|used| *used)?;
        let assertion = component.child("profile_assertion");
        if assertion.is_none() {
            component.fault_at("profile_assertion", "is required with `use_profile_assertion`");
        }
        Jwt::build(&assertion?)
    }

    pub(super) fn secrets(&self) -> [Option<&InterpolatedString>; 3] {
        let parts = [&self.client_secret, &self.refresh_token, &self.access_token];
        parts.map(Option::as_ref)
    }

    /// The access token: the one at hand while it is good, else a new one. Only one fetch of a
    /// grant runs at a time; the others wait for it and take its token.
    pub(super) async fn token(
        &self,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<String, Error> {
        let Some(endpoint) = self.endpoint(context)? else {
            let missing = || Error::Kind {
                what: "`token_refresh_endpoint` or `access_token_value`".to_owned(),
                wanted: "set",
            };
            return Ok(self.access_token.as_ref().ok_or_else(missing)?.text(context)?);
        };
        let slot = caller.slot(&self.key(&endpoint, context)?).await;
        let mut kept = slot.lock().await;
        kept.settle(caller).await?;
        if kept.token.is_none() {
            kept.token = self.configured(context)?;
        }
        if let Some(held) = kept.token.as_ref().filter(|held| held.is_good(caller.now())) {
            return Ok(held.token.clone());
        }
        match (&self.updater, caller.grants()) {
            (Some(updater), Some(grants)) => {
                let shared = (updater, grants.as_ref());
                self.shared_token(shared, &endpoint, caller, (context, &mut kept)).await
            }
            _ => self.fetch(&endpoint, caller, (context, &mut kept)).await,
        }
    }

    /// A new token from the endpoint.
    async fn fetch(
        &self,
        endpoint: &str,
        caller: &Caller,
        (context, kept): (&Context<'_>, &mut Kept),
    ) -> Result<String, Error> {
        let request = self.request(endpoint, caller, (context, kept))?;
        let response = caller.fetch(request).await?;
        let answer = Value::from_json(&response.body).ok();
        self.accept(answer.as_ref(), endpoint, caller.now(), (context, kept))
    }

    pub(super) async fn forget(&self, caller: &Caller, context: &Context<'_>) -> Result<(), Error> {
        if let Some(endpoint) = self.endpoint(context)? {
            let slot = caller.slot(&self.key(&endpoint, context)?).await;
            // An expired token is not replaced by the configured one again.
            if let Some(held) = &mut slot.lock().await.token {
                held.expires = Some(Timestamp::MIN);
            }
        }
        Ok(())
    }

    fn endpoint(&self, context: &Context<'_>) -> Result<Option<String>, Error> {
        let text = self.endpoint.as_ref().map(|endpoint| endpoint.text(context)).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// What identifies a grant: endpoint, client, refresh token and scopes.
    fn key(&self, endpoint: &str, context: &Context<'_>) -> Result<String, Error> {
        let mut key = endpoint.to_owned();
        if let Some(updater) = &self.updater {
            key.push_str(&within(context, &updater.refresh).unwrap_or_default());
        }
        for part in [&self.client_id, &self.client_secret, &self.refresh_token] {
            key.push('\n');
            key.push_str(&part.as_ref().map(|p| p.text(context)).transpose()?.unwrap_or_default());
        }
        for scope in &self.scopes {
            key.push('\n');
            key.push_str(&scope.text(context)?);
        }
        key.push_str(&Value::from(self.body.eval(context, Types::Any)?).to_string());
        Ok(key)
    }

    /// The token that the configuration already holds, with its expiry.
    fn configured(&self, context: &Context<'_>) -> Result<Option<Held>, Error> {
        if let Some(updater) = &self.updater {
            return updater.configured(context);
        }
        let Some(token) = &self.access_token else { return Ok(None) };
        let token = token.text(context)?;
        let expires = match &self.expiry {
            None => Some(Timestamp::MIN),
            Some(expiry) => {
                let text = expiry.text(context)?;
                Some(instant(&text, self.expiry_format.as_ref()).unwrap_or(Timestamp::MIN))
            }
        };
        Ok((!token.is_empty()).then_some(Held { token, expires }))
    }

    fn request(
        &self,
        endpoint: &str,
        caller: &Caller,
        (context, kept): (&Context<'_>, &Kept),
    ) -> Result<Request, Error> {
        let mut headers: Vec<(String, String)> = self
            .headers
            .eval(context, Types::Any)?
            .iter()
            .filter(|(_, value)| !value.is_nothing())
            .map(|(key, value)| (key.value().to_string(), value.to_string()))
            .collect();
        let in_header = headers.iter().any(|(name, _)| name == "Authorization");
        let assertion = self.asserted(caller.now(), context)?;
        let as_query = self.as_query && assertion.is_none();
        let fields = match assertion {
            Some(fields) => fields,
            None => self.fields(context, in_header, kept)?,
        };
        let fields = form_text(&fields);
        let (url, body) = if as_query {
            let mark = if endpoint.contains('?') { '&' } else { '?' };
            (format!("{endpoint}{mark}{fields}"), None)
        } else {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                let form = "application/x-www-form-urlencoded".to_owned();
                headers.push(("Content-Type".to_owned(), form));
            }
            (endpoint.to_owned(), Some(Bytes::from(fields)))
        };
        Ok(Request {
            method: Method::Post,
            redirect_hosts: Arc::from([origin(&url)?.1]),
            url,
            headers,
            body,
            timeout: caller.timeout,
            max_body: caller.max_body,
        })
    }

    fn fields(&self, context: &Context<'_>, in_header: bool, kept: &Kept) -> Result<Dict, Error> {
        let mut fields = Dict::default();
        let mut add = |name: &InterpolatedString, value: Value| -> Result<(), Error> {
            fields.insert(name.text(context)?.as_str(), value);
            Ok(())
        };
        add(&self.names.grant_type, self.grant_type.eval(context)?)?;
        if !in_header {
            add(&self.names.client_id, self.client_id(context)?)?;
            add(&self.names.client_secret, self.client_secret(context)?)?;
        }
        let refresh = match (&kept.refresh, &self.updater, &self.refresh_token) {
            (Some(rotated), ..) => Value::from(rotated.as_str()),
            (None, Some(updater), _) => {
                Value::from(within(context, &updater.refresh).unwrap_or_default())
            }
            (None, None, Some(configured)) => Value::from(configured.text(context)?),
            (None, None, None) => Value::None,
        };
        add(&self.names.refresh_token, refresh)?;
        if !self.scopes.is_empty() {
            let scopes = self.scopes.iter().map(|scope| scope.text(context).map(Value::from));
            fields.insert("scopes", Value::from(scopes.collect::<Result<Vec<_>, _>>()?));
        }
        for (key, value) in self.body.eval(context, Types::Any)?.iter() {
            if fields.get_key(key).is_none() {
                fields.insert(key.clone(), value.clone());
            }
        }
        Ok(fields)
    }

    /// The client; one at the usual place of the configuration goes first where tokens are kept.
    fn client_id(&self, context: &Context<'_>) -> Result<Value, Error> {
        self.client("client_id", self.client_id.as_ref(), context)
    }

    fn client_secret(&self, context: &Context<'_>) -> Result<Value, Error> {
        self.client("client_secret", self.client_secret.as_ref(), context)
    }

    fn client(
        &self,
        name: &str,
        template: Option<&InterpolatedString>,
        context: &Context<'_>,
    ) -> Result<Value, Error> {
        let usual = ["credentials".to_owned(), name.to_owned()];
        if let Some(text) = self.updater.as_ref().and_then(|_| within(context, &usual)) {
            return Ok(Value::from(text));
        }
        Ok(template.map(|template| template.eval(context)).transpose()?.unwrap_or_default())
    }

    /// The form of a signed claim, where one is used.
    fn asserted(&self, now: Timestamp, context: &Context<'_>) -> Result<Option<Dict>, Error> {
        let Some(jwt) = &self.assertion else { return Ok(None) };
        let mut fields = Dict::default();
        fields.insert(self.names.grant_type.text(context)?.as_str(), Value::from(ASSERTION));
        fields.insert("assertion", Value::from(jwt.token(now, context)?));
        Ok(Some(fields))
    }

    fn accept(
        &self,
        answer: Option<&Value>,
        endpoint: &str,
        now: Timestamp,
        (context, kept): (&Context<'_>, &mut Kept),
    ) -> Result<String, Error> {
        let find = |name: &InterpolatedString| -> Result<Option<Value>, Error> {
            let name = name.text(context)?;
            Ok(answer.and_then(|answer| search(answer, &name, 0)))
        };
        let token = find(&self.names.access_token)?.filter(Value::is_truthy);
        let token = token.ok_or_else(|| Error::TokenRefused {
            endpoint: without_query(endpoint),
            reason: "its answer holds no access token".to_owned(),
        })?;
        let present = kept.token.as_ref().and_then(|held| held.expires);
        let expires = match find(&self.names.expires_in)? {
            None => {
                present.filter(|at| *at > now).unwrap_or_else(|| in_seconds(now, DEFAULT_LIFETIME))
            }
            Some(value) => match &self.expiry_format {
                Some(format) => instant(&value.to_string(), Some(format)),
                None => seconds(&value).map(|seconds| in_seconds(now, seconds)),
            }
            .unwrap_or_else(|| in_seconds(now, DEFAULT_LIFETIME)),
        };
        if self.updater.is_some()
            && let Some(refresh) = find(&self.names.refresh_token)?.filter(Value::is_truthy)
        {
            kept.refresh = Some(refresh.to_string());
        }
        let token = token.to_string();
        kept.token = Some(Held { token: token.clone(), expires: Some(expires) });
        Ok(token)
    }
}

fn component_default(component: &Component, default: &str) -> Option<InterpolatedString> {
    InterpolatedString::new(default, component.parameters()).ok()
}
