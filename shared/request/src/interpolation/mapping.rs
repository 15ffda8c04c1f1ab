//! Mappings of templates.

use super::context::Context;
use super::error::{EvalError, SyntaxError};
use super::template::{Template, Types};
use crate::value::{Dict, Key, Value};

/// A mapping whose keys and values are templates; empty and undefined values become `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InterpolatedMapping(Vec<(Template, Entry)>);

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Template(Template),
    Value(Value),
}

impl InterpolatedMapping {
    /// Compiles a mapping of a component with these `$parameters`.
    pub fn new(
        fields: &serde_json::Map<String, serde_json::Value>,
        parameters: &Value,
    ) -> Result<Self, SyntaxError> {
        let compile = |(key, value): (&String, &serde_json::Value)| {
            let entry = match value {
                serde_json::Value::String(text) => {
                    Entry::Template(Template::new(text, parameters)?)
                }
                other => Entry::Value(Value::from(other)),
            };
            Ok((Template::new(key, parameters)?, entry))
        };
        fields.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mapping, with values of these types; keys are texts.
    pub fn eval(&self, context: &Context<'_>, types: Types) -> Result<Dict, EvalError> {
        let mut dict = Dict::default();
        for (key, entry) in &self.0 {
            let key = key.eval(context, Types::Text)?;
            let value = match entry {
                Entry::Template(template) => template.eval(context, types)?,
                Entry::Value(value) => value.clone(),
            };
            if let Some(key) = Key::new(key) {
                dict.insert(key, value);
            }
        }
        Ok(dict)
    }

    /// Its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.0.iter().flat_map(|(key, entry)| {
            let value = match entry {
                Entry::Template(template) => Some(template),
                Entry::Value(_) => None,
            };
            [Some(key), value].into_iter().flatten()
        })
    }
}

/// A JSON value with templates at any depth. In mappings, fields that evaluate to nothing are
/// left out; in lists they stay.
#[derive(Debug, Clone, PartialEq)]
pub struct InterpolatedNestedMapping(Nested);

#[derive(Debug, Clone, PartialEq)]
enum Nested {
    Template(Template),
    Value(Value),
    List(Vec<Self>),
    Dict(Vec<(Template, Self)>),
}

impl InterpolatedNestedMapping {
    /// Compiles a value of a component with these `$parameters`.
    pub fn new(json: &serde_json::Value, parameters: &Value) -> Result<Self, SyntaxError> {
        Nested::new(json, parameters).map(Self)
    }

    /// The value.
    pub fn eval(&self, context: &Context<'_>) -> Result<Value, EvalError> {
        self.0.eval(context)
    }

    /// Its templates.
    pub fn templates(&self) -> Vec<&Template> {
        let mut found = Vec::new();
        self.0.collect(&mut found);
        found
    }
}

impl Nested {
    fn new(json: &serde_json::Value, parameters: &Value) -> Result<Self, SyntaxError> {
        Ok(match json {
            serde_json::Value::String(text) => Self::Template(Template::new(text, parameters)?),
            serde_json::Value::Array(items) => Self::List(
                items.iter().map(|item| Self::new(item, parameters)).collect::<Result<_, _>>()?,
            ),
            serde_json::Value::Object(fields) => Self::Dict(
                fields
                    .iter()
                    .map(|(key, value)| {
                        Ok((Template::new(key, parameters)?, Self::new(value, parameters)?))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            other => Self::Value(Value::from(other)),
        })
    }

    fn eval(&self, context: &Context<'_>) -> Result<Value, EvalError> {
        Ok(match self {
            Self::Template(template) => template.eval(context, Types::Any)?,
            Self::Value(value) => value.clone(),
            Self::List(items) => Value::from(
                items.iter().map(|item| item.eval(context)).collect::<Result<Vec<_>, _>>()?,
            ),
            Self::Dict(fields) => {
                let mut dict = Dict::default();
                for (key, value) in fields {
                    let key = key.eval(context, Types::Any)?;
                    let value = value.eval(context)?;
                    if let (Some(key), false) = (Key::new(key), value.is_nothing()) {
                        dict.insert(key, value);
                    }
                }
                Value::from(dict)
            }
        })
    }

    fn collect<'t>(&'t self, found: &mut Vec<&'t Template>) {
        match self {
            Self::Template(template) => found.push(template),
            Self::Value(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.collect(found)),
            Self::Dict(fields) => {
                for (key, value) in fields {
                    found.push(key);
                    value.collect(found);
                }
            }
        }
    }
}
