//! Parses expressions, by the grammar of Jinja2.

mod suffix;

use super::ast::{Binary, Comparison, Expr};
use super::cursor::Parser;
use super::error::SyntaxError;
use super::lexer::Token;
use crate::value::{Number, Value};

impl Parser {
    /// Expressions separated by commas; without a comma, the expression itself.
    pub(super) fn tuple(&mut self, before_if: bool) -> Result<Expr, SyntaxError> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                if !self.skip_operator(",") {
                    break;
                }
                is_tuple = true;
            }
            if matches!(
                self.peek(),
                None | Some(Token::PrintEnd | Token::BlockEnd | Token::Operator(")"))
            ) {
                break;
            }
            items.push(if before_if { self.or()? } else { self.expression()? });
        }
        match items.pop() {
            Some(only) if !is_tuple => Ok(only),
            None => Err(Self::unexpected(self.peek())),
            last => {
                items.extend(last);
                Ok(Expr::Tuple(items))
            }
        }
    }

    /// One expression, conditional included.
    pub(super) fn expression(&mut self) -> Result<Expr, SyntaxError> {
        self.descend()?;
        let mut value = self.or()?;
        while self.skip_name("if") {
            self.link()?;
            let test = Box::new(self.or()?);
            let otherwise =
                if self.skip_name("else") { Some(Box::new(self.expression()?)) } else { None };
            value = Expr::If { test, then: Box::new(value), otherwise };
        }
        self.ascend();
        Ok(value)
    }

    fn or(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.and()?;
        while self.skip_name("or") {
            self.link()?;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.not()?;
        while self.skip_name("and") {
            self.link()?;
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, SyntaxError> {
        if !self.skip_name("not") {
            return self.comparison();
        }
        self.descend()?;
        let inner = self.not()?;
        self.ascend();
        Ok(Expr::Not(Box::new(inner)))
    }

    fn comparison(&mut self) -> Result<Expr, SyntaxError> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_operator() {
            rest.push((comparison, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Compare(Box::new(first), rest) })
    }

    fn comparison_operator(&mut self) -> Option<Comparison> {
        let operators = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (text, comparison) in operators {
            if self.skip_operator(text) {
                return Some(comparison);
            }
        }
        if self.skip_name("in") {
            return Some(Comparison::In);
        }
        if self.at_name("not") && self.ahead.is_none() {
            let not = self.next();
            if self.skip_name("in") {
                return Some(Comparison::NotIn);
            }
            self.ahead = not;
        }
        None
    }

    fn sum(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.concat()?;
        loop {
            let operator = match self.peek() {
                Some(Token::Operator("+")) => Binary::Add,
                Some(Token::Operator("-")) => Binary::Subtract,
                _ => return Ok(left),
            };
            self.next();
            self.link()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.concat()?));
        }
    }

    fn concat(&mut self) -> Result<Expr, SyntaxError> {
        let first = self.product()?;
        let mut parts = Vec::new();
        while self.skip_operator("~") {
            parts.push(self.product()?);
        }
        if parts.is_empty() {
            return Ok(first);
        }
        parts.insert(0, first);
        Ok(Expr::Concat(parts))
    }

    fn product(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.power()?;
        loop {
            let operator = match self.peek() {
                Some(Token::Operator("*")) => Binary::Multiply,
                Some(Token::Operator("/")) => Binary::Divide,
                Some(Token::Operator("//")) => Binary::FloorDivide,
                Some(Token::Operator("%")) => Binary::Remainder,
                _ => return Ok(left),
            };
            self.next();
            self.link()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.power()?));
        }
    }

    fn power(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.unary(true)?;
        while self.skip_operator("**") {
            self.link()?;
            left = Expr::Binary(Binary::Power, Box::new(left), Box::new(self.unary(true)?));
        }
        Ok(left)
    }

    fn unary(&mut self, with_filter: bool) -> Result<Expr, SyntaxError> {
        self.descend()?;
        let node = if self.skip_operator("-") {
            Expr::Negative(Box::new(self.unary(false)?))
        } else if self.skip_operator("+") {
            Expr::Positive(Box::new(self.unary(false)?))
        } else {
            self.primary()?
        };
        let node = self.postfix(node)?;
        let node = if with_filter { self.filter_expression(node)? } else { node };
        self.ascend();
        Ok(node)
    }

    fn primary(&mut self) -> Result<Expr, SyntaxError> {
        match self.next() {
            Some(Token::Name(name)) => Ok(match name.as_str() {
                "true" | "True" => Expr::Constant(Value::Bool(true)),
                "false" | "False" => Expr::Constant(Value::Bool(false)),
                "none" | "None" => Expr::Constant(Value::None),
                _ => Expr::Name(name),
            }),
            Some(Token::Text(mut text)) => {
                while let Some(Token::Text(more)) = self.peek() {
                    text.push_str(more);
                    self.next();
                }
                Ok(Expr::Constant(Value::from(text)))
            }
            Some(Token::Integer(literal)) => Number::python_integer(&literal)
                .map(|n| Expr::Constant(Value::Number(n)))
                .ok_or_else(|| SyntaxError::new("a broken number")),
            Some(Token::Float(value)) => Ok(Expr::Constant(Value::from(value))),
            Some(Token::Operator("(")) => self.parentheses(),
            Some(Token::Operator("[")) => self.list(),
            Some(Token::Operator("{")) => self.dict(),
            other => Err(Self::unexpected(other.as_ref())),
        }
    }

    fn parentheses(&mut self) -> Result<Expr, SyntaxError> {
        if self.skip_operator(")") {
            return Ok(Expr::Tuple(Vec::new()));
        }
        let inner = self.tuple(false)?;
        self.expect(&Token::Operator(")"))?;
        Ok(inner)
    }

    fn list(&mut self) -> Result<Expr, SyntaxError> {
        let mut items = Vec::new();
        while !self.skip_operator("]") {
            if !items.is_empty() {
                self.expect(&Token::Operator(","))?;
                if self.skip_operator("]") {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(Expr::List(items))
    }

    fn dict(&mut self) -> Result<Expr, SyntaxError> {
        let mut items = Vec::new();
        while !self.skip_operator("}") {
            if !items.is_empty() {
                self.expect(&Token::Operator(","))?;
                if self.skip_operator("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect(&Token::Operator(":"))?;
            items.push((key, self.expression()?));
        }
        Ok(Expr::Dict(items))
    }
}
