//! Bodies and query strings, encoded as python-requests encodes them.

use bytes::Bytes;

use super::encode::quote_plus;
use super::options::{Options, two_bodies};
use crate::error::Error;
use crate::value::{Dict, Style, Value};

/// The body, with its content type added to the headers unless they name one.
pub(super) fn encode(
    options: &Options,
    headers: &mut Vec<(String, String)>,
) -> Result<Option<Bytes>, Error> {
    let has_json = !options.body_json.is_empty();
    if has_json && (options.body_text.is_some() || !options.body_data.is_empty()) {
        return Err(two_bodies());
    }
    if has_json {
        let json = Value::from(options.body_json.clone()).json_text(Style::Python);
        content_type(headers, "application/json");
        return Ok(Some(Bytes::from(json)));
    }
    if let Some(text) = &options.body_text {
        return Ok(Some(Bytes::from(text.clone())));
    }
    if options.body_data.is_empty() {
        return Ok(None);
    }
    content_type(headers, "application/x-www-form-urlencoded");
    Ok(Some(Bytes::from(form_text(&options.body_data))))
}

fn content_type(headers: &mut Vec<(String, String)>, value: &str) {
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".to_owned(), value.to_owned()));
    }
}

/// `a=1&b=2`: lists repeat their key, nothings are left out.
pub(crate) fn form_text(fields: &Dict) -> String {
    let mut pairs = Vec::new();
    for (key, value) in fields.iter() {
        let key = quote_plus(&key.value().to_string());
        let mut add = |value: &Value| {
            if !value.is_nothing() {
                pairs.push(format!("{key}={}", quote_plus(&value.to_string())));
            }
        };
        match value {
            Value::List(items) | Value::Tuple(items) => items.iter().for_each(&mut add),
            Value::Dict(dict) => dict.keys().for_each(|key| add(key.value())),
            other => add(other),
        }
    }
    pairs.join("&")
}
