//! What follows an expression: fields, items, calls, filters, tests.

use std::sync::OnceLock;

use super::Parser;
use crate::interpolation::ast::{Arguments, Expr};
use crate::interpolation::error::SyntaxError;
use crate::interpolation::lexer::Token;
use crate::value::{Number, Value};

impl Parser {
    pub(super) fn postfix(&mut self, mut node: Expr) -> Result<Expr, SyntaxError> {
        loop {
            self.link()?;
            if self.skip_operator(".") {
                node = match self.next() {
                    Some(Token::Name(name)) => Expr::Attribute(Box::new(node), name),
                    Some(Token::Integer(literal)) => {
                        let index = Number::python_integer(&literal)
                            .ok_or_else(|| SyntaxError::new("a broken number"))?;
                        Expr::Item(Box::new(node), Box::new(Expr::Constant(Value::Number(index))))
                    }
                    other => return Err(Self::unexpected(other.as_ref())),
                };
            } else if self.skip_operator("[") {
                node = self.subscript(node)?;
            } else if self.skip_operator("(") {
                node = Expr::Call(Box::new(node), self.arguments()?);
            } else {
                return Ok(node);
            }
        }
    }

    fn subscript(&mut self, node: Expr) -> Result<Expr, SyntaxError> {
        let start = if self.peek() == Some(&Token::Operator(":")) {
            None
        } else {
            Some(self.expression()?)
        };
        if !self.skip_operator(":") {
            let item = start.ok_or_else(|| Self::unexpected(None))?;
            self.expect(&Token::Operator("]"))?;
            return Ok(Expr::Item(Box::new(node), Box::new(item)));
        }
        let mut bounds = [start, None, None];
        for bound in bounds.iter_mut().skip(1) {
            if !matches!(self.peek(), Some(Token::Operator(":" | "]"))) {
                *bound = Some(self.expression()?);
            }
            if !self.skip_operator(":") {
                break;
            }
        }
        self.expect(&Token::Operator("]"))?;
        Ok(Expr::Slice(Box::new(node), Box::new(bounds)))
    }

    /// The arguments of a call whose opening bracket is taken.
    fn arguments(&mut self) -> Result<Arguments, SyntaxError> {
        let mut arguments = Arguments::default();
        let mut first = true;
        while !self.skip_operator(")") {
            if !first {
                self.expect(&Token::Operator(","))?;
                if self.skip_operator(")") {
                    break;
                }
            }
            first = false;
            if self.skip_operator("*") {
                arguments.spread = Some(Box::new(self.expression()?));
            } else if self.skip_operator("**") {
                arguments.spread_named = Some(Box::new(self.expression()?));
            } else {
                self.argument(&mut arguments)?;
            }
        }
        Ok(arguments)
    }

    fn argument(&mut self, arguments: &mut Arguments) -> Result<(), SyntaxError> {
        if matches!(self.peek(), Some(Token::Name(_))) && self.ahead.is_none() {
            let name = self.next();
            if self.skip_operator("=") {
                if let Some(Token::Name(name)) = name {
                    arguments.named.push((name, self.expression()?));
                }
                return Ok(());
            }
            self.ahead = name;
        }
        if !arguments.named.is_empty() || arguments.spread.is_some() {
            return Err(SyntaxError::new("a positional argument after a named one"));
        }
        arguments.positional.push(self.expression()?);
        Ok(())
    }

    pub(super) fn filter_expression(&mut self, mut node: Expr) -> Result<Expr, SyntaxError> {
        loop {
            if self.peek() == Some(&Token::Operator("|")) {
                node = self.filters(node, false)?;
            } else if self.skip_name("is") {
                node = self.test(node)?;
            } else if self.skip_operator("(") {
                self.link()?;
                node = Expr::Call(Box::new(node), self.arguments()?);
            } else {
                return Ok(node);
            }
        }
    }

    /// A chain of filters; `inline` means that the first one has no `|`.
    pub(in super::super) fn filters(
        &mut self,
        mut node: Expr,
        inline: bool,
    ) -> Result<Expr, SyntaxError> {
        let mut named = inline;
        while named || self.skip_operator("|") {
            named = false;
            self.link()?;
            let name = self.name()?;
            let arguments =
                if self.skip_operator("(") { self.arguments()? } else { Arguments::default() };
            if !crate::interpolation::filters::NAMES.contains(&name.as_str()) {
                return Err(SyntaxError::new(format!("there is no filter `{name}`")));
            }
            node =
                Expr::Filter { name, subject: Box::new(node), arguments, pattern: OnceLock::new() };
        }
        Ok(node)
    }

    fn test(&mut self, node: Expr) -> Result<Expr, SyntaxError> {
        let negated = self.skip_name("not");
        let name = self.name()?;
        let mut arguments = Arguments::default();
        if self.skip_operator("(") {
            arguments = self.arguments()?;
        } else if self.starts_an_argument() {
            let argument = self.primary()?;
            arguments.positional.push(self.postfix(argument)?);
        }
        if !crate::interpolation::predicates::NAMES.contains(&name.as_str()) {
            return Err(SyntaxError::new(format!("there is no test `{name}`")));
        }
        let test = Expr::Test { name, subject: Box::new(node), arguments };
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }

    fn starts_an_argument(&mut self) -> bool {
        match self.peek() {
            Some(Token::Name(name)) => {
                !matches!(name.as_str(), "else" | "or" | "and" | "is" | "if" | "in" | "not")
            }
            Some(Token::Text(_) | Token::Integer(_) | Token::Float(_)) => true,
            Some(Token::Operator(operator)) => matches!(*operator, "[" | "{"),
            _ => false,
        }
    }
}
