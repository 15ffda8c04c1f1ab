//! Keys as paths.

use std::path::{Path, PathBuf};

use model::ObjectKey;

use super::{Fault, Root};

/// Longest piece of a name; file systems take 255 bytes.
const LONGEST: usize = 240;

/// Ends a folder's name when the key's name goes on inside it. No key holds this character.
pub(super) const GOES_ON: char = '\u{1}';

/// Folder of half-written files, below the root.
pub(super) const TEMPORARY: &str = ".temporary";

/// Folder of attributes, below the root.
pub(super) const ATTRIBUTES: &str = ".attributes";

/// Folder of uploads that are not complete, below the root.
pub(super) const UPLOADS: &str = ".uploads";

/// Whether the first name of a key is the store's own.
pub(super) fn is_reserved(name: &str) -> bool {
    name == TEMPORARY || name == ATTRIBUTES || name == UPLOADS
}

impl Root {
    /// The file of a key.
    pub(super) fn path(&self, key: &ObjectKey) -> Result<PathBuf, Fault> {
        let first = key.as_str().split('/').next().unwrap_or_default();
        if is_reserved(first) {
            return Err(Fault::Reserved);
        }
        Ok(below(&self.folder, key.as_str()))
    }
}

/// The path of a text of names with `/` between them.
pub(super) fn below(folder: &Path, names: &str) -> PathBuf {
    let mut path = folder.to_path_buf();
    for name in names.split('/').filter(|name| !name.is_empty()) {
        let mut rest = name;
        while rest.len() > LONGEST {
            let (piece, more) = rest.split_at(boundary(rest));
            path.push(format!("{piece}{GOES_ON}"));
            rest = more;
        }
        path.push(rest);
    }
    path
}

/// The last character boundary that a piece may end at.
fn boundary(text: &str) -> usize {
    (1..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(LONGEST)
}
