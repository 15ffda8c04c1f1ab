//! `headwater tenants`: what follows from the tenants' files.

mod import;

use clap::Subcommand;
use handlers::configuration::ApplyError;
use serde_json::json;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::world::World;

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// Makes the schedules those that the files ask for.
    Apply,
    /// Takes over the tenants of a script with one configuration file and one state file.
    Import(import::Import),
}

/// Runs one of them.
pub(crate) async fn run(
    command: Tenants,
    places: &Places,
    console: Console,
) -> Result<(), Failure> {
    match command {
        Tenants::Apply => apply(places, console).await,
        Tenants::Import(import) => import::run(&import, places, console).await,
    }
}

async fn apply(places: &Places, console: Console) -> Result<(), Failure> {
    folder::sound(places, &folder::configuration(places)?).await?;
    let world = World::open(places).await?;
    let applied = world.apply().await?;
    for name in &applied.put {
        console.say(format!("set      {name}"))?;
    }
    for name in &applied.removed {
        console.say(format!("removed  {name}"))?;
    }
    console.emit(&json!({"ok": true, "set": applied.put, "removed": applied.removed,
        "unchanged": applied.unchanged}))?;
    console.say(format!(
        "{} schedules set, {} removed, {} unchanged",
        applied.put.len(),
        applied.removed.len(),
        applied.unchanged
    ))
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Configuration(error) => error.into(),
            ApplyError::Scheduler(error) => Self::of("the schedules cannot be set", error),
        }
    }
}
