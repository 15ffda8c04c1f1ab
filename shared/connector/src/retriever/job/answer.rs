//! What is known of a job: the answers about it, as templates see them.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use ports::Request;
use request::error_handler::headers_value;
use request::interpolation::Context;
use request::value::{Dict, Object, Selection, Value};
use serde::{Deserialize, Serialize};

use crate::error::{At, Error};
use crate::retriever::fetch::Answer;

/// Larger answers are not kept with a place: the job is made anew then.
const MAX_KEPT: usize = 32 << 10;

/// The answer that a job was made with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Created {
    body: String,
    headers: Vec<(String, String)>,
    pub(super) at: Timestamp,
    /// What it answers, where templates read that; never kept with a place: it holds credentials.
    #[serde(skip)]
    pub(super) request: Option<Box<Request>>,
}

impl Created {
    pub(super) fn of(answer: &Answer, at: &At) -> Result<Self, Error> {
        let secret = |name: &str| name.eq_ignore_ascii_case("set-cookie");
        let headers = answer.headers.iter().filter(|(name, _)| !secret(name)).cloned().collect();
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let request = answer.request.clone();
        let created = Self { body, headers, at: answer.started, request };
        created.value().is_some().then_some(created).ok_or_else(|| no_object(at))
    }

    /// Whether it is small enough to be kept with a place.
    pub(super) fn is_kept(&self) -> bool {
        self.body.len() <= MAX_KEPT
    }

    /// What templates see of it.
    pub(super) fn value(&self) -> Option<Value> {
        response(self.body.as_bytes(), &self.headers, self.request.as_deref())
    }
}

/// An answer as templates see it: its fields, and its headers and its request where no field is
/// called so.
pub(super) fn response(
    body: &[u8],
    headers: &[(String, String)],
    request: Option<&Request>,
) -> Option<Value> {
    let mut value = Value::from_json(body).ok()?;
    let dict = value.as_dict_mut()?;
    if !dict.contains("headers") {
        dict.insert("headers", headers_value(headers, Some(&Selection::All)));
    }
    if let Some(request) = request.filter(|_| !dict.contains("request")) {
        dict.insert("request", asked(request));
    }
    Some(value)
}

/// A request as templates see it.
fn asked(request: &Request) -> Value {
    let text = |bytes: &Bytes| Value::from(String::from_utf8_lossy(bytes).into_owned());
    let path = request.url.split_once("://").map_or("", |(_, rest)| rest);
    let path = path.find(['/', '?']).and_then(|at| path.get(at..)).unwrap_or("/");
    Value::Object(Arc::new(Object {
        items: Dict::default(),
        attributes: vec![
            ("method", Value::from(request.method.as_str())),
            ("url", Value::from(request.url.as_str())),
            ("path_url", Value::from(path)),
            ("headers", headers_value(&request.headers, Some(&Selection::All))),
            ("body", request.body.as_ref().map_or(Value::None, text)),
        ],
    }))
}

pub(super) fn no_object(at: &At) -> Error {
    let message = "the answer about a job is no JSON object".to_owned();
    Error::Shape { at: at.clone(), message }
}

/// Adds names, and the same as extra fields of the slice.
pub(crate) fn scoped<'c>(
    context: Context<'c>,
    slice: &Value,
    names: &[(&'static str, Value)],
) -> Context<'c> {
    let mut slice = slice.clone();
    if let Value::Object(object) = &mut slice {
        let object = Arc::make_mut(object);
        for (attribute, fields) in &mut object.attributes {
            if *attribute == "extra_fields"
                && let Some(fields) = fields.as_dict_mut()
            {
                for (name, value) in names {
                    fields.insert(*name, value.clone());
                }
            }
        }
    }
    let context = context.with("stream_slice", slice).with("next_page_token", Value::None);
    names.iter().fold(context, |context, (name, value)| context.with(name, value.clone()))
}
