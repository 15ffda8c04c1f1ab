//! How a command fails, and with which exit code.

use std::error::Error;
use std::io;

use handlers::configuration;
use host::VarError;
use model::document::Fault;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was given cannot be used; nothing was started.
    #[error("{0}")]
    Input(String),
    /// Files have faults; nothing was started.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
    /// It ran, and what was compared is not the same.
    #[error("{0}")]
    Differs(String),
    /// It was started and failed.
    #[error("{what}")]
    Failed {
        /// What failed.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nobody reads what it writes, or a file of this machine does not open.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// Something that was tried and failed.
    pub(crate) fn of(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { what: what.into(), source: source.into() }
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Input(_) | Self::Faults(_) => 2,
            Self::Differs(_) => 3,
            Self::Failed { .. } => 1,
            Self::Io(error) => u8::from(error.kind() != io::ErrorKind::BrokenPipe),
        }
    }

    /// The failure and its causes, in one line each.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.ends_with(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        text
    }

    /// The protocol's word for who has to act.
    pub(crate) fn failure_type(&self) -> &'static str {
        match self {
            Self::Input(_) | Self::Faults(_) => "config_error",
            Self::Failed { source, .. } => source
                .downcast_ref::<connector::Error>()
                .map_or("system_error", connector::Error::failure_type),
            Self::Differs(_) | Self::Io(_) => "system_error",
        }
    }

    /// Faults of files, when it is about them.
    pub(crate) fn faults(&self) -> &[Fault] {
        match self {
            Self::Faults(faults) => faults,
            _ => &[],
        }
    }
}

impl From<configuration::Error> for Failure {
    fn from(error: configuration::Error) -> Self {
        match error {
            configuration::Error::Faults(faults) => Self::Faults(faults),
            error @ (configuration::Error::Unknown { .. } | configuration::Error::Secrets(_)) => {
                Self::Input(error.to_string())
            }
            configuration::Error::Store(error) => {
                Self::of("the configuration cannot be read", error)
            }
        }
    }
}

impl From<Vec<Fault>> for Failure {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }
}

impl From<VarError> for Failure {
    fn from(error: VarError) -> Self {
        Self::Input(error.to_string())
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
