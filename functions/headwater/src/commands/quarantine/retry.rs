//! `headwater quarantine retry`: commits of which something was refused, taken in once more.

use handlers::quarantine::refused_commits;
use handlers::transform::{Answer, Event, Outcome, Take, Work, handle};
use model::{ModelName, ObjectKey};
use ports::Deadline;
use serde_json::json;

use super::{Wanted, filter};
use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::stack::Stack;
use crate::world::World;

/// Takes them in and tells what became of them.
pub(super) async fn run(again: &Wanted, places: &Places, console: Console) -> Result<(), Failure> {
    if let Some(name) = &again.stack {
        return on_stack(again, name, console).await;
    }
    let world = World::open(places).await?;
    folder::sound(places, &world.configuration).await?;
    let filter =
        filter(&world.configuration, again.model.as_deref(), again.tenant.as_deref()).await?;
    let commits = refused_commits(world.lake.as_ref(), &filter).await?;
    let mut rows = Vec::new();
    for ((model, commit), before) in commits {
        let event = Event::Work(once_more(&model, &commit));
        let end = Deadline::at(jiff::Timestamp::MAX);
        let answer = handle(&world.transform, event, end).await;
        let answer = answer.map_err(|e| Failure::of(format!("`{commit}` was not taken in"), e))?;
        let Answer::Work(Outcome::Taken { models }) = answer else { continue };
        for taken in models {
            console.emit(&json!({"model": model, "commit": commit, "rows": taken.rows,
                "refused": taken.refused, "refused_before": before}))?;
            rows.push(vec![
                model.to_string(),
                commit.to_string(),
                taken.rows.to_string(),
                before.to_string(),
                taken.refused.to_string(),
            ]);
        }
    }
    if rows.is_empty() {
        return console.say("nothing was refused");
    }
    console.table(&["model", "commit", "rows", "refused before", "refused now"], &rows)
}

fn once_more(model: &ModelName, commit: &ObjectKey) -> Work {
    let models = Some(vec![model.clone()]);
    Work::Take(Take { models, again: true, ..Take::new(commit.clone()) })
}

/// Has the stack's own function take them in.
async fn on_stack(again: &Wanted, name: &str, console: Console) -> Result<(), Failure> {
    let stack = Stack::open(name).await?;
    let filter =
        filter(&stack.configuration, again.model.as_deref(), again.tenant.as_deref()).await?;
    let commits = refused_commits(stack.lake.as_ref(), &filter).await?;
    let works: Vec<Work> =
        commits.iter().map(|((model, commit), _)| once_more(model, commit)).collect();
    stack.ask(&works).await?;
    for ((model, commit), before) in &commits {
        console.emit(&json!({"model": model, "commit": commit, "refused_before": before,
            "asked": true}))?;
    }
    console.say(format!("the stack takes {} commits in again", commits.len()))
}
