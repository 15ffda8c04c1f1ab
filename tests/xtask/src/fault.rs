//! Why a task failed.

use std::path::PathBuf;

/// Why a task failed: a sentence for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A template is not what the tasks can read.
    #[error("{file}: {reason}")]
    Template {
        /// File.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program did not do its work.
    #[error("{program}: {reason}")]
    Program {
        /// Program.
        program: String,
        /// What happened, and what to do.
        reason: String,
    },
    /// An emulator refused, or did not answer.
    #[error("{service} emulator: {reason}")]
    Emulator {
        /// Service.
        service: &'static str,
        /// What it said.
        reason: String,
    },
}

impl Fault {
    /// A file that could not be read or written.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// A program that could not be started, watched or stopped.
    pub(crate) fn program(program: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::Program { program: program.to_owned(), reason: error.to_string() }
    }
}
