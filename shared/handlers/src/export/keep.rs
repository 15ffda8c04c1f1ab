//! Where a customer's copies stand, and how long.

use std::collections::BTreeMap;

use model::{KeyError, ObjectKey, Timestamp};
use ports::{Attributes, ObjectError, ObjectStoreExt};

use super::manifest::{Current, Manifest, from_json, to_json};
use super::{Deps, Error};

/// Letters of an id in a copy's name.
const LETTERS: usize = 8;

/// The folder of a customer.
pub(super) struct Place<'a> {
    deps: &'a Deps,
    target: &'a ObjectKey,
}

impl<'a> Place<'a> {
    pub(super) fn new(deps: &'a Deps, target: &'a ObjectKey) -> Self {
        Self { deps, target }
    }

    /// A new copy's name: greater is later.
    pub(super) fn name(&self, now: Timestamp) -> String {
        let id: String = self.deps.time.ids.fresh().chars().take(LETTERS).collect();
        format!("{}-{id}", now.strftime("%Y%m%dT%H%M%SZ"))
    }

    /// The folder of a copy.
    pub(super) fn folder(&self, export: &str) -> Result<ObjectKey, KeyError> {
        format!("{}/exports/{export}", self.target).parse()
    }

    fn manifest(&self, export: &str) -> Result<ObjectKey, KeyError> {
        format!("{}/exports/{export}/manifest.json", self.target).parse()
    }

    fn pointer(&self) -> Result<ObjectKey, KeyError> {
        format!("{}/current.json", self.target).parse()
    }

    /// The newest whole copy. A pointer that cannot be read is replaced by the next copy's.
    pub(super) async fn current(&self) -> Result<Option<Current>, Error> {
        match self.deps.lake.get(&self.pointer()?).await {
            Ok(object) => Ok(from_json(&object.body).ok()),
            Err(ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a copy visible: its manifest first, then the pointer to it, unless that names a
    /// later one.
    pub(super) async fn publish(&self, manifest: &Manifest) -> Result<ObjectKey, Error> {
        let key = self.manifest(&manifest.export)?;
        let json = attributes();
        self.deps.lake.put_once(&key, to_json(manifest)?, &json).await?;
        let later = self.current().await?.is_some_and(|current| current.export > manifest.export);
        if !later {
            let current =
                Current { export: manifest.export.clone(), manifest: key.clone(), at: manifest.at };
            self.deps.lake.put(&self.pointer()?, to_json(&current)?, &json).await?;
        }
        Ok(key)
    }

    /// Removes copies that are older than this one, but for the newest whole ones; a copy's
    /// manifest goes first. Gives how many went.
    pub(super) async fn tidy(&self, newest: &str, keep: usize) -> Result<usize, Error> {
        let prefix = format!("{}/exports/", self.target);
        let mut copies: BTreeMap<String, Vec<ObjectKey>> = BTreeMap::new();
        for meta in self.deps.lake.list_all(&prefix).await? {
            let rest = meta.key.as_str().strip_prefix(&prefix).unwrap_or_default();
            let Some((export, _)) = rest.split_once('/') else { continue };
            // Later ones are somebody else's, who may not be done.
            if export <= newest {
                copies.entry(export.to_owned()).or_default().push(meta.key);
            }
        }
        let (mut kept, mut removed) = (0, 0);
        for (export, keys) in copies.into_iter().rev() {
            let manifest = self.manifest(&export)?;
            let whole = keys.contains(&manifest);
            if whole && kept < keep {
                kept += 1;
                continue;
            }
            self.deps.lake.delete(&manifest).await?;
            for key in keys {
                self.deps.lake.delete(&key).await?;
            }
            removed += 1;
        }
        Ok(removed)
    }
}

fn attributes() -> Attributes {
    Attributes { content_type: Some("application/json".to_owned()), ..Attributes::default() }
}
