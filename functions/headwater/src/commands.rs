//! One module a subcommand.

mod compact;
mod config;
mod demo;
mod destination;
mod drift;
mod erase;
mod export;
mod failed;
mod files;
mod lake;
mod model;
mod outcomes;
mod period;
mod push;
mod quarantine;
mod query;
mod replay;
mod report;
mod runs;
mod sandbox;
mod source;
mod sync;
mod tenants;
mod up;
mod why;

use clap::Subcommand;

use crate::args::{Args, Places};
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
    /// Takes partners' files in from the places where they arrive, and looks them up.
    #[command(subcommand)]
    Files(files::Files),
    /// Sends accepted files and changed rows of models to APIs, until nothing waits.
    Push(push::Push),
    #[command(flatten)]
    Ask(Ask),
    /// Speaks the Airbyte protocol for one manifest.
    #[command(subcommand)]
    Source(source::Source),
    /// Checks, publishes and describes configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Tries standard models on records.
    #[command(subcommand)]
    Model(model::Model),
    /// Tries destinations on records, without a call.
    #[command(subcommand)]
    Destination(destination::Destination),
    /// Brings schedules in line with the tenants' files, and takes tenants over from scripts.
    #[command(subcommand)]
    Tenants(tenants::Tenants),
    /// Serves the providers that the sample tenants use, until ctrl-c.
    Sandbox(sandbox::Sandbox),
}

/// What can be asked of the lake and of what happened to it.
#[derive(Debug, Subcommand)]
pub(crate) enum Ask {
    /// Shows what the latest runs did.
    Runs(runs::Runs),
    /// Tells what became of partners' files and of what was pushed.
    Report(report::Wanted),
    /// Lists what became of each record that was pushed.
    Outcomes(outcomes::Outcomes),
    /// Shows what did not arrive, and tries it once more.
    #[command(subcommand)]
    Failed(failed::Failed),
    /// Erases a person from what partners delivered and what was made of it.
    Erase(erase::Erase),
    /// Asks the views in SQL, on this machine or through Athena.
    Query(query::Query),
    /// Shows what models refused, why, and takes it in once more.
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// Tells every version of a row, which is shown, and why the others are not.
    Why(why::Why),
    /// Shows how records differ from what models say: new, vanished and retyped fields.
    Drift(drift::Drift),
    /// Makes a model's rows anew from what landed.
    Replay(replay::Replay),
    /// Makes snapshots of models' rows, so that views stay cheap.
    Compact(compact::Compact),
    /// Copies customers' rows out of the lake.
    Export(export::Export),
    /// Defines tables and views over the lake of a deployed stack.
    #[command(subcommand)]
    Lake(lake::Lake),
}

/// Threads for files and SQLite. Each keeps some memory of its own for good, and SQLite takes one
/// writer at a time, so more of them serve nobody.
const BLOCKING: usize = 4;

/// Runs a command to its end.
pub(crate) fn run(args: Args, console: Console) -> Result<(), Failure> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.max_blocking_threads(BLOCKING).enable_all().build()?.block_on(command(args, console))
}

async fn command(args: Args, console: Console) -> Result<(), Failure> {
    let places = &args.places;
    match args.command {
        Command::Demo(demo) => demo::run(&demo, places, console).await,
        Command::Up(up) => up::run(&up, places, console).await,
        Command::Sync(sync) => sync::run(&sync, places, console).await,
        Command::Files(files) => files::run(files, places, console).await,
        Command::Push(push) => push::run(&push, places, console).await,
        Command::Ask(ask) => answer(ask, places, console).await,
        Command::Source(source) => source::run(source, places, console).await,
        Command::Config(config) => config::run(config, places, console).await,
        Command::Model(model) => model::run(model, places, console).await,
        Command::Destination(command) => destination::run(command, places, console).await,
        Command::Tenants(tenants) => tenants::run(tenants, places, console).await,
        Command::Sandbox(sandbox) => sandbox::run(&sandbox, places, console).await,
    }
}

async fn answer(ask: Ask, places: &Places, console: Console) -> Result<(), Failure> {
    match ask {
        Ask::Runs(runs) => runs::run(&runs, places, console).await,
        Ask::Report(wanted) => report::run(wanted, places, console).await,
        Ask::Outcomes(wanted) => outcomes::run(&wanted, places, console).await,
        Ask::Failed(failed) => failed::run(failed, places, console).await,
        Ask::Erase(erase) => erase::run(&erase, places, console).await,
        Ask::Query(query) => query::run(&query, places, console).await,
        Ask::Quarantine(command) => quarantine::run(command, places, console).await,
        Ask::Why(wanted) => why::run(&wanted, places, console).await,
        Ask::Drift(drift) => drift::run(&drift, places, console).await,
        Ask::Replay(replay) => replay::run(&replay, places, console).await,
        Ask::Compact(compact) => compact::run(&compact, places, console).await,
        Ask::Export(export) => export::run(export, places, console).await,
        Ask::Lake(lake) => lake::run(lake, console).await,
    }
}
