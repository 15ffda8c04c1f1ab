//! Where a value stands in a record.

use std::fmt;
use std::str::FromStr;

/// Steps that a path may have.
const MAX_STEPS: usize = 32;

/// `customer.address.city`, `networkInterface.list[].HostAssetInterface.macAddress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// From where it leads.
    pub(crate) from: From,
    pub(crate) steps: Vec<Step>,
    /// Its absence is nothing to be told.
    pub(crate) optional: bool,
    text: String,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// At the thing that becomes a row: the record, or the child that it is exploded into.
    Row,
    /// At the record, by `^`.
    Record,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into a member of an object.
    Key(String),
    /// Into every item of a list: `[]`.
    Each,
}

impl Path {
    /// Whether it can lead to several values.
    pub(crate) fn is_many(&self) -> bool {
        self.steps.contains(&Step::Each)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |what: &str| format!("`{text}` is not a path: {what}");
        let (rest, optional) = match text.strip_suffix('?') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (mut rest, from) = match rest.strip_prefix('^') {
            Some(rest) => (rest, From::Record),
            None => (rest, From::Row),
        };
        let mut steps = Vec::new();
        if rest == "." {
            rest = "";
        } else if rest.is_empty() {
            return Err(fault("it is empty; `.` is the whole row"));
        }
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("[]") {
                steps.push(Step::Each);
                rest = after;
            } else {
                let dotted = if steps.is_empty() { Some(rest) } else { rest.strip_prefix('.') };
                let at = dotted.ok_or_else(|| fault("names are joined by dots"))?;
                let (name, after) = name(at).map_err(fault)?;
                steps.push(Step::Key(name));
                rest = after;
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(fault("it has more than 32 steps"));
        }
        Ok(Self { from, steps, optional, text: text.to_owned() })
    }
}

/// The name that a text begins with, and what follows it. A name in quotation marks may hold
/// anything but these.
fn name(text: &str) -> Result<(String, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, after) = quoted.split_once('"').ok_or("a quotation mark is not closed")?;
        return Ok((name.to_owned(), after));
    }
    let end = text.find(['.', '[', ']', '"', '^', '?']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if name.is_empty() {
        return Err("a name is missing; write names with other signs in quotation marks");
    }
    Ok((name.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_names_lists_and_a_start() {
        let path: Path = "^a.list[].\"b.c\"[]?".parse().unwrap();
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(path.from, From::Record);
        assert!(path.optional && path.is_many());
        assert_eq!(path.steps, [key("a"), key("list"), Step::Each, key("b.c"), Step::Each]);
        assert_eq!(".".parse::<Path>().unwrap().steps, []);
    }

    #[test]
    fn what_is_no_path_is_told() {
        for text in ["", "?", "^", "a..b", ".a", "a[0]", "a[", "a]b", "\"a", "a\"b\"", "[]a", "a^b"]
        {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
        let deep = vec!["a"; 33].join(".");
        assert!(deep.parse::<Path>().is_err());
    }
}
