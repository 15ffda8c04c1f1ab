//! JSON Web Tokens, signed for each request.

mod key;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::component::Component;
use crate::error::Error;
use crate::interpolation::{Context, InterpolatedMapping, InterpolatedString, Types};
use crate::value::{Dict, Style, Value};
use key::Algorithm;

/// Seconds that a token is good, unless the manifest says otherwise.
const LIFETIME: i64 = 1_200;

/// A `JwtAuthenticator`: what its tokens say and how they are signed.
#[derive(Debug)]
pub struct Jwt {
    secret: InterpolatedString,
    encode_secret: bool,
    passphrase: Option<InterpolatedString>,
    algorithm: Algorithm,
    lifetime: i64,
    prefix: Option<InterpolatedString>,
    headers: Claims,
    payload: Claims,
}

/// One part of a token: the standard fields, and those that the manifest adds.
#[derive(Debug)]
struct Claims {
    /// The field of the manifest that adds.
    field: &'static str,
    reserved: &'static [&'static str],
    added: InterpolatedMapping,
    own: Vec<(&'static str, InterpolatedString)>,
}

const FIELDS: [&str; 11] = [
    "secret_key",
    "base64_encode_secret_key",
    "passphrase",
    "algorithm",
    "token_duration",
    "header_prefix",
    "jwt_headers",
    "jwt_payload",
    "additional_jwt_headers",
    "additional_jwt_payload",
    "request_option",
];

impl Jwt {
    pub(super) fn build(component: &Component) -> Option<Self> {
        component.only(&FIELDS);
        let secret = component.required("secret_key", component.string("secret_key"));
        let name = component.required("algorithm", component.text("algorithm"))?;
        let algorithm = Algorithm::parse(name);
        if algorithm.is_none() {
            component
                .fault_at("algorithm", format!("accepted are {}", Algorithm::NAMES.join(", ")));
        }
        let child = |field: &str, known: &[&str]| {
            let child = component.child(field);
            if let Some(child) = &child {
                child.only(known);
            }
            child
        };
        let headers = child("jwt_headers", &["kid", "typ", "cty"]);
        let payload = child("jwt_payload", &["iss", "sub", "aud"]);
        Some(Self {
            secret: secret?,
            encode_secret: component.flag("base64_encode_secret_key").unwrap_or(false),
            passphrase: component.string("passphrase"),
            algorithm: algorithm?,
            lifetime: component.integer("token_duration").unwrap_or(LIFETIME),
            prefix: component.string("header_prefix"),
            headers: Claims {
                field: "additional_jwt_headers",
                reserved: &["kid", "alg", "typ", "cty"],
                added: component.mapping("additional_jwt_headers").unwrap_or_default(),
                own: own(headers.as_ref(), &["kid", "typ", "cty"]),
            },
            payload: Claims {
                field: "additional_jwt_payload",
                reserved: &["iss", "sub", "aud", "iat", "exp", "nbf"],
                added: component.mapping("additional_jwt_payload").unwrap_or_default(),
                own: own(payload.as_ref(), &["iss", "sub", "aud"]),
            },
        })
    }

    /// The key, for redaction.
    pub(super) fn secrets(&self) -> [Option<&InterpolatedString>; 2] {
        [Some(&self.secret), self.passphrase.as_ref()]
    }

    /// A fresh token behind its prefix.
    pub(super) fn token(&self, now: Timestamp, context: &Context<'_>) -> Result<String, Error> {
        let signed = self.signed(now, context)?;
        let prefix = self.prefix.as_ref().map(|prefix| prefix.text(context)).transpose()?;
        Ok(match prefix.filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!("{prefix} {signed}"),
            None => signed,
        })
    }

    fn signed(&self, now: Timestamp, context: &Context<'_>) -> Result<String, Error> {
        let mut header = self.headers.eval(context)?;
        if header.get("typ").is_none() {
            header.insert("typ", Value::from("JWT"));
        }
        header.retain(|key, value| key.as_str() != Some("typ") || value.is_truthy());
        header.insert("alg", Value::from(self.algorithm.name()));
        let mut payload = self.payload.eval(context)?;
        let seconds = now.as_second();
        for (claim, value) in
            [("iat", seconds), ("exp", seconds.saturating_add(self.lifetime)), ("nbf", seconds)]
        {
            payload.insert(claim, Value::from(value));
        }
        let encode = |part: Dict| URL_SAFE_NO_PAD.encode(compact(part));
        let signed = format!("{}.{}", encode(sorted(&header)), encode(payload));
        let secret = self.secret.text(context)?;
        let passphrase = self.passphrase.as_ref().map(|part| part.text(context)).transpose()?;
        let passphrase = passphrase.filter(|passphrase| !passphrase.is_empty());
        let secret = if self.encode_secret && passphrase.is_none() {
            STANDARD.encode(secret)
        } else {
            secret
        };
        let signature = self.algorithm.sign(&secret, passphrase.as_deref(), signed.as_bytes());
        let signature = signature.map_err(|reason| Error::Signing { reason })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The standard fields that a component sets; an empty one counts as unset.
fn own(
    component: Option<&Component>,
    names: &[&'static str],
) -> Vec<(&'static str, InterpolatedString)> {
    let Some(component) = component else { return Vec::new() };
    let set = names.iter().filter(|name| component.field(name).is_some_and(|v| v != ""));
    set.filter_map(|name| Some((*name, component.string(name)?))).collect()
}

impl Claims {
    fn eval(&self, context: &Context<'_>) -> Result<Dict, Error> {
        let mut claims = self.added.eval(context, Types::Any)?;
        if let Some(name) = self.reserved.iter().find(|name| claims.contains(name)) {
            return Err(Error::Signing {
                reason: format!("`{name}` is reserved and must not stand in `{}`", self.field),
            });
        }
        for (name, template) in &self.own {
            let value = template.eval(context)?;
            if matches!(*name, "iss" | "kid") && value.as_str().is_none() {
                return Err(Error::Signing { reason: format!("`{name}` must be a text") });
            }
            claims.insert(*name, value);
        }
        Ok(claims)
    }
}

fn sorted(dict: &Dict) -> Dict {
    let mut fields: Vec<_> = dict.iter().map(|(key, v)| (key.value().to_string(), v)).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields.iter().map(|(key, value)| (key.as_str(), (*value).clone())).collect()
}

/// JSON without spaces, in ASCII.
fn compact(part: Dict) -> String {
    let mut ascii = String::new();
    for c in Value::from(part).json_text(Style::Compact).chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                ascii.extend(format!("\\u{unit:04x}").chars());
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests;
