//! JSON with templates in it.

use std::sync::Arc;

use request::interpolation::{Context, EvalError, Template};
use request::value::{Dict, Value};

/// A JSON value with templates at any depth. A template that is one expression gives its value as
/// it is, so numbers keep their digits and texts of digits stay texts.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Value(Value),
    Template(Template),
    List(Vec<Self>),
    Fields(Vec<(Arc<str>, Self)>),
}

/// What becomes of fields whose value is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// They are left out, as absent ones are.
    Omit,
    /// They are sent.
    Send,
}

impl Shape {
    /// The value. Fields of the shape that are absent are left out; so are nulls, unless they are
    /// to be sent.
    pub(crate) fn value(&self, context: &Context<'_>, nulls: Nulls) -> Result<Value, EvalError> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Template(template) => template.value(context)?,
            Self::List(items) => {
                let items = items.iter().map(|item| item.value(context, nulls));
                Value::from(items.collect::<Result<Vec<_>, _>>()?)
            }
            Self::Fields(fields) => {
                let mut dict = Dict::default();
                for (name, field) in fields {
                    let value = field.value(context, nulls)?;
                    let absent = match nulls {
                        Nulls::Omit => value.is_nothing(),
                        Nulls::Send => matches!(value, Value::Undefined),
                    };
                    if !absent {
                        dict.insert(Arc::clone(name), value);
                    }
                }
                Value::from(dict)
            }
        })
    }
}
