//! Methods of mappings, lists and tuples.

use std::sync::Arc;

use super::super::arguments::{Args, integer, required};
use super::super::error::Halt;
use super::super::operators;
use crate::value::{Dict, Key, Value};

pub(super) const DICT: [&str; 10] =
    ["get", "items", "keys", "values", "copy", "update", "pop", "setdefault", "clear", "popitem"];
pub(super) const LIST: [&str; 11] = [
    "append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort", "index", "count",
    "copy",
];
pub(super) const TUPLE: [&str; 2] = ["index", "count"];
pub(super) const CHANGING: [&str; 11] = [
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "reverse",
    "sort",
    "update",
    "setdefault",
    "popitem",
];

/// Calls a method that changes nothing.
pub(super) fn call(value: &Value, method: &str, args: &Args) -> Result<Value, Halt> {
    if let Some(dict) = value.as_dict() {
        return dict_call(dict, method, args);
    }
    let items = value.as_slice().unwrap_or_default();
    match method {
        "copy" => args.none(method).map(|()| value.clone()),
        "count" => {
            let wanted = args.one(method, "value")?;
            let count = items.iter().filter(|item| **item == wanted).count();
            Ok(Value::from(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        _ => {
            let wanted = args.one(method, "value")?;
            let at = items.iter().position(|item| *item == wanted);
            let at = at.ok_or_else(|| Halt::failed("the value is not in the list"))?;
            Ok(Value::from(i64::try_from(at).unwrap_or(i64::MAX)))
        }
    }
}

fn dict_call(dict: &Dict, method: &str, args: &Args) -> Result<Value, Halt> {
    if method == "get" {
        if !args.named.is_empty() {
            return Err(Halt::type_error("get() takes no named arguments"));
        }
        let [key, default] = args.bind(method, ["key", "default"])?;
        let key = Key::new(required(key, method, "key")?)
            .ok_or_else(|| Halt::type_error("unhashable key"))?;
        return Ok(dict.get_key(&key).cloned().or(default).unwrap_or(Value::None));
    }
    args.none(method)?;
    let keys = || dict.keys().map(|key| key.value().clone());
    Ok(match method {
        "keys" => Value::from(keys().collect::<Vec<_>>()),
        "values" => Value::from(dict.values().cloned().collect::<Vec<_>>()),
        "items" => {
            let pairs = keys().zip(dict.values().cloned());
            let pairs = pairs.map(|(key, value)| Value::Tuple(vec![key, value].into()));
            Value::from(pairs.collect::<Vec<_>>())
        }
        _ => Value::from(dict.clone()),
    })
}

/// Calls a method that changes its list or mapping.
pub(super) fn change(place: &mut Value, method: &str, args: &Args) -> Result<Value, Halt> {
    match place {
        Value::Dict(dict) => change_dict(Arc::make_mut(dict), method, args),
        Value::List(items) => change_list(Arc::make_mut(items), method, args),
        other => Err(Halt::type_error(format!("{} cannot be changed", other.type_name()))),
    }
}

fn change_list(items: &mut Vec<Value>, method: &str, args: &Args) -> Result<Value, Halt> {
    match method {
        "append" => items.push(args.one(method, "object")?),
        "extend" => items.extend(operators::iterate(&args.one(method, "iterable")?)?),
        "insert" => {
            let [at, value] = args.bind(method, ["index", "object"])?;
            let at = integer(&required(at, method, "index")?, method)?;
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if at < 0 { (at + length).max(0) } else { at.min(length) };
            let value = required(value, method, "object")?;
            items.insert(usize::try_from(at).unwrap_or(0).min(items.len()), value);
        }
        "pop" => {
            let [at] = args.bind(method, ["index"])?;
            let at = at.map_or(Ok(-1), |at| integer(&at, method))?;
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = usize::try_from(if at < 0 { at + length } else { at }).ok();
            let at = at.filter(|at| *at < items.len());
            return at
                .map(|at| items.remove(at))
                .ok_or_else(|| Halt::failed("pop index out of range"));
        }
        "remove" => {
            let wanted = args.one(method, "value")?;
            let at = items.iter().position(|item| *item == wanted);
            items.remove(at.ok_or_else(|| Halt::failed("the value is not in the list"))?);
        }
        "clear" => items.clear(),
        "reverse" => items.reverse(),
        _ => {
            let [reverse] = args.bind(method, ["reverse"])?;
            *items = super::super::filters::sorted(items, reverse.is_some_and(|r| r.is_truthy()))?;
        }
    }
    Ok(Value::None)
}

fn change_dict(dict: &mut Dict, method: &str, args: &Args) -> Result<Value, Halt> {
    match method {
        "update" => {
            for other in &args.positional {
                let pairs =
                    other.as_dict().ok_or_else(|| Halt::type_error("update() takes a mapping"))?;
                for (key, value) in pairs.iter() {
                    dict.insert(key.clone(), value.clone());
                }
            }
            for (key, value) in args.dict().iter() {
                dict.insert(key.clone(), value.clone());
            }
            Ok(Value::None)
        }
        "clear" => {
            *dict = Dict::default();
            Ok(Value::None)
        }
        "popitem" => {
            let last = dict.keys().next_back().cloned();
            let key = last.ok_or_else(|| Halt::failed("popitem(): the mapping is empty"))?;
            let value = dict.remove_key(&key).unwrap_or_default();
            Ok(Value::Tuple(vec![key.value().clone(), value].into()))
        }
        _ => {
            let [key, default] = args.bind(method, ["key", "default"])?;
            let key = Key::new(required(key, method, "key")?)
                .ok_or_else(|| Halt::type_error("unhashable key"))?;
            if method == "pop" {
                let found = dict.remove_key(&key).or(default);
                return found.ok_or_else(|| Halt::failed("pop(): there is no such key"));
            }
            if let Some(found) = dict.get_key(&key) {
                return Ok(found.clone());
            }
            let default = default.unwrap_or(Value::None);
            dict.insert(key, default.clone());
            Ok(default)
        }
    }
}
