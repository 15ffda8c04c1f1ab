//! Cuts a template into tokens, as Jinja2's lexer does.

use super::error::SyntaxError;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text outside of tags.
    Data(String),
    /// `{{`
    PrintBegin,
    /// `}}`
    PrintEnd,
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    Name(String),
    Text(String),
    Integer(String),
    Float(f64),
    Operator(&'static str),
}

/// Longest first, so that `**` is not two `*`.
const OPERATORS: [&str; 27] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";", "!",
];

/// Cuts a template into tokens.
pub(super) fn tokenize(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let unix = source.replace("\r\n", "\n").replace('\r', "\n");
    let trimmed = unix.strip_suffix('\n').unwrap_or(&unix);
    let mut lexer = Lexer { rest: trimmed, tokens: Vec::new(), trim: false };
    while !lexer.rest.is_empty() {
        lexer.outside()?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    tokens: Vec<Token>,
    /// Whether the last tag ended with `-`, which eats the white space after it.
    trim: bool,
}

impl Lexer<'_> {
    /// Reads text up to the next tag, and the tag.
    fn outside(&mut self) -> Result<(), SyntaxError> {
        let start = ["{{", "{%", "{#"].iter().filter_map(|tag| self.rest.find(tag)).min();
        let (data, rest) =
            self.rest.split_at_checked(start.unwrap_or(self.rest.len())).unwrap_or((self.rest, ""));
        let (opening, inner) = rest.split_at_checked(2).unwrap_or(("", ""));
        let strips = inner.starts_with('-');
        let data = if self.trim { data.trim_start() } else { data };
        let data = if strips { data.trim_end() } else { data };
        self.trim = false;
        if !data.is_empty() {
            self.tokens.push(Token::Data(data.to_owned()));
        }
        self.rest = if strips || inner.starts_with('+') {
            inner.get(1..).unwrap_or_default()
        } else {
            inner
        };
        match opening {
            "{{" => self.tag(Token::PrintBegin, &Token::PrintEnd, "}}"),
            "{%" => self.block(),
            "{#" => self.comment(),
            _ => Ok(()),
        }
    }

    fn comment(&mut self) -> Result<(), SyntaxError> {
        let (text, rest) =
            self.rest.split_once("#}").ok_or_else(|| SyntaxError::new("unclosed comment"))?;
        self.trim = text.ends_with('-');
        self.rest = rest;
        Ok(())
    }

    fn block(&mut self) -> Result<(), SyntaxError> {
        let name = self.rest.trim_start();
        let raw = name
            .strip_prefix("raw")
            .map(str::trim_start)
            .and_then(|rest| rest.strip_prefix("%}").or_else(|| rest.strip_prefix("-%}")));
        match raw {
            Some(text) => self.raw(text.to_owned().as_str()),
            None => self.tag(Token::BlockBegin, &Token::BlockEnd, "%}"),
        }
    }

    /// Copies the text of a `raw` block.
    fn raw(&mut self, text: &str) -> Result<(), SyntaxError> {
        let unclosed = || SyntaxError::new("unclosed raw block");
        let mut searched = 0;
        loop {
            let found =
                text.get(searched..).and_then(|rest| rest.find("{%")).ok_or_else(unclosed)?;
            let (data, tag) = text.split_at_checked(searched + found).ok_or_else(unclosed)?;
            let body = tag.get(2..).unwrap_or_default().trim_start_matches(['-', '+']).trim_start();
            let end = body.strip_prefix("endraw").map(str::trim_start);
            if let Some(after) = end.and_then(|e| e.trim_start_matches('-').strip_prefix("%}")) {
                self.tokens.push(Token::Data(data.to_owned()));
                let keep = after.len();
                self.rest = self.rest.get(self.rest.len() - keep..).unwrap_or_default();
                return Ok(());
            }
            searched += found + 2;
        }
    }

    /// Reads the inside of a tag, up to its end outside of brackets.
    fn tag(&mut self, begin: Token, end: &Token, closing: &str) -> Result<(), SyntaxError> {
        self.tokens.push(begin);
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if open.is_empty() {
                if let Some(rest) = self.rest.strip_prefix(closing) {
                    self.rest = rest;
                    break;
                }
                if let Some(rest) =
                    self.rest.strip_prefix('-').and_then(|rest| rest.strip_prefix(closing))
                {
                    self.rest = rest;
                    self.trim = true;
                    break;
                }
            }
            let token = self.token()?;
            match &token {
                Token::Operator("(") => open.push(")"),
                Token::Operator("[") => open.push("]"),
                Token::Operator("{") => open.push("}"),
                Token::Operator(closer @ (")" | "]" | "}")) if open.pop() != Some(*closer) => {
                    return Err(SyntaxError::new(format!("unexpected `{closer}`")));
                }
                _ => {}
            }
            self.tokens.push(token);
        }
        self.tokens.push(end.clone());
        Ok(())
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        let first = self.rest.chars().next().ok_or_else(|| SyntaxError::new("unclosed tag"))?;
        if first == '\'' || first == '"' {
            return self.text(first);
        }
        if first.is_ascii_digit() {
            return Ok(self.number());
        }
        if first.is_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = self.take(end.unwrap_or(self.rest.len()));
            return Ok(Token::Name(name));
        }
        let operator = OPERATORS.iter().find(|op| self.rest.starts_with(**op));
        let operator = operator
            .filter(|op| **op != "!")
            .ok_or_else(|| SyntaxError::new(format!("unexpected character `{first}`")))?;
        self.take(operator.len());
        Ok(Token::Operator(operator))
    }

    fn take(&mut self, length: usize) -> String {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken.to_owned()
    }

    fn text(&mut self, quote: char) -> Result<Token, SyntaxError> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                let literal = self.take(at + 1);
                let inner = literal.get(1..at).unwrap_or_default();
                return crate::value::unescape(inner)
                    .map(Token::Text)
                    .ok_or_else(|| SyntaxError::new("a string with a broken escape"));
            }
        }
        Err(SyntaxError::new("unclosed string"))
    }

    fn number(&mut self) -> Token {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| -> usize {
            let rest = bytes.get(from..).unwrap_or_default();
            let count = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
            match rest.first() {
                Some(b'0'..=b'9') => count,
                _ => 0,
            }
        };
        let radix =
            bytes.get(1).is_some_and(|b| b"xXoObB".contains(b)) && bytes.first() == Some(&b'0');
        if radix {
            let tail = bytes.iter().skip(2);
            let count = tail.take_while(|b| b.is_ascii_hexdigit() || **b == b'_').count();
            let literal = self.take(2 + count);
            return Token::Integer(literal);
        }
        let mut end = digits(0);
        let mut float = false;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            float = true;
        }
        if bytes.get(end).is_some_and(|b| b"eE".contains(b)) {
            let sign = usize::from(bytes.get(end + 1).is_some_and(|b| b"+-".contains(b)));
            let exponent = digits(end + 1 + sign);
            if exponent > 0 {
                end += 1 + sign + exponent;
                float = true;
            }
        }
        let literal = self.take(end).replace('_', "");
        if float {
            Token::Float(literal.parse().unwrap_or(f64::NAN))
        } else {
            Token::Integer(literal)
        }
    }
}
