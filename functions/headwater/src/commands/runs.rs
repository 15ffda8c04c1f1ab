//! `headwater runs`: what the latest runs did.

use model::{ConnectionId, TenantId};
use serde_json::json;
use store::{PossibleGap, Run, RunStatus};

use crate::args::Places;
use crate::console::Console;
use crate::failure::Failure;
use crate::world::World;

/// Which runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    /// `tenant` or `tenant/connection`; all when left out.
    target: Option<String>,

    /// Most runs of a connection.
    #[arg(long, default_value_t = 10)]
    limit: usize,

    /// Only those that failed.
    #[arg(long)]
    failed: bool,

    /// Only those after which rows may be missing.
    #[arg(long)]
    gaps: bool,
}

/// Prints them, newest first.
pub(crate) async fn run(wanted: &Runs, places: &Places, console: Console) -> Result<(), Failure> {
    let world = World::open(places).await?;
    let mut runs = Vec::new();
    for (tenant, connection) in connections(&world, wanted.target.as_deref()).await? {
        let found = world.store.runs(&tenant, &connection, wanted.limit).await;
        runs.extend(found.map_err(|error| Failure::of("the runs cannot be read", error))?);
    }
    runs.retain(|run| !wanted.failed || run.status == RunStatus::Failed);
    runs.retain(|run| !wanted.gaps || !run.gaps.is_empty());
    runs.sort_by(|a: &Run, b: &Run| b.started.cmp(&a.started).then_with(|| a.id.cmp(&b.id)));
    for run in &runs {
        console.emit(&json!(run))?;
    }
    let headings = ["started", "stream", "status", "pages", "rows", "committed", "ms", "reason"];
    console.table(&headings, &runs.iter().map(row).collect::<Vec<_>>())
}

/// The connections that a target names.
async fn connections(
    world: &World,
    target: Option<&str>,
) -> Result<Vec<(TenantId, ConnectionId)>, Failure> {
    let (tenant, connection) = match target.map(|t| t.split_once('/').unwrap_or((t, ""))) {
        None => (None, None),
        Some((tenant, "")) => (Some(tenant), None),
        Some((tenant, connection)) => (Some(tenant), Some(connection)),
    };
    let tenants = match tenant {
        Some(id) => vec![id.parse().map_err(|error| Failure::Input(format!("{error}")))?],
        None => world.configuration.tenants().await?,
    };
    let mut found = Vec::new();
    for tenant in tenants {
        let file = world.tenant(&tenant).await?;
        let ids = file.connections.keys().filter(|id| connection.is_none_or(|c| id.as_str() == c));
        found.extend(ids.map(|id| (tenant.clone(), id.clone())));
    }
    if found.is_empty() && connection.is_some() {
        return Err(Failure::Input("there is no such connection".to_owned()));
    }
    Ok(found)
}

fn row(run: &Run) -> Vec<String> {
    let took = run.ended.duration_since(run.started).as_millis();
    let status = json!(run.status);
    vec![
        run.started.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        run.key.to_string(),
        status.as_str().unwrap_or_default().to_owned(),
        run.counts.pages.to_string(),
        run.counts.rows.to_string(),
        run.counts.committed.to_string(),
        took.to_string(),
        reason(run),
    ]
}

/// What went wrong, else what may have.
fn reason(run: &Run) -> String {
    let failed = run.reason.as_ref().map(|reason| reason.message.clone());
    let gaps = run.gaps.iter().map(|gap| {
        let PossibleGap { sign, times, example } = gap;
        format!("possible gap ({sign}, {times}×): {example}; {}", sign.advice())
    });
    failed.into_iter().chain(gaps).collect::<Vec<_>>().join("; ")
}
