//! `RequestOption`: where in a request a value goes.

use request::interpolation::Context;
use request::requester::Options;
use request::value::{Dict, Value};

use crate::part::{BuildError, Part};

/// A place in a request, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Injection {
    into: Into,
    /// One name; more where a JSON body nests.
    path: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Into {
    Parameter,
    Header,
    Form,
    Json,
}

impl Injection {
    /// The option in a component's field, if it is set.
    pub(crate) fn at(
        part: &Part<'_>,
        field: &str,
        context: &Context<'_>,
    ) -> Result<Option<Self>, BuildError> {
        part.child(field).map(|option| Self::build(&option, context)).transpose()
    }

    fn build(part: &Part<'_>, context: &Context<'_>) -> Result<Self, BuildError> {
        let into = match part.text("inject_into")?.unwrap_or_default() {
            "request_parameter" => Into::Parameter,
            "header" => Into::Header,
            "body_data" => Into::Form,
            "body_json" => Into::Json,
            other => {
                let places = "request_parameter, header, body_data, body_json";
                return Err(part.fault(format!("`inject_into` is `{other}`; use one of {places}")));
            }
        };
        let path = match (part.text_at("field_name", context)?, part.child("field_path")) {
            (Some(name), None) => vec![name],
            (None, Some(_)) if into == Into::Json => part.texts_at("field_path", context)?,
            (None, Some(_)) => return Err(part.fault("`field_path` is for body_json only".into())),
            _ => return Err(part.fault("needs `field_name` or `field_path`, not both".into())),
        };
        Ok(Self { into, path })
    }

    /// Whether both write the same place.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        self == other
    }

    /// Puts a value there.
    pub(crate) fn put(&self, options: &mut Options, value: Value) {
        let target = match self.into {
            Into::Parameter => &mut options.params,
            Into::Header => &mut options.headers,
            Into::Form => &mut options.body_data,
            Into::Json => &mut options.body_json,
        };
        nest(target, &self.path, value);
    }
}

fn nest(target: &mut Dict, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            target.insert(name.as_str(), value);
        }
        [name, rest @ ..] => {
            if !target.contains(name) {
                target.insert(name.as_str(), Value::empty_dict());
            }
            if let Some(inner) = target.get_mut(name).and_then(Value::as_dict_mut) {
                nest(inner, rest, value);
            }
        }
    }
}
