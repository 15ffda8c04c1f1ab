//! What is wrong in a file, and where.

use std::fmt;

/// One thing that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct Fault {
    /// File, as the reader knows it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Path of the field (`streams[0].retriever.paginator`); empty when it is the file itself.
    pub field: String,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// The accepted name that was probably meant: near enough that a slip of the keyboard explains
/// the difference.
pub fn suggest<'a>(unknown: &str, accepted: &[&'a str]) -> Option<&'a str> {
    let wanted = unknown.to_lowercase();
    let score = |name: &str| strsim::jaro_winkler(&wanted, &name.to_lowercase());
    let near = |name: &str| {
        strsim::damerau_levenshtein(&wanted, &name.to_lowercase()) <= 1 + name.len() / 4
    };
    accepted
        .iter()
        .copied()
        .filter(|name| near(name) || score(name) > 0.9)
        .max_by(|a, b| score(a).total_cmp(&score(b)))
}
