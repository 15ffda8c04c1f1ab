//! Grants whose refresh token changes: `refresh_token_updater`.

use std::time::Duration;

use jiff::Timestamp;
use model::Secret;
use ports::HttpError;
use sha2::{Digest, Sha256};

use super::super::caller::{Caller, Held, Kept};
use super::super::grants::{Claim, Grant, Grants, Rotation, Tokens};
use super::{OAuth, instant};
use crate::component::Component;
use crate::error::Error;
use crate::interpolation::Context;
use crate::value::Value;

/// Pause between two looks at a grant that somebody else refreshes.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest wait for somebody else's refresh.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a claim outlasts the call for a token by.
const MARGIN: Duration = Duration::from_secs(30);

/// Where in the configuration the tokens lie.
#[derive(Debug)]
pub(super) struct Updater {
    access: Vec<String>,
    pub(super) refresh: Vec<String>,
    expiry: Vec<String>,
}

impl Updater {
    pub(super) fn build(updater: &Component) -> Self {
        updater.only(&[
            "refresh_token_name",
            "access_token_config_path",
            "refresh_token_config_path",
            "token_expiry_date_config_path",
            "refresh_token_error_status_codes",
            "refresh_token_error_key",
            "refresh_token_error_values",
        ]);
        let path = |field: &str, name: &str| match updater.field(field) {
            Some(serde_json::Value::Array(parts))
                if parts.iter().all(serde_json::Value::is_string) =>
            {
                parts.iter().filter_map(|part| part.as_str().map(ToOwned::to_owned)).collect()
            }
            Some(_) => {
                updater.fault_at(field, "must be a list of texts");
                Vec::new()
            }
            None => vec!["credentials".to_owned(), name.to_owned()],
        };
        Self {
            access: path("access_token_config_path", "access_token"),
            refresh: path("refresh_token_config_path", "refresh_token"),
            expiry: path("token_expiry_date_config_path", "token_expiry_date"),
        }
    }

    /// The tokens that the configuration holds, good or not.
    pub(super) fn configured(&self, context: &Context<'_>) -> Result<Option<Held>, Error> {
        let Some(token) = within(context, &self.access) else { return Ok(None) };
        let expires = match within(context, &self.expiry) {
            None => Timestamp::MIN,
            Some(text) => instant(&text, None).ok_or_else(|| Error::Kind {
                what: format!("config field `{}`", self.expiry.join(".")),
                wanted: "an instant, such as 2026-01-31T08:00:00Z",
            })?,
        };
        Ok(Some(Held { token, expires: Some(expires) }))
    }

    /// What changes in the configuration.
    fn changes(&self, tokens: &Tokens) -> Vec<(Vec<String>, Secret<String>)> {
        let mut changes = vec![(self.access.clone(), tokens.access.clone())];
        changes.extend(tokens.refresh.clone().map(|refresh| (self.refresh.clone(), refresh)));
        let expiry = tokens.expires.to_string().replace('Z', "+00:00");
        changes.push((self.expiry.clone(), Secret::new(expiry)));
        changes
    }
}

/// The text at a place of the configuration; none where it is empty.
pub(super) fn within(context: &Context<'_>, path: &[String]) -> Option<String> {
    let mut value = context.get("config").cloned()?;
    for part in path {
        value = match (&value, part.parse::<usize>()) {
            (Value::List(items), Ok(at)) => items.get(at).cloned()?,
            _ => value.get(part).cloned()?,
        };
    }
    Some(value)
        .filter(|value| !value.is_nothing())
        .map(|value| value.to_string())
        .filter(|text| !text.is_empty())
}

/// A digest that may be stored in place of what it is of.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(16)
        .fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
}

impl OAuth {
    /// The access token of a grant that is kept for all who read the connection.
    pub(super) async fn shared_token(
        &self,
        (updater, grants): (&Updater, &dyn Grants),
        endpoint: &str,
        caller: &Caller,
        (context, kept): (&Context<'_>, &mut Kept),
    ) -> Result<String, Error> {
        let grant = self.grant(updater, endpoint, context)?;
        let begun = caller.now();
        loop {
            if let Some(tokens) = grants.kept(&grant).await?
                && let Some(token) = adopt(tokens, caller.now(), kept)
            {
                return Ok(token);
            }
            let most = caller.timeout.saturating_add(MARGIN);
            if let Some(claim) = grants.claim(&grant, most).await? {
                let fetched = self.refresh_under(&claim, endpoint, caller, (context, kept));
                return match fetched.await {
                    Ok((token, Some(tokens))) => {
                        let changes = updater.changes(&tokens);
                        let rotation = Rotation { grant, tokens, changes };
                        kept.unkept = Some(Box::new((claim, rotation)));
                        kept.settle(caller).await?;
                        Ok(token)
                    }
                    Ok((token, None)) => {
                        grants.release(&claim, &grant).await?;
                        Ok(token)
                    }
                    Err(error) => {
                        grants.release(&claim, &grant).await?;
                        Err(error)
                    }
                };
            }
            let waited = caller.now().duration_since(begun);
            if waited.unsigned_abs() > PATIENCE {
                return Err(Error::TokenCall(HttpError::TimedOut {
                    host: "another worker's refresh of this grant".to_owned(),
                    after: PATIENCE,
                }));
            }
            caller.pause(PAUSE).await;
        }
    }

    /// The token that somebody else has fetched meanwhile, else a new one with its tokens to keep.
    async fn refresh_under(
        &self,
        claim: &Claim,
        endpoint: &str,
        caller: &Caller,
        (context, kept): (&Context<'_>, &mut Kept),
    ) -> Result<(String, Option<Tokens>), Error> {
        if let Some(tokens) = claim.tokens.clone()
            && let Some(token) = adopt(tokens, caller.now(), kept)
        {
            return Ok((token, None));
        }
        let token = self.fetch(endpoint, caller, (context, kept)).await?;
        let expires = kept.token.as_ref().and_then(|held| held.expires).unwrap_or(Timestamp::MAX);
        let refresh = kept.refresh.clone().map(Secret::new);
        let tokens = Tokens { access: Secret::new(token.clone()), refresh, expires };
        Ok((token, Some(tokens)))
    }

    fn grant(
        &self,
        updater: &Updater,
        endpoint: &str,
        context: &Context<'_>,
    ) -> Result<Grant, Error> {
        let mut name = format!("{endpoint}\n{}", self.client_id(context)?);
        for scope in &self.scopes {
            name.push('\n');
            name.push_str(&scope.text(context)?);
        }
        name.push_str(&updater.refresh.join("\n"));
        let origin = within(context, &updater.refresh).unwrap_or_default();
        Ok(Grant { name: digest(&name), origin: digest(&origin) })
    }
}

/// Takes tokens over; gives the access token while it is good and not the one that was refused.
fn adopt(tokens: Tokens, now: Timestamp, kept: &mut Kept) -> Option<String> {
    let token = tokens.access.expose().clone();
    kept.refresh = tokens.refresh.map(|refresh| refresh.expose().clone());
    let refused = kept.token.as_ref().is_some_and(|held| held.token == token && !held.is_good(now));
    if refused {
        return None;
    }
    let held = Held { token: token.clone(), expires: Some(tokens.expires) };
    let good = held.is_good(now);
    kept.token = Some(held);
    good.then_some(token)
}
