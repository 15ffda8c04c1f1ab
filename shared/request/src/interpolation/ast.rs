//! The syntax tree of a template.

use std::sync::OnceLock;

use regex::Regex;

use crate::value::Value;

/// A statement.
#[derive(Debug)]
pub(super) enum Statement {
    /// Text as it stands.
    Data(String),
    /// `{{ … }}`
    Print(Expr),
    /// `{% if %}`, `elif` being an `if` in the second body.
    If { test: Expr, then: Vec<Self>, otherwise: Vec<Self> },
    /// `{% for %}`
    For(Box<For>),
    /// `{% set x = … %}`
    Set { target: Target, value: Expr },
    /// `{% set x %}…{% endset %}`, with filters.
    SetBlock { name: String, filter: Expr, body: Vec<Self> },
    /// `{% with %}`
    With { bindings: Vec<(Target, Expr)>, body: Vec<Self> },
    /// `{% filter %}…{% endfilter %}`
    Filter { filter: Expr, body: Vec<Self> },
}

/// A loop.
#[derive(Debug)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) items: Expr,
    pub(super) only: Option<Expr>,
    pub(super) body: Vec<Statement>,
    pub(super) otherwise: Vec<Statement>,
}

/// What an assignment binds.
#[derive(Debug)]
pub(super) enum Target {
    Name(String),
    /// `namespace.attribute`
    Attribute(String, String),
    Tuple(Vec<Self>),
}

/// An expression.
#[derive(Debug)]
pub(super) enum Expr {
    Constant(Value),
    Name(String),
    /// Value of the block that a `filter` or `set` statement captured.
    Captured,
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Dict(Vec<(Self, Self)>),
    Attribute(Box<Self>, String),
    Item(Box<Self>, Box<Self>),
    Slice(Box<Self>, Box<[Option<Self>; 3]>),
    Call(Box<Self>, Arguments),
    Filter {
        name: String,
        subject: Box<Self>,
        arguments: Arguments,
        pattern: OnceLock<Pattern>,
    },
    Test {
        name: String,
        subject: Box<Self>,
        arguments: Arguments,
    },
    Not(Box<Self>),
    Negative(Box<Self>),
    Positive(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Binary(Binary, Box<Self>, Box<Self>),
    /// `a ~ b ~ c`
    Concat(Vec<Self>),
    Compare(Box<Self>, Vec<(Comparison, Self)>),
    If {
        test: Box<Self>,
        then: Box<Self>,
        otherwise: Option<Box<Self>>,
    },
}

/// A regular expression compiled for a filter, with its source.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) source: String,
    pub(super) regex: Regex,
}

/// The arguments of a call, a filter or a test.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Expr>,
    pub(super) named: Vec<(String, Expr)>,
    /// `*args`
    pub(super) spread: Option<Box<Expr>>,
    /// `**kwargs`
    pub(super) spread_named: Option<Box<Expr>>,
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}
