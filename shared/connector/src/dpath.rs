//! Paths with globs into values, as the `dpath` library reads them.

use std::sync::Arc;

use request::value::{Dict, Key, Value};

/// A path: names, positions, `*` for any one, `**` for any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

/// A path that leads through something that has no parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// Several values where one was asked for.
    #[error("path `{0}` leads to more than one value")]
    Ambiguous(String),
    /// Something in the way.
    #[error("path `{0}` leads through a value that has no parts")]
    Blocked(String),
}

impl Path {
    pub(crate) fn new(segments: Vec<String>) -> Self {
        Self(segments)
    }

    /// From one text, its segments separated by `/`.
    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.trim_start_matches('/').split('/').map(str::to_owned).collect())
    }

    pub(crate) fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether one of the segments is `*`: then a path has many values.
    pub(crate) fn has_star(&self) -> bool {
        self.0.iter().any(|segment| segment == "*")
    }

    /// Whether every segment names exactly one thing.
    pub(crate) fn is_plain(&self) -> bool {
        !self.0.iter().any(|segment| segment.contains(['*', '?', '[']))
    }

    /// The path of a field beside the one that this leads to.
    pub(crate) fn beside(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.pop();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// The one value at the path.
    pub(crate) fn get<'v>(&self, value: &'v Value) -> Result<Option<&'v Value>, PathError> {
        let found = self.values(value);
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(PathError::Ambiguous(self.0.join("/"))),
        }
    }

    /// All values at the path, in order.
    pub(crate) fn values<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = Vec::new();
        collect(value, &self.0, &mut found);
        found
    }

    /// Puts a value at the path, making what is missing on the way.
    pub(crate) fn set(&self, target: &mut Value, value: Value) -> Result<(), PathError> {
        put(target, &self.0, value).ok_or_else(|| PathError::Blocked(self.0.join("/")))
    }

    /// The value without the lists at the path; those in lists are taken out of them.
    pub(crate) fn without_lists(&self, value: &Value) -> Value {
        let mut value = value.clone();
        drop_lists(&mut value, &self.0);
        value
    }

    /// Takes everything at the path away; a list keeps its length, with nulls, except at its end.
    pub(crate) fn delete(&self, target: &mut Value) {
        take(target, &self.0);
    }
}

fn collect<'v>(value: &'v Value, path: &[String], found: &mut Vec<&'v Value>) {
    let Some((first, rest)) = path.split_first() else {
        found.push(value);
        return;
    };
    if first == "**" {
        collect(value, rest, found);
        children(value).for_each(|(_, child)| collect(child, path, found));
        return;
    }
    if let (Value::Dict(dict), true) = (value, plain(first)) {
        dict.get(first).into_iter().for_each(|child| collect(child, rest, found));
        return;
    }
    for (name, child) in children(value) {
        if name.matches(first) {
            collect(child, rest, found);
        }
    }
}

/// A part's name: a key, or a position in a list of some length.
enum Name<'v> {
    Key(&'v Key),
    At(usize, usize),
}

impl Name<'_> {
    fn matches(&self, glob: &str) -> bool {
        match self {
            Self::Key(key) => match key.as_str() {
                Some(text) => matches(text, glob),
                None => matches(&key.value().to_string(), glob),
            },
            Self::At(i, length) => match glob.parse::<i64>() {
                Ok(at) => i64::try_from(*i) == Ok(at) || index(at, *length) == Some(*i),
                Err(_) => matches(&i.to_string(), glob),
            },
        }
    }
}

fn index(at: i64, length: usize) -> Option<usize> {
    if at < 0 { length.checked_sub(usize::try_from(-at).ok()?) } else { usize::try_from(at).ok() }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = (Name<'_>, &Value)> + '_> {
    match value {
        Value::Dict(dict) => Box::new(dict.iter().map(|(key, child)| (Name::Key(key), child))),
        Value::List(items) | Value::Tuple(items) => {
            let length = items.len();
            Box::new(items.iter().enumerate().map(move |(i, v)| (Name::At(i, length), v)))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn plain(glob: &str) -> bool {
    !glob.contains(['*', '?', '['])
}

/// `fnmatchcase`: `*`, `?`, `[set]`, `[!set]`.
pub(crate) fn matches(text: &str, glob: &str) -> bool {
    if plain(glob) {
        return text == glob;
    }
    let (text, glob): (Vec<char>, Vec<char>) = (text.chars().collect(), glob.chars().collect());
    matches_from(&text, &glob)
}

fn matches_from(text: &[char], glob: &[char]) -> bool {
    match glob.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => {
            (0..=text.len()).any(|i| text.get(i..).is_some_and(|t| matches_from(t, rest)))
        }
        Some(('?', rest)) => text.split_first().is_some_and(|(_, t)| matches_from(t, rest)),
        Some(('[', rest)) => match set_of(rest) {
            Some((set, rest)) => {
                text.split_first().is_some_and(|(c, t)| set.holds(*c) && matches_from(t, rest))
            }
            None => text.split_first().is_some_and(|(c, t)| *c == '[' && matches_from(t, rest)),
        },
        Some((c, rest)) => text.split_first().is_some_and(|(t, r)| t == c && matches_from(r, rest)),
    }
}

struct Set<'g> {
    negated: bool,
    members: &'g [char],
}

impl Set<'_> {
    fn holds(&self, c: char) -> bool {
        let mut inside = false;
        let mut rest = self.members;
        loop {
            rest = match rest {
                [low, '-', high, tail @ ..] => {
                    inside |= (*low..=*high).contains(&c);
                    tail
                }
                [one, tail @ ..] => {
                    inside |= *one == c;
                    tail
                }
                [] => return inside != self.negated,
            };
        }
    }
}

fn set_of(glob: &[char]) -> Option<(Set<'_>, &[char])> {
    let (negated, glob) = match glob.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, glob),
    };
    // A bracket in first place is a member.
    let end = glob.iter().skip(1).position(|c| *c == ']')? + 1;
    let (members, rest) = glob.split_at_checked(end)?;
    Some((Set { negated, members }, rest.get(1..)?))
}

fn put(target: &mut Value, path: &[String], value: Value) -> Option<()> {
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

fn take(target: &mut Value, path: &[String]) {
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

fn drop_lists(target: &mut Value, path: &[String]) {
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

#[cfg(test)]
mod tests {
    use request::value::Style;
    use serde_json::{Value as Json, json};

    use super::*;

    fn path(segments: &[&str]) -> Path {
        Path::new(segments.iter().map(|s| (*s).to_owned()).collect())
    }

    fn value(json: &Json) -> Value {
        Value::from(json)
    }

    fn texts(found: &[&Value]) -> Vec<String> {
        found.iter().map(|v| v.json_text(Style::Compact)).collect()
    }

    #[test]
    fn a_plain_path_leads_to_one_value() {
        let body = value(&json!({"a": {"b": [10, 20]}}));
        assert_eq!(texts(&path(&["a", "b", "1"]).values(&body)), ["20"]);
        assert_eq!(texts(&path(&["a", "b", "-1"]).values(&body)), ["20"]);
        assert!(path(&["a", "x"]).get(&body).unwrap().is_none());
    }

    #[test]
    fn stars_match_one_segment_and_double_stars_any_number() {
        let body = value(&json!({"a": [{"id": 1}, {"id": 2}], "b": {"x": {"id": 3}}}));
        assert_eq!(texts(&path(&["a", "*", "id"]).values(&body)), ["1", "2"]);
        assert_eq!(texts(&path(&["**", "id"]).values(&body)), ["1", "2", "3"]);
        assert!(path(&["a", "*", "id"]).get(&body).is_err());
        assert!(matches("file-7", "file-[0-9]") && !matches("file-x", "file-[!a-z]"));
    }

    #[test]
    fn setting_makes_what_is_missing() {
        let mut body = value(&json!({"a": 1}));
        path(&["b", "1", "c"]).set(&mut body, Value::from("v")).unwrap();
        assert_eq!(body.json_text(Style::Compact), r#"{"a":1,"b":[null,{"c":"v"}]}"#);
        assert!(path(&["a", "x"]).set(&mut body, Value::None).is_err());
    }

    #[test]
    fn deleting_keeps_the_length_of_lists_except_at_their_end() {
        let mut body = value(&json!({"l": [1, 2, 3], "k1": 0, "k2": 0}));
        path(&["l", "0"]).delete(&mut body);
        path(&["l", "2"]).delete(&mut body);
        path(&["k*"]).delete(&mut body);
        assert_eq!(body.json_text(Style::Compact), r#"{"l":[null,2]}"#);
    }
}
