//! The configuration folder of this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use handlers::configuration::{self, Configuration};
use model::ObjectKey;
use model::document::Fault;
use ports::{Attributes, ETag, Listing, Meta, Object, ObjectError, ObjectStore};
use sha2::{Digest, Sha256};

use jiff::Timestamp;

use crate::args::Places;
use crate::failure::Failure;

/// The configuration in the folder, which must exist.
pub(crate) fn configuration(places: &Places) -> Result<Configuration, Failure> {
    let folder = &places.folder;
    if !folder.is_dir() {
        return Err(Failure::Input(format!(
            "there is no configuration folder `{}`: run in a checkout, or name one with --folder",
            folder.display()
        )));
    }
    Ok(Configuration::new(Arc::new(Folder::new(folder)), ""))
}

/// Nothing goes on with faulty files.
pub(crate) async fn sound(places: &Places, configuration: &Configuration) -> Result<(), Failure> {
    none(places, configuration.check().await)
}

/// Nothing goes on with these faults, unless there are none.
pub(crate) fn none(
    places: &Places,
    faults: Result<Vec<Fault>, configuration::Error>,
) -> Result<(), Failure> {
    let faults = named(places, faults)?;
    if faults.is_empty() { Ok(()) } else { Err(from_here(places, faults).into()) }
}

/// A result whose faults name files as they are found from here.
pub(crate) fn named<T>(
    places: &Places,
    result: Result<T, configuration::Error>,
) -> Result<T, Failure> {
    result.map_err(|error| match error {
        configuration::Error::Faults(faults) => Failure::Faults(from_here(places, faults)),
        other => Failure::from(other),
    })
}

/// What a command came to, with faults that name files as they are found from here.
pub(crate) fn placed<T>(places: &Places, result: Result<T, Failure>) -> Result<T, Failure> {
    result.map_err(|failure| match failure {
        Failure::Faults(faults) => Failure::Faults(from_here(places, faults)),
        other => other,
    })
}

/// Faults with the folder before their files.
fn from_here(places: &Places, faults: Vec<Fault>) -> Vec<Fault> {
    let name = |fault: Fault| {
        let file = places.folder.join(&fault.file).display().to_string();
        Fault { file, ..fault }
    };
    faults.into_iter().map(name).collect()
}

/// The YAML files of a folder and below: name within it, and content.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, Bytes)>, Failure> {
    let names = yaml_files(folder)?;
    let read = |name: String| Ok((name.clone(), std::fs::read(folder.join(name))?.into()));
    names.into_iter().map(read).collect()
}

/// The names of the YAML files of a folder and below, in order.
fn yaml_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in std::fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A folder of files that people edit, as an object store that is only read.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    staging: Vec<Staged>,
}

/// A field that is read as something else than what stands there.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    /// What the names of the files start with that it is about: `tenants/`.
    pub(crate) files: &'static str,
    /// The field: `base_url`.
    pub(crate) field: &'static str,
    /// What its value must start with.
    pub(crate) from: String,
    /// What stands in the place of that; of the whole value when `from` is empty.
    pub(crate) to: String,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), staging: Vec::new() }
    }

    /// With fields read differently.
    pub(crate) fn staged(root: &Path, staging: Vec<Staged>) -> Self {
        Self { root: root.to_owned(), staging }
    }

    fn stage(&self, key: &ObjectKey, body: Vec<u8>) -> Bytes {
        let about = |staged: &&Staged| key.as_str().starts_with(staged.files);
        let staging: Vec<&Staged> = self.staging.iter().filter(about).collect();
        if staging.is_empty() {
            return body.into();
        }
        let Ok(text) = String::from_utf8(body.clone()) else { return body.into() };
        let lines = text.lines().map(|line| {
            let staged = staging.iter().find_map(|staged| staged.line(line));
            staged.unwrap_or_else(|| line.to_owned()) + "\n"
        });
        lines.collect::<String>().into()
    }

    fn read(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        let path = self.root.join(key.as_str());
        let body: Bytes = match std::fs::read(&path) {
            Ok(body) => self.stage(key, body),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ObjectError::NotFound { key: key.clone() });
            }
            Err(error) => {
                let (key, source) = (path.display().to_string(), Box::new(error));
                return Err(ObjectError::Refused { key, source });
            }
        };
        let changed = std::fs::metadata(&path).and_then(|meta| meta.modified());
        let meta = Meta {
            key: key.clone(),
            size: u64::try_from(body.len()).unwrap_or(u64::MAX),
            etag: ETag(format!("{:?}", Sha256::digest(&body))),
            modified: changed
                .ok()
                .and_then(|time| Timestamp::try_from(time).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            attributes: Attributes::default(),
        };
        Ok(Object { meta, body })
    }

    fn refused(&self, key: &ObjectKey) -> ObjectError {
        let source = io::Error::other("configuration is edited in its files");
        ObjectError::Refused {
            key: self.root.join(key.as_str()).display().to_string(),
            source: Box::new(source),
        }
    }
}

impl Staged {
    fn line(&self, line: &str) -> Option<String> {
        let (name, value) = line.split_once(':').filter(|(name, _)| name.trim() == self.field)?;
        let rest = value.trim_start().strip_prefix(self.from.as_str())?;
        let rest = if self.from.is_empty() { "" } else { rest };
        Some(format!("{name}: {}{rest}", self.to))
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_new(
        &self,
        key: &ObjectKey,
        _: Bytes,
        _: &Attributes,
    ) -> Result<ETag, ObjectError> {
        Err(self.refused(key))
    }

    async fn put(&self, key: &ObjectKey, _: Bytes, _: &Attributes) -> Result<ETag, ObjectError> {
        Err(self.refused(key))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, ObjectError> {
        self.read(key)
    }

    async fn head(&self, key: &ObjectKey) -> Result<Meta, ObjectError> {
        Ok(self.read(key)?.meta)
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Listing, ObjectError> {
        let unreadable = |error| ObjectError::Refused {
            key: self.root.display().to_string(),
            source: Box::new(error),
        };
        let names = yaml_files(&self.root).map_err(unreadable)?;
        let keys = names.iter().filter(|name| name.starts_with(prefix));
        let keys = keys.filter_map(|name| name.parse::<ObjectKey>().ok());
        let mut keys: Vec<_> = keys.filter(|key| after.is_none_or(|after| key > after)).collect();
        let more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| more).cloned();
        let objects = keys.iter().map(|key| Ok(self.read(key)?.meta)).collect::<Result<_, _>>()?;
        Ok(Listing { objects, next })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        Err(self.refused(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_fields_are_read_differently_and_keep_their_lines() {
        let staged = |field, from: &str, to: &str| Staged {
            files: "tenants/",
            field,
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let folder = Folder::staged(
            Path::new("config"),
            vec![
                staged("base_url", "http://127.0.0.1:7717", "http://127.0.0.1:9"),
                staged("start_date", "", "2030-01-01T00:00:00Z"),
            ],
        );
        let text =
            "a:\n  base_url: http://127.0.0.1:7717/x\n  start_date: 2026\n  base_url: http://y\n";
        let body = |key: &str| folder.stage(&key.parse().unwrap(), text.as_bytes().to_vec());
        let expected = "a:\n  base_url: http://127.0.0.1:9/x\n  start_date: 2030-01-01T00:00:00Z\n  base_url: http://y\n";
        assert_eq!(body("tenants/a.yaml"), expected);
        assert_eq!(body("sources/a.yaml"), text);
    }
}
