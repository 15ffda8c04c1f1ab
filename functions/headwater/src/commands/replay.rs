//! `headwater replay`: a model's rows, made anew from what landed.

use handlers::configuration::Configuration;
use handlers::transform::{Answer, Event, Outcome, Replay as Asked, Work, handle};
use ports::Deadline;
use serde_json::json;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::stack::Stack;
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

    /// In the lake of this stack, by its own function.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Takes all commits of the model's streams in again. The rows that are there stay until the new
/// ones are.
pub(crate) async fn run(replay: &Replay, places: &Places, console: Console) -> Result<(), Failure> {
    if let Some(name) = &replay.stack {
        return on_stack(replay, name, console).await;
    }
    let world = World::open(places).await?;
    folder::sound(places, &world.configuration).await?;
    let asked = asked(replay, &world.configuration).await?;
    let event = Event::Work(Work::Replay { replay: asked.clone() });
    let answer = handle(&world.transform, event, Deadline::at(jiff::Timestamp::MAX)).await;
    let answer = answer.map_err(|error| Failure::of("the replay cannot begin", error))?;
    let Answer::Work(Outcome::Replayed { enqueued, told }) = answer else { return Ok(()) };
    console.note(format!("{enqueued} commits to take in"));
    workers::take_in(&world).await?;
    console.emit(&json!({"model": asked.model, "commits": enqueued, "things": told}))?;
    console.say(format!("{enqueued} commits taken in by model `{}`", asked.model))
}

/// What is asked for, of a model and a tenant that there are.
async fn asked(replay: &Replay, configuration: &Configuration) -> Result<Asked, Failure> {
    let model = super::quarantine::known_model(configuration, &replay.model).await?;
    let tenant = super::quarantine::known_tenant(configuration, replay.tenant.as_deref()).await?;
    Ok(Asked { model, tenant, after: None })
}

async fn on_stack(replay: &Replay, name: &str, console: Console) -> Result<(), Failure> {
    let stack = Stack::open(name).await?;
    let asked = asked(replay, &stack.configuration).await?;
    stack.ask(&[Work::Replay { replay: asked.clone() }]).await?;
    console.emit(&json!({"model": asked.model, "asked": true}))?;
    console.say(format!("the stack takes the commits of model `{}` in again", asked.model))
}
