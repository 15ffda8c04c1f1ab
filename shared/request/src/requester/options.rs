//! What a request carries beside its URL, and how its parts come together.

use serde_json::Value as Json;

use crate::component::Component;
use crate::error::Error;
use crate::interpolation::{
    Context, InterpolatedMapping, InterpolatedNestedMapping, InterpolatedString, Types,
};
use crate::value::{Dict, Value};

/// What one part of a manifest adds to a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Query parameters.
    pub params: Dict,
    /// Header fields.
    pub headers: Dict,
    /// Fields of a form body.
    pub body_data: Dict,
    /// Fields of a JSON body.
    pub body_json: Dict,
    /// A body as it stands.
    pub body_text: Option<String>,
}

impl Options {
    /// Both together. A name that both set is an error; only JSON bodies may agree on a value.
    pub fn merge(mut self, other: Self) -> Result<Self, Error> {
        flat(&mut self.params, &other.params, "request parameter")?;
        flat(&mut self.headers, &other.headers, "header")?;
        flat(&mut self.body_data, &other.body_data, "form field")?;
        nested(&mut self.body_json, &other.body_json, "")?;
        self.body_text = match (self.body_text, other.body_text) {
            (Some(_), Some(_)) => return Err(two_bodies()),
            (mine, theirs) => mine.or(theirs),
        };
        if self.body_text.is_some() && !self.body_data.is_empty() {
            return Err(two_bodies());
        }
        Ok(self)
    }
}

pub(super) fn two_bodies() -> Error {
    Error::Kind { what: "the body".to_owned(), wanted: "one of text, form and JSON" }
}

fn flat(target: &mut Dict, other: &Dict, what: &'static str) -> Result<(), Error> {
    for (key, value) in other.iter() {
        if target.insert(key.clone(), value.clone()).is_some() {
            return Err(Error::Collision { what, name: key.value().to_string() });
        }
    }
    Ok(())
}

fn nested(target: &mut Dict, other: &Dict, path: &str) -> Result<(), Error> {
    for (key, value) in other.iter() {
        let name = format!("{path}{}", key.value());
        match target.get_key_mut(key) {
            None => {
                target.insert(key.clone(), value.clone());
            }
            Some(present) if present == value => {}
            Some(present) => match (present.as_dict_mut(), value.as_dict()) {
                (Some(inner), Some(more)) => nested(inner, more, &format!("{name}."))?,
                _ => return Err(Error::Collision { what: "body field", name }),
            },
        }
    }
    Ok(())
}

/// Header fields in order, nothings left out; an authenticator's win over others of their name
/// in another spelling.
pub(super) fn header_list(headers: &Dict, auth: &Dict) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for (key, value) in headers.iter() {
        let name = key.value().to_string();
        let shadowed = auth.keys().any(|own| {
            let own = own.value().to_string();
            own.eq_ignore_ascii_case(&name) && own != name
        });
        if shadowed || value.is_nothing() {
            continue;
        }
        let text = value.to_string();
        match list.iter_mut().find(|(present, _)| present.eq_ignore_ascii_case(&name)) {
            Some(slot) => *slot = (name, text),
            None => list.push((name, text)),
        }
    }
    list
}

/// The `request_*` fields of a requester.
#[derive(Debug)]
pub(super) struct Provider {
    params: Input,
    headers: Input,
    body_data: Input,
    body_json: Option<InterpolatedNestedMapping>,
    body_json_text: Option<InterpolatedString>,
}

/// A mapping of templates, or one template that gives a mapping.
#[derive(Debug, Default)]
enum Input {
    #[default]
    None,
    Text(InterpolatedString),
    Mapping(InterpolatedMapping),
}

impl Input {
    fn build(component: &Component, field: &str) -> Self {
        match component.field(field) {
            None => Self::None,
            Some(json) if json.is_string() => {
                component.string(field).map_or(Self::None, Self::Text)
            }
            Some(_) => component.mapping(field).map_or(Self::None, Self::Mapping),
        }
    }

    /// The mapping or text; nothings are left out of a mapping.
    fn eval(&self, context: &Context<'_>, types: Types) -> Result<Value, Error> {
        let mut value = match self {
            Self::None => return Ok(Value::empty_dict()),
            Self::Text(text) => text.eval(context)?,
            Self::Mapping(mapping) => Value::from(mapping.eval(context, types)?),
        };
        if let Some(dict) = value.as_dict_mut() {
            dict.retain(|_, value| !value.is_nothing());
        }
        Ok(value)
    }

    fn dict(&self, context: &Context<'_>, types: Types, what: &str) -> Result<Dict, Error> {
        match self.eval(context, types)? {
            Value::Dict(dict) => Ok(std::sync::Arc::unwrap_or_clone(dict)),
            Value::Str(text) if text.is_empty() => Ok(Dict::default()),
            _ => Err(Error::Kind { what: what.to_owned(), wanted: "a mapping" }),
        }
    }
}

/// The body with its query first, as the reference writes it, and without nothings.
fn graphql(body: &Component) -> Component {
    let mut json = body.json().clone();
    if let Some(value) = json.get_mut("value").and_then(Json::as_object_mut) {
        let mut fields = std::mem::take(value);
        value.extend(fields.shift_remove_entry("query"));
        value.extend(fields.into_iter().filter(|(_, field)| !field.is_null()));
    }
    Component::new(json, body.path(), body.line(), body.faults())
}

impl Provider {
    pub(super) fn build(component: &Component) -> Self {
        let mut provider = Self {
            params: Input::build(component, "request_parameters"),
            headers: Input::build(component, "request_headers"),
            body_data: Input::build(component, "request_body_data"),
            body_json: None,
            body_json_text: None,
        };
        provider.json(component, "request_body_json");
        if let Some(body) = component.child("request_body") {
            match body.kind() {
                "RequestBodyPlainText" | "RequestBodyUrlEncodedForm" => {
                    provider.body_data = Input::build(&body, "value");
                }
                "RequestBodyJsonObject" => provider.json(&body, "value"),
                "RequestBodyGraphQL" => provider.json(&graphql(&body), "value"),
                _ => body.unknown_kind(&[
                    "RequestBodyPlainText",
                    "RequestBodyUrlEncodedForm",
                    "RequestBodyJsonObject",
                    "RequestBodyGraphQL",
                ]),
            }
        }
        provider
    }

    fn json(&mut self, component: &Component, field: &str) {
        match component.field(field) {
            None => {}
            Some(json) if json.is_string() => self.body_json_text = component.string(field),
            Some(_) => self.body_json = component.nested_mapping(field),
        }
    }

    pub(super) fn eval(&self, context: &Context<'_>) -> Result<Options, Error> {
        let mut options = Options {
            params: self.params.dict(context, Types::TextOrList, "request_parameters")?,
            headers: self.headers.dict(context, Types::Any, "request_headers")?,
            ..Options::default()
        };
        match self.body_data.eval(context, Types::TextOrList)? {
            Value::Dict(dict) => options.body_data = std::sync::Arc::unwrap_or_clone(dict),
            Value::Str(text) if text.is_empty() => {}
            other => options.body_text = Some(other.to_string()),
        }
        let json = match (&self.body_json, &self.body_json_text) {
            (Some(json), _) => json.eval(context)?,
            (None, Some(text)) => text.eval(context)?,
            (None, None) => return Ok(options),
        };
        match json {
            Value::Dict(dict) => options.body_json = std::sync::Arc::unwrap_or_clone(dict),
            Value::Str(text) if text.is_empty() => {}
            _ => {
                let what = "request_body_json".to_owned();
                return Err(Error::Kind { what, wanted: "a mapping" });
            }
        }
        Ok(options)
    }
}
