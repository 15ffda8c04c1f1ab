//! Paths with globs into values, as the `dpath` library reads them.

mod change;
mod glob;

use request::value::{Key, Value};

pub(crate) use change::delete_leaves;
use change::{drop_lists, put, take};
pub(crate) use glob::matches;
use glob::plain;

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
