//! `headwater push`: sends what waits, until nothing does.

use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::push::{Outcome, Work};
use model::config::parse_duration;
use model::{PushId, TenantId, Timestamp};
use serde_json::json;
use store::push::PushKey;

use crate::args::Places;
use crate::commands::sync::unknown;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::progress::Progress;
use crate::stack::Stack;
use crate::workers;
use crate::world::World;

/// Pause between two looks at what is left.
const PAUSE: Duration = Duration::from_millis(500);

/// Which pushes.
#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// `tenant` or `tenant/push`; all when left out.
    target: Option<String>,

    /// Longest time that it may take, such as 30m; what is left goes on in the next run.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    limit: Duration,

    /// At this stack, by its own function, which takes the time that it needs.
    #[arg(long, value_name = "NAME", conflicts_with = "limit")]
    stack: Option<String>,
}

/// Works off the queue of pushes, and each push to its end.
pub(crate) async fn run(push: &Push, places: &Places, console: Console) -> Result<(), Failure> {
    if let Some(name) = &push.stack {
        return on_stack(push, name, console).await;
    }
    let world = World::open(places).await?;
    let keys = pushes(&world.configuration, push.target.as_deref()).await;
    let keys = folder::placed(places, keys)?;
    let progress = Progress::start(console, world.clock.now());
    let until = world.clock.now().checked_add(push.limit).unwrap_or(Timestamp::MAX);
    let mut all: Vec<(PushKey, Outcome)> =
        keys.into_iter().map(|key| (key, Outcome::default())).collect();
    let in_time = loop {
        let more = turn(&world, &mut all).await?;
        if !more {
            break true;
        }
        if world.clock.now() >= until {
            break false;
        }
        let sum = all.iter().fold(Outcome::default(), |mut sum, (_, one)| {
            sum += *one;
            sum
        });
        progress.say(format!("{} calls, {} records", sum.calls, sum.items));
        world.clock.sleep(PAUSE).await;
    };
    progress.finish();
    tell(&world, &all, console).await?;
    if in_time {
        return Ok(());
    }
    let left = std::io::Error::other("the time was up; what is left goes on in the next run");
    Err(Failure::of("not everything was sent", left))
}

/// Wakes pushes of a stack.
async fn on_stack(push: &Push, name: &str, console: Console) -> Result<(), Failure> {
    let stack = Stack::open(name).await?;
    let keys = pushes(&stack.configuration, push.target.as_deref()).await?;
    let work = |key: &PushKey| (key.tenant.clone(), Work::Push { push: key.clone() });
    stack.ask_push(&keys.iter().map(work).collect::<Vec<_>>()).await?;
    for PushKey { tenant, push } in &keys {
        console.emit(&json!({"tenant": tenant, "push": push, "asked": true}))?;
    }
    console.say(format!("the stack goes on with {} pushes", keys.len()))
}

/// Does what can be done now; tells whether something is left.
async fn turn(world: &World, all: &mut [(PushKey, Outcome)]) -> Result<bool, Failure> {
    let mut more = false;
    for (key, sum) in all.iter_mut() {
        let outcome = workers::push_work(world, Work::Push { push: key.clone() }).await?;
        more |= outcome.more;
        *sum += outcome;
    }
    // Receipts of models become files to push; what else waits there was just done.
    let waiting = workers::take_pushes(world).await?;
    Ok(more || waiting)
}

async fn tell(world: &World, all: &[(PushKey, Outcome)], console: Console) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (key, done) in all {
        let stopped = world.store.circuit(key).await;
        let stopped = stopped.map_err(|error| Failure::of("the state cannot be read", error))?;
        let stopped = stopped.filter(|circuit| circuit.until > world.clock.now());
        let reason = stopped.map(|circuit| circuit.reason);
        console.emit(&json!({"tenant": key.tenant, "push": key.push, "calls": done.calls,
            "items": done.items, "files": done.files, "stopped": reason}))?;
        let numbers = [done.calls, done.items, done.files].map(|number| number.to_string());
        let row = [vec![key.to_string()], numbers.to_vec()].concat();
        rows.push([row, vec![reason.unwrap_or_default()]].concat());
    }
    console.table(&["push", "calls", "records", "files", "stopped by"], &rows)
}

/// The pushes that a target names.
async fn pushes(
    configuration: &Configuration,
    target: Option<&str>,
) -> Result<Vec<PushKey>, Failure> {
    let wrong = |error: model::IdError| Failure::Input(error.to_string());
    let (tenant, push) = match target.map(|text| text.split_once('/').unwrap_or((text, ""))) {
        None => (None, None),
        Some((tenant, "")) => (Some(tenant), None),
        Some((tenant, push)) => (Some(tenant), Some(push)),
    };
    let push: Option<PushId> = push.map(str::parse).transpose().map_err(wrong)?;
    let tenants = match tenant {
        Some(tenant) => vec![tenant.parse::<TenantId>().map_err(wrong)?],
        None => configuration.tenants().await?,
    };
    let (mut keys, mut known) = (Vec::new(), Vec::new());
    for tenant in tenants {
        let file = configuration.tenant(&tenant).await?;
        for id in file.pushes.keys() {
            known.push(id.to_string());
            if push.as_ref().is_none_or(|push| push == id) {
                keys.push(PushKey { tenant: tenant.clone(), push: id.clone() });
            }
        }
    }
    match push {
        Some(push) if keys.is_empty() => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(unknown("push", push.as_str(), &known))
        }
        _ => Ok(keys),
    }
}
