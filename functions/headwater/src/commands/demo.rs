//! `headwater demo`: pulls every sample tenant from the sandbox and holds the views against the
//! sandbox's truth.

mod compare;
mod files;
mod server;
mod shaped;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use handlers::configuration::Configuration;
use handlers::job::Target;
use host::SystemClock;
use model::Timestamp;
use model::config::parse_duration;
use ports::{Clock, Method, Scheduler};
use sandbox::{Running, Seed, Size, accounts};
use serde_json::json;

use self::compare::Compared;
use self::files::Delivered;
use self::shaped::Shaped;
use crate::args::Places;
use crate::console::Console;
use crate::drive::{Drive, Driven};
use crate::failure::Failure;
use crate::folder::{self, Folder, Staged};
use crate::progress::Progress;
use crate::world::{self, World};

/// The address that the sample tenants' files name.
const ADDRESS: &str = "http://127.0.0.1:7717";

/// Time of one call. The call budget waits this long for the answers of a process that was killed,
/// which on loopback is longer than they take.
const PATIENCE: &str = "8s";

/// What everything in the sandbox is drawn from.
pub(super) const SEED: Seed = Seed(7);

/// The sandbox and how much it holds.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Only a part of it.
    #[command(subcommand)]
    part: Option<Part>,

    /// Port of the sandbox on loopback; by default 7717, or a free one when that is taken.
    #[arg(long)]
    port: Option<u16>,

    /// Longest time that pulling may take.
    #[arg(long, default_value = "50s", value_parser = parse_duration)]
    limit: Duration,

    /// Leaves the sandbox as the last run left it.
    #[arg(long)]
    keep: bool,
}

/// A part of the demonstration.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Part {
    /// Partners' files arrive by SFTP, and the CRM is told what they hold.
    Files,
}

/// Shows the part that is asked for.
pub(crate) async fn run(demo: &Demo, places: &Places, console: Console) -> Result<(), Failure> {
    match demo.part {
        Some(Part::Files) => delivered(demo, places, console).await,
        None => whole(demo, places, console).await,
    }
}

/// Files alone.
async fn delivered(demo: &Demo, places: &Places, console: Console) -> Result<(), Failure> {
    folder::sound(places, &folder::configuration(places)?).await?;
    let progress = Progress::start(console, SystemClock.now());
    progress.say("starting the sandbox");
    let running = start(sandbox_at(places)?, demo.port)?;
    let delivered = files::all(places, &running, (&progress, demo.limit)).await?;
    progress.finish();
    console.emit(&delivered.to_json())?;
    delivered.tell(console)
}

/// The sandbox's world in the data folder.
fn sandbox_at(places: &Places) -> Result<sandbox::World, Failure> {
    let folder = places.data.join("sandbox");
    let sandbox = sandbox::World::open(&folder, SEED, &Size::demo(), Arc::new(SystemClock));
    sandbox.map_err(|error| Failure::of("the sandbox cannot be opened", error))
}

/// Pulls, compares, tells.
async fn whole(demo: &Demo, places: &Places, console: Console) -> Result<(), Failure> {
    let clock = SystemClock;
    let began = clock.now();
    folder::sound(places, &folder::configuration(places)?).await?;
    let progress = Progress::start(console, began);
    progress.say("starting the sandbox");
    let is_new = !places.data.join("sandbox/world.sqlite").exists();
    let sandbox = sandbox_at(places)?;
    let since = sandbox.since();
    let running = start(sandbox, demo.port)?;
    let world = staged(places, &running, since).await?;
    if !is_new && !demo.keep {
        progress.say("letting the sandbox change");
        compare::call(&world, Method::Post, &format!("{}/__admin/mutate", running.url())).await?;
    }
    world.apply().await?;
    let targets = scheduled(&world).await?;
    let pulling = world.clock.now();
    let driven = Drive::new(&world, pulling, demo.limit).run(&targets, &progress).await?;
    progress.say("comparing every view with the sandbox's truth");
    let compared = compare::all(&world, &running.url(), &driven).await?;
    progress.say("comparing the models' rows with what landed");
    let shaped = shaped::all(&world).await?;
    let delivered = files::all(places, &running, (&progress, demo.limit)).await?;
    progress.finish();
    outline(console, &shaped)?;
    let seconds = world.clock.now().duration_since(began).as_secs_f64();
    tell(console, (&compared, &shaped, &delivered), seconds)?;
    delivered.tell(console)
}

/// The sandbox on its port; on a free one when nobody asked for a certain one.
fn start(sandbox: sandbox::World, port: Option<u16>) -> Result<Running, Failure> {
    let unable = |error: io::Error| Failure::of("the sandbox cannot be started", error);
    let wanted = port.unwrap_or(7717);
    let is_taken = std::net::TcpListener::bind(("127.0.0.1", wanted)).is_err();
    let port = if is_taken && port.is_none() { 0 } else { wanted };
    Running::start(sandbox, &format!("127.0.0.1:{port}")).map_err(unable)
}

/// The world over the sample configuration, the sandbox's address and first day filled in, and
/// the sandbox's keys as the tenants' secrets.
async fn staged(
    places: &Places,
    running: &Running,
    since: Timestamp,
) -> Result<Arc<World>, Failure> {
    let staged = |files, field, to: String| Staged { files, field, from: String::new(), to };
    let staging = vec![
        Staged { from: ADDRESS.to_owned(), ..staged("tenants/", "base_url", running.url()) },
        staged("tenants/", "start_date", format!("\"{since}\"")),
        staged("headwater.yaml", "timeout", PATIENCE.to_owned()),
    ];
    let store = Folder::staged(&places.folder, staging);
    for account in accounts() {
        let tenant = account.tenant.parse().map_err(|error| Failure::Input(format!("{error}")))?;
        for (name, value) in account.secrets {
            world::put_secret(places, &tenant, name, value)?;
        }
    }
    let configuration = Configuration::new(Arc::new(store), "");
    World::with(places, Arc::new(configuration), &[running.address().to_string()]).await
}

/// What every schedule that is on would start, were it to fire now.
async fn scheduled(world: &World) -> Result<Vec<Target>, Failure> {
    let schedules = world.scheduler.list("").await;
    let schedules =
        schedules.map_err(|error| Failure::of("the schedules cannot be read", error))?;
    let enabled = schedules.iter().filter(|schedule| schedule.enabled);
    Ok(enabled.filter_map(|schedule| serde_json::from_str(&schedule.input).ok()).collect())
}

/// Prints what became of the records: rows of models, quarantine, drift, merged things.
fn outline(console: Console, shaped: &[Shaped]) -> Result<(), Failure> {
    let row = |one: &Shaped| {
        let things = one.things.map(|(number, _)| number.to_string()).unwrap_or_default();
        let equal = if one.astray.is_empty() { "yes" } else { "NO" };
        let (records, rows) = (one.records.to_string(), one.rows.to_string());
        vec![one.model.clone(), records, rows, one.refusals(), things, equal.to_owned()]
    };
    let rows: Vec<Vec<String>> = shaped.iter().map(row).collect();
    let headings = ["model", "records", "rows", "in quarantine", "merged to", "all there"];
    console.table(&headings, &rows)?;
    for one in shaped {
        for (kind, place) in &one.drift {
            console.say(format!("drift: {kind} in {place} (model {})", one.model))?;
        }
        if let Some((number, counts)) = one.things {
            console.say(format!(
                "{}: {} rows of several sources are {number} things; {} inserted, {} updated, {} \
                 unchanged, {} stale, {} rejected",
                one.model,
                one.rows,
                counts.inserted,
                counts.updated,
                counts.unchanged,
                counts.stale,
                counts.rejected
            ))?;
        }
        for astray in one.astray.iter().take(3) {
            console.note(format!("{}: {astray}", one.model));
        }
    }
    Ok(())
}

/// Prints the table and the verdict.
fn tell(
    console: Console,
    (compared, shaped, delivered): (&[Compared], &[Shaped], &Delivered),
    seconds: f64,
) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = compared.iter().map(row).collect();
    let headings =
        ["tenant", "source", "stream", "pages", "landed", "in view", "expected", "equal"];
    console.table(&headings, &rows)?;
    let equal = compared.iter().filter(|one| one.is_equal()).count();
    let whole = shaped.iter().filter(|one| one.astray.is_empty()).count();
    let all = compared.len();
    let ok = equal == all && all > 0 && whole == shaped.len();
    let streams: Vec<_> = compared.iter().map(Compared::to_json).collect();
    let models: Vec<_> = shaped.iter().map(Shaped::to_json).collect();
    console.emit(&json!({
        "ok": ok && delivered.is_equal(),
        "streams": streams,
        "models": models,
        "delivered": delivered.to_json(),
    }))?;
    if ok {
        let rows: usize = compared.iter().map(|one| one.expected).sum();
        return console.say(console.good(&format!(
            "every view equals the provider's truth, row by row: {all} streams, {rows} rows; every \
             record is a row of its models, or in quarantine: {whole} models, {seconds:.1}s"
        )));
    }
    for one in compared.iter().filter(|one| !one.is_equal()) {
        console.note(one.difference());
    }
    Err(Failure::Differs(format!(
        "{} of {all} views differ from the provider's truth, {} of {} models from what landed",
        all - equal,
        shaped.len() - whole,
        shaped.len()
    )))
}

fn row(one: &Compared) -> Vec<String> {
    let Driven { key, counts, .. } = &one.driven;
    vec![
        key.tenant.to_string(),
        one.source.clone(),
        one.name(),
        counts.pages.to_string(),
        counts.committed.to_string(),
        one.in_view.to_string(),
        one.expected.to_string(),
        if one.is_equal() { "yes" } else { "NO" }.to_owned(),
    ]
}
