//! `headwater sandbox`: the sample tenants' providers, on loopback.

use std::sync::Arc;

use host::SystemClock;
use sandbox::{Running, Size, World};
use serde_json::json;

use super::demo::SEED;
use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;

/// Where to serve it.
#[derive(Debug, clap::Args)]
pub(crate) struct Sandbox {
    /// Port on loopback.
    #[arg(long, default_value_t = 7717)]
    port: u16,
}

/// Serves the world of the data folder until ctrl-c.
pub(crate) async fn run(
    sandbox: &Sandbox,
    places: &Places,
    console: Console,
) -> Result<(), Failure> {
    let folder = places.data.join("sandbox");
    let world = World::open(&folder, SEED, &Size::demo(), Arc::new(SystemClock));
    let world = world.map_err(|error| Failure::of("the sandbox cannot be opened", error))?;
    let running = Running::start(world, &format!("127.0.0.1:{}", sandbox.port));
    let running = running.map_err(|error| Failure::of("the sandbox cannot be started", error))?;
    console.emit(&json!({"event": "started", "url": running.url()}))?;
    console.say(format!(
        "{} serves /rutter, /metrc, /stashstock, /hosts, /crm, /hubspot, /braze, \
         /klaviyo; stop with ctrl-c",
        running.url()
    ))?;
    Ok(tokio::signal::ctrl_c().await?)
}
