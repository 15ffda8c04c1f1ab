//! What is stored beside the bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use ports::{Attributes, ETag};
use serde::{Deserialize, Serialize};

use super::path::ATTRIBUTES;
use super::{Fault, Root};

#[derive(Serialize, Deserialize)]
struct Stored {
    content_type: Option<String>,
    content_encoding: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// Attributes as text.
pub(super) fn encode(beside: &Attributes) -> Result<Vec<u8>, Fault> {
    let Attributes { content_type, content_encoding, metadata } = beside.clone();
    let stored = Stored { content_type, content_encoding, metadata };
    Ok(serde_json::to_vec(&stored).map_err(io::Error::from)?)
}

/// Attributes of a text.
pub(super) fn decode(text: &[u8]) -> Result<Attributes, Fault> {
    let stored: Stored = serde_json::from_slice(text).map_err(io::Error::from)?;
    let Stored { content_type, content_encoding, metadata } = stored;
    Ok(Attributes { content_type, content_encoding, metadata })
}

impl Root {
    fn beside(&self, mark: &ETag) -> PathBuf {
        self.folder.join(ATTRIBUTES).join(&mark.0)
    }

    /// The attributes of the object with this mark.
    pub(super) fn attributes(&self, mark: &ETag) -> Result<Attributes, Fault> {
        let text = match fs::read(self.beside(mark)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Attributes::default());
            }
            Err(error) => return Err(error.into()),
        };
        decode(&text)
    }

    /// Keeps attributes under a mark that no reader knows yet.
    pub(super) fn keep_attributes(&self, mark: &ETag, beside: &Attributes) -> Result<(), Fault> {
        if *beside == Attributes::default() {
            return self.drop_attributes(mark);
        }
        let text = encode(beside)?;
        fs::create_dir_all(self.folder.join(ATTRIBUTES))?;
        let mut file = fs::File::create(self.beside(mark))?;
        file.write_all(&text)?;
        file.sync_all()?;
        Ok(())
    }

    /// Forgets the attributes of an object that is gone.
    pub(super) fn drop_attributes(&self, mark: &ETag) -> Result<(), Fault> {
        match fs::remove_file(self.beside(mark)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
