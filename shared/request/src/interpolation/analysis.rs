//! What a template reads, found without evaluating it.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Arguments, Expr, Statement, Target};
use crate::value::{Selection, Value};

/// The top-level names that a template reads, and which parts below them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reads(BTreeMap<String, Selection>);

impl Reads {
    /// The names, macros included.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names that stand for values: macros are left out.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.roots().filter(|name| !super::macros::NAMES.contains(name))
    }

    /// What is read of a name; none when it is not read at all. Aliases of `stream_slice` are
    /// names of their own.
    pub fn of(&self, name: &str) -> Option<&Selection> {
        self.0.get(name)
    }

    /// Adds what another template reads.
    pub fn merge(&mut self, other: &Self) {
        for (name, selection) in &other.0 {
            self.0.entry(name.clone()).or_insert_with(Selection::nothing).merge(selection);
        }
    }
}

/// Finds what statements read.
pub(super) fn analyse(statements: &[Statement]) -> Reads {
    let mut walk = Walk { reads: Reads::default(), scopes: vec![BTreeSet::new()] };
    walk.statements(statements);
    walk.reads
}

struct Walk {
    reads: Reads,
    /// Names bound by the template itself, by scope.
    scopes: Vec<BTreeSet<String>>,
}

impl Walk {
    fn bind(&mut self, target: &Target) {
        match target {
            Target::Name(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.insert(name.clone());
                }
            }
            Target::Attribute(name, _) => self.read(name, &[]),
            Target::Tuple(targets) => {
                for target in targets {
                    self.bind(target);
                }
            }
        }
    }

    fn read(&mut self, name: &str, path: &[String]) {
        if !self.scopes.iter().any(|scope| scope.contains(name)) {
            let selection = self.reads.0.entry(name.to_owned());
            selection.or_insert_with(Selection::nothing).add(path);
        }
    }

    fn scoped(&mut self, body: impl FnOnce(&mut Self)) {
        self.scopes.push(BTreeSet::new());
        body(self);
        self.scopes.pop();
    }

    /// A name that only a branch binds is one that the place must offer: so Jinja2 sees it.
    fn branch(&mut self, statements: &[Statement]) {
        self.scopes.push(BTreeSet::new());
        self.statements(statements);
        for name in self.scopes.pop().unwrap_or_default() {
            self.read(&name, &[]);
        }
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Data(_) => {}
            Statement::Print(value) => self.expr(value),
            Statement::If { test, then, otherwise } => {
                self.expr(test);
                self.branch(then);
                self.branch(otherwise);
            }
            Statement::For(each) => {
                self.expr(&each.items);
                self.scoped(|walk| {
                    walk.bind(&Target::Name("loop".to_owned()));
                    walk.bind(&each.target);
                    walk.exprs(&each.only);
                    walk.statements(&each.body);
                });
                self.scoped(|walk| walk.statements(&each.otherwise));
            }
            Statement::Set { target, value } => {
                self.expr(value);
                self.bind(target);
            }
            Statement::SetBlock { name, filter, body } => {
                self.scoped(|walk| walk.statements(body));
                self.expr(filter);
                self.bind(&Target::Name(name.clone()));
            }
            Statement::With { bindings, body } => {
                self.exprs(bindings.iter().map(|(_, value)| value));
                self.scoped(|walk| {
                    for (target, _) in bindings {
                        walk.bind(target);
                    }
                    walk.statements(body);
                });
            }
            Statement::Filter { filter, body } => {
                self.scoped(|walk| walk.statements(body));
                self.expr(filter);
            }
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn arguments(&mut self, arguments: &Arguments) {
        self.exprs(&arguments.positional);
        self.exprs(arguments.named.iter().map(|(_, value)| value));
        self.exprs(arguments.spread.as_deref());
        self.exprs(arguments.spread_named.as_deref());
    }

    fn expr(&mut self, expr: &Expr) {
        if let Some((name, path, rest)) = path_of(expr) {
            self.read(name, &path);
            self.exprs(rest);
            return;
        }
        match expr {
            Expr::Constant(_) | Expr::Captured | Expr::Name(_) => {}
            Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => self.exprs(items),
            Expr::Dict(items) => {
                for (key, value) in items {
                    self.exprs([key, value]);
                }
            }
            Expr::Attribute(inner, _)
            | Expr::Not(inner)
            | Expr::Negative(inner)
            | Expr::Positive(inner) => self.expr(inner),
            Expr::Item(a, b) | Expr::And(a, b) | Expr::Or(a, b) | Expr::Binary(_, a, b) => {
                self.exprs([&**a, &**b]);
            }
            Expr::Slice(inner, bounds) => {
                self.expr(inner);
                self.exprs(bounds.iter().flatten());
            }
            Expr::Call(callee, arguments) => {
                match &**callee {
                    // A method looks at the whole of what it belongs to.
                    Expr::Attribute(subject, _) => self.expr(subject),
                    other => self.expr(other),
                }
                self.arguments(arguments);
            }
            Expr::Filter { subject, arguments, .. } | Expr::Test { subject, arguments, .. } => {
                self.expr(subject);
                self.arguments(arguments);
            }
            Expr::Compare(first, rest) => self.compare(first, rest),
            Expr::If { test, then, otherwise } => {
                self.exprs([&**test, &**then]);
                self.exprs(otherwise.as_deref());
            }
        }
    }

    /// `'key' in mapping` needs no more of the mapping than that key.
    fn compare(&mut self, first: &Expr, rest: &[(super::ast::Comparison, Expr)]) {
        use super::ast::Comparison::{In, NotIn};
        if let (Expr::Constant(Value::Str(key)), [(In | NotIn, container)]) = (first, rest)
            && let Some((name, mut path, others)) = path_of(container)
        {
            path.push(key.to_string());
            self.read(name, &path);
            self.exprs(others);
            return;
        }
        self.expr(first);
        self.exprs(rest.iter().map(|(_, operand)| operand));
    }
}

type Path<'e> = (&'e str, Vec<String>, Vec<&'e Expr>);

/// A constant path below a name: `a.b`, `a['b']`, `a.get('b', default)`; with the defaults.
fn path_of(expr: &Expr) -> Option<Path<'_>> {
    let below = |inner, key: &str| {
        let (name, mut path, rest) = path_of(inner)?;
        path.push(key.to_owned());
        Some((name, path, rest))
    };
    match expr {
        Expr::Name(name) => Some((name, Vec::new(), Vec::new())),
        Expr::Attribute(inner, key) => below(inner, key),
        Expr::Item(inner, key) => match &**key {
            Expr::Constant(Value::Str(key)) => below(inner, key),
            _ => None,
        },
        Expr::Call(callee, arguments) => {
            let Expr::Attribute(inner, method) = &**callee else { return None };
            let plain = arguments.spread.is_none() && arguments.named.is_empty();
            match (method.as_str(), arguments.positional.as_slice(), plain) {
                ("get", [Expr::Constant(Value::Str(key)), rest @ ..], true) => {
                    let (name, path, mut others) = below(inner, key)?;
                    others.extend(rest);
                    Some((name, path, others))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
