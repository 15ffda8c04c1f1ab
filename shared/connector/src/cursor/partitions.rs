//! The state of a stream with partitions: one cursor for each, and one for all.

use std::collections::HashSet;

use indexmap::IndexMap;
use request::datetime::Period;
use serde_json::{Map, Value, json};

use super::{Bounds, CursorError, DatetimeCursor, Moment, Progress};
use crate::slice::{Partition, digest_of};

/// Beyond so many partitions the state keeps one cursor for all (the reference's number).
const MOST_PARTITIONS: usize = 10_000;

/// How far each partition has been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partitions {
    known: IndexMap<String, Entry>,
    /// Digests of the partitions that this sync has met.
    met: HashSet<[u8; 16]>,
    /// Where partitions without a state of their own start.
    shared: Option<String>,
    /// The largest value of this sync, by text, as the reference compares.
    latest: Option<String>,
    /// Seconds that the last sync took: taken off `shared`.
    lookback: i64,
    one_for_all: bool,
    parents: Option<Value>,
    /// Whether any record of this sync had a cursor value.
    observed: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Map<String, Value>,
    progress: Progress,
}

impl Partitions {
    /// From an incoming state, empty at first.
    pub(crate) fn from_state(
        cursor: &DatetimeCursor,
        state: &Map<String, Value>,
    ) -> Result<Self, CursorError> {
        let mut all = Self { one_for_all: cursor.global, ..Self::default() };
        if !state.contains_key("states") && !state.contains_key("state") {
            all.share(cursor, state)?;
            return Ok(all);
        }
        all.one_for_all =
            state.get("use_global_cursor").and_then(Value::as_bool).unwrap_or_default();
        all.lookback = state.get("lookback_window").and_then(seconds).unwrap_or_default();
        let states = state.get("states").and_then(Value::as_array).map(Vec::as_slice);
        for one in states.unwrap_or_default() {
            let object = |name| one.get(name).and_then(Value::as_object).cloned();
            let key = object("partition").unwrap_or_default();
            let progress =
                Progress::from_state(cursor, &object("cursor").unwrap_or_default(), None)?;
            let partition = Partition::new(key, Map::new());
            let canonical = partition.canonical();
            all.known.insert(canonical, Entry { key: partition.key, progress });
        }
        if let Some(shared) = state.get("state").and_then(Value::as_object) {
            all.share(cursor, shared)?;
        }
        all.parents = state.get("parent_state").filter(|parents| !parents.is_null()).cloned();
        Ok(all)
    }

    fn share(
        &mut self,
        cursor: &DatetimeCursor,
        state: &Map<String, Value>,
    ) -> Result<(), CursorError> {
        if let Some(value) = state.get(&cursor.field) {
            let text = cursor.format(cursor.parse_state(value)?);
            self.shared = Some(text.clone());
            self.latest = Some(text);
        }
        Ok(())
    }

    /// The windows of a partition; `None` when this sync has met it before.
    pub(crate) fn windows(
        &mut self,
        cursor: &DatetimeCursor,
        partition: &Partition,
        end: Moment,
        most: usize,
    ) -> Result<Option<Vec<Bounds>>, CursorError> {
        self.one_for_all |= self.known.len() > MOST_PARTITIONS;
        let canonical = partition.canonical();
        if !self.met.insert(digest_of(&canonical)) {
            return Ok(None);
        }
        if !self.known.contains_key(&canonical) {
            let mut state = Map::new();
            let mut lookback = None;
            if let Some(shared) = &self.shared {
                state.insert(cursor.field.clone(), Value::String(shared.clone()));
                lookback = Some(Period::from_micros(i128::from(self.lookback) * 1_000_000));
            }
            let progress = Progress::from_state(cursor, &state, lookback)?;
            let entry = Entry { key: partition.key.clone(), progress };
            self.known.insert(canonical.clone(), entry);
        }
        let Some(entry) = self.known.get_mut(&canonical) else { return Ok(None) };
        entry.progress.windows(cursor, end, most).map(Some)
    }

    /// The progress of one partition.
    pub(crate) fn progress(&self, partition: &Partition) -> Option<&Progress> {
        self.known.get(&partition.canonical()).map(|entry| &entry.progress)
    }

    /// Notes the cursor value of a record.
    pub(crate) fn observe(&mut self, cursor: &DatetimeCursor, value: Moment) {
        self.observed = true;
        self.raise(cursor.format(value));
    }

    fn raise(&mut self, text: String) {
        if self.latest.as_ref().is_none_or(|latest| *latest < text) {
            self.latest = Some(text);
        }
    }

    /// Notes a window of a partition as read whole.
    pub(crate) fn close(
        &mut self,
        cursor: &DatetimeCursor,
        partition: &Partition,
        bounds: (&str, &str),
        latest: Option<Moment>,
    ) -> Result<(), CursorError> {
        match self.known.get_mut(&partition.canonical()) {
            Some(entry) if !self.one_for_all => entry.progress.close(cursor, bounds, latest),
            _ => Ok(()),
        }
    }

    /// Notes a partition as read whole.
    pub(crate) fn finish_partition(&mut self, cursor: &DatetimeCursor, partition: &Partition) {
        if self.one_for_all {
            // Nothing of it is said any more, so that any number of partitions can follow.
            self.known.swap_remove(&partition.canonical());
            return;
        }
        let progress = self.progress(partition);
        let state = progress.map(|progress| progress.state(cursor)).unwrap_or_default();
        if let Some(Value::String(text)) = state.get(&cursor.field) {
            self.raise(text.clone());
        }
    }

    /// Notes that all partitions were read, which took so many seconds.
    pub(crate) fn finish(&mut self, seconds: i64, parents: Option<Value>) {
        if self.observed {
            self.shared.clone_from(&self.latest);
            self.lookback = seconds;
        }
        self.parents = parents;
    }

    /// The state, as the reference writes it.
    pub(crate) fn state(&self, cursor: &DatetimeCursor) -> Map<String, Value> {
        let mut state = Map::new();
        state.insert("use_global_cursor".into(), Value::Bool(self.one_for_all));
        if !self.one_for_all {
            let one = |entry: &Entry| json!({"partition": entry.key, "cursor": entry.progress.state(cursor)});
            state.insert("states".into(), self.known.values().map(one).collect());
        }
        if let Some(shared) = &self.shared {
            let mut value = Map::new();
            value.insert(cursor.field.clone(), Value::String(shared.clone()));
            state.insert("state".into(), Value::Object(value));
        }
        state.insert("lookback_window".into(), Value::from(self.lookback));
        if let Some(parents) = &self.parents {
            state.insert("parent_state".into(), parents.clone());
        }
        state
    }
}

/// Python's `int()` of a state's number.
fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "int() cuts off as well")]
        other => other.as_i64().or_else(|| other.as_f64().map(|seconds| seconds as i64)),
    }
}
