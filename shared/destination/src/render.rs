//! Items become calls; calls become requests.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use ports::{Method, Request};
use request::authenticator::{Authenticator, Caller, Redactor};
use request::interpolation::{Context, EvalError, InterpolatedMapping, Template, Types};
use request::requester::{Options, origin, quote, with_params};
use request::value::{Dict, Style, Value};
use sha2::{Digest, Sha256};

use crate::call::{Call, Item, Rendered, Rendering, Unrenderable};
use crate::destination::{Destination, Session};
use crate::error::Error;
use crate::operation::{Idempotency, Operation};
use crate::path::text_of;

/// What stands between two slashes of a path.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Always the same.
    Plain(String),
    /// What the template gives, percent-encoded.
    Template(Template),
}

/// An item's JSON, or why there is none.
type Made = Result<Value, Unrenderable>;

impl Destination {
    /// The call for these items, free of secrets. An item that cannot be rendered fails by
    /// itself; the others go.
    pub fn render(
        &self,
        operation: &Operation,
        session: &Session,
        items: &[Item],
        round: u32,
    ) -> Result<Rendering, Error> {
        if items.len() > operation.limits.max_items.get() {
            return Ok(Rendering::Split);
        }
        let mut unrenderable = Vec::new();
        let (mut sent, mut values) = (Vec::new(), Vec::new());
        for item in items {
            match operation.item(session, item) {
                Ok(value) => {
                    sent.push(item);
                    values.push(value);
                }
                Err(fault) => unrenderable.push(fault),
            }
        }
        if sent.is_empty() {
            return Ok(Rendering::Ready(Rendered { call: None, unrenderable }));
        }
        let context = batch(session, &sent, values);
        let body = match operation.body(&context)? {
            Body::Fits(body) => body,
            Body::TooLarge if sent.len() > 1 => return Ok(Rendering::Split),
            Body::TooLarge => {
                let most = operation.limits.max_bytes;
                unrenderable.extend(sent.iter().map(|item| too_large(item, most)));
                return Ok(Rendering::Ready(Rendered { call: None, unrenderable }));
            }
        };
        let url = match self.url(operation, session, &context) {
            Ok(url) => url,
            // A path that a single item fills in is a matter of that item.
            Err(fault) => match sent.as_slice() {
                [only] if operation.limits.max_items.get() == 1 => {
                    unrenderable.push(bad_data(only, fault.to_string()));
                    return Ok(Rendering::Ready(Rendered { call: None, unrenderable }));
                }
                _ => return Err(fault),
            },
        };
        let references = sent.iter().map(|item| item.reference.clone()).collect();
        let mut call = Call {
            method: operation.method,
            url,
            headers: Vec::new(),
            body,
            key: String::new(),
            references,
        };
        call.key = self.key(operation, &call, round);
        call.headers = operation.headers(&context, &call)?;
        Ok(Rendering::Ready(Rendered { call: Some(call), unrenderable }))
    }

    pub(crate) fn url(
        &self,
        operation: &Operation,
        session: &Session,
        context: &Context<'_>,
    ) -> Result<String, Error> {
        let base = self.base(session)?;
        let url = below(&base, &operation.path, context)?;
        Ok(with_params(&url, &present(&operation.parameters, context)?)?)
    }

    /// Where all its requests go.
    pub(crate) fn base(&self, session: &Session) -> Result<String, Error> {
        let base = self.base.eval_as(&session.context(), Types::Text)?.to_string();
        origin(&base)?;
        Ok(base)
    }

    /// A digest of all that makes a call this call.
    fn key(&self, operation: &Operation, call: &Call, round: u32) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        };
        add(self.name.as_str().as_bytes());
        add(operation.name.as_str().as_bytes());
        add(&round.to_be_bytes());
        add(call.url.as_bytes());
        add(call.body.as_deref().unwrap_or_default());
        for reference in &call.references {
            add(reference.as_bytes());
        }
        let mut key = String::with_capacity(64);
        for byte in hash.finalize() {
            let written = write!(key, "{byte:02x}");
            debug_assert!(written.is_ok(), "a text takes all characters");
        }
        key
    }

    /// The request for a call, with fresh credentials; a token is fetched when there is none.
    pub async fn authorise(
        &self,
        caller: &Caller,
        session: &Session,
        call: &Call,
    ) -> Result<Request, Error> {
        let context = session.context();
        let own = Options {
            params: present(&self.parameters, &context)?,
            headers: present(&self.headers, &context)?,
            ..Options::default()
        };
        let options = own.merge(self.authenticator.options(caller, &context).await?)?;
        if !options.body_json.is_empty() || !options.body_data.is_empty() {
            let what = "the place of a credential".to_owned();
            return Err(Error::Kind { what, wanted: "a header or a query parameter" });
        }
        let mut headers = call.headers.clone();
        for (name, value) in options.headers.iter() {
            let name = name.value().to_string();
            headers.retain(|(present, _)| !present.eq_ignore_ascii_case(&name));
            headers.push((name, value.to_string()));
        }
        Ok(Request {
            method: call.method,
            url: with_params(&call.url, &options.params)?,
            headers,
            body: call.body.clone(),
            timeout: self.timeout,
            max_body: caller.max_body,
            redirect_hosts: Arc::from([origin(&call.url)?.1]),
        })
    }

    /// Forgets a fetched token, because the destination has refused it.
    pub async fn forget_token(&self, caller: &Caller, session: &Session) -> Result<(), Error> {
        Ok(self.authenticator.forget(caller, &session.context()).await?)
    }

    /// The call with what is added when it is sent, every secret replaced: for people to look
    /// at. A token that would have to be fetched stays away.
    pub fn shown(&self, session: &Session, call: &Call) -> Result<Call, Error> {
        let redactor = Redactor::new(self.secrets(session));
        let context = session.context();
        let mut shown = call.clone();
        shown.url = with_params(&call.url, &present(&self.parameters, &context)?)?;
        for (name, value) in present(&self.headers, &context)?.iter() {
            shown.headers.push((name.value().to_string(), value.to_string()));
        }
        shown.url = redactor.apply(&shown.url);
        for (_, value) in &mut shown.headers {
            *value = redactor.apply(value);
        }
        if !matches!(self.authenticator, Authenticator::None) {
            shown.headers.push(("Authorization".to_owned(), "****".to_owned()));
        }
        Ok(shown)
    }
}

/// A body within the limit, or none.
enum Body {
    Fits(Option<Bytes>),
    TooLarge,
}

impl Operation {
    /// The JSON of one item.
    fn item(&self, session: &Session, item: &Item) -> Made {
        let bad = |message: String| bad_data(item, message);
        let value = self.item.value(&item.context(session), self.nulls);
        let value = value.map_err(|error| bad(error.to_string()))?;
        if value.is_nothing() {
            return Err(bad("the operation's `item` gives nothing for it".to_owned()));
        }
        if let Some(most) = self.max_item_bytes
            && length(&value) > most
        {
            return Err(too_large(item, most));
        }
        Ok(value)
    }

    fn body(&self, context: &Context<'_>) -> Result<Body, EvalError> {
        let Some(shape) = &self.body else { return Ok(Body::Fits(None)) };
        let mut body = Vec::new();
        shape.value(context, self.nulls)?.write_json(&mut body, Style::Compact);
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if bytes > self.limits.max_bytes {
            return Ok(Body::TooLarge);
        }
        Ok(Body::Fits(Some(Bytes::from(body))))
    }

    fn headers(&self, context: &Context<'_>, call: &Call) -> Result<Vec<(String, String)>, Error> {
        let own = present(&self.headers, context)?;
        let mut headers: Vec<(String, String)> =
            own.iter().map(|(name, value)| (name.value().to_string(), value.to_string())).collect();
        let has = |headers: &[(String, String)], wanted: &str| {
            headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        if call.body.is_some() && !has(&headers, "content-type") {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        if let Idempotency::Header(name) = &self.idempotency {
            headers.push((name.clone(), call.key.clone()));
        }
        Ok(headers)
    }
}

/// The names that the templates of a whole request see.
fn batch(session: &Session, sent: &[&Item], values: Vec<Value>) -> Context<'static> {
    let context = match sent {
        [only] => only.context(session).with("item", values.first().cloned().unwrap_or_default()),
        _ => session.context(),
    };
    context.with("items", Value::from(values))
}

/// A mapping without what is nothing.
fn present(mapping: &InterpolatedMapping, context: &Context<'_>) -> Result<Dict, EvalError> {
    let mut dict = mapping.eval(context, Types::TextOrList)?;
    dict.retain(|_, value| !value.is_nothing());
    Ok(dict)
}

/// A URL below another.
pub(crate) fn below(base: &str, path: &[Segment], context: &Context<'_>) -> Result<String, Error> {
    let mut url = base.trim_end_matches('/').to_owned();
    for segment in path {
        url.push('/');
        match segment {
            Segment::Plain(text) => url.push_str(text),
            Segment::Template(template) => {
                let text = text_of(&template.value(context)?).unwrap_or_default();
                if matches!(text.as_str(), "" | "." | "..") {
                    let what = format!("`{}` in the path", template.source());
                    return Err(Error::Kind { what, wanted: "a text that is no step upwards" });
                }
                url.push_str(&quote(&text, ":"));
            }
        }
    }
    Ok(url)
}

fn length(value: &Value) -> u64 {
    u64::try_from(value.json_text(Style::Compact).len()).unwrap_or(u64::MAX)
}

fn bad_data(item: &Item, message: String) -> Unrenderable {
    let code = "BAD_DATA".to_owned();
    Unrenderable { reference: item.reference.clone(), code, message }
}

fn too_large(item: &Item, most: u64) -> Unrenderable {
    let message = format!("larger than the {most} bytes that the destination takes");
    Unrenderable { reference: item.reference.clone(), code: "ITEM_TOO_LARGE".to_owned(), message }
}

/// Whether a method carries a body.
pub(crate) fn has_body(method: Method) -> bool {
    matches!(method, Method::Post | Method::Put | Method::Patch)
}

#[cfg(test)]
mod tests;
