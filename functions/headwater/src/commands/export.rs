//! `headwater export`: copies of the lake for customers.

use std::sync::Arc;
use std::time::Duration;

use handlers::export::{Deps, Error, Event, Time, handle};
use host::SystemIds;
use ports::Deadline;
use serde_json::json;

use crate::args::Places;
use crate::board::Unmeasured;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::stack::Stack;
use crate::world::World;

/// The longest that copies may take.
const LONGEST: Duration = Duration::from_hours(12);

/// Which copies.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// One customer, by the name of its file; all when left out.
    #[arg(long)]
    customer: Option<String>,

    /// Only customers whose copy is older than their file asks for.
    #[arg(long, conflicts_with = "customer")]
    due: bool,

    /// Copy from the lake of this stack, by Athena.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Makes them.
pub(crate) async fn run(export: Export, places: &Places, console: Console) -> Result<(), Failure> {
    let deps = match &export.stack {
        Some(name) => on_stack(name).await?,
        None => here(places).await?,
    };
    let event = match export.customer {
        Some(customer) => Event::Customer { customer },
        None if export.due => Event::Due { due: true },
        None => Event::All { all: true },
    };
    let end = deps.time.clock.now() + LONGEST;
    let outcome = handle(&deps, event, Deadline::at(end)).await?;
    for copy in &outcome.exported {
        console.emit(&json!(copy))?;
        console.say(format!(
            "{}: {} rows of {} views in {} files, {}",
            copy.customer, copy.rows, copy.relations, copy.files, copy.manifest
        ))?;
    }
    if outcome.fresh > 0 {
        console.note(format!("{} customers have copies that are young enough", outcome.fresh));
    }
    Ok(())
}

async fn here(places: &Places) -> Result<Deps, Failure> {
    let world = World::open(places).await?;
    folder::sound(places, &world.configuration).await?;
    Ok(Deps {
        configuration: Arc::clone(&world.configuration),
        lake: Arc::clone(&world.lake),
        engine: Arc::new(world.engine().await?),
        time: Time { clock: Arc::clone(&world.clock), ids: Arc::new(SystemIds) },
        metrics: Arc::new(Unmeasured),
    })
}

async fn on_stack(name: &str) -> Result<Deps, Failure> {
    let stack = Stack::open(name).await?;
    Ok(Deps {
        configuration: stack.configuration,
        lake: stack.lake,
        engine: stack.athena,
        time: Time { clock: stack.clock, ids: Arc::new(SystemIds) },
        metrics: Arc::new(Unmeasured),
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Configuration(error) => error.into(),
            Error::Customers { source, .. } if matches!(*source, Error::Configuration(_)) => {
                (*source).into()
            }
            error => Self::of("copies are missing", error),
        }
    }
}
