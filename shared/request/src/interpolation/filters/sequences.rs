//! Filters of lists and mappings.

use std::cmp::Ordering;

use super::super::arguments::{Args, integer, required, text};
use super::super::ast::Binary;
use super::super::error::Halt;
use super::super::run::Run;
use super::super::{operators, predicates};
use crate::value::{Key, Value};

pub(super) fn apply(name: &str, value: &Value, args: &Args) -> Result<Value, Halt> {
    match name {
        "length" | "count" => length(value),
        "list" => operators::iterate(value).map(Value::from),
        "first" => Ok(operators::iterate(value)?.into_iter().next().unwrap_or(Value::Undefined)),
        "last" => Ok(operators::iterate(value)?.pop().unwrap_or(Value::Undefined)),
        "reverse" => {
            if let Value::Str(text) = value {
                return Ok(Value::from(text.chars().rev().collect::<String>()));
            }
            Ok(Value::from(operators::iterate(value)?.into_iter().rev().collect::<Vec<_>>()))
        }
        "join" => join(value, args),
        "sum" => sum(value, args),
        "max" | "min" => extreme(name, value, args),
        "sort" => sort(value, args),
        "unique" => unique(value, args),
        "items" => match value.as_dict() {
            Some(dict) => Ok(pairs(dict.iter().map(|(k, v)| (k.value().clone(), v.clone())))),
            None if matches!(value, Value::Undefined) => Ok(Value::from(Vec::new())),
            None => Err(Halt::type_error("items needs a mapping")),
        },
        "dictsort" => {
            let dict = value.as_dict().ok_or_else(|| Halt::type_error("a mapping is needed"))?;
            let mut items: Vec<_> =
                dict.iter().map(|(k, v)| (k.value().clone(), v.clone())).collect();
            items.sort_by_key(|(key, _)| key.to_string().to_lowercase());
            Ok(pairs(items.into_iter()))
        }
        _ => groups(name, value, args),
    }
}

fn pairs(items: impl Iterator<Item = (Value, Value)>) -> Value {
    let items = items.map(|(key, value)| Value::Tuple(vec![key, value].into()));
    Value::from(items.collect::<Vec<_>>())
}

fn length(value: &Value) -> Result<Value, Halt> {
    let count = match value {
        Value::Undefined => 0,
        Value::Str(text) => text.chars().count(),
        Value::List(items) | Value::Tuple(items) => items.len(),
        other => match other.as_dict() {
            Some(dict) => dict.len(),
            None => return Err(Halt::type_error(format!("{} has no len()", other.type_name()))),
        },
    };
    Ok(Value::from(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// What an attribute path such as `a.b.0` reads.
fn attribute(value: &Value, path: &Value) -> Result<Value, Halt> {
    let Value::Str(path) = path else { return operators::item(value, path) };
    let mut value = value.clone();
    for part in path.split('.') {
        let key = part.parse().map_or_else(|_| Value::from(part), |n: i64| Value::from(n));
        value = operators::item(&value, &key)?;
    }
    Ok(value)
}

fn attributes(items: Vec<Value>, path: Option<&Value>) -> Result<Vec<Value>, Halt> {
    match path.filter(|path| !path.is_nothing()) {
        None => Ok(items),
        Some(path) => items.iter().map(|item| attribute(item, path)).collect(),
    }
}

fn join(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [separator, path] = args.bind("join", ["d", "attribute"])?;
    let separator = separator.map_or_else(String::new, |separator| separator.to_string());
    let items = attributes(operators::iterate(value)?, path.as_ref())?;
    let mut length = 0;
    let mut texts = Vec::with_capacity(items.len());
    for item in &items {
        let text = operators::printed(item)?;
        length += text.len() + separator.len();
        operators::limited(length)?;
        texts.push(text);
    }
    Ok(Value::from(texts.join(&separator)))
}

fn sum(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [path, start] = args.bind("sum", ["attribute", "start"])?;
    let items = attributes(operators::iterate(value)?, path.as_ref())?;
    let start = start.unwrap_or_else(|| Value::from(0));
    items.iter().try_fold(start, |sum, item| operators::binary(Binary::Add, &sum, item))
}

/// The text of a key, without regard to case unless asked.
fn folded(value: &Value, case_sensitive: bool) -> Value {
    match value {
        Value::Str(text) if !case_sensitive => Value::from(text.to_lowercase()),
        other => other.clone(),
    }
}

fn extreme(name: &str, value: &Value, args: &Args) -> Result<Value, Halt> {
    let [case, path] = args.bind(name, ["case_sensitive", "attribute"])?;
    let case = case.is_some_and(|case| case.is_truthy());
    let wanted = if name == "max" { Ordering::Greater } else { Ordering::Less };
    let items = operators::iterate(value)?;
    let keys = attributes(items.clone(), path.as_ref())?;
    let mut best: Option<(Value, Value)> = None;
    for (item, key) in items.into_iter().zip(keys) {
        let key = folded(&key, case);
        let better = match &best {
            None => true,
            Some((_, champion)) => operators::order(&key, champion)? == Some(wanted),
        };
        if better {
            best = Some((item, key));
        }
    }
    Ok(best.map_or(Value::Undefined, |(item, _)| item))
}

/// Values in Python's order.
pub(in super::super) fn sorted(items: &[Value], reverse: bool) -> Result<Vec<Value>, Halt> {
    let keyed = items.iter().map(|item| (item.clone(), item.clone())).collect();
    sort_keyed(keyed, reverse)
}

fn sort_keyed(mut items: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<Value>, Halt> {
    for pair in items.windows(2) {
        if let [(a, _), (b, _)] = pair {
            operators::order(a, b)?;
        }
    }
    items.sort_by(|(a, _), (b, _)| {
        let order = a.order(b).unwrap_or(Ordering::Equal);
        if reverse { order.reverse() } else { order }
    });
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn sort(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [reverse, case, path] = args.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let flag = |value: Option<Value>| value.is_some_and(|value| value.is_truthy());
    let (reverse, case) = (flag(reverse), flag(case));
    let items = operators::iterate(value)?;
    let keys = attributes(items.clone(), path.as_ref())?;
    let keyed = keys.iter().map(|key| folded(key, case)).zip(items).collect();
    sort_keyed(keyed, reverse).map(Value::from)
}

fn unique(value: &Value, args: &Args) -> Result<Value, Halt> {
    let [case, path] = args.bind("unique", ["case_sensitive", "attribute"])?;
    let case = case.is_some_and(|case| case.is_truthy());
    let items = operators::iterate(value)?;
    let keys = attributes(items.clone(), path.as_ref())?;
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for (item, key) in items.into_iter().zip(keys) {
        let key = Key::new(folded(&key, case)).ok_or_else(|| Halt::type_error("unhashable"))?;
        if seen.insert(key) {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn groups(name: &str, value: &Value, args: &Args) -> Result<Value, Halt> {
    let [count, fill] = args.bind(name, ["count", "fill_with"])?;
    let count = integer(&required(count, name, "count")?, name)?;
    let items = operators::iterate(value)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| Halt::failed("a count must be positive"))?;
    let fill = fill.filter(|fill| !fill.is_nothing());
    let mut groups: Vec<Vec<Value>> = if name == "batch" {
        items.chunks(count).map(<[Value]>::to_vec).collect()
    } else {
        operators::limited(count)?;
        let (size, larger) = (items.len() / count, items.len() % count);
        let mut rest = items.into_iter();
        (0..count).map(|at| rest.by_ref().take(size + usize::from(at < larger)).collect()).collect()
    };
    if let Some(fill) = fill {
        let size = groups.iter().map(Vec::len).max().unwrap_or(0);
        let size = if name == "batch" { count } else { size };
        operators::limited(size)?;
        for group in &mut groups {
            group.resize(size.max(group.len()), fill.clone());
        }
    }
    Ok(Value::from(groups.into_iter().map(Value::from).collect::<Vec<_>>()))
}

/// `map`, `select`, `reject` and their kin by attribute.
pub(super) fn each(
    run: &mut Run<'_>,
    name: &str,
    value: &Value,
    args: &Args,
) -> Result<Value, Halt> {
    let items = operators::iterate(value)?;
    run.burn(items.len())?;
    if name == "map" {
        return map(run, &items, args);
    }
    let mut rest = args.positional.iter().cloned();
    let path = if name.ends_with("attr") {
        Some(rest.next().ok_or_else(|| Halt::failed("an attribute is missing"))?)
    } else {
        None
    };
    let test = rest.next().map(|test| text(&test, name)).transpose()?;
    let test_args = Args { positional: rest.collect(), named: args.named.clone() };
    let mut kept = Vec::new();
    for item in items {
        let subject = match &path {
            Some(path) => attribute(&item, path)?,
            None => item.clone(),
        };
        let holds = match &test {
            None => subject.is_truthy(),
            Some(test) if predicates::NAMES.contains(&test.as_str()) => {
                predicates::holds(test, &subject, &test_args)?
            }
            Some(test) => return Err(Halt::failed(format!("there is no test `{test}`"))),
        };
        if holds == name.starts_with("select") {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn map(run: &mut Run<'_>, items: &[Value], args: &Args) -> Result<Value, Halt> {
    let named = |name: &str| args.named.iter().find(|(key, _)| key == name).map(|(_, v)| v);
    if args.positional.is_empty() {
        let path = named("attribute").ok_or_else(|| Halt::failed("map needs an attribute"))?;
        let default = named("default");
        return items
            .iter()
            .map(|item| {
                let found = attribute(item, path)?;
                Ok(match (found, default) {
                    (Value::Undefined, Some(default)) => default.clone(),
                    (found, _) => found,
                })
            })
            .collect::<Result<Vec<_>, Halt>>()
            .map(Value::from);
    }
    let mut rest = args.positional.iter().cloned();
    let filter = text(&rest.next().unwrap_or_default(), "map")?;
    if !super::NAMES.contains(&filter.as_str()) {
        return Err(Halt::failed(format!("there is no filter `{filter}`")));
    }
    let args = Args { positional: rest.collect(), named: args.named.clone() };
    run.descend()?;
    let mapped = items
        .iter()
        .map(|item| super::apply(run, &filter, item, &args, None))
        .collect::<Result<Vec<_>, _>>();
    run.ascend();
    mapped.map(Value::from)
}
