//! `headwater sync`: brings a tenant, a connection or a stream to the present.

use std::time::Duration;

use handlers::configuration::{Configuration, resolve_config};
use handlers::job::Target;
use model::config::{Connection, Streams, parse_duration};
use model::document::suggest;
use model::{ConnectionId, StreamName, TenantId};
use serde_json::json;

use crate::args::Places;
use crate::console::Console;
use crate::drive::{Drive, Driven, Ended};
use crate::failure::Failure;
use crate::folder;
use crate::progress::Progress;
use crate::world::{self, World};

/// What to bring to the present.
#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    /// `tenant`, `tenant/connection` or `tenant/connection/stream`.
    target: String,

    /// Longest time that it may take, such as 30m; what is left goes on in the next run.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    limit: Duration,
}

/// Runs it through queue and handlers, exactly as a schedule would.
pub(crate) async fn run(sync: &Sync, places: &Places, console: Console) -> Result<(), Failure> {
    let configuration = folder::configuration(places)?;
    let targets = targets(places, &configuration, &sync.target).await?;
    let world = World::open(places).await?;
    let since = world.clock.now();
    let progress = Progress::start(console, since);
    let driven = Drive::new(&world, since, sync.limit).run(&targets, &progress).await?;
    progress.finish();
    report(console, &driven)
}

/// Prints what became of each stream; fails when one of them is not at the present.
fn report(console: Console, driven: &[Driven]) -> Result<(), Failure> {
    for one in driven {
        let (status, reason) = told(&one.ended);
        console.emit(&json!({"stream": one.key.to_string(), "status": status, "reason": reason,
            "counts": one.counts}))?;
    }
    let rows: Vec<Vec<String>> = driven
        .iter()
        .map(|one| {
            let (status, reason) = told(&one.ended);
            let counts = one.counts;
            vec![
                one.key.to_string(),
                status.to_owned(),
                counts.pages.to_string(),
                counts.rows.to_string(),
                counts.committed.to_string(),
                counts.gone.to_string(),
                reason.to_owned(),
            ]
        })
        .collect();
    console.table(&["stream", "status", "pages", "rows", "committed", "gone", "reason"], &rows)?;
    for one in driven.iter().filter(|one| one.counts.gaps > 0) {
        let key = &one.key;
        console.note(format!("{key}: rows may be missing, see `headwater runs --gaps`"));
    }
    let failed = driven
        .iter()
        .filter(|one| matches!(one.ended, Ended::Failed(_) | Ended::Unfinished))
        .count();
    if failed == 0 {
        return Ok(());
    }
    let what = format!("{failed} of {} streams are not at the present", driven.len());
    Err(Failure::of(what, "see `headwater runs --failed`"))
}

fn told(ended: &Ended) -> (&'static str, &str) {
    match ended {
        Ended::Done => ("done", ""),
        Ended::Skipped(reason) => ("skipped", reason),
        Ended::Failed(reason) => ("failed", reason),
        Ended::Unfinished => ("unfinished", "the time was up"),
    }
}

/// The schedules' targets that a text names. Everything that can be wrong with them is found
/// here, before anything is started.
async fn targets(
    places: &Places,
    configuration: &Configuration,
    text: &str,
) -> Result<Vec<Target>, Failure> {
    let mut parts = text.splitn(3, '/');
    let tenant: TenantId = parts.next().unwrap_or_default().parse().map_err(input)?;
    let (connection, stream) = (parts.next(), parts.next());
    let file = folder::named(places, configuration.tenant(&tenant).await)?;
    folder::none(places, configuration.check_of(&tenant).await)?;
    let grants = folder::named(places, configuration.grants(&file).await)?;
    let secrets = world::secrets(places);
    let mut targets = Vec::new();
    let ids: Vec<&str> = file.connections.keys().map(ConnectionId::as_str).collect();
    if let Some(name) = connection.filter(|name| !ids.contains(name)) {
        return Err(unknown("connection", name, &ids));
    }
    for (id, found) in &file.connections {
        if connection.is_some_and(|name| name != id.as_str()) {
            continue;
        }
        let streams = streams(places, configuration, found).await?;
        resolve_config(&found.config, &tenant, &grants, &secrets)
            .await
            .map_err(|error| Failure::Input(format!("{tenant}/{id}: {error}")))?;
        let target = |stream| Target { tenant: tenant.clone(), connection: id.clone(), stream };
        match stream {
            Some(name) => targets.push(target(Some(one_of(name, &streams)?))),
            None => targets.extend(whole(found).into_iter().map(target)),
        }
    }
    Ok(targets)
}

/// A connection as its schedules see it: the streams without one of their own, and each other.
fn whole(connection: &Connection) -> Vec<Option<StreamName>> {
    let mut all = vec![None];
    if let Streams::Listed(list) = &connection.streams {
        let own = list.iter().filter(|stream| stream.schedule.is_some());
        all.extend(own.map(|stream| Some(stream.name.clone())));
    }
    all
}

/// The streams of a connection that are pulled.
async fn streams(
    places: &Places,
    configuration: &Configuration,
    connection: &Connection,
) -> Result<Vec<String>, Failure> {
    let source = folder::named(places, configuration.source(&connection.source).await)?;
    let all = source.manifest.stream_names().map(str::to_owned).collect();
    Ok(match &connection.streams {
        Streams::All => all,
        Streams::Listed(list) => list.iter().map(|stream| stream.name.to_string()).collect(),
    })
}

fn one_of(name: &str, streams: &[String]) -> Result<StreamName, Failure> {
    let known: Vec<&str> = streams.iter().map(String::as_str).collect();
    if !known.contains(&name) {
        return Err(unknown("stream", name, &known));
    }
    name.parse().map_err(input)
}

/// There is no such thing: the nearest name, and all that there are.
pub(super) fn unknown(thing: &str, name: &str, known: &[&str]) -> Failure {
    let near = suggest(name, known).map(|near| format!(", did you mean `{near}`?"));
    let near = near.unwrap_or_default();
    Failure::Input(format!("there is no {thing} `{name}`{near}; there are: {}", known.join(", ")))
}

fn input(error: impl std::fmt::Display) -> Failure {
    Failure::Input(error.to_string())
}
