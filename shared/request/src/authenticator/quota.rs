//! Several tokens that share the work: each request goes with one that has calls left.

mod pool;
mod state;

use std::sync::Arc;
use std::time::Duration;

use ports::{Method, Request, Response};

use super::caller::Caller;
use crate::component::Component;
use crate::datetime::Period;
use crate::error::Error;
use crate::interpolation::{Context, InterpolatedString};
use crate::requester::{origin, without_query};
use crate::value::Value;
use pool::{Pool, codes};
pub(super) use state::Tokens;
use state::{Left, Turn};

/// A `RateLimitedMultipleTokenAuthenticator`.
#[derive(Debug)]
pub struct Quotas {
    tokens: Given,
    source: StatusSource,
    pools: Vec<Pool>,
    scheme: String,
    header: String,
    max_wait: InterpolatedString,
    reserve: Reserve,
}

/// How the tokens are written.
#[derive(Debug)]
enum Given {
    /// In one text, between delimiters.
    Text(InterpolatedString, String),
    List(Vec<InterpolatedString>),
}

/// Who says how many calls are left: `QuotaStatusSource`.
#[derive(Debug)]
struct StatusSource {
    url: InterpolatedString,
    method: Method,
    headers: Vec<(String, InterpolatedString)>,
    /// Statuses that say: nobody counts.
    unavailable: Vec<u16>,
}

/// From how few calls on they are spread over the time that is left.
#[derive(Debug, Clone, Copy)]
struct Reserve {
    fraction: f64,
    least: f64,
}

impl Quotas {
    pub(super) fn build(component: &Component) -> Option<Self> {
        component.only(&[
            "tokens",
            "token_delimiter",
            "auth_method",
            "header",
            "quota_status_source",
            "quotas",
            "max_wait_time",
            "budget_reserve_fraction",
            "budget_min_reserve",
        ]);
        let tokens = if component.required("tokens", component.field("tokens"))?.is_array() {
            Given::List(component.strings("tokens"))
        } else {
            let delimiter = component.text("token_delimiter").filter(|text| !text.is_empty());
            Given::Text(component.string("tokens")?, delimiter.unwrap_or(",").to_owned())
        };
        let pools: Vec<Pool> =
            component.children("quotas").iter().filter_map(Pool::build).collect();
        if pools.is_empty() {
            component.fault_at("quotas", "needs at least one");
        }
        let source = component.child("quota_status_source");
        let source = component.required("quota_status_source", source)?;
        let text = |field: &str, usual: &str| component.text(field).unwrap_or(usual).to_owned();
        let usual = InterpolatedString::new("PT2H", component.parameters()).ok();
        Some(Self {
            tokens,
            source: StatusSource::build(&source)?,
            pools,
            scheme: text("auth_method", "Bearer"),
            header: component
                .text("header")
                .filter(|name| !name.is_empty())
                .unwrap_or("Authorization")
                .to_owned(),
            max_wait: component.string("max_wait_time").or(usual)?,
            reserve: Reserve {
                fraction: component.number("budget_reserve_fraction").unwrap_or(0.1),
                least: component.number("budget_min_reserve").unwrap_or(50.0),
            },
        })
    }

    /// The tokens, for redaction.
    pub(super) fn secrets(&self, context: &Context<'_>) -> Vec<String> {
        self.tokens(context).unwrap_or_default()
    }

    fn tokens(&self, context: &Context<'_>) -> Result<Vec<String>, Error> {
        let texts = match &self.tokens {
            Given::Text(template, delimiter) => {
                let text = template.text(context)?;
                text.split(delimiter.as_str()).map(str::to_owned).collect()
            }
            Given::List(templates) => {
                let texts = templates.iter().map(|template| template.text(context));
                texts.collect::<Result<Vec<_>, _>>()?
            }
        };
        let trimmed = texts.iter().map(|text| text.trim().to_owned());
        Ok(trimmed.filter(|text| !text.is_empty()).collect())
    }

    /// Puts the token onto a request that has calls left, waiting where none has.
    pub(super) async fn sign(
        &self,
        request: &mut Request,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let pool = self.pool(request);
        let shared = self.shared(caller, context).await?;
        let token = self.turn(pool, &shared, caller, context).await?;
        let value = format!("{} {token}", self.scheme).trim().to_owned();
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&self.header));
        request.headers.push((self.header.clone(), value));
        Ok(())
    }

    async fn shared(
        &self,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<Arc<super::caller::QuotaSlot>, Error> {
        let tokens = self.tokens(context)?;
        if tokens.is_empty() {
            let what = "`tokens`".to_owned();
            return Err(Error::Kind { what, wanted: "at least one token of the configuration" });
        }
        let key = format!("{}\n{}", self.source.url.text(context)?, tokens.join("\n"));
        let slot = caller.quota(&key).await;
        let mut states = slot.lock().await;
        if states.is_empty() {
            *states = Tokens::new(self.seeded(tokens, caller, context).await?);
        }
        drop(states);
        Ok(slot)
    }

    async fn turn(
        &self,
        pool: usize,
        slot: &super::caller::QuotaSlot,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<String, Error> {
        let patience = self.max_wait.text(context)?;
        let patience = Period::parse(&patience).ok().and_then(|period| period.duration().ok());
        let patience = patience.and_then(|patience| Duration::try_from(patience).ok());
        let mut patience = patience.ok_or_else(|| Error::Kind {
            what: "`max_wait_time`".to_owned(),
            wanted: "a length of time without months, such as PT2H",
        })?;
        patience = patience.min(caller.longest());
        loop {
            let turn = slot.lock().await.turn(pool, caller.now(), |limit| {
                self.reserve.least.max(limit * self.reserve.fraction)
            });
            match turn {
                Turn::Go { token, pause } => {
                    if !pause.is_zero() {
                        caller.pause(pause).await;
                    }
                    return Ok(token);
                }
                Turn::Spent { wait } => {
                    if wait >= patience {
                        return Err(Error::TokensSpent { wait });
                    }
                    caller.pause(wait).await;
                    patience = patience.saturating_sub(wait);
                    let tokens = self.tokens(context)?;
                    let fresh = self.seeded(tokens, caller, context).await?;
                    slot.lock().await.reseed(fresh);
                }
            }
        }
    }

    /// What the source says of each token.
    async fn seeded(
        &self,
        tokens: Vec<String>,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<Vec<(String, Vec<Left>)>, Error> {
        let mut seeded = Vec::with_capacity(tokens.len());
        for token in tokens {
            let left = self.asked(&token, caller, context).await?;
            seeded.push((token, left));
        }
        Ok(seeded)
    }

    async fn asked(
        &self,
        token: &str,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<Vec<Left>, Error> {
        let url = self.source.url.text(context)?;
        let endpoint = without_query(&url);
        let mut headers = Vec::new();
        for (name, template) in &self.source.headers {
            headers.push((name.clone(), template.text(context)?));
        }
        headers.push((self.header.clone(), format!("{} {token}", self.scheme).trim().to_owned()));
        let request = Request {
            method: self.source.method,
            redirect_hosts: Arc::from([origin(&url)?.1]),
            url,
            headers,
            body: None,
            timeout: caller.timeout,
            max_body: caller.max_body,
        };
        let response = caller.send(request).await?;
        if self.source.unavailable.contains(&response.status) {
            return Ok(self.pools.iter().map(|_| Left::untracked(caller.now())).collect());
        }
        let response = Caller::judged(response, &endpoint)?;
        let refused = |reason: String| Error::TokenRefused { endpoint: endpoint.clone(), reason };
        let answer = Value::from_json(&response.body);
        let answer = answer.map_err(|_| refused("its answer is not JSON".to_owned()))?;
        let left = |pool: &Pool| pool.left(&answer).map_err(refused);
        self.pools.iter().map(left).collect()
    }

    /// Which count a request is held to: the first that matches, else the first without matchers.
    fn pool(&self, request: &Request) -> usize {
        let matches = |pool: &Pool| pool.matchers.iter().any(|matcher| matcher.matches(request));
        let open = |pool: &Pool| pool.matchers.is_empty();
        let found = self.pools.iter().position(matches);
        found.or_else(|| self.pools.iter().position(open)).unwrap_or(0)
    }

    /// Takes over what an answer says of the token that its request went with.
    pub(super) async fn heed(
        &self,
        request: &Request,
        response: &Response,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let at = self.pool(request);
        let (Some(pool), Some(token)) = (self.pools.get(at), self.sent(request)) else {
            return Ok(());
        };
        let told = pool.told(response);
        let slot = self.shared(caller, context).await?;
        slot.lock().await.heed((&token, at), told, pool.exhaustion.contains(&response.status));
        Ok(())
    }

    /// Whether another token has calls left, after one whose calls are spent was refused.
    pub(super) async fn has_another(
        &self,
        request: &Request,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<bool, Error> {
        let Some(token) = self.sent(request) else { return Ok(false) };
        let slot = self.shared(caller, context).await?;
        let other = slot.lock().await.has_another(&token, self.pool(request));
        Ok(other)
    }

    /// The token that a request went with.
    fn sent(&self, request: &Request) -> Option<String> {
        let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(&self.header);
        let (_, value) = request.headers.iter().find(named)?;
        Some(value.strip_prefix(self.scheme.as_str())?.trim().to_owned())
    }
}

impl StatusSource {
    fn build(component: &Component) -> Option<Self> {
        component.only(&["url", "http_method", "request_headers", "unavailable_status_codes"]);
        let url = component.required("url", component.string("url"))?;
        let method = match component.text("http_method") {
            None | Some("GET") => Method::Get,
            Some("POST") => Method::Post,
            Some(_) => {
                component.fault_at("http_method", "must be GET or POST");
                Method::Get
            }
        };
        let fields = component.field("request_headers").and_then(serde_json::Value::as_object);
        let header = |(name, value): (&String, &serde_json::Value)| {
            let template = InterpolatedString::new(value.as_str()?, component.parameters());
            let fault = |e: crate::interpolation::SyntaxError| {
                component.fault_at("request_headers", e.to_string());
            };
            Some((name.clone(), template.map_err(fault).ok()?))
        };
        let headers = fields.into_iter().flatten().filter_map(header).collect();
        Some(Self {
            url,
            method,
            headers,
            unavailable: codes(component, "unavailable_status_codes"),
        })
    }
}

#[cfg(test)]
mod tests;
