//! The configured catalogue: which streams are read, and what of each.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What the configured catalogue says of the streams. An empty one says nothing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Configured")]
pub struct Catalog(BTreeMap<String, Choice>);

/// What is chosen of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
struct Choice {
    /// None where nothing is said of them.
    properties: Option<Map<String, Value>>,
    cursor_field: Vec<String>,
}

#[derive(Deserialize)]
struct Configured {
    streams: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    stream: Described,
    #[serde(default)]
    cursor_field: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    #[serde(default)]
    json_schema: Value,
}

impl From<Configured> for Catalog {
    fn from(configured: Configured) -> Self {
        let choice = |entry: Entry| {
            let properties = entry.stream.json_schema.get("properties").and_then(Value::as_object);
            let choice = Choice {
                properties: Some(properties.cloned().unwrap_or_default()),
                cursor_field: entry.cursor_field.unwrap_or_default(),
            };
            (entry.stream.name, choice)
        };
        Self(configured.streams.into_iter().map(choice).collect())
    }
}

impl Catalog {
    /// One that says nothing but which cursor fields are wanted.
    pub fn with_cursors(wanted: impl Iterator<Item = (String, Vec<String>)>) -> Self {
        let choice = |cursor_field| Choice { properties: None, cursor_field };
        Self(wanted.map(|(stream, cursor_field)| (stream, choice(cursor_field))).collect())
    }

    /// The properties of a stream's schema, when the catalogue has the stream.
    pub(crate) fn properties(&self, stream: &str) -> Option<&Map<String, Value>> {
        self.0.get(stream).and_then(|choice| choice.properties.as_ref())
    }

    /// The path of the field that a stream's reader wants as its cursor; empty when none.
    pub(crate) fn cursor_field(&self, stream: &str) -> &[String] {
        let field = self.0.get(stream).map(|choice| choice.cursor_field.as_slice());
        // A list of one empty text is how some platforms write that there is none.
        field.filter(|field| field.first().is_some_and(|f| !f.is_empty())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_says_what_is_chosen_of_a_stream() {
        let catalog: Catalog = serde_json::from_value(json!({"streams": [
            {"stream": {"name": "a", "json_schema": {"properties": {"x": {}}}}, "cursor_field": ["x"]},
            {"stream": {"name": "b"}, "cursor_field": [""]},
        ]}))
        .unwrap();
        assert!(catalog.properties("a").unwrap().contains_key("x"));
        assert!(catalog.properties("b").unwrap().is_empty());
        assert!(catalog.properties("c").is_none());
        assert_eq!(catalog.cursor_field("a"), ["x"]);
        assert!(catalog.cursor_field("b").is_empty() && catalog.cursor_field("c").is_empty());
        let wanted = Catalog::with_cursors([("a".to_owned(), vec!["x".to_owned()])].into_iter());
        assert!(wanted.properties("a").is_none());
        assert_eq!(wanted.cursor_field("a"), ["x"]);
    }
}
