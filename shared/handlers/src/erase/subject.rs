//! Whose records: by fields that tell a person apart, wherever they stand in a record.

use std::fmt;

use bytes::Bytes;
use lake::delivery::InboxLine;
use lake::{Codec, Limits, LineReader};
use model::ObjectKey;
use serde_json::Value;

use super::Error;

/// A field and its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Name of the field, at any depth of a record.
    pub field: String,
    value: String,
}

impl Wanted {
    /// A field with this value; case does not count.
    pub fn new(field: &str, value: &str) -> Self {
        Self { field: field.to_owned(), value: value.trim().to_owned() }
    }

    /// The value: nothing but its digest is ever told.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    fn is(&self, text: &str) -> bool {
        text.trim().to_lowercase() == self.value.to_lowercase()
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("field", &self.field).finish_non_exhaustive()
    }
}

/// A person: a record that has any of these is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person(Vec<Wanted>);

impl Person {
    /// Who has any of these; none where nothing is said, or a value is empty.
    pub fn new(wanted: Vec<Wanted>) -> Option<Self> {
        let is_said = |wanted: &Wanted| !wanted.field.is_empty() && !wanted.value.is_empty();
        (!wanted.is_empty() && wanted.iter().all(is_said)).then_some(Self(wanted))
    }

    pub(super) fn wanted(&self) -> &[Wanted] {
        &self.0
    }

    /// Whether a record is theirs.
    pub(super) fn owns(&self, record: &[u8]) -> bool {
        // What is no JSON has no fields.
        serde_json::from_slice(record).is_ok_and(|record| self.is_in(&record))
    }

    fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::Array(values) => values.iter().any(|value| self.is_in(value)),
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| self.is_told(name, value) || self.is_in(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    fn is_told(&self, name: &str, value: &Value) -> bool {
        let is = |text: &str| self.0.iter().any(|wanted| wanted.field == name && wanted.is(text));
        match value {
            Value::String(text) => is(text),
            Value::Number(number) => is(&number.to_string()),
            Value::Array(values) => values.iter().any(|value| self.is_told(name, value)),
            Value::Null | Value::Bool(_) | Value::Object(_) => false,
        }
    }
}

/// How records are packed.
const LEVEL: i32 = 3;

/// Largest part, unpacked.
const LARGEST: u64 = 64 << 20;

/// What a part holds of somebody.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    /// The lines of the file that were theirs.
    pub(super) lines: Vec<u64>,
    text: Vec<u8>,
}

impl Sifted {
    /// Takes a record in. What is theirs leaves a line without a record, so that places and
    /// counts stay as they are.
    pub(super) fn add(&mut self, person: &Person, line: u64, record: &[u8]) {
        let record = if person.owns(record) {
            self.lines.push(line);
            b"null"
        } else {
            record
        };
        self.text.extend_from_slice(format!("{{\"line\":{line},\"record\":").as_bytes());
        self.text.extend_from_slice(record);
        self.text.extend_from_slice(b"}\n");
    }

    /// Bytes of its lines.
    pub(super) fn len(&self) -> u64 {
        self.text.len() as u64
    }

    /// Its stored form.
    pub(super) fn pack(&self) -> Result<Bytes, Error> {
        Ok(Bytes::from(zstd::bulk::compress(&self.text, LEVEL)?))
    }
}

/// Sifts a part that stands in the lake.
pub(super) fn sift(person: &Person, key: &ObjectKey, body: Bytes) -> Result<Sifted, Error> {
    let limits = Limits { content: LARGEST, ..Limits::default() };
    let unreadable = |source| Error::Part { key: key.clone(), source };
    let mut reader = LineReader::new(body, Codec::of_key(key), limits).map_err(unreadable)?;
    let mut sifted = Sifted::default();
    while let Some(line) = reader.next_line().map_err(unreadable)? {
        let line: InboxLine<'_> = serde_json::from_slice(line)
            .map_err(|source| Error::Line { key: key.clone(), source })?;
        sifted.add(person, line.line, line.record.get().as_bytes());
    }
    Ok(sifted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_theirs_by_any_field_at_any_depth() {
        let wanted = vec![Wanted::new("email", "Ada@x.example "), Wanted::new("id", "7")];
        let ada = Person::new(wanted).unwrap();
        for theirs in [
            r#"{"email":" ada@X.example"}"#,
            r#"{"customer":{"contacts":[{"email":["b@x","ada@x.example"]}]}}"#,
            r#"{"lines":[{"id":7}]}"#,
        ] {
            assert!(ada.owns(theirs.as_bytes()), "{theirs}");
        }
        for other in [r#"{"mail":"ada@x.example"}"#, r#"{"email":"xada@x.example"}"#, "null", "{"] {
            assert!(!ada.owns(other.as_bytes()), "{other}");
        }
        assert!(!format!("{ada:?}").to_lowercase().contains("ada@"));
        assert!(Person::new(vec![Wanted::new("email", " ")]).is_none());
        assert!(Person::new(Vec::new()).is_none());
    }

    #[test]
    fn what_is_left_of_a_part_keeps_its_places() {
        let person = Person::new(vec![Wanted::new("id", "2")]).unwrap();
        let key: ObjectKey = "inbox/parts/p00000.ndjson".parse().unwrap();
        let lines = "{\"line\":2,\"record\":{\"id\":\"1\",\"n\":1.10}}\n{\"line\":3,\"record\":{\"id\":\"2\"}}\n";
        let sifted = sift(&person, &key, Bytes::from(lines)).unwrap();
        assert_eq!(sifted.lines, [3]);
        let left = lines.replace("{\"id\":\"2\"}", "null");
        assert_eq!(String::from_utf8(sifted.text.clone()).unwrap(), left);
        assert_eq!(sift(&person, &key, Bytes::from(left)).unwrap().lines, [0_u64; 0]);
    }
}
