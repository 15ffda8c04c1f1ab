//! The names that a template may read.

use std::fmt;
use std::sync::OnceLock;

use jiff::Timestamp;
use ports::Ids;

use crate::value::Value;

/// The names that a template may read at one place of use, the present instant among them.
///
/// Entries may be computed on demand, so that a page is not parsed unless a template asks.
#[derive(Debug)]
pub struct Context<'a> {
    parent: Option<&'a Self>,
    entries: Vec<(&'static str, Entry<'a>)>,
    now: Timestamp,
    ids: Option<&'a dyn Ids>,
}

enum Entry<'a> {
    Ready(Value),
    Lazy { value: OnceLock<Value>, make: &'a (dyn Fn() -> Value + Sync) },
}

impl fmt::Debug for Entry<'_> {
    /// Shows no value: configurations hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Lazy { .. } => "Lazy",
        })
    }
}

impl<'a> Context<'a> {
    /// What every template sees: the configuration, and `now` through the time macros.
    pub fn new(config: Value, now: Timestamp) -> Self {
        let entries = vec![("config", Entry::Ready(config))];
        Self { parent: None, entries, now, ids: None }
    }

    /// A context that sees all of another, and more.
    pub fn within(parent: &'a Self) -> Self {
        Self { parent: Some(parent), entries: Vec::new(), now: parent.now, ids: parent.ids }
    }

    /// Gives `generate_uuid`, and waits that are lengthened by chance, their source.
    #[must_use]
    pub fn ids(mut self, ids: &'a dyn Ids) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Adds a name. `stream_slice` is also read as `stream_partition` and `stream_interval`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.entries.push((name, Entry::Ready(value)));
        self
    }

    /// Adds a name whose value is made when a template first reads it.
    #[must_use]
    pub fn lazily(mut self, name: &'static str, make: &'a (dyn Fn() -> Value + Sync)) -> Self {
        self.entries.push((name, Entry::Lazy { value: OnceLock::new(), make }));
        self
    }

    /// The instant that `now_utc()` gives.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A number in `[0, 1)`, where there is chance.
    pub(crate) fn chance(&self) -> Option<f64> {
        self.ids.map(Ids::chance)
    }

    pub(super) fn fresh_id(&self) -> Option<String> {
        self.ids.map(Ids::fresh)
    }

    fn entry(&self, name: &str) -> Option<&Entry<'a>> {
        let name = match name {
            "stream_partition" | "stream_interval" => "stream_slice",
            other => other,
        };
        let own = self.entries.iter().rev().find(|(key, _)| *key == name);
        own.map(|(_, entry)| entry).or_else(|| self.parent.and_then(|parent| parent.entry(name)))
    }

    /// Whether the name exists.
    pub fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        Some(match self.entry(name)? {
            Entry::Ready(value) => value,
            Entry::Lazy { value, make } => value.get_or_init(make),
        })
    }
}
