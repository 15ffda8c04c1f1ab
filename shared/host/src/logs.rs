//! Log lines: JSON for machines, plain for people.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::vars::{VarError, Vars};

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// A log service: one JSON object a line on stdout, without a time of its own (the service
    /// stamps lines) and with the fields of the enclosing spans.
    Service,
    /// A person: short lines on stderr, coloured on a terminal unless `NO_COLOR` is set, because
    /// stdout belongs to results.
    Person,
    /// A person who is shown faults on purpose: as for [`Person`](Self::Person), errors only.
    Onlooker,
}

/// Starts logging for this process; later calls change nothing.
///
/// `HEADWATER_LOG` holds the filter in `tracing`'s directive syntax (`info`,
/// `extract=debug,info`); the default is `info` for a service `warn` for a person.
pub fn init_logs(style: LogStyle, vars: &Vars) -> Result<(), VarError> {
    let default = match style {
        LogStyle::Service => "info",
        LogStyle::Person => "warn",
        LogStyle::Onlooker => "error",
    };
    let filter: EnvFilter = vars
        .optional("HEADWATER_LOG")?
        .map_or_else(|| EnvFilter::new(default), |Directives(filter)| filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A logger that is set already stays: the process has started logging before.
    let _started = match style {
        LogStyle::Service => {
            lines.json().flatten_event(true).without_time().finish().try_init().is_ok()
        }
        LogStyle::Person | LogStyle::Onlooker => {
            let colours = vars.get("NO_COLOR").is_none() && io::stderr().is_terminal();
            lines.with_ansi(colours).with_writer(io::stderr).finish().try_init().is_ok()
        }
    };
    Ok(())
}

/// A filter, parsed so that a faulty one is named instead of ignored.
struct Directives(EnvFilter);

impl std::str::FromStr for Directives {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvFilter::try_new(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faulty_filter_is_named() {
        let vars = Vars::of(&[("HEADWATER_LOG", "extract=loudest")]);
        let fault = init_logs(LogStyle::Person, &vars).unwrap_err();
        assert!(fault.to_string().starts_with("HEADWATER_LOG=`extract=loudest`"), "{fault}");
    }

    #[test]
    fn starting_twice_is_harmless() {
        let vars = Vars::of(&[]);
        assert!(init_logs(LogStyle::Service, &vars).is_ok());
        assert!(init_logs(LogStyle::Service, &vars).is_ok());
    }
}
