//! Filters of texts.

use std::sync::OnceLock;

use regex::Regex;

use super::super::arguments::{Args, integer, required, text};
use super::super::ast::Pattern;
use super::super::error::{Halt, shorten};
use super::super::methods;
use super::super::{operators, printf};
use crate::value::Value;

pub(super) fn apply(name: &str, value: &Value, args: &Args) -> Result<Value, Halt> {
    let plain = operators::printed(value)?;
    match name {
        "lower" => Ok(Value::from(plain.to_lowercase())),
        "upper" => Ok(Value::from(plain.to_uppercase())),
        "title" => Ok(Value::from(methods::title(&plain))),
        "capitalize" => Ok(Value::from(methods::capitalize(&plain))),
        "safe" => Ok(Value::from(plain)),
        "escape" | "e" | "forceescape" => Ok(Value::from(
            plain
                .replace('&', "&amp;")
                .replace('>', "&gt;")
                .replace('<', "&lt;")
                .replace('\'', "&#39;")
                .replace('"', "&#34;"),
        )),
        "trim" => {
            let [chars] = args.bind(name, ["chars"])?;
            Ok(Value::from(match chars.filter(|chars| !chars.is_nothing()) {
                None => plain.trim(),
                Some(chars) => {
                    let chars = text(&chars, name)?;
                    return Ok(Value::from(plain.trim_matches(|c| chars.contains(c))));
                }
            }))
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
            let old = required(old, name, "old")?.to_string();
            let new = required(new, name, "new")?.to_string();
            let positional = [Some(Value::from(old)), Some(Value::from(new)), count];
            let args =
                Args { positional: positional.into_iter().flatten().collect(), named: Vec::new() };
            methods::text(&plain, name, &args)
        }
        "center" => {
            let [width] = args.bind(name, ["width"])?;
            let width = width.unwrap_or_else(|| Value::from(80));
            methods::text(&plain, name, &Args { positional: vec![width], named: Vec::new() })
        }
        "format" => {
            printf::percent(&plain, &Value::Tuple(args.positional.clone().into())).map(Value::from)
        }
        "wordcount" => {
            let words = plain.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let count = words.filter(|word| !word.is_empty()).count();
            Ok(Value::from(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        "truncate" => truncate(&plain, args),
        _ => indent(&plain, args),
    }
}

fn truncate(plain: &str, args: &Args) -> Result<Value, Halt> {
    let names = ["length", "killwords", "end", "leeway"];
    let [length, kill, end, leeway] = args.bind("truncate", names)?;
    let number = |value: Option<Value>, default| {
        value.map_or(Ok(default), |value| integer(&value, "truncate"))
    };
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    let (length, leeway) = (size(number(length, 255)?), size(number(leeway, 5)?));
    let end = end.map_or_else(|| "...".to_owned(), |end| end.to_string());
    if plain.chars().count() <= length + leeway {
        return Ok(Value::from(plain));
    }
    let cut: String = plain.chars().take(length.saturating_sub(end.chars().count())).collect();
    if kill.is_some_and(|kill| kill.is_truthy()) {
        return Ok(Value::from(cut + &end));
    }
    let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    Ok(Value::from(format!("{words}{end}")))
}

fn indent(plain: &str, args: &Args) -> Result<Value, Halt> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"])?;
    let pad = match width.unwrap_or_else(|| Value::from(4)) {
        Value::Str(text) => text.to_string(),
        other => {
            let width = usize::try_from(integer(&other, "indent")?).unwrap_or(0);
            operators::limited(width.saturating_mul(plain.lines().count() + 1))?;
            " ".repeat(width)
        }
    };
    let flag = |value: Option<Value>| value.is_some_and(|value| value.is_truthy());
    let (first, blank) = (flag(first), flag(blank));
    let lines = plain.split('\n').enumerate().map(|(at, line)| {
        let padded = if at == 0 { first } else { blank || !line.is_empty() };
        if padded { format!("{pad}{line}") } else { line.to_owned() }
    });
    Ok(Value::from(lines.collect::<Vec<_>>().join("\n")))
}

pub(super) fn regex(
    name: &str,
    value: &Value,
    args: &Args,
    cache: Option<&OnceLock<Pattern>>,
) -> Result<Value, Halt> {
    let [pattern, replacement] = args.bind(name, ["regex", "replacement"])?;
    let pattern = text(&required(pattern, name, "regex")?, name)?;
    let Value::Str(subject) = value else {
        return Err(Halt::type_error("expected a text to search"));
    };
    let compiled;
    let kept = cache.and_then(OnceLock::get).filter(|kept| kept.source == pattern);
    let regex = if let Some(kept) = kept {
        &kept.regex
    } else {
        compiled = compile(&pattern)?;
        if let Some(cache) = cache {
            cache.get_or_init(|| Pattern { source: pattern.clone(), regex: compiled.clone() });
        }
        &compiled
    };
    if name == "regex_search" {
        let found = regex.captures(subject);
        if regex.captures_len() < 2 || found.is_none() {
            return Ok(Value::from(""));
        }
        let group = found.and_then(|found| found.get(1).map(|group| group.as_str().to_owned()));
        return Ok(group.map_or(Value::None, Value::from));
    }
    let replacement = text(&required(replacement, name, "replacement")?, name)?;
    let replaced = regex.replace_all(subject, rust_replacement(&replacement).as_str());
    operators::limited(replaced.len())?;
    Ok(Value::from(replaced.into_owned()))
}

fn compile(pattern: &str) -> Result<Regex, Halt> {
    // Python spells an escaped slash or quote where Rust's syntax refuses the escape.
    Regex::new(pattern).or_else(|_| Regex::new(&lenient(pattern))).map_err(|_| {
        Halt::failed(format!(
            "regular expression `{}` is not supported (no look-around, no back-references)",
            shorten(pattern)
        ))
    })
}

/// Drops backslashes before characters that need none.
fn lenient(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            match chars.next() {
                Some('Z') => out.push_str("\\z"),
                Some(next)
                    if next.is_ascii_alphanumeric() || ".+*?()|[]{}^$\\-&~#".contains(next) =>
                {
                    out.push('\\');
                    out.push(next);
                }
                Some(next) => out.push(next),
                None => out.push('\\'),
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Python's `\1` and `\g<name>` as Rust's `${1}` and `${name}`.
fn rust_replacement(replacement: &str) -> String {
    let mut out = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(digit @ '0'..='9') => {
                    out.push_str("${");
                    out.push(digit);
                    out.extend(chars.next_if(char::is_ascii_digit));
                    out.push('}');
                }
                Some('g') if chars.next_if_eq(&'<').is_some() => {
                    out.push_str("${");
                    out.extend(chars.by_ref().take_while(|c| *c != '>'));
                    out.push('}');
                }
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}
