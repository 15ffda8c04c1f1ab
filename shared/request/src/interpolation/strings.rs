//! Texts and conditions.

use super::context::Context;
use super::error::{EvalError, SyntaxError};
use super::template::{Fallback, Template, Types};
use crate::value::Value;

/// A text with templates in it. Empty stays empty; reading below something undefined fails.
#[derive(Debug, Clone, PartialEq)]
pub struct InterpolatedString(Template);

impl InterpolatedString {
    /// Compiles a text of a component with these `$parameters`.
    pub fn new(source: &str, parameters: &Value) -> Result<Self, SyntaxError> {
        Template::new(source, parameters).map(Self)
    }

    /// The value: a text, or what the text says as a Python literal.
    pub fn eval(&self, context: &Context<'_>) -> Result<Value, EvalError> {
        self.0.eval_or(context, Types::Any, Fallback::Itself)
    }

    /// The value, if its literal has one of these types; else the text as it stands.
    pub fn eval_as(&self, context: &Context<'_>, types: Types) -> Result<Value, EvalError> {
        self.0.eval_or(context, types, Fallback::Itself)
    }

    /// The value as text.
    pub fn text(&self, context: &Context<'_>) -> Result<String, EvalError> {
        self.eval(context).map(|value| value.to_string())
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.0
    }
}

/// A condition: true unless it evaluates to something empty, zero or false, or to a text of such.
#[derive(Debug, Clone, PartialEq)]
pub struct InterpolatedBoolean(Condition);

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Known(bool),
    Template(Template),
}

impl InterpolatedBoolean {
    /// Compiles a condition of a component with these `$parameters`.
    pub fn new(source: &str, parameters: &Value) -> Result<Self, SyntaxError> {
        Template::new(source, parameters).map(|t| Self(Condition::Template(t)))
    }

    /// A condition that is known.
    pub fn known(value: bool) -> Self {
        Self(Condition::Known(value))
    }

    /// Whether it holds. Something undefined makes it false.
    pub fn eval(&self, context: &Context<'_>) -> Result<bool, EvalError> {
        match &self.0 {
            Condition::Known(value) => Ok(*value),
            Condition::Template(template) => {
                let value = template.eval_or(context, Types::Any, Fallback::False)?;
                Ok(!is_false(&value))
            }
        }
    }

    /// The template, unless the condition is known.
    pub fn template(&self) -> Option<&Template> {
        match &self.0 {
            Condition::Known(_) => None,
            Condition::Template(template) => Some(template),
        }
    }
}

/// The reference's list of false values.
fn is_false(value: &Value) -> bool {
    match value {
        Value::Str(text) => {
            matches!(&**text, "False" | "false" | "{}" | "[]" | "()" | "" | "0" | "0.0")
        }
        other => !other.is_truthy(),
    }
}
