//! Where a parser stands in its tokens.

use super::error::SyntaxError;
use super::lexer::Token;

/// Deepest nesting of brackets and blocks.
const MAX_DEPTH: usize = 64;
/// Most operators, look-ups, calls and filters chained in one template.
const MAX_LINKS: usize = 1_000;

/// Reads tokens from first to last.
pub(super) struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    /// A token that was looked at beyond the next one.
    pub(super) ahead: Option<Token>,
    depth: usize,
    links: usize,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens: tokens.into_iter().peekable(), ahead: None, depth: 0, links: 0 }
    }

    pub(super) fn peek(&mut self) -> Option<&Token> {
        if self.ahead.is_some() { self.ahead.as_ref() } else { self.tokens.peek() }
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.ahead.take().or_else(|| self.tokens.next())
    }

    pub(super) fn descend(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError::new(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// Counts one link of a chain, because each makes the tree deeper.
    pub(super) fn link(&mut self) -> Result<(), SyntaxError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(SyntaxError::new(format!("more than {MAX_LINKS} chained operations")));
        }
        Ok(())
    }

    pub(super) fn unexpected(token: Option<&Token>) -> SyntaxError {
        SyntaxError::new(match token {
            None => "it ends too early".to_owned(),
            Some(Token::Name(name)) => format!("unexpected `{name}`"),
            Some(Token::Operator(operator)) => format!("unexpected `{operator}`"),
            Some(Token::PrintEnd) => "unexpected `}}`".to_owned(),
            Some(Token::BlockEnd) => "unexpected `%}`".to_owned(),
            Some(_) => "unexpected literal".to_owned(),
        })
    }

    pub(super) fn expect(&mut self, wanted: &Token) -> Result<(), SyntaxError> {
        match self.next() {
            Some(token) if token == *wanted => Ok(()),
            other => Err(Self::unexpected(other.as_ref())),
        }
    }

    pub(super) fn name(&mut self) -> Result<String, SyntaxError> {
        match self.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(Self::unexpected(other.as_ref())),
        }
    }

    pub(super) fn skip_operator(&mut self, operator: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Operator(operator));
        if found {
            self.next();
        }
        found
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let found = self.at_name(name);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn at_name(&mut self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == name)
    }
}
