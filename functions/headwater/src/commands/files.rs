//! `headwater files`: partners' files, taken in and looked up.

mod ls;
mod show;

use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::files::{Looked, Outcome, Work};
use model::config::parse_duration;
use model::{FeedId, TenantId};
use serde_json::json;
use store::files::FeedKey;

use crate::args::Places;
use crate::commands::sync::unknown;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::stack::Stack;
use crate::workers;
use crate::world::World;

/// What is done with files.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Files {
    /// Looks at places once, and takes in what has arrived whole.
    Scan(Scan),
    /// Looks at places again and again, until ctrl-c.
    Watch(Watch),
    /// Lists files: what was decided of them, and what became of their rows.
    Ls(ls::Ls),
    /// Shows all that is known of a file: where it lies, its batches, what became of each row.
    Show(show::Show),
}

/// Which places.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// `tenant` or `tenant/feed`; all when left out.
    target: Option<String>,

    /// Looks again until no file waits to be seen unchanged.
    #[arg(long)]
    wait: bool,

    /// By this stack's own function.
    #[arg(long, value_name = "NAME", conflicts_with = "wait")]
    stack: Option<String>,
}

/// Which places, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// `tenant` or `tenant/feed`; all when left out.
    target: Option<String>,

    /// Time between two looks, such as 30s.
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    every: Duration,
}

/// Looks at places, or at what was decided.
pub(crate) async fn run(command: Files, places: &Places, console: Console) -> Result<(), Failure> {
    match command {
        Files::Scan(Scan { target, stack: Some(name), .. }) => {
            on_stack(target.as_deref(), &name, console).await
        }
        Files::Scan(scan) => {
            let world = World::open(places).await?;
            let keys = feeds(&world.configuration, scan.target.as_deref()).await;
            let keys = folder::placed(places, keys)?;
            look(&world, &keys, scan.wait, console).await
        }
        Files::Watch(watch) => self::watch(&watch, places, console).await,
        Files::Ls(ls) => ls::run(&ls, places, console).await,
        Files::Show(show) => show::run(&show, places, console).await,
    }
}

/// Has a stack look at places.
async fn on_stack(target: Option<&str>, name: &str, console: Console) -> Result<(), Failure> {
    let stack = Stack::open(name).await?;
    let keys = feeds(&stack.configuration, target).await?;
    let work = |key: &FeedKey| (key.tenant.clone(), Work::Look(key.clone()));
    stack.ask_files(&keys.iter().map(work).collect::<Vec<_>>()).await?;
    for FeedKey { tenant, feed } in &keys {
        console.emit(&json!({"tenant": tenant, "feed": feed, "asked": true}))?;
    }
    console.say(format!("the stack looks at {} places", keys.len()))
}

async fn watch(watch: &Watch, places: &Places, console: Console) -> Result<(), Failure> {
    let world = World::open(places).await?;
    let keys = feeds(&world.configuration, watch.target.as_deref()).await;
    let keys = folder::placed(places, keys)?;
    console.note("stop with ctrl-c");
    loop {
        let looked = tokio::select! {
            looked = look(&world, &keys, false, console) => looked,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        // A place that does not answer now may do so at the next look.
        if let Err(failure @ Failure::Failed { .. }) = looked {
            console.note(failure.chain());
        } else {
            looked?;
        }
        tokio::select! {
            () = world.clock.sleep(watch.every) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Looks at places, and tells what each look came to; a place that fails holds up no other one.
async fn look(
    world: &World,
    keys: &[FeedKey],
    wait: bool,
    console: Console,
) -> Result<(), Failure> {
    let headings =
        ["feed", "seen", "waiting", "accepted", "records", "rejected", "duplicate", "failed"];
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for key in keys {
        let outcome = match settled(world, key, wait).await {
            Ok(outcome) => outcome,
            Err(failure) => {
                failed.push(failure);
                continue;
            }
        };
        console.emit(&json!({"tenant": key.tenant, "feed": key.feed, "look": outcome}))?;
        let row = match &outcome {
            Outcome::Looked(looked) => counted(looked),
            Outcome::Busy { .. } => vec!["another look is under way".to_owned()],
            Outcome::Swept { .. } | Outcome::Unknown => vec!["at rest".to_owned()],
        };
        let mut row = [vec![key.to_string()], row].concat();
        row.resize(headings.len(), String::new());
        rows.push(row);
    }
    console.table(&headings, &rows)?;
    let last = failed.pop();
    for failure in &failed {
        console.note(failure.chain());
    }
    last.map_or(Ok(()), Err)
}

fn counted(looked: &Looked) -> Vec<String> {
    let Looked { seen, waiting, accepted, records, rejected, duplicates, failed, .. } = looked;
    let numbers = [seen, waiting, accepted, records, rejected, duplicates, failed];
    numbers.iter().map(ToString::to_string).collect()
}

/// Looks until nothing is left to do at once; with `wait`, until nothing is left to wait for.
async fn settled(world: &World, key: &FeedKey, wait: bool) -> Result<Outcome, Failure> {
    let mut all = Looked::default();
    loop {
        let outcome = workers::look(world, key.clone()).await?;
        let Outcome::Looked(looked) = outcome else { return Ok(outcome) };
        all = Looked {
            seen: all.seen.max(looked.seen),
            accepted: all.accepted + looked.accepted,
            records: all.records + looked.records,
            rejected: all.rejected + looked.rejected,
            duplicates: all.duplicates + looked.duplicates,
            ..looked
        };
        if all.more {
            continue;
        }
        let Some(next) = all.next.filter(|_| wait) else { return Ok(Outcome::Looked(all)) };
        let pause = Duration::try_from(next.duration_since(world.clock.now()));
        world.clock.sleep(pause.unwrap_or_default()).await;
    }
}

/// The feeds that a target names.
async fn feeds(
    configuration: &Configuration,
    target: Option<&str>,
) -> Result<Vec<FeedKey>, Failure> {
    let (tenant, feed) = parsed(target)?;
    let tenants = match &tenant {
        Some(tenant) => vec![tenant.clone()],
        None => configuration.tenants().await?,
    };
    let (mut keys, mut known) = (Vec::new(), Vec::new());
    for tenant in tenants {
        let file = configuration.tenant(&tenant).await?;
        known.extend(file.feeds.keys().map(ToString::to_string));
        let wanted = file.feeds.keys().filter(|id| feed.as_ref().is_none_or(|feed| feed == *id));
        keys.extend(wanted.map(|id| FeedKey { tenant: tenant.clone(), feed: id.clone() }));
    }
    match feed {
        Some(feed) if keys.is_empty() => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(unknown("feed", feed.as_str(), &known))
        }
        _ => Ok(keys),
    }
}

/// `tenant` or `tenant/feed`, taken apart.
fn parsed(target: Option<&str>) -> Result<(Option<TenantId>, Option<FeedId>), Failure> {
    let Some(target) = target else { return Ok((None, None)) };
    let (tenant, feed) = match target.split_once('/') {
        Some((tenant, feed)) => (tenant, Some(feed)),
        None => (target, None),
    };
    let wrong = |error: model::IdError| Failure::Input(error.to_string());
    let feed = feed.map(str::parse).transpose().map_err(wrong)?;
    Ok((Some(tenant.parse().map_err(wrong)?), feed))
}
