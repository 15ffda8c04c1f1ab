//! Listings in the order of whole keys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::ObjectKey;
use ports::{Attributes, Listing, Meta};

use super::path::{GOES_ON, below, is_reserved};
use super::{Fault, Root, meta};

/// What a walk looks for, and what it has found.
struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    enough: usize,
    found: Vec<Meta>,
}

/// A name in a folder: a folder's ends in `/`, so that names compare as whole keys do.
struct Entry {
    name: String,
    path: PathBuf,
}

impl Root {
    /// One page of keys that start with a prefix.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, Fault> {
        let after = after.map(ObjectKey::as_str);
        let mut walk = Walk { prefix, after, enough: limit + 1, found: Vec::new() };
        let start = prefix.rfind('/').map_or("", |end| prefix.get(..=end).unwrap_or_default());
        if !start.starts_with('/') && !start.contains("//") && !start.contains("..") {
            walk.folder(start, &below(&self.folder, start))?;
        }
        let mut objects = walk.found;
        let more = objects.len() > limit;
        objects.truncate(limit);
        let next = objects.last().filter(|_| more).map(|meta| meta.key.clone());
        Ok(Listing { objects, next })
    }
}

impl Walk<'_> {
    /// Walks a folder whose keys start with `start`.
    fn folder(&mut self, start: &str, path: &Path) -> Result<(), Fault> {
        let mut entries = Vec::new();
        read_folder(path, "", &mut entries)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            if self.found.len() >= self.enough {
                return Ok(());
            }
            let key = format!("{start}{}", entry.name);
            let is_own = start.is_empty() && is_reserved(entry.name.trim_end_matches('/'));
            if is_own || !self.may_hold(&key) {
                continue;
            }
            if key.ends_with('/') {
                self.folder(&key, &entry.path)?;
            } else {
                self.file(key, &entry.path)?;
            }
        }
        Ok(())
    }

    /// Whether this key, or some below this folder, may be asked for.
    fn may_hold(&self, key: &str) -> bool {
        let (prefix, after) = (self.prefix, self.after.unwrap_or_default());
        let is_folder = key.ends_with('/');
        let matches = key.starts_with(prefix) || is_folder && prefix.starts_with(key);
        matches && (key > after || is_folder && after.starts_with(key))
    }

    fn file(&mut self, key: String, path: &Path) -> Result<(), Fault> {
        // A file that no key can name was not written here.
        let Ok(key) = ObjectKey::try_from(key) else { return Ok(()) };
        match fs::metadata(path) {
            Ok(found) => self.found.push(meta(&key, &found, Attributes::default())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Reads a folder, and those that continue a cut name as part of it. A folder that is gone is
/// empty.
fn read_folder(path: &Path, begun: &str, entries: &mut Vec<Entry>) -> Result<(), Fault> {
    let found = match fs::read_dir(path) {
        Err(error) if super::is_absent(&error) => return Ok(()),
        found => found?,
    };
    for entry in found {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        // Links lead where they lead: the folder may be arranged by hand.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir())
            || fs::metadata(&path).is_ok_and(|found| found.is_dir());
        match name.strip_suffix(GOES_ON) {
            Some(piece) => read_folder(&path, &format!("{begun}{piece}"), entries)?,
            None if is_folder => entries.push(Entry { name: format!("{begun}{name}/"), path }),
            None => entries.push(Entry { name: format!("{begun}{name}"), path }),
        }
    }
    Ok(())
}
