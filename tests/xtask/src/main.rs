//! `cargo xtask`: the project's own tasks.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::tasks::Share;
use xtask::{Fault, machine, tasks};

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// All that a change must pass; sets up what it needs.
    Test,
    /// What takes long: oracle, PyAirbyte, fuzzing, kills, Trino, `PocketBase`, identity, simulations.
    Prove,
    /// Emulated AWS with the templates' resources; prints variables for a shell to evaluate.
    Aws {
        /// Stop the emulators.
        #[arg(long)]
        down: bool,
    },
    /// Kills the demo at random moments; its views must equal the provider's truth all the same.
    Kill {
        /// Rounds.
        #[arg(long, default_value_t = 50)]
        times: u32,
        /// Seed of the moments, to repeat a run.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Feeds readers of manifests, templates, dates, paths and states with mutated texts.
    Fuzz {
        /// Minutes for each of them.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// Seed of the texts, to repeat a run.
        #[arg(long)]
        seed: Option<u64>,
        /// Only this one: manifest, interpolation, datetime, dpath or state.
        #[arg(long)]
        target: Option<String>,
    },
    /// The shared call budget: a virtual day, then minutes on SQLite and an emulated `DynamoDB`.
    Budget {
        /// Seconds of real time on each table.
        #[arg(long, default_value_t = 180)]
        seconds: u32,
    },
    /// The command as a source of PyAirbyte, which is installed from `PyPI`.
    Pyairbyte,
    /// The interpreter against the reference, over the manifests in `HEADWATER_ORACLE`.
    Oracle {
        /// Only manifests whose names hold this.
        #[arg(short = 'k')]
        name: Option<String>,
        /// First answers are 429, 500 and 503.
        #[arg(long)]
        faults: bool,
        /// One manifest in six.
        #[arg(long)]
        sample: bool,
    },
    /// States of airbyte-cdk continue here and ours there, over manifests in `HEADWATER_ORACLE`.
    Interchange,
    /// Views on Trino, the engine of Athena: random histories must equal their fold.
    Trino {
        /// Seed of the histories, to repeat a run.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Records created, updated and conflicting on a `PocketBase` server, by a file alone.
    Pocketbase,
    /// Orders of arrival on DynamoDB's local edition: each must give the same hosts.
    Identity {
        /// How many.
        #[arg(long, default_value_t = tasks::ORDERS)]
        orders: u32,
    },
    /// Loads every manifest in `HEADWATER_ORACLE` for `spec` and `discover`, and times it.
    Load,
}

fn perform(task: Task) -> Result<(), Fault> {
    match task {
        Task::Test => tasks::test(),
        Task::Prove => tasks::prove(),
        Task::Aws { down: true } => tasks::down(),
        Task::Aws { down: false } => tasks::up(),
        Task::Kill { times, seed } => tasks::kill(times, seed),
        Task::Oracle { name, faults, sample } => {
            let share = if sample { Share::Sample } else { Share::All };
            tasks::oracle(&tasks::Selection { name, faults, share })
        }
        Task::Interchange => tasks::interchange(),
        Task::Fuzz { minutes, seed, target } => tasks::fuzz(minutes, seed, target.as_deref()),
        Task::Budget { seconds } => tasks::budget(seconds),
        Task::Pyairbyte => tasks::pyairbyte(),
        Task::Trino { seed } => tasks::trino(seed),
        Task::Pocketbase => tasks::pocketbase(),
        Task::Identity { orders } => tasks::identity(orders),
        Task::Load => tasks::load(),
    }
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            machine::note(fault.to_string());
            ExitCode::FAILURE
        }
    }
}
