//! What can go wrong with a template.

use model::{Classify, Retry};

/// A template that cannot be compiled. Texts name what is wrong, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template cannot be read: {reason}")]
pub struct SyntaxError {
    reason: String,
}

impl SyntaxError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl Classify for SyntaxError {
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why a template gives no value. Texts quote the template, never what it was evaluated with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An attribute, an item or a call of something that is not there.
    #[error("`{template}` reads below something undefined")]
    Undefined {
        /// The template.
        template: String,
    },
    /// Top-level names that the place of use does not offer.
    #[error("`{template}` names {names}, which does not exist here")]
    Undeclared {
        /// The template.
        template: String,
        /// The names, quoted and joined.
        names: String,
    },
    /// A function or operation refused its operands.
    #[error("`{template}` fails: {reason}")]
    Failed {
        /// The template.
        template: String,
        /// Why.
        reason: String,
    },
    /// The template ran too long or grew too large.
    #[error("`{template}` exceeds {limit}")]
    Exhausted {
        /// The template.
        template: String,
        /// Which limit.
        limit: &'static str,
    },
}

impl Classify for EvalError {
    fn retry(&self) -> Retry {
        match self {
            Self::Undefined { .. }
            | Self::Undeclared { .. }
            | Self::Failed { .. }
            | Self::Exhausted { .. } => Retry::Never,
        }
    }
}

/// Why an evaluation stops, before it is known which template it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Python's `TypeError`: the template's own text becomes the result.
    Type(String),
    /// Jinja2's `UndefinedError`.
    Undefined,
    /// Any other exception.
    Failed(String),
    /// A limit.
    Exhausted(&'static str),
}

impl Halt {
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    pub(crate) fn type_error(reason: impl Into<String>) -> Self {
        Self::Type(reason.into())
    }

    /// The error of a template; a type error that has nowhere to go is a failure.
    pub(crate) fn of(self, template: &str) -> EvalError {
        let template = shorten(template);
        match self {
            Self::Undefined => EvalError::Undefined { template },
            Self::Type(reason) | Self::Failed(reason) => EvalError::Failed { template, reason },
            Self::Exhausted(limit) => EvalError::Exhausted { template, limit },
        }
    }
}

/// A template as errors quote it.
pub(crate) fn shorten(template: &str) -> String {
    let line = template.replace('\n', " ");
    if line.chars().count() <= 120 {
        return line;
    }
    line.chars().take(119).chain(['…']).collect()
}
