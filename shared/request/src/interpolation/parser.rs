//! Parses statements, by the grammar of Jinja2.

use super::ast::{Expr, For, Statement, Target};
use super::cursor::Parser;
use super::error::SyntaxError;
use super::lexer::{Token, tokenize};

/// Parses a template.
pub(super) fn parse(source: &str) -> Result<Vec<Statement>, SyntaxError> {
    let mut parser = Parser::new(tokenize(source)?);
    let (body, _) = parser.body(&[])?;
    Ok(body)
}

impl Parser {
    /// Reads statements until a block named as in `ends`, whose name is taken and returned.
    fn body(&mut self, ends: &[&str]) -> Result<(Vec<Statement>, String), SyntaxError> {
        self.descend()?;
        let mut statements = Vec::new();
        while let Some(token) = self.next() {
            match token {
                Token::Data(text) => statements.push(Statement::Data(text)),
                Token::PrintBegin => {
                    let value = self.tuple(false)?;
                    self.expect(&Token::PrintEnd)?;
                    statements.push(Statement::Print(value));
                }
                Token::BlockBegin => {
                    let name = self.name()?;
                    if ends.contains(&name.as_str()) {
                        self.ascend();
                        return Ok((statements, name));
                    }
                    statements.push(self.statement(&name)?);
                    self.expect(&Token::BlockEnd)?;
                }
                other => return Err(Self::unexpected(Some(&other))),
            }
        }
        if ends.is_empty() {
            return Ok((statements, String::new()));
        }
        Err(SyntaxError::new(format!("`{}` is missing", ends.join("` or `"))))
    }

    fn statement(&mut self, name: &str) -> Result<Statement, SyntaxError> {
        match name {
            "if" => self.condition(),
            "for" => self.loop_(),
            "set" => self.set(),
            "with" => self.with(),
            "filter" => {
                let filter = self.filters(Expr::Captured, true)?;
                Ok(Statement::Filter { filter, body: self.block("endfilter")? })
            }
            other => Err(SyntaxError::new(format!(
                "statement `{other}` is not supported; supported are `if`, `for`, `set`, `with`, `filter` and `raw`"
            ))),
        }
    }

    /// The rest of an opening tag, then statements up to the end tag's name.
    fn block(&mut self, end: &str) -> Result<Vec<Statement>, SyntaxError> {
        self.end_of_tag()?;
        Ok(self.body(&[end])?.0)
    }

    fn end_of_tag(&mut self) -> Result<(), SyntaxError> {
        self.skip_operator(":");
        self.expect(&Token::BlockEnd)
    }

    fn condition(&mut self) -> Result<Statement, SyntaxError> {
        let test = self.tuple(false)?;
        self.end_of_tag()?;
        let (then, end) = self.body(&["elif", "else", "endif"])?;
        let otherwise = match end.as_str() {
            "elif" => {
                self.descend()?;
                let nested = self.condition()?;
                self.ascend();
                vec![nested]
            }
            "else" => self.block("endif")?,
            _ => Vec::new(),
        };
        Ok(Statement::If { test, then, otherwise })
    }

    fn loop_(&mut self) -> Result<Statement, SyntaxError> {
        let target = self.target()?;
        if !self.skip_name("in") {
            return Err(SyntaxError::new("`in` is missing from a `for`"));
        }
        let items = self.tuple(true)?;
        let only = if self.skip_name("if") { Some(self.expression()?) } else { None };
        if self.skip_name("recursive") {
            return Err(SyntaxError::new("recursive loops are not supported"));
        }
        self.end_of_tag()?;
        let (body, end) = self.body(&["else", "endfor"])?;
        let otherwise = if end == "else" { self.block("endfor")? } else { Vec::new() };
        Ok(Statement::For(Box::new(For { target, items, only, body, otherwise })))
    }

    fn set(&mut self) -> Result<Statement, SyntaxError> {
        let target = self.target()?;
        if self.skip_operator("=") {
            return Ok(Statement::Set { target, value: self.tuple(false)? });
        }
        let Target::Name(name) = target else {
            return Err(SyntaxError::new("a block can only be assigned to a name"));
        };
        let filter = self.filters(Expr::Captured, false)?;
        Ok(Statement::SetBlock { name, filter, body: self.block("endset")? })
    }

    fn with(&mut self) -> Result<Statement, SyntaxError> {
        let mut bindings = Vec::new();
        while self.peek() != Some(&Token::BlockEnd) {
            if !bindings.is_empty() {
                self.expect(&Token::Operator(","))?;
            }
            let target = self.target()?;
            self.expect(&Token::Operator("="))?;
            bindings.push((target, self.expression()?));
        }
        Ok(Statement::With { bindings, body: self.block("endwith")? })
    }

    fn target(&mut self) -> Result<Target, SyntaxError> {
        let mut targets = vec![self.single_target()?];
        let mut tuple = false;
        while self.skip_operator(",") {
            tuple = true;
            if !matches!(self.peek(), Some(Token::Name(_) | Token::Operator("("))) {
                break;
            }
            targets.push(self.single_target()?);
        }
        match targets.pop() {
            Some(only) if !tuple => Ok(only),
            last => {
                targets.extend(last);
                Ok(Target::Tuple(targets))
            }
        }
    }

    fn single_target(&mut self) -> Result<Target, SyntaxError> {
        self.descend()?;
        let target = if self.skip_operator("(") {
            let inner = self.target()?;
            self.expect(&Token::Operator(")"))?;
            inner
        } else {
            let name = self.name()?;
            if self.skip_operator(".") {
                Target::Attribute(name, self.name()?)
            } else {
                Target::Name(name)
            }
        };
        self.ascend();
        Ok(target)
    }
}
