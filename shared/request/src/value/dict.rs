//! Mappings that keep their order.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use super::Value;

/// A mapping that keeps its order. Keys are texts, or what a Python literal can hold.
#[derive(Debug, Clone, Default)]
pub struct Dict(IndexMap<Key, Value>);

/// A key: any value that Python can hash.
#[derive(Debug, Clone)]
pub struct Key(Value);

/// A mapping that also has attributes: `slice.cursor_slice` besides `slice['id']`.
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// The mapping.
    pub items: Dict,
    /// What a dot reads before it looks into the mapping.
    pub attributes: Vec<(&'static str, Value)>,
}

impl Key {
    /// A key; none for what Python cannot hash.
    pub fn new(value: Value) -> Option<Self> {
        let hashable = match &value {
            Value::List(_) | Value::Dict(_) | Value::Object(_) => false,
            Value::Tuple(items) => items.iter().all(|item| Self::new(item.clone()).is_some()),
            _ => true,
        };
        hashable.then_some(Self(value))
    }

    /// The key as a value.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The key as a text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(Value::from(text))
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        Self(Value::Str(text))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Value::Str(a), Value::Str(b)) => a == b,
            (a, b) => a == b,
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

/// Equal values hash alike: `1`, `1.0` and `True` do.
fn hash<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Str(text) => str::hash(text, state),
        Value::Bool(flag) => f64::from(u8::from(*flag)).to_bits().hash(state),
        Value::Number(number) => (number.as_f64() + 0.0).to_bits().hash(state),
        Value::Tuple(items) => items.iter().for_each(|item| hash(item, state)),
        other => other.type_name().hash(state),
    }
}

/// Looks a text up without making a key of it.
struct Text<'t>(&'t str);

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for Text<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        key.as_str() == Some(self.0)
    }
}

impl Dict {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The item under a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&Text(key))
    }

    /// The item under a text key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(&Text(key))
    }

    /// The item under any key.
    pub fn get_key(&self, key: &Key) -> Option<&Value> {
        self.0.get(key)
    }

    /// The item under any key, to change.
    pub fn get_key_mut(&mut self, key: &Key) -> Option<&mut Value> {
        self.0.get_mut(key)
    }

    /// Whether there is an item under the text key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(&Text(key))
    }

    /// Sets an item; a new one goes to the end.
    pub fn insert(&mut self, key: impl Into<Key>, value: Value) -> Option<Value> {
        self.0.insert(key.into(), value)
    }

    /// Takes an item out, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(&Text(key))
    }

    /// Takes an item out by any key, keeping the order of the others.
    pub fn remove_key(&mut self, key: &Key) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// Items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Value)> + ExactSizeIterator {
        self.0.iter()
    }

    /// Items in order, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Value)> {
        self.0.iter_mut()
    }

    /// Keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Key> {
        self.0.keys()
    }

    /// Values in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.0.values()
    }

    /// Keeps the items that pass.
    pub fn retain(&mut self, keep: impl FnMut(&Key, &mut Value) -> bool) {
        self.0.retain(keep);
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.0.iter().all(|(key, value)| other.get_key(key).is_some_and(|v| v == value))
    }
}

impl<K: Into<Key>> FromIterator<(K, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(items: I) -> Self {
        Self(items.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}
