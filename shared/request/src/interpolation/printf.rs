//! Python's two ways to format: `%` and `format()`.

use super::arguments::Args;
use super::error::Halt;
use super::operators;
use crate::value::{Number, Value, fixed};

/// `'%s' % value`
pub(super) fn percent(format: &str, value: &Value) -> Result<String, Halt> {
    let mut positional = match value {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut rest = format;
    let mut named = false;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let spec = Spec::read(after)?;
        rest = spec.rest;
        if spec.kind == '%' {
            out.push('%');
            continue;
        }
        let argument = match spec.key {
            Some(key) => {
                named = true;
                value.get(key).cloned().ok_or_else(|| Halt::failed("format: no such key"))?
            }
            None => positional
                .next()
                .ok_or_else(|| Halt::type_error("not enough arguments for format string"))?,
        };
        spec.write(&argument, &mut out)?;
        operators::limited(out.len())?;
    }
    out.push_str(rest);
    let mapping = matches!(value, Value::Dict(_) | Value::Object(_) | Value::Undefined);
    if !named && !mapping && positional.next().is_some() {
        return Err(Halt::type_error("not all arguments converted during string formatting"));
    }
    Ok(out)
}

/// One conversion: `%(key)-05.2f`, or the part of `{:…}` after the colon.
struct Spec<'f> {
    key: Option<&'f str>,
    flags: &'f str,
    width: usize,
    precision: Option<usize>,
    kind: char,
    rest: &'f str,
}

/// Takes the leading characters that pass.
fn take(text: &str, passes: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !passes(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn size(digits: &str) -> Result<usize, Halt> {
    match digits.parse() {
        Ok(size) if size <= 1_000 => Ok(size),
        _ => Err(Halt::failed("format: a width or precision beyond 1000")),
    }
}

impl<'f> Spec<'f> {
    fn read(text: &'f str) -> Result<Self, Halt> {
        let (key, text) = match text.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            Some((key, rest)) => (Some(key), rest),
            None => (None, text),
        };
        let (flags, text) = take(text, |c| "-+ 0#".contains(c));
        let (width, text) = take(text, |c| c.is_ascii_digit());
        let (precision, text) = match text.strip_prefix('.') {
            Some(rest) => {
                let (digits, rest) = take(rest, |c| c.is_ascii_digit());
                (Some(if digits.is_empty() { 0 } else { size(digits)? }), rest)
            }
            None => (None, text),
        };
        let mut chars = text.chars();
        let kind = chars.next().ok_or_else(|| Halt::failed("incomplete format"))?;
        let width = if width.is_empty() { 0 } else { size(width)? };
        Ok(Self { key, flags, width, precision, kind, rest: chars.as_str() })
    }

    fn write(&self, value: &Value, out: &mut String) -> Result<(), Halt> {
        let number = || {
            value.as_number().ok_or_else(|| {
                Halt::type_error(format!(
                    "%{} takes a number, not {}",
                    self.kind,
                    value.type_name()
                ))
            })
        };
        let integer = |number: Number| match number.as_i128() {
            Some(value) => value,
            None => fixed(number.as_f64().trunc(), 0).parse().unwrap_or(0),
        };
        let text = match self.kind {
            's' | 'c' => operators::printed(value)?,
            'r' | 'a' => {
                operators::printed(value)?;
                value.repr()
            }
            'd' | 'i' | 'u' => integer(number()?).to_string(),
            'x' => format!("{:x}", integer(number()?)),
            'X' => format!("{:X}", integer(number()?)),
            'o' => format!("{:o}", integer(number()?)),
            'f' | 'F' => fixed(number()?.as_f64(), self.precision.unwrap_or(6)),
            other => return Err(Halt::failed(format!("format `%{other}` is not supported"))),
        };
        let text = match (self.kind, self.precision) {
            ('s' | 'r' | 'a', Some(most)) => text.chars().take(most).collect(),
            _ => text,
        };
        let numeric = !matches!(self.kind, 's' | 'r' | 'a' | 'c');
        let text = match text.strip_prefix('-') {
            None if numeric && self.flags.contains('+') => format!("+{text}"),
            None if numeric && self.flags.contains(' ') => format!(" {text}"),
            _ => text,
        };
        let missing = self.width.saturating_sub(text.chars().count());
        if self.flags.contains('-') {
            out.push_str(&text);
            out.push_str(&" ".repeat(missing));
        } else if numeric && self.flags.contains('0') {
            let digits = text.trim_start_matches(['-', '+', ' ']);
            out.push_str(text.strip_suffix(digits).unwrap_or_default());
            out.push_str(&"0".repeat(missing));
            out.push_str(digits);
        } else {
            out.push_str(&" ".repeat(missing));
            out.push_str(&text);
        }
        Ok(())
    }
}

/// `'{} {name}'.format(…)`, with attribute and item look-ups, and plain conversions.
pub(super) fn format(subject: &str, args: &Args) -> Result<String, Halt> {
    let mut out = String::new();
    let mut next = 0_usize;
    let mut rest = subject;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        if let Some(tail) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
            out.push_str(after.get(..1).unwrap_or_default());
            rest = tail;
            continue;
        }
        let field = after.strip_prefix('{').and_then(|field| field.split_once('}'));
        let (field, tail) = field.ok_or_else(|| Halt::failed("a single brace in a format"))?;
        rest = tail;
        let (path, spec) = field.split_once(':').unwrap_or((field, ""));
        let value = field_value(path, args, &mut next)?;
        write_field(&value, spec, &mut out)?;
        operators::limited(out.len())?;
    }
    out.push_str(rest);
    Ok(out)
}

fn field_value(path: &str, args: &Args, next: &mut usize) -> Result<Value, Halt> {
    let mut parts = path.split(['.', '[']);
    let name = parts.next().unwrap_or_default();
    let index = if name.is_empty() {
        *next += 1;
        Some(*next - 1)
    } else {
        name.parse().ok()
    };
    let found = match index {
        Some(at) => args.positional.get(at).cloned(),
        None => args.named.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
    };
    let mut value = found.ok_or_else(|| Halt::failed("format: no such argument"))?;
    for part in parts {
        let key = part.trim_end_matches(']');
        let key = key.parse().map_or_else(|_| Value::from(key), |n: i64| Value::from(n));
        value = operators::item(&value, &key)?;
    }
    Ok(value)
}

fn write_field(value: &Value, spec: &str, out: &mut String) -> Result<(), Halt> {
    if spec.is_empty() {
        out.push_str(&operators::printed(value)?);
        return Ok(());
    }
    let (align, spec) = take(spec, |c| "<>".contains(c));
    let default = if value.as_number().is_some() { "d" } else { "s" };
    let complete = if spec.ends_with(|c: char| c.is_ascii_alphabetic()) {
        spec.to_owned()
    } else {
        format!("{spec}{default}")
    };
    let left = align == "<" || (align.is_empty() && default == "s");
    let complete = if left { format!("-{complete}") } else { complete };
    Spec::read(&complete)?.write(value, out)
}
