//! One module a subcommand.

mod compact;
mod config;
mod demo;
mod model;
mod query;
mod runs;
mod sandbox;
mod source;
mod sync;
mod tenants;
mod up;

use clap::Subcommand;

use crate::args::Args;
use crate::console::Console;
use crate::failure::Failure;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pulls every sample tenant from the sandbox and holds the views against its truth.
    Demo(demo::Demo),
    /// Schedules and workers in one process, until ctrl-c.
    Up(up::Up),
    /// Brings a tenant, a connection or a stream to the present.
    Sync(sync::Sync),
    /// Shows what the latest runs did.
    Runs(runs::Runs),
    /// Asks the latest-row views in SQL.
    Query(query::Query),
    /// Makes snapshots of models' rows, so that views stay cheap.
    Compact(compact::Compact),
    /// Speaks the Airbyte protocol for one manifest.
    #[command(subcommand)]
    Source(source::Source),
    /// Checks, publishes and describes configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Tries standard models on records.
    #[command(subcommand)]
    Model(model::Model),
    /// Brings schedules in line with the tenants' files, and takes tenants over from scripts.
    #[command(subcommand)]
    Tenants(tenants::Tenants),
    /// Serves the providers that the sample tenants use, until ctrl-c.
    Sandbox(sandbox::Sandbox),
}

/// Runs a command to its end.
pub(crate) async fn run(args: Args, console: Console) -> Result<(), Failure> {
    let places = &args.places;
    match args.command {
        Command::Demo(demo) => demo::run(&demo, places, console).await,
        Command::Up(up) => up::run(&up, places, console).await,
        Command::Sync(sync) => sync::run(&sync, places, console).await,
        Command::Runs(runs) => runs::run(&runs, places, console).await,
        Command::Query(query) => query::run(&query, places, console).await,
        Command::Compact(compact) => compact::run(&compact, places, console).await,
        Command::Source(source) => source::run(source, places, console).await,
        Command::Config(config) => config::run(config, places, console).await,
        Command::Model(model) => model::run(model, places, console).await,
        Command::Tenants(tenants) => tenants::run(tenants, places, console).await,
        Command::Sandbox(sandbox) => sandbox::run(&sandbox, places, console).await,
    }
}
