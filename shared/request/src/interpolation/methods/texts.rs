//! Methods of texts.

use super::super::arguments::{Args, integer, required, text};
use super::super::error::Halt;
use super::super::{operators, printf};
use crate::value::Value;

pub(super) const NAMES: [&str; 37] = [
    "split",
    "rsplit",
    "splitlines",
    "strip",
    "lstrip",
    "rstrip",
    "replace",
    "lower",
    "upper",
    "title",
    "capitalize",
    "swapcase",
    "casefold",
    "startswith",
    "endswith",
    "join",
    "format",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "zfill",
    "ljust",
    "rjust",
    "center",
    "partition",
    "rpartition",
    "removeprefix",
    "removesuffix",
    "isdigit",
    "isnumeric",
    "isdecimal",
    "isalpha",
    "isalnum",
    "isupper",
    "islower",
];

/// Calls a method of a text.
pub(super) fn call(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    match method {
        "split" | "rsplit" => split(subject, method, args),
        "strip" | "lstrip" | "rstrip" => strip(subject, method, args),
        "replace" => replace(subject, args),
        "startswith" | "endswith" => affix(subject, method, args),
        "join" => join(subject, args),
        "format" => printf::format(subject, args).map(Value::from),
        "find" | "rfind" | "index" | "rindex" => find(subject, method, args),
        "ljust" | "rjust" | "center" | "zfill" => pad(subject, method, args),
        "partition" | "rpartition" => partition(subject, method, args),
        "count" | "removeprefix" | "removesuffix" => with_text(subject, method, args),
        _ => {
            args.none(method)?;
            Ok(plain(subject, method))
        }
    }
}

/// Methods without arguments.
fn plain(subject: &str, method: &str) -> Value {
    let all =
        |test: fn(char) -> bool| Value::Bool(!subject.is_empty() && subject.chars().all(test));
    let cased = |lower: bool| {
        let letters: Vec<char> = subject.chars().filter(|c| c.is_alphabetic()).collect();
        let fits = |c: &char| if lower { c.is_lowercase() } else { c.is_uppercase() };
        Value::Bool(!letters.is_empty() && letters.iter().all(fits))
    };
    match method {
        "lower" | "casefold" => Value::from(subject.to_lowercase()),
        "upper" => Value::from(subject.to_uppercase()),
        "title" => Value::from(title(subject)),
        "capitalize" => Value::from(capitalize(subject)),
        "swapcase" => {
            let swap = |c: char| -> String {
                if c.is_lowercase() {
                    c.to_uppercase().collect()
                } else {
                    c.to_lowercase().collect()
                }
            };
            Value::from(subject.chars().map(swap).collect::<String>())
        }
        "splitlines" => Value::from(subject.lines().map(Value::from).collect::<Vec<_>>()),
        "isdigit" | "isdecimal" => all(|c| c.is_ascii_digit()),
        "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isupper" => cased(false),
        _ => cased(true),
    }
}

/// First letter of each word upper, the others lower; a word is a run of letters.
pub(in super::super) fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

/// First letter upper, the others lower.
pub(in super::super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().to_lowercase()
}

fn list<'t>(parts: impl Iterator<Item = &'t str>) -> Value {
    Value::from(parts.map(Value::from).collect::<Vec<_>>())
}

fn split(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let [separator, limit] = args.bind(method, ["sep", "maxsplit"])?;
    let limit = limit.map_or(Ok(-1), |limit| integer(&limit, method))?;
    let parts = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    match separator.unwrap_or_default() {
        Value::None => Ok(split_space(subject, parts, method == "rsplit")),
        separator => {
            let separator = text(&separator, method)?;
            if separator.is_empty() {
                return Err(Halt::failed("empty separator"));
            }
            if method == "split" {
                return Ok(list(subject.splitn(parts, &separator)));
            }
            let mut found: Vec<&str> = subject.rsplitn(parts, &separator).collect();
            found.reverse();
            Ok(list(found.into_iter()))
        }
    }
}

fn split_space(subject: &str, parts: usize, from_end: bool) -> Value {
    let mut found = Vec::new();
    let mut rest = subject.trim();
    while !rest.is_empty() {
        let cut =
            if from_end { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        match cut.filter(|_| found.len() + 1 < parts) {
            None => {
                found.push(rest);
                break;
            }
            Some(at) => {
                let (left, right) = rest.split_at_checked(at).unwrap_or((rest, ""));
                if from_end {
                    found.push(right.trim_start());
                    rest = left.trim_end();
                } else {
                    found.push(left);
                    rest = right.trim_start();
                }
            }
        }
    }
    if from_end {
        found.reverse();
    }
    list(found.into_iter())
}

fn strip(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let [chars] = args.bind(method, ["chars"])?;
    let chars = match chars.unwrap_or_default() {
        Value::None => None,
        other => Some(text(&other, method)?),
    };
    let strips = |c: char| chars.as_ref().map_or(c.is_whitespace(), |chars| chars.contains(c));
    Ok(Value::from(match method {
        "lstrip" => subject.trim_start_matches(strips),
        "rstrip" => subject.trim_end_matches(strips),
        _ => subject.trim_matches(strips),
    }))
}

fn replace(subject: &str, args: &Args) -> Result<Value, Halt> {
    let [old, new, count] = args.bind("replace", ["old", "new", "count"])?;
    let old = text(&required(old, "replace", "old")?, "replace")?;
    let new = text(&required(new, "replace", "new")?, "replace")?;
    let count = count.map_or(Ok(-1), |count| integer(&count, "replace"))?;
    let times = subject.len() / old.len().max(1) + 1;
    operators::limited(subject.len().saturating_add(times.saturating_mul(new.len())))?;
    Ok(Value::from(match usize::try_from(count) {
        Ok(count) => subject.replacen(&old, &new, count),
        Err(_) => subject.replace(&old, &new),
    }))
}

fn affix(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let wanted = args.one(method, "prefix")?;
    let fits = |affix: &str| {
        if method == "startswith" { subject.starts_with(affix) } else { subject.ends_with(affix) }
    };
    let found = match &wanted {
        Value::Tuple(any) => {
            let any = any.iter().map(|affix| text(affix, method)).collect::<Result<Vec<_>, _>>()?;
            any.iter().any(|affix| fits(affix))
        }
        other => fits(&text(other, method)?),
    };
    Ok(Value::Bool(found))
}

fn join(subject: &str, args: &Args) -> Result<Value, Halt> {
    let items = operators::iterate(&args.one("join", "iterable")?)?;
    let texts = items
        .iter()
        .map(|item| match item {
            Value::Str(text) => Ok(&**text),
            other => Err(Halt::type_error(format!("join() of {}", other.type_name()))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let length = texts.iter().map(|text| text.len() + subject.len()).sum();
    operators::limited(length)?;
    Ok(Value::from(texts.join(subject)))
}

fn find(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let part = text(&args.one(method, "sub")?, method)?;
    let at = if method.starts_with('r') { subject.rfind(&part) } else { subject.find(&part) };
    match at {
        None if method.ends_with("index") => Err(Halt::failed("substring not found")),
        None => Ok(Value::from(-1)),
        Some(at) => {
            let chars = subject.get(..at).unwrap_or_default().chars().count();
            Ok(Value::from(i64::try_from(chars).unwrap_or(i64::MAX)))
        }
    }
}

fn pad(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let [width, fill] = args.bind(method, ["width", "fillchar"])?;
    let width = integer(&required(width, method, "width")?, method)?;
    let fill = fill.map_or(Ok(" ".to_owned()), |fill| text(&fill, method))?;
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(subject.chars().count());
    operators::limited(missing)?;
    let left = match method {
        "ljust" => 0,
        "center" => missing / 2 + (missing & usize::try_from(width).unwrap_or(0) & 1),
        _ => missing,
    };
    if method == "zfill" {
        let digits = subject.trim_start_matches(['+', '-']);
        let sign = subject.strip_suffix(digits).unwrap_or_default();
        return Ok(Value::from(format!("{sign}{}{digits}", "0".repeat(missing))));
    }
    Ok(Value::from(format!("{}{subject}{}", fill.repeat(left), fill.repeat(missing - left))))
}

fn partition(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let separator = text(&args.one(method, "sep")?, method)?;
    let last = method == "rpartition";
    let found = if last { subject.rsplit_once(&separator) } else { subject.split_once(&separator) };
    let parts = match found {
        Some((left, right)) => [left, &separator, right],
        None if last => ["", "", subject],
        None => [subject, "", ""],
    };
    Ok(Value::Tuple(parts.map(Value::from).to_vec().into()))
}

fn with_text(subject: &str, method: &str, args: &Args) -> Result<Value, Halt> {
    let part = text(&args.one(method, "sub")?, method)?;
    Ok(match method {
        "removeprefix" => Value::from(subject.strip_prefix(part.as_str()).unwrap_or(subject)),
        "removesuffix" => Value::from(subject.strip_suffix(part.as_str()).unwrap_or(subject)),
        _ => Value::from(i64::try_from(subject.matches(part.as_str()).count()).unwrap_or(0)),
    })
}
