//! Airbyte's state, derived from ours: a stream's resume points as the reference writes them, and
//! taken over from what it wrote.
//!
//! A resume point never passes an open slice, so what is exported is true at any time: whoever
//! goes on from it misses nothing. How instants are written is the manifest's business; it comes
//! as a function.

use model::{StreamName, Timestamp};
use serde_json::{Map, Value, json};

use crate::{Partition, StoreError};

/// The name of a cursor and the way its stream writes and reads instants.
pub struct CursorText<'a> {
    /// The cursor's field.
    pub field: &'a str,
    /// Writes an instant.
    pub write: &'a dyn Fn(Timestamp) -> String,
    /// Reads one.
    pub read: &'a dyn Fn(&str) -> Option<Timestamp>,
}

impl std::fmt::Debug for CursorText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CursorText").field("field", &self.field).finish_non_exhaustive()
    }
}

/// Where a partition resumes.
#[derive(Debug, Clone, PartialEq)]
pub struct Resumption {
    /// Its key; empty for a stream without partitions.
    pub key: Map<String, Value>,
    /// The instant.
    pub resume: Timestamp,
}

/// The state message of a stream, as a catalogue's consumer expects it. Partitions that have no
/// resume point yet are left out: they start at the beginning.
pub fn export(stream: &StreamName, cursor: &CursorText<'_>, partitions: &[Partition]) -> Value {
    let written = |at: Timestamp| json!({cursor.field: (cursor.write)(at)});
    let known: Vec<_> = partitions.iter().filter_map(|p| Some((&p.key, p.resume?))).collect();
    let state = match known.as_slice() {
        [(key, resume)] if key.is_empty() => written(*resume),
        [] => json!({}),
        several => {
            let greatest = several.iter().map(|(_, resume)| *resume).max();
            let one = |(key, at): &(&Map<String, Value>, Timestamp)| json!({"partition": key, "cursor": written(*at)});
            json!({
                "use_global_cursor": false,
                "states": several.iter().map(one).collect::<Vec<_>>(),
                "state": greatest.map(written),
                "lookback_window": 0,
            })
        }
    };
    json!({
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": stream}, "stream_state": state},
    })
}

/// The resume points that a state document holds for a stream: a list of state messages, one of
/// them, or the bare state of the stream.
pub fn import(
    stream: &StreamName,
    cursor: &CursorText<'_>,
    document: &Value,
) -> Result<Vec<Resumption>, StoreError> {
    let state = stream_state(stream, document);
    if state.get("use_global_cursor").and_then(Value::as_bool) == Some(true) {
        return Err(fault(
            "a global cursor over partitions is not accepted: their own cursors are",
        ));
    }
    if let Some(states) = state.get("states") {
        let states = states.as_array().ok_or_else(|| fault("`states` is not a list"))?;
        let one = |entry: &Value| {
            let key = entry.get("partition").and_then(Value::as_object);
            let key = key.ok_or_else(|| fault("an entry of `states` has no `partition`"))?;
            let at =
                entry.get("cursor").ok_or_else(|| fault("an entry of `states` has no `cursor`"))?;
            Ok(Resumption { key: key.clone(), resume: instant(cursor, at)? })
        };
        return states.iter().map(one).collect();
    }
    if state.get(cursor.field).is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![Resumption { key: Map::new(), resume: instant(cursor, state)? }])
}

fn stream_state<'a>(stream: &StreamName, document: &'a Value) -> &'a Value {
    let named = |message: &&Value| {
        let name = message.pointer("/stream/stream_descriptor/name").and_then(Value::as_str);
        name == Some(stream.as_str())
    };
    let messages = match document {
        Value::Array(messages) => messages.as_slice(),
        other => std::slice::from_ref(other),
    };
    let message = messages.iter().find(named);
    let state = message.and_then(|message| message.pointer("/stream/stream_state"));
    state.unwrap_or(if document.is_array() { &Value::Null } else { document })
}

fn instant(cursor: &CursorText<'_>, state: &Value) -> Result<Timestamp, StoreError> {
    let value = state.get(cursor.field);
    let value = value.ok_or_else(|| fault(&format!("`{}` is missing", cursor.field)))?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (cursor.read)(&text).ok_or_else(|| fault(&format!("`{text}` is not an instant of the stream")))
}

fn fault(reason: &str) -> StoreError {
    StoreError::State { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> CursorText<'static> {
        CursorText {
            field: "updated_at",
            write: &|at| at.to_string(),
            read: &|text| text.parse().ok(),
        }
    }

    fn partition(key: Value, resume: Option<&str>) -> Partition {
        let Value::Object(key) = key else { panic!("not an object") };
        Partition { key, resume: resume.map(|at| at.parse().unwrap()), ..Partition::default() }
    }

    fn stream() -> StreamName {
        "orders".parse().unwrap()
    }

    #[test]
    fn a_stream_without_partitions_has_the_plain_state() {
        let one = partition(json!({}), Some("2024-01-01T00:00:00Z"));
        let state = export(&stream(), &text(), &[one]);
        let expected = json!({"updated_at": "2024-01-01T00:00:00Z"});
        assert_eq!(state.pointer("/stream/stream_state"), Some(&expected));
        let back = import(&stream(), &text(), &json!([state])).unwrap();
        assert_eq!(back[0].resume, "2024-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(import(&stream(), &text(), &expected).unwrap(), back);
    }

    #[test]
    fn partitions_come_back_with_their_own_cursors() {
        let all = [
            partition(json!({"id": 1}), Some("2024-01-01T00:00:00Z")),
            partition(json!({"id": 2}), Some("2024-02-01T00:00:00Z")),
            partition(json!({"id": 3}), None),
        ];
        let state = export(&stream(), &text(), &all);
        assert_eq!(
            state.pointer("/stream/stream_state/state/updated_at"),
            Some(&json!("2024-02-01T00:00:00Z"))
        );
        let back = import(&stream(), &text(), &state).unwrap();
        assert_eq!(back.len(), 2);
        assert_eq!(back[1].key, *json!({"id": 2}).as_object().unwrap());
    }

    #[test]
    fn what_says_nothing_of_a_stream_resumes_nothing() {
        let other = json!([{"type": "STREAM", "stream": {
            "stream_descriptor": {"name": "customers"},
            "stream_state": {"updated_at": "2024-01-01T00:00:00Z"},
        }}]);
        assert_eq!(import(&stream(), &text(), &other).unwrap(), []);
        assert_eq!(import(&stream(), &text(), &json!({})).unwrap(), []);
    }

    #[test]
    fn a_state_that_cannot_be_read_is_refused_with_its_text() {
        let error = import(&stream(), &text(), &json!({"updated_at": "soon"})).unwrap_err();
        assert!(error.to_string().contains("`soon`"), "{error}");
        assert!(import(&stream(), &text(), &json!({"use_global_cursor": true})).is_err());
    }
}
