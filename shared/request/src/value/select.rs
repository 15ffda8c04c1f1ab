//! Which parts of a JSON text are worth reading.

use std::collections::BTreeMap;

/// Parts of a JSON value: all of it, or the named fields of an object, each in part again.
///
/// What is not selected is skipped without being built; a value that is not an object is always
/// read as it is, as far as its own size allows: arrays inside an unselected field cost a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// Everything.
    #[default]
    All,
    /// These fields of an object. None: its presence alone.
    Fields(BTreeMap<String, Self>),
}

impl Selection {
    /// Nothing but presence.
    pub fn nothing() -> Self {
        Self::Fields(BTreeMap::new())
    }

    /// Adds everything at and below a path.
    pub fn add(&mut self, path: &[String]) {
        let Self::Fields(fields) = self else { return };
        match path.split_first() {
            None => *self = Self::All,
            Some((first, rest)) => {
                fields.entry(first.clone()).or_insert_with(Self::nothing).add(rest);
            }
        }
    }

    /// Adds all that another selects.
    pub fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::Fields(fields), Self::Fields(others)) => {
                for (name, part) in others {
                    fields.entry(name.clone()).or_insert_with(Self::nothing).merge(part);
                }
            }
        }
    }

    /// The selection below a field; none when the field is not selected.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::All => Some(&Self::All),
            Self::Fields(fields) => fields.get(name),
        }
    }
}
