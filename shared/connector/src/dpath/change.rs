//! What paths change in a value.

use std::sync::Arc;

use request::value::{Dict, Key, Value};

use super::{Name, index};

pub(super) fn put(target: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((first, rest)) = path.split_first() else {
        *target = value;
        return Some(());
    };
    let slot = match target {
        Value::Dict(dict) => {
            let dict = Arc::make_mut(dict);
            if !dict.contains(first) {
                dict.insert(first.as_str(), fresh(rest));
            }
            dict.get_mut(first)?
        }
        Value::List(items) => {
            let items = Arc::make_mut(items);
            let at = index(first.parse().ok()?, items.len())?;
            // Filling up to a position that a manifest names; no more than it may ask for.
            if at > items.len().saturating_add(10_000) {
                return None;
            }
            if at >= items.len() {
                items.resize(at, Value::None);
                items.push(fresh(rest));
            }
            items.get_mut(at)?
        }
        _ => return None,
    };
    put(slot, rest, value)
}

/// What is made on the way: a list where a position comes next.
fn fresh(rest: &[String]) -> Value {
    let position =
        |segment: &String| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    match rest.first() {
        Some(next) if position(next) => Value::from(Vec::new()),
        _ => Value::from(Dict::default()),
    }
}

pub(super) fn take(target: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if first == "**" {
        take(target, rest);
        each_mut(target, |_, child| take(child, path));
        return;
    }
    if !rest.is_empty() {
        each_mut(target, |name, child| {
            if name.matches(first) {
                take(child, rest);
            }
        });
        return;
    }
    match target {
        Value::Dict(dict) if dict.keys().any(|key| Name::Key(key).matches(first)) => {
            Arc::make_mut(dict).retain(|key, _| !Name::Key(key).matches(first));
        }
        Value::List(items) => {
            let length = items.len();
            let items = Arc::make_mut(items);
            for i in 0..length {
                if !Name::At(i, length).matches(first) {
                    continue;
                }
                if i + 1 == items.len() {
                    items.pop();
                } else if let Some(item) = items.get_mut(i) {
                    *item = Value::None;
                }
            }
        }
        _ => {}
    }
}

pub(super) fn drop_lists(target: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if first == "**" {
        drop_lists(target, rest);
        each_mut(target, |_, child| drop_lists(child, path));
        return;
    }
    each_mut(target, |name, child| {
        if name.matches(first) {
            drop_lists(child, rest);
        }
    });
    if !rest.is_empty() {
        return;
    }
    match target {
        Value::Dict(dict) => Arc::make_mut(dict).retain(|key, child| {
            !(matches!(child, Value::List(_)) && Name::Key(key).matches(first))
        }),
        Value::List(items) => {
            let length = items.len();
            let mut at = 0..length;
            Arc::make_mut(items).retain(|child| {
                let here = at.next().unwrap_or_default();
                !(matches!(child, Value::List(_)) && Name::At(here, length).matches(first))
            });
        }
        _ => {}
    }
}

fn each_mut(target: &mut Value, mut visit: impl FnMut(&Name<'_>, &mut Value)) {
    match target {
        Value::Dict(dict) => {
            for (key, child) in Arc::make_mut(dict).iter_mut() {
                visit(&Name::Key(key), child);
            }
        }
        Value::List(items) => {
            let items = Arc::make_mut(items);
            let length = items.len();
            for (i, child) in items.iter_mut().enumerate() {
                visit(&Name::At(i, length), child);
            }
        }
        _ => {}
    }
}

/// Takes away every leaf, at any depth, that a test picks.
pub(crate) fn delete_leaves<E>(
    target: &mut Value,
    pick: &mut impl FnMut(&Value) -> Result<bool, E>,
) -> Result<(), E> {
    match target {
        Value::Dict(dict) => {
            let dict = Arc::make_mut(dict);
            let mut gone: Vec<Key> = Vec::new();
            for (key, child) in dict.iter_mut() {
                if matches!(child, Value::Dict(_) | Value::List(_)) {
                    delete_leaves(child, pick)?;
                } else if pick(child)? {
                    gone.push(key.clone());
                }
            }
            for key in &gone {
                dict.remove_key(key);
            }
        }
        Value::List(items) => {
            let items = Arc::make_mut(items);
            for i in 0..items.len() {
                let last = i + 1 == items.len();
                let Some(child) = items.get_mut(i) else { break };
                if matches!(child, Value::Dict(_) | Value::List(_)) {
                    delete_leaves(child, pick)?;
                } else if pick(child)? {
                    *child = Value::None;
                    if last {
                        items.pop();
                    }
                }
            }
        }
        _ => {}
    }
    Ok(())
}
