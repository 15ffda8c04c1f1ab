//! Texts worth keeping.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::target::Target;

/// Most texts that a run works with.
const MOST: usize = 20_000;

/// Texts to mutate, and what was said of them.
#[derive(Debug)]
pub struct Corpus {
    /// The texts.
    pub texts: Vec<String>,
    said: HashSet<String>,
}

/// Where the kept texts of a target lie.
pub fn folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name())
}

impl Corpus {
    /// The kept texts of a target, in order of their names.
    pub fn load(target: Target) -> io::Result<Self> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder(target))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        files.sort();
        let text =
            |file: &PathBuf| fs::read(file).map(|b| String::from_utf8_lossy(&b).into_owned());
        let texts = files.iter().map(text).collect::<io::Result<_>>()?;
        Ok(Self { texts, said: HashSet::new() })
    }

    /// Keeps a text when what is said of it was not said before.
    pub fn learn(&mut self, text: &str, said: &str) -> bool {
        let new = self.texts.len() < MOST && self.said.insert(shape(said));
        if new {
            self.texts.push(text.to_owned());
        }
        new
    }
}

/// The first words of what was said, without what it was said about.
fn shape(said: &str) -> String {
    let mut quoted = false;
    let mut shape = String::new();
    for c in said.chars() {
        if c == '`' || c == '"' {
            quoted = !quoted;
        } else if !quoted && (c.is_ascii_alphabetic() || c == ' ') {
            shape.push(c);
        }
        if shape.len() > 120 {
            break;
        }
    }
    shape
}
