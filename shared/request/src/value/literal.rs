//! Python's literal syntax: what `ast.literal_eval` accepts.

use super::{Dict, Key, Number, Value};

/// Deepest nesting read as a literal; Python's own parser gives up at a similar depth.
const MAX_DEPTH: usize = 90;

/// Reads a text as a Python literal; none when it is not one.
///
/// Sets, bytes, complex numbers and `...` are left as texts: no request or record can hold them.
pub fn literal_eval(text: &str) -> Option<Value> {
    let first = text.trim_start_matches([' ', '\t']);
    // Cheap refusal: no literal starts with another character.
    let starts = |c: char| c.is_ascii_digit() || "'\"+-.([{TFNrRuU\n#\u{c}\\".contains(c);
    if !first.starts_with(starts) || text.contains('\0') {
        return None;
    }
    let mut reader = Reader { rest: first.trim_start_matches('\n'), open: 0, depth: 0 };
    if reader.rest.len() < first.len() && reader.rest.starts_with([' ', '\t']) {
        return None;
    }
    let value = reader.top()?;
    reader.open = 1;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'t> {
    rest: &'t str,
    /// Brackets that are open: inside them a line end is white space.
    open: usize,
    depth: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        loop {
            let inside = self.open > 0;
            self.rest = self.rest.trim_start_matches(|c: char| {
                matches!(c, ' ' | '\t' | '\u{c}') || (inside && matches!(c, '\n' | '\r'))
            });
            if self.rest.starts_with('#') {
                self.rest = self.rest.find('\n').and_then(|at| self.rest.get(at..)).unwrap_or("");
            } else if let Some(rest) = self.rest.strip_prefix("\\\n") {
                self.rest = rest;
            } else {
                return;
            }
        }
    }

    fn skip(&mut self, mark: char) -> bool {
        self.space();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A value, or a tuple without brackets.
    fn top(&mut self) -> Option<Value> {
        let first = self.value()?;
        if !self.skip(',') {
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.space();
            if self.rest.trim_start_matches('\n').is_empty() {
                break;
            }
            items.push(self.value()?);
            if !self.skip(',') {
                break;
            }
        }
        Some(Value::Tuple(items.into()))
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match self.rest.chars().next()? {
            '(' => self.nested(')', Self::tuple),
            '[' => self.nested(']', Self::list),
            '{' => self.nested('}', Self::dict),
            '+' | '-' => self.signed(),
            '0'..='9' | '.' => self.number().map(Value::Number),
            '\'' | '"' => self.texts(),
            c if c.is_alphabetic() => self.word(),
            _ => None,
        }
    }

    fn nested(&mut self, end: char, read: fn(&mut Self, char) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.rest = self.rest.get(1..)?;
        self.open += 1;
        let value = read(self, end)?;
        self.open -= 1;
        self.depth -= 1;
        Some(value)
    }

    /// Values up to a closing bracket, and whether the last one is followed by a comma.
    fn items(&mut self, end: char) -> Option<(Vec<Value>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        while !self.skip(end) {
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value()?);
            comma = self.skip(',');
        }
        Some((items, comma))
    }

    fn list(&mut self, end: char) -> Option<Value> {
        self.items(end).map(|(items, _)| Value::from(items))
    }

    fn tuple(&mut self, end: char) -> Option<Value> {
        let (mut items, comma) = self.items(end)?;
        match items.pop() {
            Some(only) if items.is_empty() && !comma => Some(only),
            last => {
                items.extend(last);
                Some(Value::Tuple(items.into()))
            }
        }
    }

    fn dict(&mut self, end: char) -> Option<Value> {
        let mut dict = Dict::default();
        let mut comma = true;
        while !self.skip(end) {
            if !comma {
                return None;
            }
            let key = Key::new(self.value()?)?;
            if !self.skip(':') {
                return None;
            }
            let value = self.value()?;
            dict.insert(key, value);
            comma = self.skip(',');
        }
        Some(Value::from(dict))
    }

    /// One sign before a number; Python refuses two.
    fn signed(&mut self) -> Option<Value> {
        let negative = self.rest.starts_with('-');
        self.rest = self.rest.get(1..)?;
        self.space();
        if self.rest.starts_with('(') {
            let inner = self.nested(')', Self::tuple)?;
            return match inner {
                Value::Number(number) => Some(sign(&number, negative)),
                _ => None,
            };
        }
        let number = self.number()?;
        Some(sign(&number, negative))
    }

    fn number(&mut self) -> Option<Number> {
        let end = self.number_end();
        let (token, rest) = self.rest.split_at_checked(end)?;
        if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
            return None;
        }
        self.rest = rest;
        if !underscores_are_between_digits(token) {
            return None;
        }
        let lower = token.to_ascii_lowercase();
        if ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix)) {
            return Number::python_integer(token);
        }
        let plain = token.replace('_', "");
        if plain.bytes().all(|b| b.is_ascii_digit()) {
            let padded = plain.starts_with('0') && plain.bytes().any(|b| b != b'0');
            return if padded { None } else { Number::python_integer(&plain) };
        }
        plain.parse::<f64>().ok().map(Number::from)
    }

    fn number_end(&self) -> usize {
        let mut before = ' ';
        let mut hex = false;
        for (at, c) in self.rest.char_indices() {
            if at == 1 && before == '0' && matches!(c, 'x' | 'X') {
                hex = true;
            }
            let exponent_sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !hex;
            if !(c.is_ascii_alphanumeric() || c == '_' || c == '.' || exponent_sign) {
                return at;
            }
            before = c;
        }
        self.rest.len()
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        if rest.starts_with(['\'', '"']) {
            return self.texts();
        }
        self.rest = rest;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::None),
            _ => None,
        }
    }

    /// Adjacent texts are one.
    fn texts(&mut self) -> Option<Value> {
        let mut whole = self.text()?;
        loop {
            self.space();
            if !self.rest.starts_with(['\'', '"', 'r', 'R', 'u', 'U']) {
                return Some(Value::from(whole));
            }
            whole.push_str(&self.text()?);
        }
    }

    fn text(&mut self) -> Option<String> {
        let raw = self.rest.starts_with(['r', 'R']);
        let body = self.rest.trim_start_matches(['r', 'R', 'u', 'U']);
        if self.rest.len() > body.len() + 1 {
            return None;
        }
        let quote = body.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let triple = quote.to_string().repeat(3);
        let (inner, rest) = match body.strip_prefix(triple.as_str()) {
            Some(long) => close(long, &triple, true)?,
            None => close(body.get(1..)?, triple.get(..1)?, false)?,
        };
        self.rest = rest;
        if raw { Some(inner.to_owned()) } else { unescape(inner) }
    }
}

fn sign(number: &Number, negative: bool) -> Value {
    if !negative {
        return Value::Number(number.clone());
    }
    match number.as_i128() {
        Some(value) => Value::Number(Number::from_i128(-value)),
        None if number.is_integer() => {
            let digits = format!("-{}", number.repr());
            Value::Number(Number::from_token(&digits).unwrap_or_else(|| number.clone()))
        }
        None => Value::from(-number.as_f64()),
    }
}

fn underscores_are_between_digits(token: &str) -> bool {
    let bytes = token.as_bytes();
    bytes.windows(3).all(|w| match w {
        [before, b'_', after] => {
            (before.is_ascii_hexdigit() || b"xXoObB".contains(before)) && after.is_ascii_hexdigit()
        }
        _ => true,
    }) && !token.starts_with('_')
        && !token.ends_with('_')
}

/// The inside of a text up to its closing quotes, and what follows.
fn close<'t>(text: &'t str, quotes: &str, lines: bool) -> Option<(&'t str, &'t str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '\n' && !lines {
            return None;
        } else if text.get(at..).is_some_and(|rest| rest.starts_with(quotes)) {
            return Some((text.get(..at)?, text.get(at + quotes.len()..)?));
        }
    }
    None
}

/// Resolves the escapes of a Python text; none when one is broken.
pub(crate) fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            '\n' => {}
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            c @ ('\\' | '\'' | '"') => out.push(c),
            'x' => out.push(code(&mut chars, 2)?),
            'u' => out.push(code(&mut chars, 4)?),
            'U' => out.push(code(&mut chars, 8)?),
            'N' => return None,
            c @ '0'..='7' => {
                let mut value = c.to_digit(8)?;
                for _ in 0..2 {
                    if let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) {
                        value = value * 8 + digit;
                        chars.next();
                    } else {
                        break;
                    }
                }
                out.push(char::from_u32(value)?);
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Some(out)
}

/// A character by `digits` hexadecimal digits. Lone surrogates, which Rust cannot hold, refuse.
fn code(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize) -> Option<char> {
    let mut value = 0;
    for _ in 0..digits {
        value = value * 16 + chars.next()?.to_digit(16)?;
    }
    char::from_u32(value)
}
