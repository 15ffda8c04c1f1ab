//! Credentials: where they come from and where in a request they go.

mod caller;
mod grants;
mod jwt;
mod legacy;
mod oauth;
mod quota;
mod redact;
mod session;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ports::{Request, Response};

use crate::component::Component;
use crate::error::Error;
use crate::interpolation::{Context, InterpolatedString};
use crate::requester::Options;
use crate::value::{Dict, Value};

pub use caller::Caller;
pub use grants::{Claim, Grant, GrantError, Grants, Rotation, Tokens};
use jwt::Jwt;
use legacy::LegacySession;
use oauth::OAuth;
use quota::Quotas;
pub use redact::Redactor;
use session::Session;

/// An authenticator.
#[derive(Debug)]
pub enum Authenticator {
    /// No credentials.
    None,
    /// A token at a named place.
    ApiKey {
        /// Where it goes.
        place: Place,
        /// Where it comes from.
        token: Token,
    },
    /// `Authorization: Bearer …`
    Bearer(Token),
    /// `Authorization: Basic …`
    Basic {
        /// User.
        username: InterpolatedString,
        /// Password; empty when there is none.
        password: Option<InterpolatedString>,
    },
    /// `Authorization: Bearer …`, the token fetched from a token endpoint.
    OAuth(Box<OAuth>),
    /// A token that is signed for each request.
    Jwt {
        /// Where it goes.
        place: Place,
        /// What it says.
        jwt: Box<Jwt>,
    },
    /// Several tokens, each request with one that has calls left.
    Quotas(Box<Quotas>),
    /// One of several, by a field of the configuration.
    Selective {
        /// Path of the field.
        path: Vec<InterpolatedString>,
        /// Authenticators by the field's value.
        choices: Vec<(String, Self)>,
    },
}

/// Where in a request a token goes.
#[derive(Debug)]
pub struct Place {
    into: Into,
    path: Vec<InterpolatedString>,
}

#[derive(Debug, Clone, Copy)]
enum Into {
    Parameter,
    Header,
    Form,
    Json,
}

/// Where a token comes from.
#[derive(Debug)]
pub enum Token {
    /// The configuration.
    Template(InterpolatedString),
    /// A login request; the template makes the token of what it gave, as `session_token`.
    Session {
        /// The login.
        session: Box<Session>,
        /// How the token is written; as it is when absent.
        template: Option<InterpolatedString>,
    },
    /// The configuration's session, or a login's.
    Legacy(Box<LegacySession>),
}

const KINDS: [&str; 10] = [
    "ApiKeyAuthenticator",
    "BearerAuthenticator",
    "BasicHttpAuthenticator",
    "OAuthAuthenticator",
    "JwtAuthenticator",
    "RateLimitedMultipleTokenAuthenticator",
    "SelectiveAuthenticator",
    "SessionTokenAuthenticator",
    "LegacySessionTokenAuthenticator",
    "NoAuth",
];

impl Authenticator {
    /// Builds an authenticator; what is wrong with it goes to the component's faults.
    pub fn build(component: &Component) -> Self {
        Self::read(component).unwrap_or(Self::None)
    }

    fn read(component: &Component) -> Option<Self> {
        let token = || {
            let token = component.string("api_token");
            component.required("api_token", token).map(Token::Template)
        };
        match component.kind() {
            "NoAuth" => Some(Self::None),
            "ApiKeyAuthenticator" => {
                component.only(&["api_token", "header", "inject_into"]);
                Some(Self::ApiKey { place: Place::of_key(component)?, token: token()? })
            }
            "BearerAuthenticator" => {
                component.only(&["api_token"]);
                token().map(Self::Bearer)
            }
            "BasicHttpAuthenticator" => {
                component.only(&["username", "password"]);
                let username = component.string("username");
                let username = component.required("username", username)?;
                Some(Self::Basic { username, password: component.string("password") })
            }
            "OAuthAuthenticator" => {
                OAuth::build(component).map(|oauth| Self::OAuth(Box::new(oauth)))
            }
            "JwtAuthenticator" => {
                let place = match component.child("request_option") {
                    Some(option) => Place::build(&option)?,
                    None => Place::authorization(component)?,
                };
                Some(Self::Jwt { place, jwt: Box::new(Jwt::build(component)?) })
            }
            "RateLimitedMultipleTokenAuthenticator" => {
                Quotas::build(component).map(|quotas| Self::Quotas(Box::new(quotas)))
            }
            "SelectiveAuthenticator" => Self::selective(component),
            "SessionTokenAuthenticator" => Self::session(component),
            "LegacySessionTokenAuthenticator" => {
                let token = Token::Legacy(Box::new(LegacySession::build(component)?));
                Some(Self::ApiKey { place: Place::of_key(component)?, token })
            }
            _ => {
                component.unknown_kind(&KINDS);
                None
            }
        }
    }

    fn selective(component: &Component) -> Option<Self> {
        component.only(&["authenticator_selection_path", "authenticators"]);
        let choices = component.child("authenticators");
        let choices = component.required("authenticators", choices)?;
        let names = choices.json().as_object().into_iter().flat_map(serde_json::Map::keys);
        let choices = names
            .filter(|name| !name.starts_with('$'))
            .filter_map(|name| Some((name.clone(), Self::build(&choices.child(name)?))))
            .collect();
        Some(Self::Selective { path: component.strings("authenticator_selection_path"), choices })
    }

    fn session(component: &Component) -> Option<Self> {
        component.only(&[
            "login_requester",
            "session_token_path",
            "expiration_duration",
            "request_authentication",
            "decoder",
        ]);
        let session = Box::new(Session::build(component)?);
        let usage = component.child("request_authentication");
        let usage = component.required("request_authentication", usage)?;
        match usage.kind() {
            "Bearer" => Some(Self::Bearer(Token::Session { session, template: None })),
            "ApiKey" => {
                let template = usage.string("api_token");
                let token = Token::Session { session, template };
                Some(Self::ApiKey { place: Place::of_key(&usage)?, token })
            }
            _ => {
                usage.unknown_kind(&["Bearer", "ApiKey"]);
                None
            }
        }
    }

    /// What the credentials add to a request; tokens are fetched when there is none.
    pub async fn options(&self, caller: &Caller, context: &Context<'_>) -> Result<Options, Error> {
        let authorization = |value: String| {
            let header = ("Authorization", Value::from(value));
            Options { headers: [header].into_iter().collect(), ..Options::default() }
        };
        Ok(match self {
            // Which token goes with a request follows from the whole request.
            Self::None | Self::Quotas(_) => Options::default(),
            Self::ApiKey { place, token } => {
                place.put(token.get(caller, context).await?, context)?
            }
            Self::Bearer(token) => {
                authorization(format!("Bearer {}", token.get(caller, context).await?))
            }
            Self::Basic { username, password } => {
                let user = username.text(context)?;
                let password = password.as_ref().map(|p| p.text(context)).transpose()?;
                let pair = format!("{user}:{}", password.unwrap_or_default());
                authorization(format!("Basic {}", STANDARD.encode(pair)))
            }
            Self::OAuth(oauth) => {
                authorization(format!("Bearer {}", oauth.token(caller, context).await?))
            }
            Self::Jwt { place, jwt } => place.put(jwt.token(caller.now(), context)?, context)?,
            Self::Selective { .. } => {
                let chosen = self.chosen(context)?;
                Box::pin(chosen.options(caller, context)).await?
            }
        })
    }

    /// Puts onto a whole request what follows from it.
    pub(crate) async fn sign(
        &self,
        request: &mut Request,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        match self.chosen(context)? {
            Self::Quotas(quotas) => quotas.sign(request, caller, context).await,
            _ => Ok(()),
        }
    }

    /// Whether answers say something to it.
    pub fn listens(&self, context: &Context<'_>) -> bool {
        matches!(self.chosen(context), Ok(Self::Quotas(_)))
    }

    /// Takes over what an answer says of the calls that are left; tells whether the same request,
    /// refused for their number, may go with another token now.
    pub async fn heed(
        &self,
        (request, response): (&Request, &Response),
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<bool, Error> {
        let Self::Quotas(quotas) = self.chosen(context)? else { return Ok(false) };
        quotas.heed(request, response, caller, context).await?;
        quotas.has_another(request, caller, context).await
    }

    /// The authenticator that the configuration selects; itself unless there is a choice.
    fn chosen(&self, context: &Context<'_>) -> Result<&Self, Error> {
        let Self::Selective { path, choices } = self else { return Ok(self) };
        let mut value = context.get("config").cloned().unwrap_or_default();
        let mut field = Vec::new();
        for part in path {
            let part = part.text(context)?;
            value = value.get(&part).cloned().unwrap_or(Value::Undefined);
            field.push(part);
        }
        let wanted = value.to_string();
        let chosen = choices.iter().find(|(name, _)| *name == wanted);
        chosen.map(|(_, choice)| choice).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            let accepted = format!("accepted are {}", names.join(", "));
            Error::Selection { field: field.join("."), accepted }
        })
    }

    /// Forgets a fetched token, because a source has refused it; the next request fetches anew.
    pub async fn forget(&self, caller: &Caller, context: &Context<'_>) -> Result<(), Error> {
        match self.chosen(context)? {
            Self::OAuth(oauth) => oauth.forget(caller, context).await,
            Self::Bearer(Token::Session { session, .. })
            | Self::ApiKey { token: Token::Session { session, .. }, .. } => {
                session.forget(caller).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The credentials that the configuration holds, for redaction.
    pub fn secrets(&self, context: &Context<'_>) -> Vec<String> {
        let of = |parts: &[Option<&InterpolatedString>]| {
            let texts = parts.iter().flatten().filter_map(|part| part.text(context).ok());
            texts.filter(|text| !text.is_empty()).collect()
        };
        match self.chosen(context) {
            Ok(
                Self::ApiKey { token: Token::Template(token), .. }
                | Self::Bearer(Token::Template(token)),
            ) => of(&[Some(token)]),
            Ok(Self::Basic { password, username }) => of(&[password.as_ref(), Some(username)]),
            Ok(Self::OAuth(oauth)) => of(&oauth.secrets()),
            Ok(Self::Jwt { jwt, .. }) => of(&jwt.secrets()),
            Ok(Self::Quotas(quotas)) => quotas.secrets(context),
            _ => Vec::new(),
        }
    }
}

impl Place {
    /// Where an API key goes: `inject_into`, or a header by its name.
    fn of_key(component: &Component) -> Option<Self> {
        if let Some(place) = component.child("inject_into") {
            return Self::build(&place);
        }
        let header = component.string("header");
        if header.is_none() {
            component.fault("needs `inject_into` or `header`");
        }
        Some(Self { into: Into::Header, path: vec![header?] })
    }

    fn authorization(component: &Component) -> Option<Self> {
        let name = InterpolatedString::new("Authorization", component.parameters()).ok()?;
        Some(Self { into: Into::Header, path: vec![name] })
    }

    fn build(component: &Component) -> Option<Self> {
        component.only(&["inject_into", "field_name", "field_path"]);
        let into = match component.text("inject_into") {
            Some("request_parameter") => Into::Parameter,
            Some("header") => Into::Header,
            Some("body_data") => Into::Form,
            Some("body_json") => Into::Json,
            _ => {
                let places = "must be request_parameter, header, body_data or body_json";
                component.fault_at("inject_into", places);
                return None;
            }
        };
        let mut path = component.strings("field_path");
        path.extend(component.string("field_name"));
        if path.is_empty() {
            component.fault("needs `field_name` or `field_path`");
        }
        Some(Self { into, path })
    }

    fn put(&self, token: String, context: &Context<'_>) -> Result<Options, Error> {
        let names = self.path.iter().map(|part| part.text(context));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let mut value = Value::from(token);
        let mut options = Options::default();
        let Some((first, rest)) = names.split_first() else { return Ok(options) };
        for name in rest.iter().rev() {
            value = Value::from([(name.as_str(), value)].into_iter().collect::<Dict>());
        }
        let target = match self.into {
            Into::Parameter => &mut options.params,
            Into::Header => &mut options.headers,
            Into::Form => &mut options.body_data,
            Into::Json => &mut options.body_json,
        };
        target.insert(first.as_str(), value);
        Ok(options)
    }
}

impl Token {
    async fn get(&self, caller: &Caller, context: &Context<'_>) -> Result<String, Error> {
        match self {
            Self::Template(template) => Ok(template.text(context)?),
            Self::Legacy(session) => session.token(caller, context).await,
            Self::Session { session, template } => {
                let token = session.token(caller, context).await?;
                match template {
                    None => Ok(token),
                    Some(template) => {
                        let scope = Context::within(context);
                        Ok(template.text(&scope.with("session_token", Value::from(token)))?)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
