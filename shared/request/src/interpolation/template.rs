//! A compiled template.

use std::fmt;
use std::sync::Arc;

use super::analysis::{Reads, analyse};
use super::ast::Statement;
use super::context::Context;
use super::error::{EvalError, Halt, SyntaxError, shorten};
use super::parser::parse;
use super::run::Run;
use crate::value::{Value, literal_eval};

/// A template, compiled.
#[derive(Clone)]
pub struct Template(Arc<Inner>);

struct Inner {
    source: String,
    body: Body,
    reads: Reads,
    /// Names that the place of use must offer.
    needs: Vec<String>,
    parameters: Value,
}

enum Body {
    /// A text without tags, as rendered, and what it says as a literal.
    Plain(Arc<str>, Option<Value>),
    Compiled(Vec<Statement>),
}

/// A name that templates may not even mention, since the reference dropped it.
const FORBIDDEN: &str = "stream_state";

/// Which types a literal may have; others stay the text they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Types {
    /// Any.
    Any,
    /// Texts: keys, and `value_type: string`.
    Text,
    /// Texts and lists: request parameters and form fields.
    TextOrList,
    /// Floats: `value_type: number`.
    Float,
    /// Integers, booleans among them as in Python: `value_type: integer`.
    Integer,
    /// Booleans: `value_type: boolean`.
    Boolean,
}

impl Types {
    fn allow(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => matches!(value, Value::Str(_)),
            Self::TextOrList => matches!(value, Value::Str(_) | Value::List(_)),
            Self::Float => matches!(value, Value::Number(n) if !n.is_integer()),
            Self::Integer => match value {
                Value::Number(n) => n.is_integer(),
                other => matches!(other, Value::Bool(_)),
            },
            Self::Boolean => matches!(value, Value::Bool(_)),
        }
    }
}

/// What stands in for an empty result and for something undefined.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fallback {
    /// The template itself once more: empty stays empty, undefined is an error.
    Itself,
    /// `None`.
    None,
    /// `False`.
    False,
}

/// Longest template, in bytes.
const MAX_SOURCE: usize = 64 * 1024;

impl Template {
    /// Compiles a template of a component with these `$parameters`.
    pub fn new(source: &str, parameters: &Value) -> Result<Self, SyntaxError> {
        if source.len() > MAX_SOURCE {
            return Err(SyntaxError::new(format!("longer than {MAX_SOURCE} bytes")));
        }
        let statements = parse(source)?;
        let reads = analyse(&statements);
        let body = match statements.as_slice() {
            [] => Body::Plain(Arc::from(""), None),
            [Statement::Data(text)] => Body::Plain(Arc::from(text.as_str()), literal_eval(text)),
            _ => Body::Compiled(statements),
        };
        let known = |name: &str| {
            matches!(name, "parameters" | "self") || super::macros::NAMES.contains(&name)
        };
        let mut needs: Vec<String> =
            reads.roots().filter(|name| !known(name)).map(ToOwned::to_owned).collect();
        if source.contains(FORBIDDEN) {
            needs.push(FORBIDDEN.to_owned());
        }
        let (source, parameters) = (source.to_owned(), parameters.clone());
        Ok(Self(Arc::new(Inner { source, body, reads, needs, parameters })))
    }

    /// The template as written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether it has no tags, so that its value never changes.
    pub fn is_constant(&self) -> bool {
        matches!(self.0.body, Body::Plain(..))
    }

    /// Which names it reads, and which constant paths below them.
    pub fn reads(&self) -> &Reads {
        &self.0.reads
    }

    /// Renders to text and reads the text as a literal; `None` for an empty or undefined result.
    pub fn eval(&self, context: &Context<'_>, types: Types) -> Result<Value, EvalError> {
        self.eval_or(context, types, Fallback::None)
    }

    /// The value of its only expression as it is, or the text that it renders: a text of digits
    /// stays a text. Something undefined is [`Value::Undefined`].
    pub fn value(&self, context: &Context<'_>) -> Result<Value, EvalError> {
        self.check_names(context)?;
        let statements = match &self.0.body {
            Body::Plain(text, _) => return Ok(Value::Str(Arc::clone(text))),
            Body::Compiled(statements) => statements,
        };
        let run = Run::new(context, &self.0.parameters);
        let value = match statements.as_slice() {
            [Statement::Print(only)] => run.value(only),
            _ => run.render(statements).map(Value::from),
        };
        match value {
            Err(Halt::Undefined) => Ok(Value::Undefined),
            value => value.map_err(|halt| halt.of(self.source())),
        }
    }

    pub(super) fn eval_or(
        &self,
        context: &Context<'_>,
        types: Types,
        fallback: Fallback,
    ) -> Result<Value, EvalError> {
        self.check_names(context)?;
        if let Body::Plain(text, literal) = &self.0.body
            && !text.is_empty()
        {
            let literal = literal.as_ref().filter(|literal| types.allow(literal));
            return Ok(literal.cloned().unwrap_or_else(|| Value::Str(Arc::clone(text))));
        }
        let first = self.render(context);
        match (first, fallback) {
            (Ok(text), _) if !text.is_empty() => Ok(literal(&text, types)),
            (Ok(_), Fallback::Itself) => Ok(Value::from("")),
            (Ok(_) | Err(Halt::Undefined), Fallback::None) => Ok(Value::None),
            (Ok(_) | Err(Halt::Undefined), Fallback::False) => Ok(Value::Bool(false)),
            (Err(halt), _) => Err(halt.of(self.source())),
        }
    }

    /// The rendered text; a type error gives the template's own text.
    fn render(&self, context: &Context<'_>) -> Result<Arc<str>, Halt> {
        let statements = match &self.0.body {
            Body::Plain(text, _) => return Ok(Arc::clone(text)),
            Body::Compiled(statements) => statements,
        };
        match Run::new(context, &self.0.parameters).render(statements) {
            Ok(text) => Ok(Arc::from(text)),
            Err(Halt::Type(_)) => Ok(Arc::from(self.source())),
            Err(halt) => Err(halt),
        }
    }

    fn check_names(&self, context: &Context<'_>) -> Result<(), EvalError> {
        let offered = |name: &str| name != FORBIDDEN && context.has(name);
        let missing: Vec<String> = (self.0.needs.iter())
            .filter(|name| !offered(name))
            .map(|name| format!("`{name}`"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(EvalError::Undeclared { template: shorten(self.source()), names: missing.join(", ") })
    }
}

fn literal(text: &Arc<str>, types: Types) -> Value {
    literal_eval(text)
        .filter(|value| types.allow(value))
        .unwrap_or_else(|| Value::Str(Arc::clone(text)))
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source() && self.0.parameters == other.0.parameters
    }
}
