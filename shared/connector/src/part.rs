//! A component being built: its fields by name, and what to say when they do not fit.

use request::component::{Component, ComponentFault, Faults};
use request::interpolation::{Context, InterpolatedBoolean, InterpolatedString, Types};
use request::value::Value;
use serde_json::Value as Json;

/// A component that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {path}: {message}")]
pub struct BuildError {
    /// Line of the component in the manifest.
    pub line: u32,
    /// Where it stands.
    pub path: String,
    /// What does not fit.
    pub message: String,
}

impl From<ComponentFault> for BuildError {
    fn from(fault: ComponentFault) -> Self {
        Self { line: fault.line, path: fault.path, message: fault.message }
    }
}

/// A component, or a value within one.
#[derive(Debug, Clone)]
pub(crate) struct Part<'c> {
    pub(crate) json: &'c Json,
    path: String,
    line: u32,
}

impl<'c> Part<'c> {
    pub(crate) fn new(json: &'c Json, path: String, line: u32) -> Self {
        Self { json, path, line: line_of(json).unwrap_or(line) }
    }

    /// A component that is made around this one.
    pub(crate) fn around<'o>(&self, json: &'o Json) -> Part<'o> {
        Part::new(json, self.path.clone(), self.line)
    }

    /// As the crate takes it that makes requests.
    pub(crate) fn component(&self, faults: &Faults) -> Component {
        Component::new(self.json.clone(), self.path.clone(), self.line, faults)
    }

    /// The component's type.
    pub(crate) fn kind(&self) -> &'c str {
        self.json.get("type").and_then(Json::as_str).unwrap_or_default()
    }

    /// Where it stands in the manifest.
    pub(crate) fn place(&self) -> &str {
        &self.path
    }

    /// Its line there.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// A field that is set.
    pub(crate) fn child(&self, field: &str) -> Option<Self> {
        let json = self.json.get(field).filter(|json| !json.is_null())?;
        Some(Self::new(json, format!("{}.{field}", self.path), self.line))
    }

    /// A field that must be set.
    pub(crate) fn needed(&self, field: &str) -> Result<Self, BuildError> {
        self.child(field).ok_or_else(|| self.fault(format!("needs `{field}`")))
    }

    /// The items of a field: a list, one value alone, or nothing.
    pub(crate) fn children(&self, field: &str) -> Vec<Self> {
        let Some(child) = self.child(field) else { return Vec::new() };
        let Json::Array(items) = child.json else { return vec![child] };
        let item = |(i, json)| Self::new(json, format!("{}[{i}]", child.path), self.line);
        items.iter().enumerate().map(item).collect()
    }

    /// A field's text.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&'c str>, BuildError> {
        match self.child(field) {
            None => Ok(None),
            Some(child) => match child.json {
                Json::String(text) => Ok(Some(text)),
                _ => Err(child.fault("expected a text".into())),
            },
        }
    }

    /// A field's truth value.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, BuildError> {
        match self.child(field) {
            None => Ok(false),
            Some(child) => match child.json {
                Json::Bool(flag) => Ok(*flag),
                _ => Err(child.fault("expected true or false".into())),
            },
        }
    }

    /// This value as a template; numbers and truth values stand for their texts.
    pub(crate) fn template(&self, parameters: &Value) -> Result<InterpolatedString, BuildError> {
        let source = match self.json {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => Value::from(self.json).to_string(),
            _ => return Err(self.fault("expected a text".into())),
        };
        InterpolatedString::new(&source, parameters).map_err(|e| self.fault(e.to_string()))
    }

    /// A field as a template.
    pub(crate) fn template_at(
        &self,
        field: &str,
    ) -> Result<Option<InterpolatedString>, BuildError> {
        self.child(field).map(|child| child.template(&self.parameters())).transpose()
    }

    /// A field as a condition; absent and empty ones are none.
    pub(crate) fn condition_at(
        &self,
        field: &str,
    ) -> Result<Option<InterpolatedBoolean>, BuildError> {
        let Some(child) = self.child(field) else { return Ok(None) };
        let source = match child.json {
            Json::String(text) if text.is_empty() => return Ok(None),
            Json::String(text) => text.clone(),
            Json::Bool(_) | Json::Number(_) => Value::from(child.json).to_string(),
            _ => return Err(child.fault("expected a condition".into())),
        };
        let condition = InterpolatedBoolean::new(&source, &self.parameters());
        condition.map(Some).map_err(|e| child.fault(e.to_string()))
    }

    /// A field's value under this configuration; absent ones are none.
    pub(crate) fn value_at(
        &self,
        field: &str,
        context: &Context<'_>,
    ) -> Result<Option<Value>, BuildError> {
        let Some(template) = self.template_at(field)? else { return Ok(None) };
        template.eval(context).map(Some).map_err(|e| self.fault(e.to_string()))
    }

    /// Likewise, as text.
    pub(crate) fn text_at(
        &self,
        field: &str,
        context: &Context<'_>,
    ) -> Result<Option<String>, BuildError> {
        Ok(self.value_at(field, context)?.map(|value| value.to_string()))
    }

    /// The texts of a list field, each a template.
    pub(crate) fn texts_at(
        &self,
        field: &str,
        context: &Context<'_>,
    ) -> Result<Vec<String>, BuildError> {
        let parameters = self.parameters();
        let text = |child: Self| {
            let template = child.template(&parameters)?;
            template.text(context).map_err(|e| child.fault(e.to_string()))
        };
        self.children(field).into_iter().map(text).collect()
    }

    /// The types that `value_type` lets a literal have.
    pub(crate) fn value_types(&self) -> Result<Types, BuildError> {
        Ok(match self.text("value_type")? {
            None => Types::Any,
            Some("string") => Types::Text,
            Some("number") => Types::Float,
            Some("integer") => Types::Integer,
            Some("boolean") => Types::Boolean,
            Some(other) => {
                let known = "string, number, integer, boolean";
                return Err(self.fault(format!("`value_type` is `{other}`; use one of {known}")));
            }
        })
    }

    /// The component's `$parameters`.
    pub(crate) fn parameters(&self) -> Value {
        self.json.get("$parameters").map_or_else(Value::empty_dict, Value::from)
    }

    pub(crate) fn fault(&self, message: String) -> BuildError {
        BuildError { line: self.line, path: self.path.clone(), message }
    }
}

/// The line that the manifest's reader noted in a component.
fn line_of(json: &Json) -> Option<u32> {
    json.get("$line").and_then(Json::as_u64).and_then(|line| line.try_into().ok())
}
