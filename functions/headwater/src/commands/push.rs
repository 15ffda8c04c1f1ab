//! `headwater push`: sends what waits, until nothing does.

use std::time::Duration;

use handlers::push::{Outcome, Work};
use model::config::parse_duration;
use model::{PushId, TenantId, Timestamp};
use serde_json::json;
use store::push::PushKey;

use crate::args::Places;
use crate::commands::sync::unknown;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Progress;
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
}

/// Works off the queue of pushes, and each push to its end.
pub(crate) async fn run(push: &Push, places: &Places, console: Console) -> Result<(), Failure> {
    let world = World::open(places).await?;
    let keys = pushes(&world, push.target.as_deref()).await?;
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
async fn pushes(world: &World, target: Option<&str>) -> Result<Vec<PushKey>, Failure> {
    let wrong = |error: model::IdError| Failure::Input(error.to_string());
    let (tenant, push) = match target.map(|text| text.split_once('/').unwrap_or((text, ""))) {
        None => (None, None),
        Some((tenant, "")) => (Some(tenant), None),
        Some((tenant, push)) => (Some(tenant), Some(push)),
    };
    let push: Option<PushId> = push.map(str::parse).transpose().map_err(wrong)?;
    let tenants = match tenant {
        Some(tenant) => vec![tenant.parse::<TenantId>().map_err(wrong)?],
        None => world.configuration.tenants().await?,
    };
    let (mut keys, mut known) = (Vec::new(), Vec::new());
    for tenant in tenants {
        let file = world.tenant(&tenant).await?;
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
