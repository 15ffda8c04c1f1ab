//! `headwater failed retry`: what failed, once more; what succeeded stays as it is.

use std::sync::Arc;

use handlers::files::{self, Looked};
use handlers::push;
use handlers::report::Deps;
use serde_json::json;

use super::{Refused, Unpushed, Wanted, find, place};
use crate::args::Places;
use crate::commands::period::here;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::stack::Stack;
use crate::workers;
use crate::world::World;

/// Which of it, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    wanted: Wanted,

    /// Also records of which nobody knows whether the API took them: it may get them twice.
    #[arg(long)]
    unknown: bool,

    /// At this stack, by its own functions.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Tries it once more, and tells what that came to.
pub(super) async fn run(retry: &Retry, places: &Places, console: Console) -> Result<(), Failure> {
    if let Some(name) = &retry.stack {
        return on_stack(retry, name, console).await;
    }
    let world = World::open(places).await?;
    folder::sound(places, &world.configuration).await?;
    let facts = retry.wanted.period.of(here(&world)).await?;
    let found = find(&facts, &retry.wanted).await?;
    let (mut rows, mut failed) = (Vec::new(), None);
    for refused in &found.refused {
        match taken_in(&world, refused, console).await {
            Ok(row) => rows.push(row),
            Err(failure) => {
                console.note(failure.chain());
                failed = Some(failure);
            }
        }
    }
    let mut sent = 0;
    for unpushed in found.unpushed.iter().filter(|unpushed| unpushed.again.is_none()) {
        let records = put_back(&world, unpushed, retry.unknown).await?;
        sent += records;
        let (end, ended) = (&unpushed.end, &unpushed.ended);
        console.emit(&json!({"file": end.name, "tenant": end.tenant, "push": end.push,
            "ended": ended, "again": records}))?;
        let what = match records {
            0 => "nothing of it is to be tried once more".to_owned(),
            records => format!("{records} records are sent once more"),
        };
        rows.push(vec![end.name.clone(), place(&end.tenant, &end.push), what]);
    }
    if rows.is_empty() && failed.is_none() {
        return console.say("nothing failed that was not tried once more");
    }
    console.table(&["file", "at", "what was done"], &rows)?;
    if sent > 0 {
        console.note("`headwater push` sends them now; `headwater up` does so by itself");
    }
    failed.map_or(Ok(()), Err)
}

/// Has a stack try it once more.
async fn on_stack(retry: &Retry, name: &str, console: Console) -> Result<(), Failure> {
    let stack = Stack::open(name).await?;
    let (configuration, lake) = (Arc::clone(&stack.configuration), Arc::clone(&stack.lake));
    let facts = retry.wanted.period.of(Deps { configuration, lake }).await?;
    let found = find(&facts, &retry.wanted).await?;
    let (mut looks, mut pushes, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for Refused { decision, fact } in &found.refused {
        console.emit(&json!({"file": fact.seen.path, "tenant": fact.tenant, "feed": fact.feed,
            "decision": decision, "asked": true}))?;
        let at = format!("{}/{}", fact.tenant, fact.feed);
        rows.push(vec![fact.seen.path.clone(), at, "asked to be taken in".to_owned()]);
        looks.push((fact.tenant.clone(), files::Work::Again { again: decision.clone() }));
    }
    for Unpushed { ended, end, .. } in found.unpushed.iter().filter(|found| found.again.is_none()) {
        console.emit(&json!({"file": end.name, "tenant": end.tenant, "push": end.push,
            "ended": ended, "asked": true}))?;
        let at = place(&end.tenant, &end.push);
        rows.push(vec![end.name.clone(), at, "asked to be sent".to_owned()]);
        let (again, unknown) = (ended.clone(), retry.unknown);
        pushes.push((end.tenant.clone(), push::Work::Again { again, unknown }));
    }
    stack.ask_files(&looks).await?;
    stack.ask_push(&pushes).await?;
    if rows.is_empty() {
        return console.say("nothing failed that was not tried once more");
    }
    console.table(&["file", "at", "what was done"], &rows)
}

/// Takes a refused file in once more.
async fn taken_in(
    world: &World,
    Refused { decision, fact }: &Refused,
    console: Console,
) -> Result<Vec<String>, Failure> {
    let work = files::Work::Again { again: decision.clone() };
    let outcome = workers::files_work(world, work).await?;
    console.emit(&json!({"file": fact.seen.path, "tenant": fact.tenant, "feed": fact.feed,
        "decision": decision, "look": outcome}))?;
    let what = match outcome {
        files::Outcome::Looked(Looked { accepted: 1.., .. }) => "taken in",
        files::Outcome::Looked(Looked { duplicates: 1.., .. }) => "was taken in meanwhile",
        files::Outcome::Looked(Looked { rejected: 1.., .. }) => "refused again",
        files::Outcome::Looked(_) => "waits",
        files::Outcome::Busy { .. } => "another look is under way: try again",
        files::Outcome::Swept { .. } | files::Outcome::Unknown => "its feed is at rest",
    };
    let at = format!("{}/{}", fact.tenant, fact.feed);
    Ok(vec![fact.seen.path.clone(), at, what.to_owned()])
}

/// Puts records that failed back; gives how many.
async fn put_back(
    world: &World,
    Unpushed { ended, .. }: &Unpushed,
    unknown: bool,
) -> Result<u64, Failure> {
    let work = push::Work::Again { again: ended.clone(), unknown };
    Ok(workers::push_work(world, work).await?.again)
}
