//! Arguments of calls, evaluated.

use super::error::Halt;
use crate::value::{Dict, Value};

/// Arguments of a macro, method, filter or test.
#[derive(Debug, Default)]
pub(super) struct Args {
    pub(super) positional: Vec<Value>,
    pub(super) named: Vec<(String, Value)>,
}

impl Args {
    /// Arguments by the names of a signature; Python's `TypeError` for too many or unknown ones.
    pub(super) fn bind<const N: usize>(
        &self,
        function: &str,
        names: [&str; N],
    ) -> Result<[Option<Value>; N], Halt> {
        if self.positional.len() > N {
            return Err(Halt::type_error(format!("{function}() takes at most {N} arguments")));
        }
        let mut bound: [Option<Value>; N] = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(&self.positional) {
            *slot = Some(value.clone());
        }
        for (name, value) in &self.named {
            let slot =
                names.iter().position(|known| known == name).and_then(|at| bound.get_mut(at));
            let Some(slot @ None) = slot else {
                let reason = format!("{function}() got an unexpected argument `{name}`");
                return Err(Halt::type_error(reason));
            };
            *slot = Some(value.clone());
        }
        Ok(bound)
    }

    /// The argument of a function that takes exactly one.
    pub(super) fn one(&self, function: &str, name: &str) -> Result<Value, Halt> {
        let [value] = self.bind(function, [name])?;
        required(value, function, name)
    }

    /// No arguments at all.
    pub(super) fn none(&self, function: &str) -> Result<(), Halt> {
        self.bind::<0>(function, []).map(|_: [Option<Value>; 0]| ())
    }

    /// The named arguments as a mapping.
    pub(super) fn dict(&self) -> Dict {
        self.named.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
    }
}

/// An argument that must be there.
pub(super) fn required(value: Option<Value>, function: &str, name: &str) -> Result<Value, Halt> {
    value.ok_or_else(|| Halt::type_error(format!("{function}() misses its argument `{name}`")))
}

/// A text argument; Python's `TypeError` for another type.
pub(super) fn text(value: &Value, function: &str) -> Result<String, Halt> {
    match value {
        Value::Str(text) => Ok(text.to_string()),
        Value::Undefined => Err(Halt::Undefined),
        other => {
            Err(Halt::type_error(format!("{function}() takes a text, not {}", other.type_name())))
        }
    }
}

/// An integer argument.
pub(super) fn integer(value: &Value, function: &str) -> Result<i64, Halt> {
    match value {
        Value::Undefined => Err(Halt::Undefined),
        other => other.as_i64().ok_or_else(|| {
            Halt::type_error(format!("{function}() takes an integer, not {}", other.type_name()))
        }),
    }
}
