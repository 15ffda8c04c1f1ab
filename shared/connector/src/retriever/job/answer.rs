//! What is known of a job: the answers about it, as templates see them.

use std::sync::Arc;

use model::Timestamp;
use request::error_handler::headers_value;
use request::interpolation::Context;
use request::value::{Selection, Value};
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
}

impl Created {
    pub(super) fn of(answer: &Answer, at: &At) -> Result<Self, Error> {
        let secret = |name: &str| name.eq_ignore_ascii_case("set-cookie");
        let headers = answer.headers.iter().filter(|(name, _)| !secret(name)).cloned().collect();
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let created = Self { body, headers, at: answer.started };
        created.value().is_some().then_some(created).ok_or_else(|| no_object(at))
    }

    /// Whether it is small enough to be kept with a place.
    pub(super) fn is_kept(&self) -> bool {
        self.body.len() <= MAX_KEPT
    }

    /// What templates see of it.
    pub(super) fn value(&self) -> Option<Value> {
        response(self.body.as_bytes(), &self.headers)
    }
}

/// An answer as templates see it: its fields, and its headers where no field is called so.
pub(super) fn response(body: &[u8], headers: &[(String, String)]) -> Option<Value> {
    let mut value = Value::from_json(body).ok()?;
    let dict = value.as_dict_mut()?;
    if !dict.contains("headers") {
        dict.insert("headers", headers_value(headers, Some(&Selection::All)));
    }
    Some(value)
}

pub(super) fn no_object(at: &At) -> Error {
    let message = "the answer about a job is no JSON object".to_owned();
    Error::Shape { at: at.clone(), message }
}

/// Adds names, and the same as extra fields of the slice.
pub(super) fn scoped<'c>(
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
