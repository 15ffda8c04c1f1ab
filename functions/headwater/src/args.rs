//! What stands on the command line.

use std::path::PathBuf;

use clap::Parser;
use host::LogStyle;

use crate::commands::Command;

/// Pulls data from APIs into a lake, on this machine exactly as on AWS.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    /// One JSON object a line on stdout instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) places: Places,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// For whom logs are: who watches a demonstration is told of faults alone.
    pub(crate) fn log_style(&self) -> LogStyle {
        match self.command {
            Command::Demo(_) => LogStyle::Onlooker,
            _ => LogStyle::Person,
        }
    }
}

/// Where things lie on this machine.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Places {
    /// Folder of local data: lake, state, secrets, the sandbox's world.
    #[arg(long, global = true, env = "HEADWATER_DATA", default_value = ".headwater")]
    pub(crate) data: PathBuf,

    /// Folder of configuration: sources, tenants, customers, headwater.yaml.
    #[arg(long, global = true, env = "HEADWATER_CONFIG", default_value = "config")]
    pub(crate) folder: PathBuf,

    /// Loopback hosts that sources may call besides those that `headwater.yaml` lists, `name` or
    /// `name:port`; separate several by commas.
    #[arg(long, global = true, env = "HEADWATER_ALLOW_HOSTS", value_delimiter = ',')]
    pub(crate) allow_hosts: Vec<String>,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 bad input or configuration (nothing was \
started), 3 done, but what was compared differs.";
