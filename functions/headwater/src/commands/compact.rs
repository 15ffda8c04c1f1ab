//! `headwater compact`: snapshots of models' rows, so that views stay cheap.

use handlers::compact::{Event, Outcome};
use model::{ModelName, TenantId};
use serde_json::json;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::workers;
use crate::world::World;

/// Every model and tenant where it is worth while; with both named, that one in any case.
#[derive(Debug, clap::Args)]
pub(crate) struct Compact {
    /// A model.
    #[arg(requires = "tenant")]
    model: Option<ModelName>,

    /// A tenant.
    #[arg(long, requires = "model")]
    tenant: Option<TenantId>,
}

/// Compacts and tells what was done.
pub(crate) async fn run(
    compact: &Compact,
    places: &Places,
    console: Console,
) -> Result<(), Failure> {
    let world = World::open(places).await?;
    let event = match (&compact.model, &compact.tenant) {
        (Some(model), Some(tenant)) => Event::One { model: model.clone(), tenant: tenant.clone() },
        _ => Event::Sweep { sweep: true },
    };
    let outcome = workers::compact(&world, event).await?;
    console.emit(&json!(outcome))?;
    let Outcome { snapshots, rows, receipts, removed, .. } = outcome;
    console.say(format!(
        "snapshots: {snapshots}, of {rows} rows; they stand for {receipts} commits; \
         objects removed: {removed}"
    ))
}
