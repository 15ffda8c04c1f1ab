//! `headwater files ls`: what arrived, what was decided of it, what became of its rows.

use handlers::report::{FileLine, Question, Report, report};
use host::SystemClock;
use lake::delivery::{Day, Origin};
use ports::Clock;
use serde_json::json;
use store::Store;
use store::files::{ArrivalRow, FeedKey, SightRow, Stage};

use super::parsed;
use crate::args::Places;
use crate::commands::period::{Facts, Period, here};
use crate::console::Console;
use crate::failure::Failure;
use crate::stack::Stack;
use crate::world::World;

/// Which files.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// `tenant` or `tenant/feed`; all when left out.
    target: Option<String>,

    /// Only files that do not count, or of which not everything arrived at its destination.
    #[arg(long)]
    failed: bool,

    /// Files that were decided on from this day on (UTC), such as 2026-01-31; those of the last
    /// seven days when left out.
    #[arg(long, value_name = "DAY")]
    since: Option<Day>,

    /// Most files, the latest ones.
    #[arg(long, default_value_t = 200)]
    limit: usize,

    /// Of this stack.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

/// Prints them: those that are under way last.
pub(super) async fn run(ls: &Ls, places: &Places, console: Console) -> Result<(), Failure> {
    let (tenant, feed) = parsed(ls.target.as_deref())?;
    let (deps, store) = if let Some(name) = &ls.stack {
        let stack = Stack::open(name).await?;
        let (configuration, lake) = (stack.configuration, stack.lake);
        (handlers::report::Deps { configuration, lake }, stack.store)
    } else {
        let world = World::open(places).await?;
        (here(&world), world.store.clone())
    };
    let period = Period { tenant: tenant.clone(), since: ls.since };
    let facts = period.of(deps).await?;
    let mut report = made(&facts, tenant).await?;
    let is_wanted = |origin: &Origin| match (&feed, origin) {
        (Some(feed), Origin::Feed(found)) => feed == found,
        (Some(_), Origin::Model(_)) => false,
        (None, _) => true,
    };
    report.files.retain(|line| is_wanted(&line.origin) && (!ls.failed || is_bad(line)));
    let latest = report.files.split_off(report.files.len().saturating_sub(ls.limit));
    let mut rows = Vec::new();
    for line in &latest {
        console.emit(&told(line))?;
        rows.push(row(line));
    }
    for (key, open) in under_way(&facts, &store).await? {
        if ls.failed || !is_wanted(&Origin::Feed(key.feed.clone())) {
            continue;
        }
        console.emit(&json!({"tenant": key.tenant, "origin": {"feed": key.feed},
            "name": open.path, "state": open.state, "message": open.since, "size": open.size}))?;
        rows.push(open.row(&key));
    }
    let headings = [
        "decided", "from", "file", "id", "kind", "to", "state", "in", "ok", "failed", "dup",
        "open", "reason",
    ];
    console.table(&headings, &rows)?;
    if report.left_out > 0 {
        console.note(format!("{} batches were not read: ask for fewer days", report.left_out));
    }
    Ok(())
}

async fn made(facts: &Facts, tenant: Option<model::TenantId>) -> Result<Report, Failure> {
    let now = SystemClock.now();
    let (first, last) = (facts.days.first(), facts.days.last());
    let (Some(from), Some(to)) = (first.copied(), last.copied()) else {
        return Err(handlers::report::Error::Days.into());
    };
    Ok(report(&facts.deps, &Question { tenant, from, to, now }).await?)
}

fn is_bad(line: &FileLine) -> bool {
    !matches!(line.outcome_word(), "SUCCESS" | "DUPLICATE" | "PENDING")
}

fn told(line: &FileLine) -> serde_json::Value {
    let mut told = json!(line);
    if let Some(told) = told.as_object_mut() {
        told.insert("state".to_owned(), json!(line.outcome_word()));
    }
    told
}

fn row(line: &FileLine) -> Vec<String> {
    let counts = &line.counts;
    let mut row = vec![
        line.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        format!("{}/{}", line.tenant, place(&line.origin)),
        line.title(),
        line.file.as_deref().and_then(|id| id.get(..8)).unwrap_or_default().to_owned(),
        line.kind.clone().unwrap_or_default(),
        line.push.as_ref().map(ToString::to_string).unwrap_or_default(),
        line.outcome_word().to_owned(),
    ];
    let numbers = [
        counts.rows,
        counts.ok,
        counts.failed,
        counts.duplicate + counts.superseded,
        counts.pending + counts.unknown,
    ];
    row.extend(numbers.map(|number| number.to_string()));
    row.push(line.code.clone().unwrap_or_default());
    row
}

fn place(origin: &Origin) -> String {
    match origin {
        Origin::Feed(feed) => feed.to_string(),
        Origin::Model(model) => model.to_string(),
    }
}

/// A file that is not decided on.
struct Open {
    path: String,
    state: &'static str,
    since: String,
    size: u64,
}

impl Open {
    fn row(&self, key: &FeedKey) -> Vec<String> {
        let mut row = vec![String::new(), key.to_string(), self.path.clone()];
        row.extend([String::new(), String::new(), String::new(), self.state.to_owned()]);
        row.extend(std::iter::repeat_n(String::new(), 5));
        row.push(self.since.clone());
        row
    }
}

impl From<ArrivalRow> for Open {
    fn from(row: ArrivalRow) -> Self {
        let state = match row.stage {
            Stage::Fetching { .. } => "FETCHING",
            Stage::Stored { .. } | Stage::Decided { .. } => "READING",
        };
        let failures = match row.failures {
            0 => String::new(),
            failures => format!(", failed {failures} times"),
        };
        let since = format!("since {}{failures}", row.since.strftime("%Y-%m-%d %H:%M:%S"));
        Self { path: row.path, state, since, size: row.size }
    }
}

impl From<SightRow> for Open {
    fn from(row: SightRow) -> Self {
        let since = format!("unchanged since {}", row.since.strftime("%Y-%m-%d %H:%M:%S"));
        Self { path: row.path, state: "WAITING", since, size: row.size }
    }
}

/// Files that were seen and are not decided on.
async fn under_way(facts: &Facts, store: &Store) -> Result<Vec<(FeedKey, Open)>, Failure> {
    let unreadable = |error| Failure::of("the ledger of files cannot be read", error);
    let mut found = Vec::new();
    for tenant in &facts.tenants {
        let file = facts.deps.configuration.tenant(tenant).await?;
        for feed in file.feeds.keys() {
            let key = FeedKey { tenant: tenant.clone(), feed: feed.clone() };
            for open in store.arrivals(&key).await.map_err(unreadable)? {
                found.push((key.clone(), open.row.into()));
            }
            for sight in store.waiting(&key).await.map_err(unreadable)? {
                found.push((key.clone(), sight.into()));
            }
        }
    }
    Ok(found)
}
