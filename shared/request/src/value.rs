//! Values as Python has them: what templates compute with, and what records are on the value path.

mod compare;
mod dict;
mod json;
mod literal;
mod number;
mod select;
mod text;

use std::sync::Arc;

use jiff::civil::Date;

use crate::datetime::{DateTime, Period};

pub use dict::{Dict, Key, Object};
pub use json::{JsonError, Style};
pub use literal::literal_eval;
pub(crate) use literal::unescape;
pub use number::Number;
pub(crate) use number::to_float;
pub use select::Selection;
pub(crate) use text::fixed;

/// A value. Cloning is cheap: containers and texts are shared.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Not there. Prints as nothing, is false, and must not be read below.
    Undefined,
    /// `None`, JSON's `null`.
    #[default]
    None,
    /// A boolean.
    Bool(bool),
    /// A number, with the text it was read from.
    Number(Number),
    /// A text.
    Str(Arc<str>),
    /// A list.
    List(Arc<Vec<Self>>),
    /// A tuple.
    Tuple(Arc<Vec<Self>>),
    /// A mapping that keeps its order.
    Dict(Arc<Dict>),
    /// A mapping with attributes beside its items, such as a stream slice.
    Object(Arc<Object>),
    /// A point in time, with or without an offset.
    DateTime(DateTime),
    /// A day.
    Date(Date),
    /// A span of time.
    Period(Period),
    /// A method that nobody has called yet: `record.items`. True, and not to be printed.
    Method(&'static str),
}

impl Value {
    /// An empty mapping.
    pub fn empty_dict() -> Self {
        Self::Dict(Arc::new(Dict::default()))
    }

    /// Whether Python's `bool()` says so.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::None => false,
            Self::Bool(value) => *value,
            Self::Number(number) => !number.is_zero(),
            Self::Str(text) => !text.is_empty(),
            Self::List(items) | Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Object(object) => !object.items.is_empty(),
            Self::DateTime(_) | Self::Date(_) | Self::Method(_) => true,
            Self::Period(period) => !period.is_zero(),
        }
    }

    /// Whether there is nothing: undefined or `None`.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Undefined | Self::None)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// The number as a float; booleans count as numbers, as in Python.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.as_f64()),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        }
    }

    /// The items of a list or tuple.
    pub fn as_slice(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a mapping.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            Self::Object(object) => Some(&object.items),
            _ => None,
        }
    }

    /// The items of a mapping, to change; shared ones are copied first.
    pub fn as_dict_mut(&mut self) -> Option<&mut Dict> {
        match self {
            Self::Dict(dict) => Some(Arc::make_mut(dict)),
            _ => None,
        }
    }

    /// The item of a mapping under a text key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_dict()?.get(key)
    }

    /// Name of the type, as Python spells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Number(number) if number.is_integer() => "int",
            Self::Number(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) | Self::Object(_) => "dict",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Period(_) => "timedelta",
            Self::Method(_) => "builtin_function_or_method",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(Arc::from(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Dict(Arc::new(dict))
    }
}

#[cfg(test)]
mod tests;
