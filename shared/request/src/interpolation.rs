//! Templates: Jinja2 with the reference's macros and filters, evaluated over Python-like values.
//!
//! A template is compiled once and evaluated often; one without tags costs a clone. Evaluation is
//! bounded in steps and in output. What comes out of a template is a text that is then read as a
//! Python literal, so `"{{ record.id }}"` gives a number where the field holds one.

mod analysis;
mod arguments;
mod ast;
mod context;
mod cursor;
mod error;
mod eval;
mod expression;
mod filters;
mod lexer;
mod macros;
mod mapping;
mod methods;
mod operators;
mod parser;
mod predicates;
mod printf;
mod run;
mod strings;
mod template;

pub use analysis::Reads;
pub use context::Context;
pub use error::{EvalError, SyntaxError};
pub use mapping::{InterpolatedMapping, InterpolatedNestedMapping};
pub use strings::{InterpolatedBoolean, InterpolatedString};
pub use template::{Template, Types};

#[cfg(test)]
mod tests;
