//! Where in an answer something stands.

use std::fmt;
use std::str::FromStr;

use request::value::Value;

/// A place in JSON: names joined by dots; a number is a place in a list, `[]` every item of it,
/// `.` the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Place(usize),
    Every,
}

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a path: write names joined by dots, such as `results`, `errors.0.code`, `ids[]`"
)]
pub(crate) struct PathError(String);

impl Path {
    /// All values that stand there, in order; nothings are none.
    pub(crate) fn all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.from(value)).collect();
        }
        found.retain(|value| !value.is_nothing());
        found
    }

    /// The first value that stands there.
    pub(crate) fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.all(value).into_iter().next()
    }

    /// The first value that stands there as text; lists and mappings are none.
    pub(crate) fn text(&self, value: &Value) -> Option<String> {
        self.all(value).into_iter().find_map(text_of)
    }
}

/// A scalar as text.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.json()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

impl Step {
    fn from<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Name(name) => value.get(name).into_iter().collect(),
            Self::Place(place) => {
                let item = value.as_slice().and_then(|items| items.get(*place));
                item.or_else(|| value.get(&place.to_string())).into_iter().collect()
            }
            Self::Every => value.as_slice().unwrap_or_default().iter().collect(),
        }
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        if text == "." {
            return Ok(Self(steps));
        }
        for part in text.split('.') {
            let name = part.trim_end_matches("[]");
            let lists = (part.len() - name.len()) / 2;
            if name.contains(['[', ']', '{', '}']) || (name.is_empty() && lists == 0) {
                return Err(PathError(text.to_owned()));
            }
            match name.parse() {
                _ if name.is_empty() => {}
                Ok(place) => steps.push(Step::Place(place)),
                Err(_) => steps.push(Step::Name(name.to_owned())),
            }
            steps.extend(std::iter::repeat_n(Step::Every, lists));
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Name(name) => write!(f, "{dot}{name}")?,
                Step::Place(place) => write!(f, "{dot}{place}")?,
                Step::Every => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &[&str]) {
        let json = br#"{"a":{"b":[{"c":1},{"c":null},{"c":"x"}]},"l":["p","q"],"5":true}"#;
        let value = Value::from_json(json).unwrap();
        let path: Path = path.parse().unwrap();
        let found: Vec<_> = path.all(&value).into_iter().filter_map(text_of).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn paths_find_names_places_and_every_item() {
        check("a.b[].c", &["1", "x"]);
        check("a.b.2.c", &["x"]);
        check("l[]", &["p", "q"]);
        check("5", &["true"]);
        check("a.missing.c", &[]);
        check("l.7", &[]);
    }

    #[test]
    fn texts_that_are_no_paths_are_refused() {
        for bad in ["", "a..b", "a[0]", "{{ a }}", "a."] {
            assert!(bad.parse::<Path>().is_err(), "{bad}");
        }
    }
}
