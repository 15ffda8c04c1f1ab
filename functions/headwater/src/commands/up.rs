//! `headwater up`: schedules and workers in one process, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use handlers::compact;
use handlers::schedule::Event;
use local::Fired;
use ports::{Deadline, Schedule};
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::folder;
use crate::front;
use crate::progress::Progress;
use crate::workers::{self, Workers};
use crate::world::World;

/// How often progress is shown.
const LOOK: Duration = Duration::from_secs(1);

/// Time of one invocation of schedule.
const TIME: Duration = Duration::from_mins(1);

/// How often it is looked at what no event told the models of.
const SWEEP: Duration = Duration::from_hours(1);

/// How often it is looked at which drops' time has come.
const OFTEN: Duration = Duration::from_mins(1);

/// Looks at drops between two rounds that wake all pushes and make reports.
const LOOKS_A_WAKE: u32 = 60;

/// Time that workers have to end what they are at, once told to stop. What they leave open goes
/// on at the next start, from where it was saved.
const GRACE: Duration = Duration::from_secs(10);

/// What is listened for beside schedules.
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Address at which notices of providers are taken (`/webhooks/<tenant>/<connection>`), such as
    /// 127.0.0.1:7718; none are, without it.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Applies the tenants' files and works off what their schedules ask for.
pub(crate) async fn run(up: &Up, places: &Places, console: Console) -> Result<(), Failure> {
    folder::sound(places, &folder::configuration(places)?).await?;
    let world = World::open(places).await?;
    let applied = world.apply().await?;
    let schedules = applied.put.len() + applied.unchanged;
    console.note(format!("{schedules} schedules; stop with ctrl-c"));
    let listener = listening(up.listen).await?;
    let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(address) = address {
        console
            .note(format!("notices are taken at http://{address}/webhooks/<tenant>/<connection>"));
    }
    console.emit(&json!({"event": "started", "schedules": schedules, "listens": address}))?;
    let workers = Workers::start(&world);
    let progress = Progress::start(console, world.clock.now());
    let end = tokio::select! {
        end = keep_schedules(&world, &progress) => end,
        end = take_notices(listener, &world) => end,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    progress.say("stopping");
    let in_time = tokio::time::timeout(GRACE, workers.stop()).await.is_ok();
    progress.finish();
    console.emit(&json!({"event": "stopped", "finished": in_time}))?;
    console.note(if in_time { "stopped" } else { "stopped; open work goes on at the next start" });
    end
}

async fn listening(address: Option<SocketAddr>) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    Ok(Some(listener.map_err(|error| Failure::of(format!("`{address}` cannot be used"), error))?))
}

/// Takes notices, for ever; waits for ever where nothing is listened to.
async fn take_notices(listener: Option<TcpListener>, world: &World) -> Result<(), Failure> {
    match listener {
        Some(listener) => Ok(front::serve(listener, world).await?),
        None => std::future::pending().await,
    }
}

/// Fires what is due and shows what goes on, for ever.
async fn keep_schedules(world: &Arc<World>, progress: &Progress) -> Result<(), Failure> {
    let firing = world.scheduler.run(|schedule| {
        let world = Arc::clone(world);
        Box::pin(async move { fire(&world, &schedule).await })
    });
    tokio::select! {
        ended = firing => ended.map_err(|error| Failure::of("the schedules cannot be read", error)),
        () = keep_models(world) => Ok(()),
        () = keep_files(world) => Ok(()),
        () = show(world, progress) => Ok(()),
    }
}

/// Brings models to the present and their views to their size, for ever: what changed while nobody
/// looked comes first.
async fn keep_models(world: &World) {
    loop {
        tell(workers::sweep(world).await);
        let everywhere = compact::Event::Sweep { sweep: true };
        tell(workers::compact(world, everywhere).await.map(|_| ()));
        world.clock.sleep(SWEEP).await;
    }
}

/// Looks at the drops whose time has come, wakes pushes for what no event told of, and makes
/// reports where there is news, for ever.
async fn keep_files(world: &World) {
    loop {
        tell(workers::wake_pushes(world).await);
        tell(workers::make_reports(world).await);
        for _ in 0..LOOKS_A_WAKE {
            tell(workers::look_around(world).await);
            world.clock.sleep(OFTEN).await;
        }
    }
}

fn tell(ended: Result<(), Failure>) {
    if let Err(failure) = ended {
        tracing::error!("{}", failure.chain());
    }
}

async fn show(world: &World, progress: &Progress) {
    loop {
        let now = world.clock.now();
        let running: Vec<String> = world.board.running().iter().map(ToString::to_string).collect();
        progress.show(now, world.board.counted(), 0, &running);
        world.clock.sleep(LOOK).await;
    }
}

async fn fire(world: &World, schedule: &Schedule) -> Fired {
    let event: Event = serde_json::from_str(&schedule.input)?;
    let until = world.clock.now().checked_add(TIME).unwrap_or(model::Timestamp::MAX);
    handlers::schedule::handle(&world.schedule, event, Deadline::at(until)).await?;
    Ok(())
}
