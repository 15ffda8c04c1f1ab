//! Files of records, kept in a folder from which whoever reads the messages takes them.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::file_uploader::FilePath;

/// Where the file of a record was put, as the protocol has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReference {
    staging_file_url: String,
    source_file_relative_path: String,
    file_size_bytes: u64,
}

/// A folder of files.
#[derive(Debug, Clone)]
pub struct Staging(PathBuf);

impl Staging {
    /// In a folder, which is made with the first file.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Keeps a file, instead of one that lies there already.
    pub(super) fn keep(&self, path: &FilePath, content: &[u8]) -> io::Result<FileReference> {
        let place = self.0.join(path.as_str());
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&place, content)?;
        Ok(FileReference {
            staging_file_url: place.display().to_string(),
            source_file_relative_path: path.as_str().to_owned(),
            file_size_bytes: content.len() as u64,
        })
    }
}
