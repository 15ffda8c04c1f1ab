//! `headwater replay`: a model's rows, made anew from what landed.

use handlers::transform::{Answer, Event, Outcome, Replay as Asked, Work, handle};
use model::TenantId;
use ports::Deadline;
use serde_json::json;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::workers;
use crate::world::World;

/// Whose rows.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The model.
    #[arg(long)]
    model: String,

    /// Of this tenant; of all when left out.
    #[arg(long)]
    tenant: Option<String>,
}

/// Takes all commits of the model's streams in again. The rows that are there stay until the new
/// ones are.
pub(crate) async fn run(replay: &Replay, places: &Places, console: Console) -> Result<(), Failure> {
    let world = World::open(places).await?;
    folder::sound(places, &world.configuration).await?;
    let model = super::quarantine::known_model(&world.configuration, &replay.model).await?;
    let tenant = match &replay.tenant {
        Some(name) => {
            let tenant: TenantId = name.parse().map_err(|e| Failure::Input(format!("{e}")))?;
            world.tenant(&tenant).await?;
            Some(tenant)
        }
        None => None,
    };
    let asked = Asked { model: model.clone(), tenant, after: None };
    let event = Event::Work(Work::Replay { replay: asked });
    let answer = handle(&world.transform, event, Deadline::at(jiff::Timestamp::MAX)).await;
    let answer = answer.map_err(|error| Failure::of("the replay cannot begin", error))?;
    let Answer::Work(Outcome::Replayed { enqueued, told }) = answer else { return Ok(()) };
    console.note(format!("{enqueued} commits to take in"));
    workers::take_in(&world).await?;
    console.emit(&json!({"model": model, "commits": enqueued, "things": told}))?;
    console.say(format!("{enqueued} commits taken in by model `{model}`"))
}
