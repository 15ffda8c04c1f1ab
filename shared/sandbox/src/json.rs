//! Writes JSON token by token, so that a number such as `250.00` keeps its digits.

use std::fmt::{Display, Write};

/// An object under construction.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// A value that is JSON already.
    pub(crate) fn raw(mut self, key: &str, token: impl Display) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(key));
        // Writing to a String cannot fail.
        _ = write!(self.0, ":{token}");
        self
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.raw(key, quoted(value))
    }

    pub(crate) fn null(self, key: &str) -> Self {
        self.raw(key, "null")
    }

    /// Text, or null.
    pub(crate) fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.null(key),
        }
    }

    pub(crate) fn close(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// A list of values that are JSON already.
pub(crate) fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// Hundredths as a decimal number with two digits.
pub(crate) fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_as_written() {
        let object = Object::new().text("a\"b", "é\n").raw("n", money(25_000)).maybe("z", None);
        assert_eq!(object.close(), r#"{"a\"b":"é\n","n":250.00,"z":null}"#);
    }
}
