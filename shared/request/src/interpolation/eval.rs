//! Evaluates expressions.

use super::arguments::Args;
use super::ast::{Arguments, Binary, Comparison, Expr};
use super::error::Halt;
use super::run::{MAX_NESTING, Run};
use super::{filters, macros, methods, operators, predicates};
use crate::value::{Dict, Key, Value};

impl Run<'_> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, Halt> {
        self.descend()?;
        let value = self.expression(expr);
        self.ascend();
        value
    }

    fn expression(&mut self, expr: &Expr) -> Result<Value, Halt> {
        match expr {
            Expr::Constant(value) => Ok(value.clone()),
            Expr::Name(name) => Ok(self.name(name)),
            Expr::Captured => Ok(self.captured.last().cloned().unwrap_or_default()),
            Expr::List(items) => self.all(items).map(Value::from),
            Expr::Tuple(items) => self.all(items).map(|items| Value::Tuple(items.into())),
            Expr::Dict(items) => self.dict(items),
            Expr::Attribute(subject, name) => {
                let subject = self.eval(subject)?;
                operators::attribute(&subject, name)
            }
            Expr::Item(subject, key) => {
                let subject = self.eval(subject)?;
                let key = self.eval(key)?;
                operators::item(&subject, &key)
            }
            Expr::Slice(subject, bounds) => self.slice(subject, bounds),
            Expr::Call(callee, arguments) => self.call(callee, arguments),
            Expr::Filter { name, subject, arguments, pattern } => {
                let subject = self.eval(subject)?;
                let args = self.arguments(arguments)?;
                filters::apply(self, name, &subject, &args, Some(pattern))
            }
            Expr::Test { name, subject, arguments } => {
                let subject = self.eval(subject)?;
                let args = self.arguments(arguments)?;
                predicates::holds(name, &subject, &args).map(Value::Bool)
            }
            Expr::Not(inner) => Ok(Value::Bool(!self.eval(inner)?.is_truthy())),
            Expr::Negative(inner) => operators::negative(&self.eval(inner)?),
            Expr::Positive(inner) => operators::positive(&self.eval(inner)?),
            Expr::And(left, right) => {
                let left = self.eval(left)?;
                if left.is_truthy() { self.eval(right) } else { Ok(left) }
            }
            Expr::Or(left, right) => {
                let left = self.eval(left)?;
                if left.is_truthy() { Ok(left) } else { self.eval(right) }
            }
            Expr::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expr::Concat(parts) => self.concat(parts),
            Expr::Compare(first, rest) => self.compare(first, rest),
            Expr::If { test, then, otherwise } => {
                if self.eval(test)?.is_truthy() {
                    return self.eval(then);
                }
                otherwise.as_ref().map_or(Ok(Value::Undefined), |other| self.eval(other))
            }
        }
    }

    fn slice(&mut self, subject: &Expr, bounds: &[Option<Expr>; 3]) -> Result<Value, Halt> {
        let subject = self.eval(subject)?;
        let mut values = [const { Value::None }; 3];
        for (slot, bound) in values.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                *slot = self.eval(bound)?;
            }
        }
        operators::slice(&subject, &values)
    }

    fn binary(&mut self, operator: Binary, left: &Expr, right: &Expr) -> Result<Value, Halt> {
        let left = self.eval(left)?;
        let right = self.eval(right)?;
        let value = operators::binary(operator, &left, &right)?;
        if let Value::Str(text) = &value {
            self.burn(text.len() / 64)?;
        }
        Ok(value)
    }

    fn concat(&mut self, parts: &[Expr]) -> Result<Value, Halt> {
        let mut text = String::new();
        for part in parts {
            let part = self.eval(part)?;
            text.push_str(&self.text(&part)?);
        }
        operators::limited(text.len())?;
        Ok(Value::from(text))
    }

    fn all(&mut self, items: &[Expr]) -> Result<Vec<Value>, Halt> {
        items.iter().map(|item| self.eval(item)).collect()
    }

    fn dict(&mut self, items: &[(Expr, Expr)]) -> Result<Value, Halt> {
        let mut dict = Dict::default();
        for (key, value) in items {
            let key = self.eval(key)?;
            let value = self.eval(value)?;
            let key = Key::new(key).ok_or_else(|| Halt::type_error("unhashable key"))?;
            dict.insert(key, value);
        }
        Ok(Value::from(dict))
    }

    fn compare(&mut self, first: &Expr, rest: &[(Comparison, Expr)]) -> Result<Value, Halt> {
        let mut left = self.eval(first)?;
        for (comparison, right) in rest {
            let right = self.eval(right)?;
            if !operators::compare(*comparison, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn arguments(&mut self, arguments: &Arguments) -> Result<Args, Halt> {
        let mut positional = self.all(&arguments.positional)?;
        if let Some(spread) = &arguments.spread {
            let spread = self.eval(spread)?;
            positional.extend(operators::iterate(&spread)?);
        }
        let mut named = Vec::new();
        for (name, value) in &arguments.named {
            named.push((name.clone(), self.eval(value)?));
        }
        if let Some(spread) = &arguments.spread_named {
            let spread = self.eval(spread)?;
            let dict = spread.as_dict().ok_or_else(|| Halt::type_error("** needs a mapping"))?;
            named.extend(dict.iter().map(|(key, v)| (key.value().to_string(), v.clone())));
        }
        Ok(Args { positional, named })
    }

    fn call(&mut self, callee: &Expr, arguments: &Arguments) -> Result<Value, Halt> {
        match callee {
            Expr::Name(name) if !self.is_bound(name) => {
                let args = self.arguments(arguments)?;
                macros::call(self.context, name, &args)
            }
            Expr::Attribute(subject, method) => self.method(subject, method, arguments),
            other => {
                let value = self.eval(other)?;
                self.arguments(arguments)?;
                Err(not_callable(&value))
            }
        }
    }

    fn method(
        &mut self,
        subject: &Expr,
        method: &str,
        arguments: &Arguments,
    ) -> Result<Value, Halt> {
        if methods::changes(method) && self.owns(subject) {
            let args = self.arguments(arguments)?;
            self.burn(args.positional.len())?;
            for value in &args.positional {
                self.weigh(value, MAX_NESTING)?;
            }
            let place = self.place(subject)?.ok_or(Halt::Undefined)?;
            if methods::has(place, method) {
                return methods::change(place, method, &args);
            }
        }
        let subject = self.eval(subject)?;
        let args = self.arguments(arguments)?;
        if methods::has(&subject, method) {
            return methods::call(self, &subject, method, &args);
        }
        let found = operators::attribute(&subject, method)?;
        Err(not_callable(&found))
    }

    /// Whether an expression lies below one of the template's own variables.
    fn owns(&mut self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(name) => self.variable(name).is_some(),
            Expr::Attribute(inner, _) | Expr::Item(inner, _) => self.owns(inner),
            _ => false,
        }
    }

    /// What an expression below one of the template's own variables holds, to change in place.
    fn place(&mut self, expr: &Expr) -> Result<Option<&mut Value>, Halt> {
        match expr {
            Expr::Name(name) => Ok(self.variable(name)),
            Expr::Attribute(inner, name) => {
                let outer = self.place(inner)?;
                Ok(outer.and_then(|outer| operators::place(outer, &Value::from(name.as_str()))))
            }
            Expr::Item(inner, key) => {
                let key = self.eval(key)?;
                let outer = self.place(inner)?;
                Ok(outer.and_then(|outer| operators::place(outer, &key)))
            }
            _ => Ok(None),
        }
    }
}

fn not_callable(value: &Value) -> Halt {
    match value {
        Value::Undefined => Halt::Undefined,
        other => Halt::type_error(format!("{} is not callable", other.type_name())),
    }
}
