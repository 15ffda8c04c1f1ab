//! Python's `str` and `repr`.

use std::fmt::{self, Write};

use super::{Dict, Value};

impl fmt::Display for Value {
    /// Python's `str()`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined => Ok(()),
            Self::Str(text) => f.write_str(text),
            Self::DateTime(at) => write!(f, "{at}"),
            Self::Date(date) => write!(f, "{date}"),
            Self::Period(period) => write!(f, "{period}"),
            other => write_repr(other, f),
        }
    }
}

impl Value {
    /// Python's `repr()`.
    pub fn repr(&self) -> String {
        let mut out = String::new();
        // Writing to a `String` cannot fail.
        write_repr(self, &mut out).unwrap_or_default();
        out
    }
}

fn write_repr(value: &Value, out: &mut impl Write) -> fmt::Result {
    match value {
        Value::Undefined => out.write_str("Undefined"),
        Value::None => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Number(number) => out.write_str(&number.repr()),
        Value::Str(text) => quote(text, out),
        Value::List(items) => {
            out.write_char('[')?;
            separated(items, out)?;
            out.write_char(']')
        }
        Value::Tuple(items) => {
            out.write_char('(')?;
            separated(items, out)?;
            out.write_str(if items.len() == 1 { ",)" } else { ")" })
        }
        Value::Dict(dict) => write_dict(dict, out),
        Value::Object(object) => write_dict(&object.items, out),
        Value::DateTime(at) => out.write_str(&at.repr()),
        Value::Date(date) => {
            write!(out, "datetime.date({}, {}, {})", date.year(), date.month(), date.day())
        }
        Value::Period(period) => out.write_str(&period.repr()),
        Value::Method(name) => write!(out, "<built-in method {name}>"),
    }
}

fn separated(items: &[Value], out: &mut impl Write) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.write_str(", ")?;
        }
        write_repr(item, out)?;
    }
    Ok(())
}

fn write_dict(dict: &Dict, out: &mut impl Write) -> fmt::Result {
    out.write_char('{')?;
    for (at, (key, value)) in dict.iter().enumerate() {
        if at > 0 {
            out.write_str(", ")?;
        }
        write_repr(key.value(), out)?;
        out.write_str(": ")?;
        write_repr(value, out)?;
    }
    out.write_char('}')
}

/// Python's `repr` of a text: single quotes unless it holds only single ones.
fn quote(text: &str, out: &mut impl Write) -> fmt::Result {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.write_char(mark)?;
    for c in text.chars() {
        match c {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c == mark => write!(out, "\\{c}")?,
            c if is_printable(c) => out.write_char(c)?,
            c => match u32::from(c) {
                code @ 0..=0xff => write!(out, "\\x{code:02x}")?,
                code @ 0x100..=0xffff => write!(out, "\\u{code:04x}")?,
                code => write!(out, "\\U{code:08x}")?,
            },
        }
    }
    out.write_char(mark)
}

/// Whether Python prints a character as it is: no controls, separators, formats, private use.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(u32::from(c),
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x200b..=0x200f
            | 0x202a..=0x202e | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xfeff
            | 0xfff0..=0xfffb | 0xfffe..=0xffff | 0xe0000..=0xe00ff | 0xe01f0..=0x0010_ffff))
}

/// `'%.*f'` of Python: rounds half to even on the exact binary value.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}
