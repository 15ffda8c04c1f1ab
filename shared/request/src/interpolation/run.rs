//! One evaluation of a template: statements, scopes and limits.

use super::ast::{Expr, For, Statement, Target};
use super::context::Context;
use super::error::Halt;
use crate::value::{Dict, Value};

/// Steps one evaluation may take.
const FUEL: u64 = 1_000_000;
/// Bytes one evaluation may hold as text.
pub(super) const MAX_TEXT: usize = 4 * 1024 * 1024;
/// Deepest nesting of expressions while they are evaluated.
const MAX_DEPTH: usize = 200;
/// Deepest nesting of a value that a template keeps.
pub(super) const MAX_NESTING: usize = 100;

/// One evaluation.
pub(super) struct Run<'r> {
    pub(super) context: &'r Context<'r>,
    parameters: &'r Value,
    scopes: Vec<Vec<(String, Value)>>,
    /// Texts that `filter` and `set` blocks captured, innermost last.
    pub(super) captured: Vec<Value>,
    fuel: u64,
    depth: usize,
}

impl<'r> Run<'r> {
    pub(super) fn new(context: &'r Context<'r>, parameters: &'r Value) -> Self {
        Self {
            context,
            parameters,
            scopes: vec![Vec::new()],
            captured: Vec::new(),
            fuel: FUEL,
            depth: 0,
        }
    }

    /// Renders statements to text.
    pub(super) fn render(mut self, statements: &[Statement]) -> Result<String, Halt> {
        let mut out = String::new();
        self.statements(statements, &mut out)?;
        Ok(out)
    }

    /// The value of an expression that stands alone.
    pub(super) fn value(mut self, expression: &Expr) -> Result<Value, Halt> {
        let value = self.eval(expression)?;
        self.weigh(&value, MAX_NESTING)?;
        match value {
            Value::Method(_) => self.text(&value).map(Value::from),
            value => Ok(value),
        }
    }

    /// Pays for work.
    pub(super) fn burn(&mut self, steps: usize) -> Result<(), Halt> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        self.fuel = self.fuel.checked_sub(steps).ok_or(Halt::Exhausted("its steps"))?;
        Ok(())
    }

    pub(super) fn descend(&mut self) -> Result<(), Halt> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Halt::Exhausted("its depth")) } else { self.burn(1) }
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// Pays for keeping a value by the number of its parts, shared ones as often as they occur:
    /// so no value grows beyond what can be walked, nor deeper than can be dropped.
    pub(super) fn weigh(&mut self, value: &Value, left: usize) -> Result<(), Halt> {
        self.burn(1)?;
        let left = left.checked_sub(1).ok_or(Halt::Exhausted("its depth"))?;
        if let Some(dict) = value.as_dict() {
            return dict.values().try_for_each(|inner| self.weigh(inner, left));
        }
        let items = value.as_slice().unwrap_or_default();
        items.iter().try_for_each(|inner| self.weigh(inner, left))
    }

    /// The value of a name: the template's own, the component's, the place's.
    pub(super) fn name(&self, name: &str) -> Value {
        let own = self.scopes.iter().rev().flatten().find(|(key, _)| key == name);
        if let Some((_, value)) = own {
            return value.clone();
        }
        match name {
            "parameters" => self.parameters.clone(),
            "self" => Value::empty_dict(),
            _ => self.context.get(name).cloned().unwrap_or(Value::Undefined),
        }
    }

    /// Whether the name is the template's own or the place's, not a macro.
    pub(super) fn is_bound(&self, name: &str) -> bool {
        self.scopes.iter().flatten().any(|(key, _)| key == name) || self.context.has(name)
    }

    /// The template's own variable, to change in place.
    pub(super) fn variable(&mut self, name: &str) -> Option<&mut Value> {
        let own = self.scopes.iter_mut().rev().flat_map(|scope| scope.iter_mut().rev());
        own.filter(|(key, _)| key == name).map(|(_, value)| value).next()
    }

    fn set(&mut self, name: &str, value: Value) {
        let Some(scope) = self.scopes.last_mut() else { return };
        match scope.iter_mut().find(|(key, _)| key == name) {
            Some((_, slot)) => *slot = value,
            None => scope.push((name.to_owned(), value)),
        }
    }

    fn bind(&mut self, target: &Target, value: Value) -> Result<(), Halt> {
        self.weigh(&value, MAX_NESTING)?;
        match target {
            Target::Name(name) => self.set(name, value),
            Target::Attribute(name, attribute) => {
                let slot = self.variable(name).and_then(Value::as_dict_mut);
                let Some(namespace) = slot else {
                    return Err(Halt::failed("only a namespace has attributes to set"));
                };
                namespace.insert(attribute.as_str(), value);
            }
            Target::Tuple(targets) => {
                let items = super::operators::iterate(&value)?;
                if items.len() != targets.len() {
                    return Err(Halt::failed("the number of values to unpack differs"));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.bind(target, item)?;
                }
            }
        }
        Ok(())
    }

    fn scoped<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Halt>) -> Result<T, Halt> {
        self.scopes.push(Vec::new());
        let result = body(self);
        self.scopes.pop();
        result
    }

    fn statements(&mut self, statements: &[Statement], out: &mut String) -> Result<(), Halt> {
        for statement in statements {
            self.burn(1)?;
            self.statement(statement, out)?;
            if out.len() > MAX_TEXT {
                return Err(Halt::Exhausted("its length"));
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement, out: &mut String) -> Result<(), Halt> {
        match statement {
            Statement::Data(text) => out.push_str(text),
            Statement::Print(value) => {
                let value = self.eval(value)?;
                out.push_str(&self.text(&value)?);
            }
            Statement::If { test, then, otherwise } => {
                let branch = if self.eval(test)?.is_truthy() { then } else { otherwise };
                self.statements(branch, out)?;
            }
            Statement::For(each) => self.each(each, out)?,
            Statement::Set { target, value } => {
                let value = self.eval(value)?;
                self.bind(target, value)?;
            }
            Statement::SetBlock { name, filter, body } => {
                let value = self.capture(filter, body)?;
                self.set(name, value);
            }
            Statement::With { bindings, body } => {
                let values =
                    bindings.iter().map(|(_, v)| self.eval(v)).collect::<Result<Vec<_>, _>>()?;
                self.scoped(|run| {
                    for ((target, _), value) in bindings.iter().zip(values) {
                        run.bind(target, value)?;
                    }
                    run.statements(body, out)
                })?;
            }
            Statement::Filter { filter, body } => {
                let value = self.capture(filter, body)?;
                out.push_str(&self.text(&value)?);
            }
        }
        Ok(())
    }

    /// What a value prints, paid for by its length.
    pub(super) fn text(&mut self, value: &Value) -> Result<String, Halt> {
        if let Value::Method(name) = value {
            let reason = format!("`{name}` is a method here: call it, or write .get('{name}')");
            return Err(Halt::failed(reason));
        }
        let text = super::operators::printed(value)?;
        self.burn(text.len() / 64)?;
        Ok(text)
    }

    fn capture(&mut self, filter: &Expr, body: &[Statement]) -> Result<Value, Halt> {
        let mut inner = String::new();
        self.scoped(|run| run.statements(body, &mut inner))?;
        self.captured.push(Value::from(inner));
        let value = self.eval(filter);
        self.captured.pop();
        value
    }

    fn each(&mut self, each: &For, out: &mut String) -> Result<(), Halt> {
        let all = self.eval(&each.items)?;
        let mut items = super::operators::iterate(&all)?;
        if let Some(only) = &each.only {
            let mut kept = Vec::new();
            for item in items {
                let keep = self.scoped(|run| {
                    run.bind(&each.target, item.clone())?;
                    run.eval(only)
                })?;
                if keep.is_truthy() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.scoped(|run| run.statements(&each.otherwise, out));
        }
        let count = items.len();
        for (at, item) in items.iter().enumerate() {
            self.scoped(|run| {
                run.set("loop", state(at, count, &items));
                run.bind(&each.target, item.clone())?;
                run.statements(&each.body, out)
            })?;
        }
        Ok(())
    }
}

/// Jinja2's `loop`.
fn state(at: usize, count: usize, items: &[Value]) -> Value {
    let number = |n: usize| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    let neighbour =
        |at: Option<usize>| at.and_then(|at| items.get(at)).cloned().unwrap_or(Value::Undefined);
    let fields = [
        ("index", number(at + 1)),
        ("index0", number(at)),
        ("revindex", number(count - at)),
        ("revindex0", number(count - at - 1)),
        ("first", Value::Bool(at == 0)),
        ("last", Value::Bool(at + 1 == count)),
        ("length", number(count)),
        ("previtem", neighbour(at.checked_sub(1))),
        ("nextitem", neighbour(Some(at + 1))),
    ];
    Value::from(fields.into_iter().collect::<Dict>())
}
