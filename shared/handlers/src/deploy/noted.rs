//! What was defined, noted as an object of the lake.

use std::collections::BTreeMap;

use model::ObjectKey;
use ports::{Attributes, ObjectError, ObjectStore};
use serde::{Deserialize, Serialize};

use super::Error;

/// Where it is noted.
const KEY: &str = "definitions/athena.json";

/// Version of the stored form. Notes of another are none: everything is defined anew.
const FORMAT: u32 = 1;

/// The digests of a relation's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    pub(super) head: String,
    pub(super) properties: String,
}

/// What was defined, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    format: u32,
    relations: BTreeMap<String, Noted>,
}

impl Notes {
    pub(super) async fn read(lake: &dyn ObjectStore) -> Result<Self, Error> {
        let empty = || Self { format: FORMAT, relations: BTreeMap::new() };
        match lake.get(&key()?).await {
            Ok(object) => {
                let notes: Option<Self> = serde_json::from_slice(&object.body).ok();
                Ok(notes.filter(|notes| notes.format == FORMAT).unwrap_or_else(empty))
            }
            Err(ObjectError::NotFound { .. }) => Ok(empty()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn write(&self, lake: &dyn ObjectStore) -> Result<(), Error> {
        let body = serde_json::to_vec(self)?;
        lake.put(&key()?, body.into(), &Attributes::default()).await?;
        Ok(())
    }

    pub(super) fn of(&self, name: &str) -> Option<&Noted> {
        self.relations.get(name)
    }

    pub(super) fn note(&mut self, name: String, noted: Noted) {
        self.relations.insert(name, noted);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.relations.keys().map(String::as_str)
    }
}

fn key() -> Result<ObjectKey, Error> {
    KEY.parse().map_err(|_| Error::Nobody)
}
